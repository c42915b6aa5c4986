//! The rows of a conversation, top to bottom: messages, days, notes, and the mark before the first unread message.

use std::ops::Range;

use shared::conversation::Entry;
use shared::signaling::PeerId;

use super::room::{Note, RoomEvent};

/// Messages of one author at most this far apart are grouped under one name.
const GROUP_MS: u64 = 5 * 60_000;
pub const DAY_MS: u64 = 24 * 60 * 60_000;

/// Identifies a message in a room: its number and its author.
pub type MessageKey = (u64, PeerId);

pub fn key_of(entry: &Entry) -> MessageKey {
    (entry.message.number, entry.author.clone())
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// Above the first message of the conversation.
    Beginning,
    /// Days since 1970 in the reader's time zone.
    Day(u64),
    Unread,
    Note(Note),
    Message {
        key: MessageKey,
        /// The first of a group, shown with avatar and name.
        first: bool,
        /// Changes with the message.
        revision: u64,
    },
}

impl Row {
    /// Unique in a conversation.
    pub fn id(&self) -> String {
        match self {
            Self::Beginning => "beginning".to_owned(),
            Self::Day(day) => format!("day {day}"),
            Self::Unread => "unread".to_owned(),
            Self::Message {
                key,
                first,
                revision,
            } => format!("{first} {} {} {revision}", key.0, key.1),
            Self::Note(note) => {
                let (kind, name) = match &note.event {
                    RoomEvent::Arrived { name } => ("+", name.as_str()),
                    RoomEvent::Left { name } => ("-", name.as_str()),
                    RoomEvent::Lost { name } => ("?", name.as_str()),
                    RoomEvent::Renamed { to, .. } => ("=", to.as_str()),
                    RoomEvent::History { name, on: true } => ("h", name.as_deref().unwrap_or("")),
                    RoomEvent::History { name, on: false } => ("H", name.as_deref().unwrap_or("")),
                };
                format!("{kind} {} {name}", note.at)
            }
        }
    }

    /// The row with this [`Row::id`]; a note is found in `notes`.
    pub fn from_id(id: &str, notes: &[Note]) -> Option<Self> {
        let mut words = id.splitn(4, ' ');
        let (kind, number) = (words.next()?, words.next());
        let number = number.and_then(|number| number.parse().ok());
        match (kind, number) {
            ("beginning", _) => Some(Self::Beginning),
            ("unread", _) => Some(Self::Unread),
            ("day", Some(day)) => Some(Self::Day(day)),
            ("true" | "false", Some(number)) => Some(Self::Message {
                key: (number, PeerId::try_from(words.next()?.to_owned()).ok()?),
                first: kind == "true",
                revision: words.next()?.parse().ok()?,
            }),
            _ => {
                let mut notes = notes.iter().cloned().map(Self::Note);
                notes.find(|note| note.id() == id)
            }
        }
    }
}

/// Builds the rows of some entries, in order; the same for an entry whichever others are `shown`. `unread`: the first unread message. `local`
/// converts milliseconds since 1970 from UTC to the reader's time zone.
pub fn rows(
    entries: &[Entry],
    shown: Range<usize>,
    notes: &[Note],
    unread: Option<&MessageKey>,
    local: &dyn Fn(u64) -> u64,
) -> Vec<Row> {
    let (above, to_the_end) = (&entries[..shown.start], shown.end == entries.len());
    let mut rows = Vec::with_capacity(shown.len() + notes.len() + 8);
    let last_above = above.last();
    let mut notes = notes
        .iter()
        .skip_while(|note| last_above.is_some_and(|entry| note.after < entry.message.number))
        .peekable();
    let latest_above = above.iter().map(|entry| entry.message.at).max();
    let mut day = latest_above.map_or(0, |at| local(at) / DAY_MS);
    // The clocks of authors differ, so days only go forward.
    let mut new_day = |at: u64, rows: &mut Vec<Row>| {
        let today = local(at) / DAY_MS;
        let begins = today > day;
        if begins {
            day = today;
            rows.push(Row::Day(day));
        }
        begins
    };
    if above.is_empty() && !entries.is_empty() {
        rows.push(Row::Beginning);
    }
    let mut before = last_above;
    for entry in &entries[shown] {
        let message = &entry.message;
        while let Some(note) = notes.next_if(|note| note.after < message.number) {
            new_day(note.at, &mut rows);
            rows.push(Row::Note(note.clone()));
            before = None;
        }
        if new_day(message.at, &mut rows) {
            before = None;
        }
        let key = key_of(entry);
        if unread == Some(&key) {
            rows.push(Row::Unread);
            before = None;
        }
        let together = before.is_some_and(|before| {
            before.author == entry.author
                && before.name == entry.name
                && before.told_by == entry.told_by
                && message.at.abs_diff(before.message.at) < GROUP_MS
        });
        rows.push(Row::Message {
            key,
            first: !together,
            revision: entry.revision + quoted_revision(entries, entry),
        });
        before = Some(entry);
    }
    if to_the_end {
        for note in notes {
            new_day(note.at, &mut rows);
            rows.push(Row::Note(note.clone()));
        }
    }
    rows
}

/// A reply shows the message that it is about.
fn quoted_revision(entries: &[Entry], entry: &Entry) -> u64 {
    let Some(about) = &entry.message.about else {
        return 0;
    };
    let key = (about.number, &about.author);
    let at = entries.binary_search_by(|other| (other.message.number, &other.author).cmp(&key));
    at.map_or(0, |at| entries[at].revision + 1)
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
            Row::Beginning => 'b',
            Row::Day(_) => 'd',
            Row::Unread => 'u',
            Row::Note(_) => 'n',
            Row::Message { first: true, .. } => 'S',
            Row::Message { first: false, .. } => 's',
        });
        letters.collect()
    }

    fn all(
        entries: &[Entry],
        notes: &[Note],
        unread: Option<&MessageKey>,
        local: &dyn Fn(u64) -> u64,
    ) -> Vec<Row> {
        rows(entries, 0..entries.len(), notes, unread, local)
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
        let rows = all(conversation.entries(), &[], None, &|at| at);
        assert_eq!(shape(&rows), "bdSsSdSs");
    }

    #[test]
    fn a_day_begins_at_the_readers_midnight() {
        let conversation = conversation(&[DAY_MS - 3_600_000, DAY_MS + 1]);
        let east = all(conversation.entries(), &[], None, &|at| at + 8 * 3_600_000);
        assert_eq!(shape(&east), "bdSS");
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
        let rows = all(conversation.entries(), &notes, Some(&unread), &|at| at);
        assert_eq!(shape(&rows), "bndSnuSn");
        for row in &rows {
            assert_eq!(Row::from_id(&row.id(), &notes).as_ref(), Some(row));
        }
        let mut ids: Vec<_> = rows.iter().map(Row::id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), rows.len(), "each row is found again");
    }

    #[test]
    fn a_note_stands_below_the_day_on_which_it_happened() {
        let conversation = conversation(&[DAY_MS]);
        let arrived = |at| Note {
            at,
            after: DAY_MS,
            event: RoomEvent::Arrived { name: "a".into() },
        };
        let notes = [arrived(DAY_MS + 1), arrived(2 * DAY_MS)];
        let rows = all(conversation.entries(), &notes, None, &|at| at);
        assert_eq!(shape(&rows), "bdSndn");
        assert_eq!(shape(&all(&[], &notes, None, &|at| at)), "dndn");
    }

    #[test]
    fn a_row_is_the_same_whichever_others_are_shown() {
        let conversation =
            conversation(&[DAY_MS, DAY_MS + 1, 2 * DAY_MS, 2 * DAY_MS + 1, 5 * DAY_MS]);
        let entries = conversation.entries();
        let note = |after: usize| Note {
            at: entries[after].message.at,
            after: entries[after].message.number,
            event: RoomEvent::Arrived {
                name: after.to_string(),
            },
        };
        let notes: Vec<Note> = (0..5).map(note).collect();
        let local = |at| at;
        let whole = all(entries, &notes, None, &local);
        for start in 0..5 {
            for end in start + 1..=5 {
                let part = rows(entries, start..end, &notes, None, &local);
                let found = whole.windows(part.len()).any(|window| window == part);
                assert!(found, "{start}..{end}: {part:?}");
            }
        }
    }
}
