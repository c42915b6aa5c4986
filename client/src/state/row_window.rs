//! Which messages of a conversation are in the page: at most a few hundred around those that are in view, however many there are.

use std::ops::Range;

use shared::conversation::{Conversation, Entry};

use super::rows::{MessageKey, key_of};

/// Messages that are added at a time. At the end of a conversation, one to two times as many are in the page.
pub const PAGE: usize = 100;
/// Limit on the messages in the page while an older part is read.
pub const MAX_SHOWN: usize = 3 * PAGE;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RowWindow {
    /// The newest, whatever comes.
    #[default]
    Tail,
    /// From this message on, before that one or to the end.
    Fixed {
        from: MessageKey,
        before: Option<MessageKey>,
    },
}

impl RowWindow {
    pub fn range(&self, conversation: &Conversation) -> Range<usize> {
        let entries = conversation.entries();
        if let Self::Fixed { from, before } = self {
            let end = before.as_ref();
            let end = end.map_or(entries.len(), |key| position(entries, key));
            let start = position(entries, from);
            // Messages that come while an older part is read wait for their page.
            let end = end.min(start + MAX_SHOWN);
            if start < end {
                return start..end;
            }
        }
        // Counted with those that were dropped, so that the first message in the page changes once a page.
        let dropped = usize::try_from(conversation.dropped().count).unwrap_or(0);
        let start = (dropped + entries.len()).saturating_sub(PAGE) / PAGE * PAGE;
        start.saturating_sub(dropped)..entries.len()
    }

    /// It ends with the newest message.
    pub fn has_end(&self, conversation: &Conversation) -> bool {
        self.range(conversation).end == conversation.entries().len()
    }

    /// The same messages and those that come, up to the limit, without dropping the first ones.
    pub fn held(&self, conversation: &Conversation) -> Self {
        let Range { start, end } = self.range(conversation);
        Self::of(conversation, start, end)
    }

    /// With a page of older messages, if there are any.
    pub fn older(&self, conversation: &Conversation) -> Option<Self> {
        let Range { start, end } = self.range(conversation);
        let from = start.saturating_sub(PAGE);
        (start > 0).then(|| Self::of(conversation, from, end.min(from + MAX_SHOWN)))
    }

    /// With a page of newer messages, if there are any.
    pub fn newer(&self, conversation: &Conversation) -> Option<Self> {
        let Range { start, end } = self.range(conversation);
        let count = conversation.entries().len();
        let until = count.min(end + PAGE);
        let from = start.max(until.saturating_sub(MAX_SHOWN));
        (end < count).then(|| Self::of(conversation, from, until))
    }

    /// Two pages, with the message at this position in the middle.
    pub fn around(conversation: &Conversation, at: usize) -> Self {
        let count = conversation.entries().len();
        Self::of(conversation, at.saturating_sub(PAGE), count.min(at + PAGE))
    }

    fn of(conversation: &Conversation, start: usize, end: usize) -> Self {
        let entries = conversation.entries();
        match entries.get(start) {
            Some(first) => Self::Fixed {
                from: key_of(first),
                before: entries.get(end).map(key_of),
            },
            None => Self::Tail,
        }
    }
}

fn position(entries: &[Entry], key: &MessageKey) -> usize {
    entries.partition_point(|entry| (entry.message.number, &entry.author) < (key.0, &key.1))
}

#[cfg(test)]
mod tests {
    use shared::chat::Body;
    use shared::conversation::MAX_ENTRIES;
    use shared::signaling::PeerId;

    use super::*;

    fn write(conversation: &mut Conversation, count: usize) {
        for _ in 0..count {
            let body = Body::Text { text: "x".into() };
            conversation
                .compose(1, "me", body, &[])
                .expect("a valid message");
        }
    }

    fn conversation(count: usize) -> Conversation {
        let id = PeerId::try_from("1".repeat(16)).expect("16 digits");
        let mut conversation = Conversation::new(id);
        write(&mut conversation, count);
        conversation
    }

    #[test]
    fn the_end_of_a_conversation_has_one_to_two_pages_and_moves_once_a_page() {
        let mut conversation = conversation(0);
        let mut starts = Vec::new();
        for _ in 0..MAX_ENTRIES + 3 * PAGE {
            write(&mut conversation, 1);
            let range = RowWindow::Tail.range(&conversation);
            assert_eq!(range.end, conversation.entries().len());
            assert!(range.len() <= 2 * PAGE);
            let first = conversation.entries()[range.start].message.number;
            if starts.last() != Some(&first) {
                starts.push(first);
            }
        }
        assert_eq!(starts.len(), (MAX_ENTRIES + 2 * PAGE) / PAGE + 1);
    }

    #[test]
    fn a_reader_gets_from_the_end_to_the_beginning_and_back() {
        let conversation = conversation(10 * PAGE + 7);
        let mut window = RowWindow::Tail.held(&conversation);
        let mut seen = window.range(&conversation);
        while let Some(older) = window.older(&conversation) {
            let (now, next) = (window.range(&conversation), older.range(&conversation));
            assert!(next.len() <= MAX_SHOWN && next.start < now.start);
            assert!(next.end > now.start, "what is in view stays");
            seen.start = next.start;
            window = older;
        }
        assert_eq!(seen, 0..10 * PAGE + 7);
        assert!(!window.has_end(&conversation));
        while let Some(newer) = window.newer(&conversation) {
            let (now, next) = (window.range(&conversation), newer.range(&conversation));
            assert!(next.len() <= MAX_SHOWN && next.start < now.end && next.end > now.end);
            window = newer;
        }
        assert!(window.has_end(&conversation));
    }

    #[test]
    fn what_is_read_stays_while_messages_come_and_go() {
        let mut conversation = conversation(MAX_ENTRIES);
        let window = RowWindow::around(&conversation, MAX_ENTRIES / 2);
        let numbers = |conversation: &Conversation, window: &RowWindow| {
            let entries = &conversation.entries()[window.range(conversation)];
            entries
                .iter()
                .map(|entry| entry.message.number)
                .collect::<Vec<_>>()
        };
        let before = numbers(&conversation, &window);
        write(&mut conversation, PAGE);
        assert_eq!(numbers(&conversation, &window), before);
        // All of them have been dropped.
        write(&mut conversation, MAX_ENTRIES);
        assert_eq!(
            window.range(&conversation),
            RowWindow::Tail.range(&conversation)
        );
        assert!(window.has_end(&conversation));
    }

    #[test]
    fn messages_that_come_while_a_person_reads_above_do_not_fill_the_page() {
        let mut conversation = conversation(2 * PAGE);
        let window = RowWindow::Tail.held(&conversation);
        let start = window.range(&conversation).start;
        for _ in 0..3 * MAX_SHOWN {
            write(&mut conversation, 1);
            let shown = window.range(&conversation);
            assert!(shown.len() <= MAX_SHOWN && shown.start == start);
            let all = shown.end == conversation.entries().len();
            assert_eq!(window.has_end(&conversation), all);
        }
        assert!(!window.has_end(&conversation));
        // They come when they are scrolled to.
        let newer = window.newer(&conversation).expect("a page of newer ones");
        let (before, now) = (window.range(&conversation), newer.range(&conversation));
        assert!(now.end == before.end + PAGE && now.start < before.end);
        assert!(now.len() <= MAX_SHOWN);
    }
}
