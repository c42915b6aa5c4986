//! ICE candidates of a port.

use std::net::{IpAddr, SocketAddr};

/// `candidate:...` lines (RFC 8839 5.1), by falling priority. `public`: an address from which a NAT forwards the same ports to this machine.
pub(super) fn lines(
    udp: impl Iterator<Item = SocketAddr>,
    tcp: impl Iterator<Item = SocketAddr>,
    public: Option<IpAddr>,
) -> Vec<String> {
    let (udp, tcp) = (with_public(udp, public), with_public(tcp, public));
    let mut foundation = 0;
    let mut line = |transport: &str, local_preference: u32, address: SocketAddr, end: &str| {
        foundation += 1;
        // RFC 8445 5.1.2.1: type preference 126 (host), component 1.
        let priority = (126 << 24) + (local_preference << 8) + 255;
        let (ip, port) = (address.ip(), address.port());
        format!("candidate:{foundation} 1 {transport} {priority} {ip} {port} typ host{end}")
    };
    let mut lines = Vec::new();
    for (rank, address) in (0..).zip(udp) {
        lines.push(line("udp", MAX_UDP.saturating_sub(rank), address, ""));
    }
    for (rank, address) in (0..).zip(tcp) {
        let preference = PASSIVE + MAX_OTHER.saturating_sub(rank);
        lines.push(line("tcp", preference, address, " tcptype passive"));
    }
    lines
}

/// Local preference of the first UDP candidate; those after it have less, but more than TCP.
const MAX_UDP: u32 = 65535;
/// RFC 6544 4.2: the direction preference of passive host candidates in the upper 3 bits, another preference in the lower 13.
const PASSIVE: u32 = 4 << 13;
const MAX_OTHER: u32 = (1 << 13) - 1;

fn with_public(
    addresses: impl Iterator<Item = SocketAddr>,
    public: Option<IpAddr>,
) -> Vec<SocketAddr> {
    let mut addresses: Vec<_> = addresses.collect();
    if let (Some(public), Some(port)) = (public, addresses.first().map(SocketAddr::port)) {
        addresses.retain(|address| address.ip() != public);
        addresses.insert(0, SocketAddr::new(public, port));
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn udp_comes_before_tcp_and_the_public_address_before_all() {
        let udp = [([192, 0, 2, 1], 8189).into(), ([127, 0, 0, 1], 8189).into()];
        let tcp = [([192, 0, 2, 1], 8189).into()];
        let public = Some(IpAddr::from([203, 0, 113, 5]));
        let lines = lines(udp.into_iter(), tcp.into_iter(), public);
        assert_eq!(
            lines,
            [
                "candidate:1 1 udp 2130706431 203.0.113.5 8189 typ host",
                "candidate:2 1 udp 2130706175 192.0.2.1 8189 typ host",
                "candidate:3 1 udp 2130705919 127.0.0.1 8189 typ host",
                "candidate:4 1 tcp 2124414975 203.0.113.5 8189 typ host tcptype passive",
                "candidate:5 1 tcp 2124414719 192.0.2.1 8189 typ host tcptype passive",
            ]
        );
    }
}
