//! Content codings, and which one a request gets (RFC 9110 8.4.1, 12.5.3).

use axum::http::{HeaderMap, HeaderValue, header};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
    Brotli,
}

impl Coding {
    /// The value of `Content-Encoding`.
    pub(super) fn header(self) -> Option<HeaderValue> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some(HeaderValue::from_static("gzip")),
            Self::Brotli => Some(HeaderValue::from_static("br")),
        }
    }

    fn is_named(self, name: &str) -> bool {
        let names: &[&str] = match self {
            Self::Identity => &["identity"],
            // RFC 9110 8.4.1.3
            Self::Gzip => &["gzip", "x-gzip"],
            Self::Brotli => &["br"],
        };
        names.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// The acceptable one of `available` and `Identity` with the highest weight; of equal ones, the one that is named first in `available`, and
/// `Identity` last. `None`: not even `Identity` is acceptable.
pub(super) fn choose(headers: &HeaderMap, available: &[Coding]) -> Option<Coding> {
    let mut lines = headers.get_all(header::ACCEPT_ENCODING).iter().peekable();
    // Without the header any coding is acceptable. Who does not send it may still not know one.
    if lines.peek().is_none() {
        return Some(Coding::Identity);
    }
    let elements: Vec<_> = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(element)
        .collect();
    let weight_of = |wanted: &dyn Fn(&str) -> bool| {
        let named = elements.iter().filter(|(name, _)| wanted(name));
        named.map(|(_, weight)| *weight).max()
    };
    let any = weight_of(&|name| name == "*");
    let coded = available.iter().filter_map(|coding| {
        let weight = weight_of(&|name| coding.is_named(name)).or(any)?;
        Some((*coding, weight))
    });
    // Acceptable unless it is excluded, but behind each coding that the client has named.
    let identity = weight_of(&|name| Coding::Identity.is_named(name));
    let identity = identity.unwrap_or(match any {
        Some(0) => 0,
        _ => 1,
    });
    let mut chosen: Option<(Coding, u16)> = None;
    for (coding, weight) in coded.chain([(Coding::Identity, identity)]) {
        if weight > chosen.map_or(0, |(_, best)| best) {
            chosen = Some((coding, weight));
        }
    }
    Some(chosen?.0)
}

/// A coding and its weight in thousandths; `None` for one that is malformed.
fn element(text: &str) -> Option<(&str, u16)> {
    let (name, parameters) = text.split_once(';').unwrap_or((text, ""));
    let name = name.trim();
    let parameters = parameters.trim();
    if name.is_empty() {
        return None;
    }
    if parameters.is_empty() {
        return Some((name, 1000));
    }
    let (key, value) = parameters.split_once('=')?;
    if !key.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    Some((name, weight(value.trim())?))
}

/// `0` to `1` with at most three digits behind the point (RFC 9110 12.4.2).
fn weight(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{fraction:0<3}").parse().ok()?;
    match (whole, thousandths) {
        ("0", _) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(accepted: &[&str], available: &[Coding]) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        for line in accepted {
            let line = HeaderValue::from_str(line).expect("a header's value");
            headers.append(header::ACCEPT_ENCODING, line);
        }
        choose(&headers, available).map(|coding| match coding {
            Coding::Identity => "identity",
            Coding::Gzip => "gzip",
            Coding::Brotli => "br",
        })
    }

    #[test]
    fn the_coding_with_the_highest_weight_is_chosen() {
        for (accepted, expected) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip, deflate", Some("gzip")),
            ("x-gzip", Some("gzip")),
            ("GZIP", Some("gzip")),
            ("br;q=0.5, gzip;q=0.8", Some("gzip")),
            ("br; q=0.5 , gzip ; q=0.500", Some("br")),
            ("br;Q=0, gzip", Some("gzip")),
            ("br;q=0, gzip;q=0", Some("identity")),
            ("br;q=0.001", Some("br")),
            ("*", Some("br")),
            ("br;q=0, *", Some("gzip")),
            ("*;q=0, gzip", Some("gzip")),
            ("identity", Some("identity")),
            ("identity, gzip;q=0.9", Some("identity")),
            ("identity;q=0.5, gzip;q=0.9", Some("gzip")),
            ("identity;q=0, br", Some("br")),
            ("identity;q=0", None),
            ("*;q=0", None),
            ("*;q=0.0, identity", Some("identity")),
            ("zstd, deflate", Some("identity")),
            ("", Some("identity")),
            (" , ,", Some("identity")),
            // Malformed elements count as absent.
            ("br;q=2, gzip", Some("gzip")),
            ("br;q=-1", Some("identity")),
            ("br;q=0.1234", Some("identity")),
            ("br;level=9", Some("identity")),
            ("br;q=1.001", Some("identity")),
            ("br;;;, ;q=1, =, gzip;q", Some("identity")),
            ("brotli", Some("identity")),
        ] {
            let available = [Coding::Brotli, Coding::Gzip];
            assert_eq!(chosen(&[accepted], &available), expected, "{accepted}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_chosen() {
        assert_eq!(chosen(&["br, gzip"], &[Coding::Gzip]), Some("gzip"));
        assert_eq!(chosen(&["br"], &[Coding::Gzip]), Some("identity"));
        assert_eq!(chosen(&["br, identity;q=0"], &[Coding::Gzip]), None);
        assert_eq!(chosen(&["br, gzip"], &[]), Some("identity"));
    }

    #[test]
    fn lines_of_the_header_add_up_and_without_one_nothing_is_coded() {
        let available = [Coding::Brotli, Coding::Gzip];
        assert_eq!(chosen(&["gzip", "br"], &available), Some("br"));
        assert_eq!(chosen(&[], &available), Some("identity"));
    }
}
