//! Opens a UDP port: one socket for every address of this machine.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// A socket and its local address.
pub(super) type Bound = (SocketAddr, UdpSocket);

/// Why the UDP port could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    #[error(
        "UDP port {port} of {address} is taken by another program (another server?); choose one with --udp-port, 0 for any free one."
    )]
    Taken { address: IpAddr, port: u16 },
    #[error(
        "UDP port {port} of {address} cannot be opened: {source}; choose another with --udp-port."
    )]
    Bind {
        address: IpAddr,
        port: u16,
        source: io::Error,
    },
    #[error("No UDP port is free on every address of this machine; choose one with --udp-port.")]
    NoneFree,
    #[error("The addresses of this machine cannot be listed: {0}.")]
    Interfaces(io::Error),
}

/// Addresses of this machine that a peer may reach, then loopback for browsers on this machine.
pub fn local_addresses() -> io::Result<Vec<IpAddr>> {
    let mut addresses = Vec::new();
    for interface in if_addrs::get_if_addrs()? {
        let ip = interface.ip();
        // A link-local IPv6 address needs a zone, which a candidate cannot carry (RFC 8839 5.1).
        let link_local = match ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        if !link_local && !ip.is_unspecified() && !addresses.contains(&ip) {
            addresses.push(ip);
        }
    }
    if addresses.is_empty() {
        addresses.push(Ipv4Addr::LOCALHOST.into());
    }
    addresses.sort_by_key(rank);
    Ok(addresses)
}

/// The loopback addresses of this machine, for a server that nobody else may reach.
pub fn loopback_addresses() -> io::Result<Vec<IpAddr>> {
    let mut addresses = local_addresses()?;
    addresses.retain(IpAddr::is_loopback);
    if addresses.is_empty() {
        addresses.push(Ipv4Addr::LOCALHOST.into());
    }
    Ok(addresses)
}

/// Sorts addresses: those that a peer on another machine may reach come first.
pub(super) fn rank(ip: &IpAddr) -> (bool, bool) {
    (ip.is_loopback(), ip.is_ipv6())
}

/// Opens `port` (0: a free one) on each of these addresses; all sockets have the same port number.
pub(super) fn bind(addresses: &[IpAddr], port: u16) -> Result<Vec<Bound>, NetError> {
    // A port that is free on the first address may be taken on another one.
    let attempts = if port == 0 { 20 } else { 1 };
    let mut outcome = Err(NetError::NoneFree);
    for _ in 0..attempts {
        outcome = try_bind(addresses, port);
        if !matches!(outcome, Err(NetError::Taken { .. })) {
            break;
        }
    }
    match outcome {
        Err(NetError::Taken { .. }) if port == 0 => Err(NetError::NoneFree),
        Ok(sockets) if sockets.is_empty() => Err(NetError::NoneFree),
        outcome => outcome,
    }
}

fn try_bind(addresses: &[IpAddr], mut port: u16) -> Result<Vec<Bound>, NetError> {
    let mut sockets = Vec::with_capacity(addresses.len());
    for &address in addresses {
        let io = match UdpSocket::bind((address, port)) {
            Ok(io) => io,
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(NetError::Taken { address, port });
            }
            // An address that is being added or removed (IPv6 duplicate address detection, a closing tunnel).
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                tracing::warn!(%address, "the address is listed but cannot be used, so it is skipped");
                continue;
            }
            Err(source) => {
                return Err(NetError::Bind {
                    address,
                    port,
                    source,
                });
            }
        };
        let bound = io.local_addr().map_err(|source| NetError::Bind {
            address,
            port,
            source,
        })?;
        port = bound.port();
        sockets.push((bound, io));
    }
    Ok(sockets)
}
