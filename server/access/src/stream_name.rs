//! Which names a stream of a publisher may have.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a stream that is published to. Files may have others: theirs are the names of the files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamName(String);

/// Why a text is no name of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadStreamName {
    #[error("the name of a stream has 1 to {MAX_LENGTH} characters")]
    Length,
    #[error(
        "the name of a stream has none of / ~ = , and no control characters or spaces around it"
    )]
    Character,
}

const MAX_LENGTH: usize = 64;

impl StreamName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As an argument of a POSIX shell.
    pub fn shell_quoted(&self) -> String {
        let is_plain =
            |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        match self.0.chars().all(is_plain) {
            true => self.0.clone(),
            false => format!("'{}'", self.0.replace('\'', r"'\''")),
        }
    }
}

impl FromStr for StreamName {
    type Err = BadStreamName;

    fn from_str(text: &str) -> Result<Self, BadStreamName> {
        // Bytes first: a character has at most four.
        if text.is_empty() || text.len() > 4 * MAX_LENGTH || text.chars().count() > MAX_LENGTH {
            return Err(BadStreamName::Length);
        }
        let is_bad = |character: char| "/~=,".contains(character) || character.is_control();
        // In a URL these are the folder and the folder above.
        let is_folder = text == "." || text == "..";
        match text.trim() != text || text.chars().any(is_bad) || is_folder {
            true => Err(BadStreamName::Character),
            false => Ok(Self(text.to_owned())),
        }
    }
}

impl TryFrom<String> for StreamName {
    type Error = BadStreamName;

    fn try_from(text: String) -> Result<Self, BadStreamName> {
        text.parse()
    }
}

impl From<StreamName> for String {
    fn from(name: StreamName) -> Self {
        name.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_for_the_shell_when_it_has_to_be() {
        for (name, quoted) in [
            ("cam-1", "cam-1"),
            ("Camera 2", "'Camera 2'"),
            ("it's", r"'it'\''s'"),
            ("$(id)", "'$(id)'"),
        ] {
            let name: StreamName = name.parse().unwrap();
            assert_eq!(name.shell_quoted(), quoted);
        }
    }

    #[test]
    fn names_in_any_script_are_allowed_and_what_urls_or_flags_separate_is_not() {
        for name in ["cam", "Camera 2", "相机", "a.b", &"x".repeat(64)] {
            assert!(name.parse::<StreamName>().is_ok(), "{name}");
        }
        for name in [
            "",
            " cam",
            "cam ",
            "a/b",
            "~cam",
            "a=b",
            "a,b",
            "a\nb",
            "..",
            &"x".repeat(65),
        ] {
            assert!(name.parse::<StreamName>().is_err(), "{name}");
        }
    }
}
