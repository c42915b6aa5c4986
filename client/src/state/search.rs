//! Finds messages by words.

use shared::chat::Body;
use shared::conversation::Entry;

use super::rows::{MessageKey, key_of};

/// The messages that have each of the words in their text, the name of their file or of their author, oldest first. Capitals count as small letters.
pub fn find(entries: &[Entry], words: &str) -> Vec<MessageKey> {
    let words = words.to_lowercase();
    let words: Vec<&str> = words.split_whitespace().collect();
    if words.is_empty() {
        return Vec::new();
    }
    let found = entries.iter().filter(|entry| {
        let text = match &entry.message.body {
            Body::Text { text } => text.to_lowercase(),
            Body::File(file) => file.name.to_lowercase(),
        };
        let name = entry.name.to_lowercase();
        !entry.deleted
            && words
                .iter()
                .all(|word| text.contains(word) || name.contains(word))
    });
    found.map(key_of).collect()
}

#[cfg(test)]
mod tests {
    use shared::conversation::Conversation;
    use shared::signaling::PeerId;

    use super::*;

    #[test]
    fn messages_are_found_by_all_words_in_any_order() {
        let me = PeerId::try_from("0000000000000001".to_owned()).expect("16 digits");
        let mut conversation = Conversation::new(me);
        for text in ["Hello World", "the world is round", "看很清楚", "ROUND"] {
            let body = Body::Text { text: text.into() };
            let composed = conversation.compose(1, "Ann", body, &[]);
            assert!(composed.is_some());
        }
        let places = |words: &str| -> Vec<usize> {
            let entries = conversation.entries();
            let found = find(entries, words).into_iter();
            let place = |key: MessageKey| conversation.index(&key.1, key.0);
            found.filter_map(place).collect()
        };
        assert_eq!(places("WORLD"), [0, 1]);
        assert_eq!(places("round  world"), [1]);
        assert_eq!(places("很清"), [2]);
        assert_eq!(places("ann round"), [1, 3]);
        assert_eq!(places("  "), [0; 0]);
        assert_eq!(places("nowhere"), [0; 0]);
    }
}
