//! The rows of a conversation, top to bottom: messages, days, notes, and the mark before the first unread message.

use shared::conversation::Entry;
use shared::signaling::PeerId;

use super::room::{Note, RoomEvent};

/// Messages of one author at most this far apart are grouped under one name.
const GROUP_MS: u64 = 5 * 60_000;
const DAY_MS: u64 = 24 * 60 * 60_000;

/// Identifies a message in a room: its number and its author.
pub type MessageKey = (u64, PeerId);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// Days since 1970 in the reader's time zone.
    Day(u64),
    Unread,
    Note(Note),
    Message {
        key: MessageKey,
        /// The first of a group, shown with avatar and name.
        first: bool,
    },
}

impl Row {
    /// Unique in a conversation.
    pub fn id(&self) -> String {
        match self {
            Self::Day(day) => format!("day {day}"),
            Self::Unread => "unread".to_owned(),
            Self::Message { key, first } => format!("{first} {} {}", key.0, key.1),
            Self::Note(note) => {
                let (kind, name) = match &note.event {
                    RoomEvent::Arrived { name } => ("+", name),
                    RoomEvent::Left { name } => ("-", name),
                    RoomEvent::Lost { name } => ("?", name),
                    RoomEvent::Renamed { to, .. } => ("=", to),
                };
                format!("{kind} {} {name}", note.at)
            }
        }
    }

    /// The row with this [`Row::id`]; a note is found in `notes`.
    pub fn from_id(id: &str, notes: &[Note]) -> Option<Self> {
        let mut words = id.splitn(3, ' ');
        let (kind, number) = (words.next()?, words.next());
        let number = number.and_then(|number| number.parse().ok());
        match (kind, number) {
            ("unread", _) => Some(Self::Unread),
            ("day", Some(day)) => Some(Self::Day(day)),
            ("true" | "false", Some(number)) => Some(Self::Message {
                key: (number, PeerId::try_from(words.next()?.to_owned()).ok()?),
                first: kind == "true",
            }),
            _ => {
                let mut notes = notes.iter().cloned().map(Self::Note);
                notes.find(|note| note.id() == id)
            }
        }
    }
}

/// Builds the rows in order. `unread`: the first unread message. `local` converts milliseconds since 1970 from UTC to the reader's time zone.
pub fn rows(
    entries: &[Entry],
    notes: &[Note],
    unread: Option<&MessageKey>,
    local: &dyn Fn(u64) -> u64,
) -> Vec<Row> {
    let mut rows = Vec::with_capacity(entries.len() + notes.len() + 8);
    let mut notes = notes.iter().peekable();
    let mut day = 0;
    let mut before: Option<&Entry> = None;
    for entry in entries {
        let message = &entry.message;
        while let Some(note) = notes.next_if(|note| note.after < message.number) {
            rows.push(Row::Note(note.clone()));
            before = None;
        }
        // The clocks of authors differ, so days only go forward.
        let today = local(message.at) / DAY_MS;
        if today > day {
            day = today;
            rows.push(Row::Day(day));
            before = None;
        }
        let key = (message.number, entry.author.clone());
        if unread == Some(&key) {
            rows.push(Row::Unread);
            before = None;
        }
        let together = before.is_some_and(|before| {
            before.author == entry.author
                && before.name == entry.name
                && message.at.abs_diff(before.message.at) < GROUP_MS
        });
        rows.push(Row::Message {
            key,
            first: !together,
        });
        before = Some(entry);
    }
    rows.extend(notes.cloned().map(Row::Note));
    rows
}

#[cfg(test)]
mod tests {
    use shared::chat::Body;
    use shared::conversation::Conversation;

    use super::*;

    fn id(n: u64) -> PeerId {
        PeerId::try_from(format!("{n:016x}")).expect("16 digits")
    }

    fn conversation(at: &[u64]) -> Conversation {
        let mut conversation = Conversation::new(id(1));
        for at in at {
            let body = Body::Text { text: "x".into() };
            conversation
                .compose(*at, "me", body, &[])
                .expect("a valid message");
        }
        conversation
    }

    fn shape(rows: &[Row]) -> String {
        let letters = rows.iter().map(|row| match row {
            Row::Day(_) => 'd',
            Row::Unread => 'u',
            Row::Note(_) => 'n',
            Row::Message { first: true, .. } => 'S',
            Row::Message { first: false, .. } => 's',
        });
        letters.collect()
    }

    #[test]
    fn days_and_pauses_start_a_new_group() {
        let conversation = conversation(&[
            DAY_MS,
            DAY_MS + 1,
            DAY_MS + GROUP_MS + 1,
            2 * DAY_MS,
            2 * DAY_MS + 1,
        ]);
        let rows = rows(conversation.entries(), &[], None, &|at| at);
        assert_eq!(shape(&rows), "dSsSdSs");
    }

    #[test]
    fn a_day_begins_at_the_readers_midnight() {
        let conversation = conversation(&[DAY_MS - 3_600_000, DAY_MS + 1]);
        let east = rows(conversation.entries(), &[], None, &|at| at + 8 * 3_600_000);
        assert_eq!(shape(&east), "dSS");
    }

    #[test]
    fn notes_stand_where_they_happened_and_unread_before_its_message() {
        let conversation = conversation(&[DAY_MS, DAY_MS + 1]);
        let numbers: Vec<u64> = conversation
            .entries()
            .iter()
            .map(|entry| entry.message.number)
            .collect();
        let note = |after, name: &str| Note {
            at: 1,
            after,
            event: RoomEvent::Arrived { name: name.into() },
        };
        let notes = [note(0, "a"), note(numbers[0], "b"), note(numbers[1], "c")];
        let unread = (numbers[1], id(1));
        let rows = rows(conversation.entries(), &notes, Some(&unread), &|at| at);
        assert_eq!(shape(&rows), "ndSnuSn");
        for row in &rows {
            assert_eq!(Row::from_id(&row.id(), &notes).as_ref(), Some(row));
        }
        let mut ids: Vec<_> = rows.iter().map(Row::id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), rows.len(), "each row is found again");
    }
}
