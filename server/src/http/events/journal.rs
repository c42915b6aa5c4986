//! The versions of the list of streams: what has changed since an earlier one. Pure.
//!
//! No event is kept: a reader that is behind gets one delta to the present, however much has happened.

use std::collections::{BTreeMap, VecDeque};

use shared::api::{StreamInfo, StreamList};
use shared::stream_events::StreamsEvent;

/// Removals that are remembered. Readers from before the oldest get a snapshot.
const MAX_REMOVED: usize = 256;

/// The streams now, and the version in which each last changed.
#[derive(Debug, Default)]
pub(super) struct Journal {
    streams: BTreeMap<String, (StreamInfo, u64)>,
    /// The names that went, and in which version; the oldest first.
    removed: VecDeque<(u64, String)>,
    version: u64,
    /// Of earlier versions, removals are forgotten.
    oldest: u64,
}

impl Journal {
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Takes the list as it is now. True: it has changed, and there is a new version.
    pub(super) fn update(&mut self, list: StreamList) -> bool {
        let next = self.version + 1;
        let before = std::mem::take(&mut self.streams);
        let known = before.len();
        let (mut kept, mut changed) = (0, false);
        for stream in list.streams {
            let version = match before.get(&stream.name) {
                Some((same, version)) if *same == stream => *version,
                _ => next,
            };
            kept += usize::from(before.contains_key(&stream.name));
            changed |= version == next;
            self.streams.insert(stream.name.clone(), (stream, version));
        }
        if kept < known {
            changed = true;
            let gone = before.into_keys();
            let gone = gone.filter(|name| !self.streams.contains_key(name));
            self.removed.extend(gone.map(|name| (next, name)));
            while self.removed.len() > MAX_REMOVED {
                let forgotten = self.removed.pop_front();
                self.oldest = forgotten.map_or(self.oldest, |(version, _)| version);
            }
        }
        if changed {
            self.version = next;
        }
        changed
    }

    /// What a reader lacks that has this version: `None` for nothing. A reader without a version, or with one that never was, gets a snapshot.
    pub(super) fn since(&self, version: Option<u64>) -> Option<StreamsEvent> {
        let known = version.filter(|version| (self.oldest..=self.version).contains(version));
        if known == Some(self.version) {
            return None;
        }
        let newer = |changed: u64| known.is_none_or(|known| changed > known);
        let streams = self.streams.values();
        let streams = streams.filter(|(_, changed)| newer(*changed));
        let removed = self.removed.iter().filter(|(gone, _)| newer(*gone));
        Some(StreamsEvent {
            snapshot: known.is_none(),
            streams: streams.map(|(stream, _)| stream.clone()).collect(),
            removed: match known {
                Some(_) => removed.map(|(_, name)| name.clone()).collect(),
                None => Vec::new(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use shared::api::StreamState;

    use super::*;

    fn list(streams: &[(&str, u32)]) -> StreamList {
        let streams = streams.iter().map(|(name, viewers)| StreamInfo {
            name: (*name).to_owned(),
            state: StreamState::Idle,
            duration: None,
            video: None,
            audio: None,
            inset: None,
            renditions: Vec::new(),
            dropped: 0,
            viewers: *viewers,
            poster: None,
        });
        StreamList {
            streams: streams.collect(),
        }
    }

    fn names(event: &StreamsEvent) -> Vec<&str> {
        let names = event.streams.iter().map(|stream| stream.name.as_str());
        names.collect()
    }

    #[test]
    fn a_new_reader_gets_a_snapshot_and_one_that_is_current_nothing() {
        let mut journal = Journal::default();
        assert!(journal.update(list(&[("a", 0), ("b", 0)])));
        let event = journal.since(None).expect("a snapshot");
        assert!(event.snapshot && names(&event) == ["a", "b"]);
        assert_eq!(journal.since(Some(journal.version())), None);
        assert!(!journal.update(list(&[("a", 0), ("b", 0)])));
        assert_eq!(journal.since(Some(journal.version())), None);
    }

    #[test]
    fn an_empty_server_is_a_snapshot_too() {
        let event = Journal::default().since(None).expect("a snapshot");
        assert!(event.snapshot && event.streams.is_empty());
    }

    #[test]
    fn a_reader_that_is_behind_gets_one_delta_to_the_present() {
        let mut journal = Journal::default();
        journal.update(list(&[("a", 0), ("b", 0), ("c", 0)]));
        let version = journal.version();
        for viewers in 1..1_000 {
            journal.update(list(&[("a", viewers), ("b", 0), ("c", 0)]));
        }
        journal.update(list(&[("a", 999), ("c", 0), ("d", 0)]));
        let event = journal.since(Some(version)).expect("a delta");
        assert!(!event.snapshot);
        assert_eq!(names(&event), ["a", "d"]);
        assert_eq!(event.streams[0].viewers, 999);
        assert_eq!(event.removed, ["b"]);
    }

    #[test]
    fn every_reader_ends_with_the_same_list() {
        let histories: [&[(&str, u32)]; 6] = [
            &[("a", 0)],
            &[("a", 0), ("b", 1)],
            &[("b", 1)],
            &[],
            &[("b", 2), ("c", 0)],
            &[("a", 5), ("b", 2)],
        ];
        for joined in 0..histories.len() {
            let (mut journal, mut reader, mut version) =
                (Journal::default(), StreamList::default(), None);
            for (at, streams) in histories.iter().enumerate() {
                journal.update(list(streams));
                if at == joined || at + 1 == histories.len() {
                    if let Some(event) = journal.since(version) {
                        reader.apply(event);
                    }
                    version = Some(journal.version());
                }
            }
            assert_eq!(reader, list(histories[histories.len() - 1]), "{joined}");
        }
    }

    #[test]
    fn a_version_that_never_was_gets_a_snapshot() {
        let mut journal = Journal::default();
        journal.update(list(&[("a", 0)]));
        for version in [2, 77, u64::MAX] {
            assert!(journal.since(Some(version)).expect("an event").snapshot);
        }
    }

    #[test]
    fn removals_are_remembered_up_to_a_bound_and_older_readers_get_a_snapshot() {
        let mut journal = Journal::default();
        journal.update(list(&[]));
        let first = journal.version();
        for n in 0..10 * MAX_REMOVED {
            journal.update(list(&[(&format!("{n}"), 0)]));
        }
        assert_eq!(journal.removed.len(), MAX_REMOVED);
        assert!(journal.since(Some(first)).expect("an event").snapshot);
        let recent = journal.version() - 10;
        let event = journal.since(Some(recent)).expect("an event");
        assert!(!event.snapshot && event.removed.len() == 10);
    }
}
