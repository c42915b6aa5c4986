//! Reads and filters session descriptions.

use shared::ice_candidate::{IceCandidate, with_candidates};
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

/// With the candidates that this peer can use alone: UDP, and an IP address instead of an mDNS name. A browser that hides its
/// address becomes a peer-reflexive candidate when its checks arrive. Each is in a form that rtc-ice reads: one that it does not read
/// would refuse the whole description.
pub(crate) fn with_usable_candidates(sdp: &str) -> String {
    with_candidates(sdp, |candidate| candidate.udp_line())
}

/// The candidate in that form.
pub(crate) fn usable_candidate(candidate: &str) -> Option<String> {
    IceCandidate::parse(candidate)?.udp_line()
}

/// The answer to a later offer of a connection keeps the DTLS role of this side (RFC 8842 5.5). webrtc 0.21.1 always answers with the role of its
/// settings, and Chromium refuses a description that reverses the roles. `local`, `remote`: the descriptions until now.
pub(crate) fn with_kept_setup(answer: &str, local: &str, remote: &str) -> String {
    let kept = match (setup(local), setup(remote)) {
        (Some("active"), _) | (_, Some("passive")) => "a=setup:active",
        (Some("passive"), _) | (_, Some("active")) => "a=setup:passive",
        _ => return answer.to_owned(),
    };
    let lines = answer.split_inclusive('\n').map(|line| {
        let ending = &line[line.trim_end().len()..];
        if line.starts_with(SETUP) {
            [kept, ending].concat()
        } else {
            line.to_owned()
        }
    });
    lines.collect()
}

const SETUP: &str = "a=setup:";

/// `a=setup` (RFC 8122 6, RFC 4145 4).
fn setup(sdp: &str) -> Option<&str> {
    sdp.lines().find_map(|line| line.strip_prefix(SETUP))
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
    fn a_later_answer_keeps_the_dtls_role() {
        let sdp = |setup: &str| format!("{ONE}a=setup:{setup}\r\na=mid:0\r\n");
        let answer =
            |local: &str, remote: &str| with_kept_setup(&sdp("passive"), &sdp(local), &sdp(remote));
        // This side had offered, then answered.
        assert_eq!(answer("actpass", "passive"), sdp("active"));
        assert_eq!(answer("actpass", "active"), sdp("passive"));
        assert_eq!(answer("active", "actpass"), sdp("active"));
        assert_eq!(answer("passive", "actpass"), sdp("passive"));
        assert_eq!(with_kept_setup(&sdp("passive"), "", ""), sdp("passive"));
    }

    #[test]
    fn candidates_with_names_or_tcp_are_removed() {
        let usable = "candidate:1 1 udp 2130706431 2001:db8::1 50000 typ host";
        let written = "a=Candidate:1 1 UDP 2130706431 2001:db8::1 50000 typ host generation 0";
        assert_eq!(usable_candidate(written).as_deref(), Some(usable));
        for candidate in [
            "candidate:1 1 udp 2113937151 0d4a.local 50000 typ host",
            "candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active",
            "candidate:1 1 udp 4294967296 192.0.2.1 50000 typ host",
            "",
        ] {
            assert_eq!(usable_candidate(candidate), None, "{candidate}");
        }
        let sdp =
            format!("{ONE}a=candidate:1 1 udp 1 x.local 5 typ host\r\n{written}\r\na=mid:0\r\n");
        let filtered = format!("{ONE}a={usable}\r\na=mid:0\r\n");
        assert_eq!(with_usable_candidates(&sdp), filtered);
    }
}
