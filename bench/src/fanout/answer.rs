//! Parts of an SDP answer.

use std::collections::BTreeSet;
use std::net::IpAddr;

/// Payload types of retransmission streams (RFC 4588 8.1).
pub(super) fn rtx_payload_types(sdp: &str) -> BTreeSet<u8> {
    let lines = sdp
        .lines()
        .filter_map(|line| line.strip_prefix("a=rtpmap:")?.split_once(' '));
    let rtx = lines.filter(|(_, format)| format.to_ascii_lowercase().starts_with("rtx/"));
    rtx.filter_map(|(payload_type, _)| payload_type.parse().ok())
        .collect()
}

/// The answer without candidates that a socket on `address` cannot reach: a host has many, and each costs checks.
pub(crate) fn reachable(sdp: &str, address: IpAddr) -> String {
    let candidate = |line: &str| -> Option<IpAddr> {
        line.strip_prefix("a=candidate:")?
            .split(' ')
            .nth(4)?
            .parse()
            .ok()
    };
    let on_loopback = |ip: IpAddr| ip.is_loopback() && ip.is_ipv4() == address.is_ipv4();
    let loopback = address.is_loopback() && sdp.lines().filter_map(candidate).any(on_loopback);
    let keeps = |line: &&str| match (line.starts_with("a=candidate:"), candidate(line)) {
        (false, _) => true,
        (true, None) => false,
        (true, Some(ip)) if loopback => on_loopback(ip),
        (true, Some(ip)) => ip.is_ipv4() == address.is_ipv4(),
    };
    sdp.lines()
        .filter(keeps)
        .map(|line| format!("{line}\r\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "v=0\r\na=rtpmap:96 H264/90000\r\na=rtpmap:97 rtx/90000\r\n\
        a=candidate:1 1 udp 9 127.0.0.1 5000 typ host\r\na=candidate:2 1 udp 9 192.0.2.1 5000 typ host\r\n\
        a=candidate:3 1 udp 9 ::1 5000 typ host\r\na=candidate:4 1 udp 9 name.local 5000 typ host\r\n";

    #[test]
    fn only_candidates_that_can_be_reached_are_tried() {
        let left = reachable(ANSWER, "127.0.0.1".parse().unwrap());
        assert_eq!(left.matches("candidate").count(), 1);
        assert!(left.contains("127.0.0.1"));
        let left = reachable(ANSWER, "192.0.2.7".parse().unwrap());
        assert!(left.contains("192.0.2.1") && !left.contains("::1") && !left.contains("name"));
    }

    #[test]
    fn retransmissions_are_recognized_by_their_payload_type() {
        assert_eq!(rtx_payload_types(ANSWER), BTreeSet::from([97]));
    }
}
