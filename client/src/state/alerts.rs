//! Which messages a person who is elsewhere is told of, and whether one names her.

use shared::chat::Body;
use shared::conversation::Conversation;

/// Characters of a message in a notification; systems show less.
const MAX_TEXT: usize = 140;

/// Remembers how much was unread.
#[derive(Debug)]
pub struct Alerts {
    unread: usize,
}

/// What to say of the newest message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Who has sent it.
    pub name: String,
    /// Its text, or the name of its file. Shortened.
    pub text: String,
    pub mentions_me: bool,
    /// Other messages that are unread.
    pub others: usize,
}

impl Alerts {
    /// What the conversation has now is no news.
    pub fn new(conversation: &Conversation) -> Self {
        Self {
            unread: conversation.unread(),
        }
    }

    /// An alert when something unread has come since. `name`: the person's own.
    pub fn step(&mut self, conversation: &Conversation, name: &str) -> Option<Alert> {
        let unread = conversation.unread();
        let has_more = std::mem::replace(&mut self.unread, unread) < unread;
        let mut entries = conversation.entries().iter();
        let newest = entries.rfind(|entry| entry.unread).filter(|_| has_more)?;
        let text = match &newest.message.body {
            Body::Text { text } => text,
            Body::File(file) => &file.name,
        };
        Some(Alert {
            name: newest.name.clone(),
            text: shortened(text),
            mentions_me: mentions(text, name),
            others: unread - 1,
        })
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Whether the text has this name as a word of its own. A name of one character counts after `@` only.
pub fn mentions(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_lowercase(), name.trim().to_lowercase());
    if name.is_empty() {
        return false;
    }
    text.match_indices(&name).any(|(at, found)| {
        let before = text.get(..at).and_then(|before| before.chars().last());
        let after = text
            .get(at + found.len()..)
            .and_then(|after| after.chars().next());
        if goes_on(name.chars().last(), after) {
            return false;
        }
        before == Some('@')
            || name.chars().nth(1).is_some() && !goes_on(before, name.chars().next())
    })
}

/// Whether a word goes on from one character to the next.
fn goes_on(before: Option<char>, after: Option<char>) -> bool {
    before.is_some_and(is_of_word) && after.is_some_and(is_of_word)
}

/// Letters and digits of scripts with spaces between words; Chinese and Japanese have none. The tables of Unicode would make the bundle larger.
fn is_of_word(c: char) -> bool {
    match c {
        '\0'..='\x7F' => c.is_ascii_alphanumeric(),
        // Spaces, punctuation, symbols, arrows.
        '\u{80}'..='\u{BF}' | '\u{2000}'..='\u{2BFF}' => false,
        // Ideographs and kana, with the punctuation and full-width forms beside them.
        '\u{2E80}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{FE00}'..='\u{FF65}' => false,
        // Ideographs and emoji.
        '\u{1F000}'..='\u{3FFFF}' => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::chat::Message;
    use shared::signaling::PeerId;

    fn peer(number: u64) -> PeerId {
        PeerId::try_from(format!("{number:016x}")).unwrap()
    }

    fn receive(conversation: &mut Conversation, from: u64, number: u64, text: &str) {
        let message = Message {
            number,
            at: number,
            body: Body::Text {
                text: text.to_owned(),
            },
            about: None,
        };
        conversation.receive(&peer(from), "Lin", message);
    }

    #[test]
    fn a_message_of_somebody_else_is_told_once() {
        let mut conversation = Conversation::new(peer(1));
        receive(&mut conversation, 2, 1, "before");
        let mut alerts = Alerts::new(&conversation);
        assert_eq!(alerts.step(&conversation, "Ann"), None);
        receive(&mut conversation, 2, 2, "Ann?");
        let alert = alerts.step(&conversation, "Ann").unwrap();
        assert_eq!((alert.name.as_str(), alert.text.as_str()), ("Lin", "Ann?"));
        assert!(alert.mentions_me);
        assert_eq!(alert.others, 1);
        assert_eq!(alerts.step(&conversation, "Ann"), None);
        let text = Body::Text {
            text: "Yes".to_owned(),
        };
        conversation.compose(3, "Ann", text, &[peer(2)]);
        assert_eq!(alerts.step(&conversation, "Ann"), None, "her own");
    }

    #[test]
    fn what_has_been_read_is_not_told() {
        let mut conversation = Conversation::new(peer(1));
        let mut alerts = Alerts::new(&conversation);
        receive(&mut conversation, 2, 1, "read at once");
        conversation.mark_read();
        assert_eq!(alerts.step(&conversation, "Ann"), None);
    }

    #[test]
    fn a_long_text_is_shortened_between_characters() {
        let mut conversation = Conversation::new(peer(1));
        let mut alerts = Alerts::new(&conversation);
        receive(&mut conversation, 2, 1, &"长".repeat(1_000));
        let alert = alerts.step(&conversation, "Ann").unwrap();
        assert_eq!(alert.text.chars().count(), MAX_TEXT + 1);
    }

    #[test]
    fn a_name_is_mentioned_as_a_word() {
        for (text, name) in [
            ("Ann, look", "Ann"),
            ("look, ann!", "Ann"),
            ("@ann look", "Ann"),
            ("annual: Ann", "Ann"),
            ("“Ann”…", "Ann"),
            ("¿Änne?", "Änne"),
            ("李雷看这里", "李雷"),
            ("@K, look", "K"),
            ("Ann Lee?", "Ann Lee"),
        ] {
            assert!(mentions(text, name), "{name} in {text}");
        }
        for (text, name) in [
            ("annual", "Ann"),
            ("Joann", "Ann"),
            ("Anné", "Ann"),
            ("a letter K", "K"),
            ("@Karl", "K"),
            ("nobody", ""),
            ("nobody", " "),
        ] {
            assert!(!mentions(text, name), "{name} in {text}");
        }
    }
}
