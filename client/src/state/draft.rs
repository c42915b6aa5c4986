//! What is written and attached in a room before it is sent.

use shared::chat::MAX_TEXT;

/// Limit on the files of one message field.
pub const MAX_ATTACHED: usize = 1_000;

/// A file that is sent with the next message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedFile {
    pub id: u32,
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// An object URL of a picture.
    pub url: Option<String>,
}

/// Why something is not attached. The texts are names of folders and files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttachProblem {
    EmptyFolder(String),
    UnreadableFolder(String),
    /// A file is not the one that was offered before.
    OtherFile(String),
    /// There are more files than [`MAX_ATTACHED`].
    TooMany,
}

/// Whether there is something to send. `text`: its length in bytes without white space around it.
pub fn can_send(text: usize, files: usize) -> bool {
    text <= MAX_TEXT && text + files > 0
}

/// Whether what is pasted is a text. Word processors and spreadsheets add a picture of it; file managers add the names of the files as a text.
/// `files`: the names of the pasted files. A name in a URL is escaped, so that every line with a file's URL counts as one.
pub fn is_text(pasted: &str, files: &[String]) -> bool {
    let mut lines = pasted
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let is_name = |line: &str| {
        let url = !files.is_empty() && line.starts_with("file://");
        url || files.iter().any(|name| line.ends_with(name.as_str()))
    };
    lines.any(|line| !is_name(line))
}

/// Whether a file of a folder is left out: its name begins with a dot, or a desktop has put it there.
pub fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || name == "Thumbs.db" || name == "desktop.ini"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_cannot_be_sent_and_files_need_no_text() {
        assert!(!can_send(0, 0));
        assert!(can_send(0, 1) && can_send(MAX_TEXT, 0));
        assert!(!can_send(MAX_TEXT + 1, 1));
    }

    #[test]
    fn text_with_a_picture_of_itself_is_a_text() {
        let picture = ["image.png".to_owned()];
        assert!(is_text("Total\t12\n", &picture));
        assert!(is_text("plain", &[]));
        for not_text in ["", " \n", "image.png", "file:///tmp/image.png\r\n"] {
            assert!(!is_text(not_text, &picture), "{not_text:?}");
        }
        let escaped = "file:///tmp/a%20b%E4%B8%AD.png";
        assert!(!is_text(escaped, &["a b中.png".to_owned()]));
        assert!(is_text(escaped, &[]));
        let two = ["a.txt".to_owned(), "b.txt".to_owned()];
        assert!(!is_text("a.txt\nb.txt", &two));
        assert!(is_text("a.txt\nand more", &two));
    }

    #[test]
    fn what_desktops_leave_in_folders_is_hidden() {
        for (name, hidden) in [(".DS_Store", true), ("Thumbs.db", true), ("a.b", false)] {
            assert_eq!(is_hidden(name), hidden, "{name}");
        }
    }
}
