//! Text on the `chat` channel that is no frame of [`crate::chat`]: what a person writes with a client of their own.

use serde::Deserialize;

use crate::chat::MAX_TEXT;

/// The end of a text that was too long.
const CUT: &str = "…";

/// The text of a message on `chat` that did not parse as a frame, at most [`MAX_TEXT`] bytes: a longer one is cut at a character.
/// `None`: it is empty, or a frame of a newer client, since it is an object with a `type`.
pub fn plain_text(message: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Tagged {
        #[serde(rename = "type")]
        _type: String,
    }
    if message.trim().is_empty() || serde_json::from_str::<Tagged>(message).is_ok() {
        return None;
    }
    if message.len() <= MAX_TEXT {
        return Some(message.to_owned());
    }
    let end = message.floor_char_boundary(MAX_TEXT - CUT.len());
    Some(format!("{}{CUT}", &message[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_frame_is_a_text() {
        for text in [
            "hello",
            "收到",
            "7",
            "null",
            "[1]",
            "\"quoted\"",
            "{",
            r#"{"type":7}"#,
            r#"{"text":"hello"}"#,
        ] {
            assert_eq!(plain_text(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_frame_of_an_unknown_type_and_an_empty_text_are_none() {
        for text in [
            r#"{"type":"poke","who":"you"}"#,
            r#"{"type":"message","number":-1}"#,
            "",
            " \n",
        ] {
            assert_eq!(plain_text(text), None, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_at_a_character() {
        for text in ["a".repeat(MAX_TEXT + 1), "收".repeat(MAX_TEXT)] {
            let cut = plain_text(&text).unwrap();
            assert!(
                (MAX_TEXT - 3..=MAX_TEXT).contains(&cut.len()),
                "{}",
                cut.len()
            );
            assert!(text.starts_with(cut.strip_suffix(CUT).unwrap()));
        }
        let longest = "a".repeat(MAX_TEXT);
        assert_eq!(plain_text(&longest), Some(longest));
    }
}
