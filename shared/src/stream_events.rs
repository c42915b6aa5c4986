//! `GET /api/events`: what changes in the list of streams, as Server-Sent Events. Each event's data is a [`StreamsEvent`].

use serde::{Deserialize, Serialize};

use crate::api::{StreamInfo, StreamList};

/// A snapshot or a delta. A field of either kind may be absent when it is empty; readers ignore unknown fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamsEvent {
    /// True: `streams` is the whole list, and replaces what is known. False: it holds the streams that are new or have changed.
    #[serde(default)]
    pub snapshot: bool,
    #[serde(default)]
    pub streams: Vec<StreamInfo>,
    /// Names of streams that are gone. One that has come again since is in `streams` too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
}

impl StreamList {
    /// The list after an event. It stays sorted by name.
    pub fn apply(&mut self, event: StreamsEvent) {
        if event.snapshot {
            self.streams.clear();
        }
        self.streams
            .retain(|stream| !event.removed.contains(&stream.name));
        for stream in event.streams {
            let name = stream.name.as_str();
            match self
                .streams
                .binary_search_by(|known| known.name.as_str().cmp(name))
            {
                Ok(at) => self.streams[at] = stream,
                Err(at) => self.streams.insert(at, stream),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> StreamsEvent {
        serde_json::from_str(text).expect("an event")
    }

    fn stream(name: &str, viewers: u32) -> String {
        format!(r#"{{"name":"{name}","state":{{"is":"idle"}},"viewers":{viewers}}}"#)
    }

    fn shown(list: &StreamList) -> Vec<(&str, u32)> {
        let shown = list.streams.iter().map(|s| (s.name.as_str(), s.viewers));
        shown.collect()
    }

    #[test]
    fn deltas_change_add_and_remove_and_a_snapshot_replaces_all() {
        let mut list = StreamList::default();
        let (a, b, c) = (stream("a", 1), stream("b", 0), stream("c", 0));
        list.apply(event(&format!(
            r#"{{"snapshot":true,"streams":[{a},{c}]}}"#
        )));
        list.apply(event(&format!(r#"{{"streams":[{b},{}]}}"#, stream("a", 2))));
        assert_eq!(shown(&list), [("a", 2), ("b", 0), ("c", 0)]);
        // Gone and come again, gone, and gone without having been known.
        list.apply(event(&format!(
            r#"{{"streams":[{b}],"removed":["a","b","z"]}}"#
        )));
        assert_eq!(shown(&list), [("b", 0), ("c", 0)]);
        list.apply(event(&format!(r#"{{"snapshot":true,"streams":[{a}]}}"#)));
        assert_eq!(shown(&list), [("a", 1)]);
        list.apply(event(r#"{"snapshot":true}"#));
        assert!(list.streams.is_empty());
    }
}
