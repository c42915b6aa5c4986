//! From which address of this machine a datagram to another one leaves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use super::port::Port;
use super::socket::Socket;

impl Port {
    /// The socket of the address from which the operating system reaches `to`. `None`: it is not reachable from an address of
    /// this port.
    pub fn socket_towards(&self, to: SocketAddr) -> Option<Arc<Socket>> {
        let any: IpAddr = match to {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        // This sends nothing.
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect(to).ok()?;
        let from = socket.local_addr().ok()?.ip();
        let mut sockets = self.sockets().into_iter();
        sockets.find(|socket| socket.address().ip() == from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_reached_from_its_loopback_address() {
        let port = Port::bind(0, None, false).unwrap();
        let socket = port.socket_towards(([127, 0, 0, 9], 9).into()).unwrap();
        assert_eq!(socket.address().ip(), Ipv4Addr::LOCALHOST);
        let mapped = "[::ffff:127.0.0.1]:9".parse().unwrap();
        assert!(port.socket_towards(mapped).is_none());
    }
}
