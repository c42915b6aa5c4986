//! Local addresses for host candidates.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

/// Read each time that sockets are opened, so that an ICE restart follows a change of the network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interfaces {
    /// Include loopback: the server is on this machine, so other peers may be.
    pub(crate) loopback: bool,
}

/// Each costs a socket in every connection.
const MAX: usize = 12;

impl ToSocketAddrs for Interfaces {
    type Iter = std::vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> std::io::Result<Self::Iter> {
        let all = if_addrs::get_if_addrs()?;
        let addresses = usable(all.iter().map(if_addrs::Interface::ip), self.loopback);
        Ok(addresses.into_iter())
    }
}

fn usable(all: impl Iterator<Item = IpAddr>, loopback: bool) -> Vec<SocketAddr> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for ip in all {
        // Link-local IPv6 needs a scope, which a candidate cannot carry.
        let link_local = match ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        let left_out = link_local || ip.is_unspecified() || (ip.is_loopback() && !loopback);
        if !left_out && !addresses.contains(&ip) {
            addresses.push(ip);
        }
    }
    if addresses.is_empty() {
        addresses.push(Ipv4Addr::LOCALHOST.into());
    }
    addresses.sort_by_key(|ip| (ip.is_loopback(), ip.is_ipv6()));
    addresses.truncate(MAX);
    addresses.into_iter().map(|ip| (ip, 0).into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(all: &[&str], loopback: bool) -> Vec<String> {
        let all = all.iter().map(|ip| ip.parse().unwrap());
        let usable = usable(all, loopback);
        usable
            .iter()
            .map(|address| address.ip().to_string())
            .collect()
    }

    #[test]
    fn loopback_is_used_on_request_or_as_the_last_resort() {
        let all = ["127.0.0.1", "192.0.2.1", "fe80::1", "2001:db8::1"];
        assert_eq!(hosts(&all, false), ["192.0.2.1", "2001:db8::1"]);
        assert_eq!(hosts(&all, true), ["192.0.2.1", "2001:db8::1", "127.0.0.1"]);
        assert_eq!(hosts(&["127.0.0.1", "fe80::1"], false), ["127.0.0.1"]);
    }
}
