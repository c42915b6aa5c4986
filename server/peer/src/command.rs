//! What a line of standard input asks for.

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Say it to all.
    Say(String),
    /// Offer a file.
    File(String),
    /// Receive a file that was offered: the one of this name, or the newest.
    Accept(Option<String>),
    /// Stop sending or receiving: the file of this name, or all.
    Cancel(Option<String>),
    Who,
    Help,
    Quit,
    /// No such command.
    Unknown(String),
    Nothing,
}

pub(crate) const HELP: &str = "\
/who             who is here, how connected, and the safety codes to compare
/file PATH       offer a file to all
/accept [NAME]   receive a file that was offered
/cancel [NAME]   stop sending or receiving it
/quit            leave
//TEXT           say a text that begins with a slash";

impl Command {
    pub(crate) fn parse(line: &str) -> Self {
        let line = line.trim_end_matches(['\r', '\n']);
        if line.trim().is_empty() {
            return Self::Nothing;
        }
        let Some(rest) = line.strip_prefix('/') else {
            return Self::Say(line.to_owned());
        };
        if rest.starts_with('/') {
            return Self::Say(rest.to_owned());
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
    fn a_line_is_said_unless_it_begins_with_a_slash() {
        assert_eq!(Command::parse("hello\r\n"), Command::Say("hello".into()));
        assert_eq!(Command::parse("//etc"), Command::Say("/etc".into()));
        assert_eq!(Command::parse("  "), Command::Nothing);
        assert_eq!(Command::parse("/quit"), Command::Quit);
        assert_eq!(
            Command::parse("/file /tmp/a b.txt "),
            Command::File("/tmp/a b.txt".into())
        );
        assert_eq!(Command::parse("/file"), Command::Unknown("/file".into()));
        assert_eq!(
            Command::parse("/accept a.txt"),
            Command::Accept(Some("a.txt".into()))
        );
        assert_eq!(Command::parse("/accept"), Command::Accept(None));
    }
}
