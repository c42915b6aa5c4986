//! Reads and filters session descriptions.

use shared::safety::fingerprint;

/// Whether two descriptions come from the same connection: the same key and the same session id (`o=`, RFC 8866 5.2).
pub(crate) fn is_same_connection(one: &str, other: &str) -> bool {
    fingerprint(one).map(str::to_ascii_lowercase) == fingerprint(other).map(str::to_ascii_lowercase)
        && session(one) == session(other)
}

fn session(sdp: &str) -> Option<&str> {
    let origin = sdp.lines().find_map(|line| line.strip_prefix("o="))?;
    origin.split_whitespace().nth(1)
}

/// Without the candidates that this peer cannot use ([`is_usable`]).
pub(crate) fn without_unusable(sdp: &str) -> String {
    let mut text = String::with_capacity(sdp.len());
    for line in sdp.lines() {
        let candidate = line.strip_prefix("a=candidate:");
        if candidate.is_none_or(is_usable) {
            text.push_str(line);
            text.push_str("\r\n");
        }
    }
    text
}

/// Whether this peer can use a candidate (RFC 8839 5.1): UDP, and an IP address instead of an mDNS name. A browser that hides its
/// address becomes a peer-reflexive candidate when its checks arrive.
pub(crate) fn is_usable(candidate: &str) -> bool {
    let mut fields = candidate.split_whitespace().skip(2);
    let udp = fields
        .next()
        .is_some_and(|protocol| protocol.eq_ignore_ascii_case("udp"));
    let address = fields.nth(1).unwrap_or_default();
    udp && address.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "v=0\r\no=- 7 1 IN IP4 0.0.0.0\r\na=fingerprint:sha-256 AA:BB\r\n";

    #[test]
    fn a_new_offer_of_a_connection_differs_from_an_offer_of_a_new_connection() {
        assert!(is_same_connection(ONE, &ONE.replace(" 7 1 ", " 7 2 ")));
        assert!(is_same_connection(ONE, &ONE.replace("AA", "aa")));
        assert!(!is_same_connection(ONE, &ONE.replace(" 7 1 ", " 8 1 ")));
        assert!(!is_same_connection(ONE, &ONE.replace("AA", "CC")));
    }

    #[test]
    fn candidates_with_names_or_tcp_are_removed() {
        assert!(is_usable(
            "candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host"
        ));
        assert!(is_usable("1 1 UDP 2130706431 2001:db8::1 50000 typ host"));
        for candidate in [
            "candidate:1 1 udp 2113937151 0d4a.local 50000 typ host",
            "candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active",
            "candidate:1 1 udp",
            "",
        ] {
            assert!(!is_usable(candidate), "{candidate}");
        }
        let sdp = format!("{ONE}a=candidate:1 1 udp 1 x.local 5 typ host\r\na=mid:0\r\n");
        assert_eq!(without_unusable(&sdp), format!("{ONE}a=mid:0\r\n"));
    }
}
