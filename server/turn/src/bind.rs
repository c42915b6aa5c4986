//! Binding the port of the server, and relayed ports.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use tokio::net::{TcpListener, UdpSocket};

/// The port of STUN and TURN (RFC 8656 2.1).
const PORT: u16 = 3478;
/// Ports tried per Allocate request.
const TRIES: usize = 200;

/// Why the server cannot start. The text has no full stop: applications add what to do.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    #[error(
        "Port {port} (TURN) of {address} is taken by another program (another server, or coturn?)"
    )]
    Taken { address: IpAddr, port: u16 },
    #[error("Port {port} (TURN) of {address} cannot be opened: {source}")]
    Bind {
        address: IpAddr,
        port: u16,
        source: io::Error,
    },
    #[error("No port for TURN is free for both UDP and TCP on every address of this machine")]
    NoneFree,
}

type Listeners = Vec<(UdpSocket, TcpListener)>;

/// Binds `port` on every address, for UDP and TCP. `None`: 3478, or any free one when that is taken.
pub(super) fn open(addresses: &[IpAddr], port: Option<u16>) -> Result<(u16, Listeners), TurnError> {
    match open_one(addresses, port.unwrap_or(PORT)) {
        Err(TurnError::Taken { address, .. }) if port.is_none() => {
            let opened = open_one(addresses, 0)?;
            tracing::warn!(
                "TURN port {PORT} of {address} is taken by another program (another server, or coturn?); \
                 using port {} instead. Choose one with --turn-port, or leave TURN out with --turn off",
                opened.0
            );
            Ok(opened)
        }
        outcome => outcome,
    }
}

/// Binds the port after `port` for UDP on every address; `None` if one of them cannot be bound. With two ports a client can
/// determine the behaviour of its NAT (RFC 5780 4).
pub(super) fn second(addresses: &[IpAddr], port: u16) -> Option<(u16, Vec<UdpSocket>)> {
    let port = port.checked_add(1)?;
    let open = |address: &IpAddr| bind_udp(SocketAddr::new(*address, port)).ok();
    let sockets: Option<Vec<_>> = addresses.iter().map(open).collect();
    Some((port, sockets?))
}

fn open_one(addresses: &[IpAddr], port: u16) -> Result<(u16, Listeners), TurnError> {
    // A port that is free on the first address may be taken on another.
    let attempts = if port == 0 { 20 } else { 1 };
    let mut outcome = Err(TurnError::NoneFree);
    for _ in 0..attempts {
        outcome = try_open(addresses, port);
        if !matches!(outcome, Err(TurnError::Taken { .. })) {
            break;
        }
    }
    match outcome {
        Err(TurnError::Taken { .. }) if port == 0 => Err(TurnError::NoneFree),
        Ok((_, listeners)) if listeners.is_empty() => Err(TurnError::NoneFree),
        outcome => outcome,
    }
}

fn try_open(addresses: &[IpAddr], mut port: u16) -> Result<(u16, Listeners), TurnError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for &address in addresses {
        match listen(SocketAddr::new(address, port)) {
            Ok(listener) => {
                port = listener.1.local_addr().map_or(port, |bound| bound.port());
                listeners.push(listener);
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(TurnError::Taken { address, port });
            }
            // The address is being added or removed (IPv6 duplicate address detection, a closing tunnel).
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                tracing::warn!(%address, "TURN does not use this address: it is listed but cannot be bound");
            }
            Err(source) => {
                return Err(TurnError::Bind {
                    address,
                    port,
                    source,
                });
            }
        }
    }
    Ok((port, listeners))
}

fn listen(mut address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let udp = bind_udp(address)?;
    address.set_port(udp.local_addr()?.port());
    let tcp = std::net::TcpListener::bind(address)?;
    tcp.set_nonblocking(true)?;
    Ok((udp, TcpListener::from_std(tcp)?))
}

fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// A range of ports, parsed from `FIRST-LAST`, such as `49152-65535`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// The dynamic ports (RFC 6335 6), 49152 to 65535.
    pub const DYNAMIC: Self = Self {
        first: 49152,
        last: u16::MAX,
    };

    fn range(self) -> RangeInclusive<u16> {
        self.first..=self.last
    }

    /// Binds a free port at `ip` for which `in_use` is false; an `even` one if asked. The search starts at a random port
    /// (RFC 6056).
    pub(super) fn open(
        self,
        ip: IpAddr,
        even: bool,
        in_use: impl Fn(u16) -> bool,
    ) -> Option<UdpSocket> {
        let count = self.range().len();
        let mut random = [0; 2];
        getrandom::fill(&mut random).ok()?;
        let start = usize::from(u16::from_ne_bytes(random)) % count;
        self.range()
            .cycle()
            .skip(start)
            .take(count)
            .filter(|port| (!even || port.is_multiple_of(2)) && !in_use(*port))
            .take(TRIES)
            .find_map(|port| bind_udp(SocketAddr::new(ip, port)).ok())
    }
}

impl FromStr for PortRange {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HINT: &str = "write the first and the last port, as 49152-65535";
        let (first, last) = text.split_once('-').ok_or(HINT)?;
        let [first, last] = [first, last].map(|port| port.trim().parse().map_err(|_| HINT));
        match (first?, last?) {
            (0, _) => Err("ports begin at 1; write them as 49152-65535"),
            (first, last) if first > last => {
                Err("the first port is above the last; write them as 49152-65535")
            }
            (first, last) => Ok(Self { first, last }),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_ports_are_written_with_a_dash() {
        let ports: PortRange = "49152-65535".parse().unwrap();
        assert_eq!(ports.range(), 49152..=65535);
        assert_eq!(ports.to_string().parse(), Ok(ports));
        for odd in ["", "1", "0-5", "6-5", "1-65536", "-1-5", "a-b"] {
            assert!(odd.parse::<PortRange>().is_err(), "{odd}");
        }
    }

    #[tokio::test]
    async fn relayed_ports_stay_in_their_range() {
        let ip = IpAddr::from([127, 0, 0, 1]);
        let ports: PortRange = "42110-42113".parse().unwrap();
        let open = |even| ports.open(ip, even, |port| port == 42112);
        let even = open(true).unwrap();
        assert_eq!(even.local_addr().unwrap().port(), 42110);
        assert!(open(true).is_none());
        let rest = [open(false).unwrap(), open(false).unwrap()];
        assert!(open(false).is_none());
        for socket in rest {
            assert!([42111, 42113].contains(&socket.local_addr().unwrap().port()));
        }
    }
}
