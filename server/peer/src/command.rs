//! Commands that the user types.

/// One line of standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UserCommand {
    /// Send the text to every peer.
    Text(String),
    /// Offer a file.
    File(String),
    /// Receive the offered file of this name, or the newest offer.
    Accept(Option<String>),
    /// Cancel the transfers of the file of this name, or all.
    Cancel(Option<String>),
    Who,
    Help,
    Quit,
    /// The word of an unknown command, with its slash.
    Unknown(String),
    Nothing,
}

pub(crate) const HELP: &str = "\
/who             list the peers, their connections, and the safety codes to compare
/file PATH       offer a file to every peer
/accept [NAME]   receive an offered file
/cancel [NAME]   cancel sending or receiving a file
/quit            leave the room
//TEXT           send a text that begins with a slash";

impl UserCommand {
    pub(crate) fn parse(line: &str) -> Self {
        let line = line.trim_end_matches(['\r', '\n']);
        if line.trim().is_empty() {
            return Self::Nothing;
        }
        let Some(rest) = line.strip_prefix('/') else {
            return Self::Text(line.to_owned());
        };
        if rest.starts_with('/') {
            return Self::Text(rest.to_owned());
        }
        let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let rest = rest.trim();
        let name = || (!rest.is_empty()).then(|| rest.to_owned());
        match word {
            "file" | "send" if !rest.is_empty() => Self::File(rest.to_owned()),
            "accept" | "get" => Self::Accept(name()),
            "cancel" | "stop" => Self::Cancel(name()),
            "who" | "w" => Self::Who,
            "help" | "h" | "?" => Self::Help,
            "quit" | "q" | "exit" | "leave" => Self::Quit,
            _ => Self::Unknown(format!("/{word}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_text_unless_it_begins_with_a_slash() {
        assert_eq!(
            UserCommand::parse("hello\r\n"),
            UserCommand::Text("hello".into())
        );
        assert_eq!(
            UserCommand::parse("//etc"),
            UserCommand::Text("/etc".into())
        );
        assert_eq!(UserCommand::parse("  "), UserCommand::Nothing);
        assert_eq!(UserCommand::parse("/quit"), UserCommand::Quit);
        assert_eq!(
            UserCommand::parse("/file /tmp/a b.txt "),
            UserCommand::File("/tmp/a b.txt".into())
        );
        assert_eq!(
            UserCommand::parse("/file"),
            UserCommand::Unknown("/file".into())
        );
        assert_eq!(
            UserCommand::parse("/accept a.txt"),
            UserCommand::Accept(Some("a.txt".into()))
        );
        assert_eq!(UserCommand::parse("/accept"), UserCommand::Accept(None));
    }
}
