//! A range of bytes of a file (RFC 9110 14).

use std::ops::Range;

use axum::http::{HeaderMap, HeaderValue, header};

/// What a request wants of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    Part(Range<usize>),
    /// The range is behind the end of the file.
    Nothing,
}

/// What `Range` asks for, if `If-Range` fits. A server may ignore what it does not serve: other units, and more than one range.
pub(super) fn wanted(headers: &HeaderMap, length: usize, etag: &HeaderValue) -> Wanted {
    let condition = headers.get(header::IF_RANGE);
    let range = headers
        .get(header::RANGE)
        .filter(|_| condition.is_none_or(|condition| condition == etag))
        .and_then(|range| range.to_str().ok())
        .and_then(|range| range.strip_prefix("bytes="))
        .and_then(|range| range.trim().split_once('-'));
    let Some((first, last)) = range else {
        return Wanted::All;
    };
    let (first, last) = match (number(first), number(last)) {
        (Some(first), Some(last)) if first > last => return Wanted::All,
        (Some(first), Some(last)) => (first, last.saturating_add(1).min(length)),
        (Some(first), None) if last.is_empty() => (first, length),
        (None, Some(last)) if first.is_empty() => (length.saturating_sub(last), length),
        _ => return Wanted::All,
    };
    match first < last {
        true => Wanted::Part(first..last),
        false => Wanted::Nothing,
    }
}

/// A larger one than fits is as good as the largest that does.
fn number(text: &str) -> Option<usize> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_bytes_is_served_and_what_is_not_understood_is_ignored() {
        for (range, expected) in [
            ("bytes=0-3", Wanted::Part(0..4)),
            ("bytes=2-2", Wanted::Part(2..3)),
            ("bytes=4-", Wanted::Part(4..10)),
            ("bytes=4-100", Wanted::Part(4..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-100", Wanted::Part(0..10)),
            (
                "bytes=9-99999999999999999999999999999999",
                Wanted::Part(9..10),
            ),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=10-20", Wanted::Nothing),
            ("bytes=99999999999999999999999999999999-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=3-2", Wanted::All),
            ("bytes=-", Wanted::All),
            ("bytes=a-b", Wanted::All),
            ("bytes=0-1,3-4", Wanted::All),
            ("bytes=+1-2", Wanted::All),
            ("pages=1-2", Wanted::All),
            ("bytes", Wanted::All),
        ] {
            let headers =
                HeaderMap::from_iter([(header::RANGE, range.parse().expect("a header's value"))]);
            let etag = HeaderValue::from_static("\"a\"");
            assert_eq!(wanted(&headers, 10, &etag), expected, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_version_gets_the_whole_file() {
        let etag = HeaderValue::from_static("\"a\"");
        for (condition, part) in [("\"a\"", true), ("\"b\"", false), ("W/\"a\"", false)] {
            let headers = HeaderMap::from_iter([
                (header::RANGE, HeaderValue::from_static("bytes=0-0")),
                (
                    header::IF_RANGE,
                    condition.parse().expect("a header's value"),
                ),
            ]);
            let found = wanted(&headers, 10, &etag);
            assert_eq!(found == Wanted::Part(0..1), part, "{condition}");
        }
    }
}
