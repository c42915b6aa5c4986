//! The order of the gallery: what is live first, files after it, what cannot be played in a group of its own.

use std::cmp::Ordering;

use shared::api::{StreamInfo, StreamState};

/// A field to search in is shown for so many streams.
pub const SEARCH_FROM: usize = 8;

/// Names of streams, in the order in which they are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GalleryOrder {
    pub playable: Vec<String>,
    pub broken: Vec<String>,
}

impl GalleryOrder {
    /// The streams whose names contain each word of `search`.
    pub fn new(streams: &[StreamInfo], search: &str) -> Self {
        let search = lower(search);
        let found = streams.iter().filter(|stream| {
            let name = lower(&stream.name);
            search.split_whitespace().all(|word| name.contains(word))
        });
        // Sorted as they come: the standard library's sorting adds kilobytes to the bundle.
        let mut sorted: Vec<&StreamInfo> = Vec::new();
        for stream in found {
            let at = sorted.partition_point(|other| order(other, stream) != Ordering::Greater);
            sorted.insert(at, stream);
        }
        let mut gallery = Self::default();
        for stream in sorted {
            let group = match is_broken(stream) {
                true => &mut gallery.broken,
                false => &mut gallery.playable,
            };
            group.push(stream.name.clone());
        }
        gallery
    }
}

/// As `str::to_lowercase` but for a final sigma, which takes 4 kB of the module.
fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn is_broken(stream: &StreamInfo) -> bool {
    matches!(stream.state, StreamState::Failed { .. })
}

/// A camera, a screen, an encoder: it has no end, and is known to have none.
pub fn is_live(stream: &StreamInfo) -> bool {
    match stream.state {
        StreamState::Live { .. } | StreamState::Interrupted { .. } => true,
        StreamState::Idle | StreamState::Running => stream.duration.is_none(),
        _ => false,
    }
}

fn order(a: &StreamInfo, b: &StreamInfo) -> Ordering {
    let names = || natural(&a.name, &b.name).then_with(|| a.name.cmp(&b.name));
    is_live(b).cmp(&is_live(a)).then_with(names)
}

/// Compares names as people do: 2 comes before 10, and capitals do not count.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (digits_a, digits_b) = (digits(a), digits(b));
        let order = if !digits_a.is_empty() && !digits_b.is_empty() {
            (a, b) = (&a[digits_a.len()..], &b[digits_b.len()..]);
            let (x, y) = (
                digits_a.trim_start_matches('0'),
                digits_b.trim_start_matches('0'),
            );
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            let (mut rest_a, mut rest_b) = (a.chars(), b.chars());
            let (x, y) = (rest_a.next(), rest_b.next());
            (a, b) = (rest_a.as_str(), rest_b.as_str());
            let Some((x, y)) = x.zip(y) else {
                return x.cmp(&y);
            };
            x.to_lowercase().cmp(y.to_lowercase())
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// The digits that a text begins with.
fn digits(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_digit());
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(name: &str, state: &str, duration: Option<f64>) -> StreamInfo {
        let duration = duration.map_or(String::new(), |duration| {
            format!(r#","duration":{duration}"#)
        });
        let text = format!(r#"{{"name":"{name}","state":{state}{duration}}}"#);
        serde_json::from_str(&text).expect("a description")
    }

    fn file(name: &str) -> StreamInfo {
        stream(name, r#"{"is":"idle"}"#, Some(5.0))
    }

    fn live(name: &str) -> StreamInfo {
        stream(name, r#"{"is":"running"}"#, None)
    }

    fn broken(name: &str) -> StreamInfo {
        stream(
            name,
            r#"{"is":"failed","code":"internal","error":"x"}"#,
            None,
        )
    }

    #[test]
    fn numbers_in_names_are_compared_as_numbers() {
        let sorted = [
            "",
            "2",
            "002b",
            "10",
            "99999999999999999999999",
            "100000000000000000000000",
            "a",
            "A1",
            "a2",
            "A10",
            "a10b",
            "lecture 2",
            "lecture 10",
            "Ω",
            "前门 2",
            "前门 10",
        ];
        for (at, a) in sorted.iter().enumerate() {
            assert_eq!(natural(a, a), Ordering::Equal, "{a}");
            for b in &sorted[at + 1..] {
                assert_eq!(natural(a, b), Ordering::Less, "{a} {b}");
                assert_eq!(natural(b, a), Ordering::Greater, "{b} {a}");
            }
        }
        assert_eq!(natural("a01", "A1"), Ordering::Equal);
    }

    #[test]
    fn live_streams_come_first_and_broken_ones_are_apart() {
        let probing = stream("b", r#"{"is":"probing"}"#, None);
        let published = |name, is| stream(name, &format!(r#"{{"is":"{is}","since":1}}"#), None);
        let streams = [
            published("d2", "live"),
            published("y", "interrupted"),
            published("b1", "waiting"),
            published("b2", "ended"),
            broken("a"),
            file("c10"),
            file("c2"),
            live("z"),
            probing,
            live("d"),
            broken("A2"),
            file("C2"),
        ];
        let gallery = GalleryOrder::new(&streams, "");
        assert_eq!(
            gallery.playable,
            ["d", "d2", "y", "z", "b", "b1", "b2", "C2", "c2", "c10"]
        );
        assert_eq!(gallery.broken, ["a", "A2"]);
    }

    #[test]
    fn a_search_finds_names_with_each_of_its_words() {
        let streams = [
            file("Front door"),
            file("front yard"),
            live("Back DOOR"),
            broken("door?"),
        ];
        let found = |search| GalleryOrder::new(&streams, search);
        assert_eq!(found(" DOOR  fro").playable, ["Front door"]);
        assert_eq!(found("door").playable, ["Back DOOR", "Front door"]);
        assert_eq!(found("door").broken, ["door?"]);
        assert_eq!(found("window"), GalleryOrder::default());
    }
}
