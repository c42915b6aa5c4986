//! Candidates in the descriptions of other clients (RFC 8839 5.1). A line that is malformed is skipped; it is no reason to refuse the description. Pure.

use std::net::{IpAddr, Ipv4Addr};

/// Candidates of one description that are kept; a browser has a few dozen.
pub const MAX_CANDIDATES: usize = 64;

/// A well-formed candidate line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IceCandidate<'a> {
    /// Without `a=`.
    line: &'a str,
    foundation: &'a str,
    component: u16,
    is_udp: bool,
    priority: u32,
    /// `None`: a name, of mDNS for example.
    ip: Option<IpAddr>,
    port: u16,
    kind: &'static str,
}

impl<'a> IceCandidate<'a> {
    /// Reads `candidate:F 1 udp PRIORITY ADDRESS PORT typ TYPE ...`, also without its first word, or with `a=`.
    pub fn parse(text: &'a str) -> Option<Self> {
        let line = text.trim();
        let line = without_prefix(line, "a=").unwrap_or(line);
        let mut words = without_prefix(line, "candidate:")
            .unwrap_or(line)
            .split_ascii_whitespace();
        let foundation = words.next().filter(|text| is_foundation(text))?;
        let component = number(words.next()?).filter(|number| (1..=256).contains(number))?;
        let transport = words.next()?;
        let is_udp = transport.eq_ignore_ascii_case("udp");
        if !is_udp && !transport.eq_ignore_ascii_case("tcp") {
            return None;
        }
        let priority = number(words.next()?)?;
        let address = words.next()?;
        let ip = address.parse::<IpAddr>().ok();
        if !ip.map_or_else(|| is_name(address), is_unicast) {
            return None;
        }
        // A client that connects over TCP has no port yet (RFC 6544 4.5).
        let port = number(words.next()?).filter(|port| *port > 0 || !is_udp)?;
        words.next().filter(|typ| typ.eq_ignore_ascii_case("typ"))?;
        let kind = words.next()?;
        let kind = ["host", "srflx", "prflx", "relay"]
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(kind))?;
        while let Some(name) = words.next() {
            words.next().filter(|value| is_extension(name, value))?;
        }
        Some(Self {
            line,
            foundation,
            component,
            is_udp,
            priority,
            ip,
            port,
            kind,
        })
    }

    /// The line, without `a=`.
    pub fn line(&self) -> &'a str {
        self.line
    }

    /// The candidate in its shortest form, if it is an address for media over UDP.
    pub fn udp_line(&self) -> Option<String> {
        let Self {
            foundation,
            priority,
            port,
            kind,
            ..
        } = self;
        let ip = self.ip.filter(|_| self.is_udp && self.component == 1)?;
        Some(format!(
            "candidate:{foundation} 1 udp {priority} {ip} {port} typ {kind}"
        ))
    }
}

/// The description with at most [`MAX_CANDIDATES`] candidates, each as `keep` writes it (without `a=`); malformed ones, and those of which it makes none, are
/// left out.
pub fn with_candidates(sdp: &str, keep: impl Fn(IceCandidate<'_>) -> Option<String>) -> String {
    let mut text = String::with_capacity(sdp.len());
    let mut count = 0;
    for line in sdp.lines() {
        if !is_candidate(line) {
            text.push_str(line);
            text.push_str("\r\n");
        } else if count < MAX_CANDIDATES
            && let Some(candidate) = IceCandidate::parse(line).and_then(&keep)
        {
            count += 1;
            text.push_str("a=");
            text.push_str(&candidate);
            text.push_str("\r\n");
        }
    }
    text
}

fn is_candidate(line: &str) -> bool {
    let name = line.split_once(':').map(|(name, _)| name.trim());
    name.is_some_and(|name| name.eq_ignore_ascii_case("a=candidate"))
}

fn without_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// 1 to 32 of `ice-char`.
fn is_foundation(text: &str) -> bool {
    let is_ice_char = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    text.len() <= 32 && text.bytes().all(is_ice_char)
}

/// Digits alone; the standard library reads a sign too.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// An address of one host.
fn is_unicast(ip: IpAddr) -> bool {
    !ip.is_unspecified() && !ip.is_multicast() && ip != Ipv4Addr::BROADCAST
}

/// A host name (RFC 1123 2.1); with a letter, since digits and dots alone are a malformed address.
fn is_name(text: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    text.len() <= 253
        && text.bytes().all(is_of_name)
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Browsers refuse a description for the values of these (RFC 8839 5.1, RFC 6544 4.5); of others they know nothing.
fn is_extension(name: &str, value: &str) -> bool {
    match name.to_ascii_lowercase().as_str() {
        "raddr" => value.parse::<IpAddr>().is_ok() || is_name(value),
        "rport" => number::<u16>(value).is_some(),
        "tcptype" => ["active", "passive", "so"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(value)),
        "generation" | "network-id" | "network-cost" => number::<u16>(value).is_some(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host";

    #[test]
    fn candidates_of_browsers_are_read() {
        for (line, udp) in [
            (HOST, Some(HOST)),
            (
                "a=candidate:842163049 1 udp 1677729535 203.0.113.5 61764 typ srflx raddr 192.168.0.3 rport 61764 generation 0 ufrag EsAw network-id 1 network-cost 10",
                Some("candidate:842163049 1 udp 1677729535 203.0.113.5 61764 typ srflx"),
            ),
            (
                "0 1 UDP 2122252543 2001:db8::1 50000 TYP Host",
                Some("candidate:0 1 udp 2122252543 2001:db8::1 50000 typ host"),
            ),
            (
                "A=Candidate:a+/ 1 Udp 0 127.0.0.1 1 typ RELAY raddr 0.0.0.0 rport 0",
                Some("candidate:a+/ 1 udp 0 127.0.0.1 1 typ relay"),
            ),
            (
                "candidate:1 1 udp 2113937151 0d4a9e2b-1c.local 50000 typ host",
                None,
            ),
            (
                "candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active",
                None,
            ),
            (
                "candidate:1 1 TCP 1518280447 192.0.2.1 0 typ host tcptype ACTIVE",
                None,
            ),
            (
                "candidate:1 2 udp 2130706430 192.0.2.1 50001 typ host",
                None,
            ),
        ] {
            let candidate = IceCandidate::parse(line).expect(line);
            assert_eq!(candidate.udp_line().as_deref(), udp, "{line}");
            assert!(line.ends_with(candidate.line()), "{line}");
        }
    }

    /// Each is wrong in one word.
    pub(super) fn malformed() -> Vec<String> {
        let word = |index: usize, word: &str| {
            let mut words: Vec<_> = HOST.split(' ').collect();
            words[index] = word;
            words.join(" ")
        };
        let long = "f".repeat(33);
        let name = "n".repeat(254);
        [
            "",
            "candidate:",
            "candidate",
            "a=",
            "\u{0}",
            "candidate:1 1 udp",
            "candidate:é 1 udp 1 192.0.2.1 9 typ host",
        ]
        .map(str::to_owned)
        .into_iter()
        .chain([
            word(0, &format!("candidate:{long}")),
            word(0, "candidate:a,b"),
        ])
        .chain(["0", "257", "65537", "-1", "+1", "x"].map(|text| word(1, text)))
        .chain(["sctp", "udpx", "ssltcp"].map(|text| word(2, text)))
        .chain(
            ["4294967296", "99999999999999999999", "-1", "+1", "1.5", "x"]
                .map(|text| word(3, text)),
        )
        .chain(
            [
                "999.1.1.1",
                "192.0.2",
                "fe80::1%eth0",
                "2001:db8::g",
                "0.0.0.0",
                "::",
                "255.255.255.255",
                "224.0.0.251",
                "ff02::fb",
                "a_b",
                &name,
            ]
            .map(|text| word(4, text)),
        )
        .chain(["0", "65536", "-5", "x"].map(|text| word(5, text)))
        .chain([
            word(6, "type"),
            word(7, "unknown"),
            word(7, ""),
            word(7, "hostile"),
        ])
        .chain(
            [
                "raddr",
                "raddr 1.2.3 rport 5",
                "raddr 192.0.2.1 rport 70000",
                "rport -1",
                "tcptype upward",
                "generation x",
                "network-cost 70000",
            ]
            .map(|more| format!("{HOST} {more}")),
        )
        .collect()
    }

    #[test]
    fn malformed_candidates_are_none() {
        for line in malformed() {
            assert_eq!(IceCandidate::parse(&line), None, "{line}");
        }
    }

    #[test]
    fn of_a_description_malformed_candidates_are_left_out_and_the_rest_is_kept() {
        let bad: String = malformed()
            .iter()
            .filter_map(|line| line.strip_prefix("candidate:"))
            .map(|line| format!("a=candidate:{line}\r\n"))
            .collect();
        let sdp = format!(
            "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n{bad}A=CANDIDATE:x\r\na={HOST}\r\na=mid:0\r\n{bad}"
        );
        let kept = with_candidates(&sdp, |candidate| Some(candidate.line().to_owned()));
        let right = format!(
            "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na={HOST}\r\na=mid:0\r\n"
        );
        assert_eq!(kept, right);
    }

    #[test]
    fn a_description_has_a_bounded_number_of_candidates() {
        let sdp = format!("v=0\r\n{}a=mid:0\r\n", format!("a={HOST}\r\n").repeat(1000));
        let kept = with_candidates(&sdp, |candidate| candidate.udp_line());
        assert_eq!(kept.matches("a=candidate:").count(), MAX_CANDIDATES);
        assert!(kept.ends_with("a=mid:0\r\n"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(a=)?(candidate:)?\\PC{0,60}") {
            let _ = IceCandidate::parse(&text);
        }
    }
}
