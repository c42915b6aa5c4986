//! Addresses and changed datagrams in an input.

use std::net::SocketAddr;

use net::routes::Remote;

use crate::input::Input;

/// One of 64 ports at two of our sockets, over UDP or TCP.
pub(super) fn remote(byte: u8) -> Remote {
    Remote {
        socket: usize::from(byte >> 6 & 1),
        address: SocketAddr::from(([192, 0, 2, 1], 5000 + u16::from(byte & 63))),
        tcp: byte >> 7 == 1,
    }
}

impl Input<'_> {
    pub(super) fn remote(&mut self) -> Remote {
        remote(self.byte())
    }

    pub(super) fn change(&mut self, mut datagram: Vec<u8>) -> Vec<u8> {
        let (offset, value) = (usize::from(self.byte()), self.byte());
        if let Some(byte) = datagram.get_mut(offset).filter(|_| offset > 0) {
            *byte = value;
        }
        datagram
    }
}
