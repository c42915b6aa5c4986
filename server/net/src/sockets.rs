//! The sockets of a port, by index, as the addresses of the machine come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use super::bind::NetError;
use super::socket::Socket;
use super::tcp;

/// How a port opens its sockets.
#[derive(Clone, Copy, Debug)]
pub(super) struct SocketOptions {
    /// Serve ICE-TCP as well.
    pub(super) tcp: bool,
    /// TCP may have another port number, when that of UDP is taken.
    pub(super) any_tcp_port: bool,
}

#[derive(Debug)]
pub(super) struct Sockets {
    options: SocketOptions,
    /// An index is never used again: paths of viewers refer to it.
    next: usize,
    open: BTreeMap<usize, Arc<Socket>>,
    /// Addresses that could not be opened, which is logged once.
    unusable: BTreeSet<IpAddr>,
}

impl Sockets {
    pub(super) fn new(options: SocketOptions) -> Self {
        Self {
            options,
            next: 0,
            open: BTreeMap::new(),
            unusable: BTreeSet::new(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<&Arc<Socket>> {
        self.open.get(&index)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Socket>> {
        self.open.values()
    }

    pub(super) fn add(&mut self, address: SocketAddr, io: UdpSocket) -> Result<(), NetError> {
        let SocketOptions { tcp, any_tcp_port } = self.options;
        let listener = tcp
            .then(|| tcp::listen(address, any_tcp_port))
            .transpose()
            .unwrap_or_else(|error| {
                tracing::warn!(
                    "TCP port {} of {} cannot be opened, so viewers without UDP cannot connect there: {error}; choose another port with --udp-port, or --ice-tcp off",
                    address.port(),
                    address.ip(),
                );
                None
            });
        let index = self.next;
        let socket = Socket::new(index, address, io, listener).map_err(NetError::Interfaces)?;
        self.next += 1;
        self.open.insert(index, Arc::new(socket));
        Ok(())
    }

    /// Opens `port` on new addresses, and closes the sockets of addresses that are gone. True: there was a change.
    pub(super) fn follow(&mut self, addresses: &[IpAddr], port: u16) -> bool {
        let gone =
            |_: &usize, socket: &mut Arc<Socket>| !addresses.contains(&socket.address().ip());
        let closed: Vec<_> = self.open.extract_if(.., gone).collect();
        for (_, socket) in &closed {
            tracing::info!(address = %socket.address(), "this machine has lost an address: its socket is closed");
        }
        self.unusable.retain(|ip| addresses.contains(ip));
        let known: BTreeSet<_> = self.iter().map(|socket| socket.address().ip()).collect();
        let mut opened = false;
        for &ip in addresses.iter().filter(|ip| !known.contains(ip)) {
            let address = SocketAddr::new(ip, port);
            let added = UdpSocket::bind(address)
                .map_err(NetError::Interfaces)
                .and_then(|io| self.add(address, io));
            match added {
                Ok(()) => {
                    tracing::info!(%address, "this machine has a new address: viewers can connect to it");
                    self.unusable.remove(&ip);
                    opened = true;
                }
                // An IPv6 address cannot be used before duplicate address detection is over.
                Err(error) => {
                    if self.unusable.insert(ip) {
                        tracing::warn!(%address, "a new address cannot be used yet: {error}");
                    }
                }
            }
        }
        opened || !closed.is_empty()
    }
}
