//! The bytes of an input.

use std::net::SocketAddr;

use net::routes::Remote;

/// One of 64 ports at two of our sockets, over UDP or TCP.
pub(super) fn remote(byte: u8) -> Remote {
    Remote {
        socket: usize::from(byte >> 6 & 1),
        address: SocketAddr::from(([192, 0, 2, 1], 5000 + u16::from(byte & 63))),
        tcp: byte >> 7 == 1,
    }
}

/// The unread rest of an input.
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    pub(super) fn remote(&mut self) -> Remote {
        remote(self.byte())
    }

    pub(super) fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub(super) fn change(&mut self, mut datagram: Vec<u8>) -> Vec<u8> {
        let (offset, value) = (usize::from(self.byte()), self.byte());
        if let Some(byte) = datagram.get_mut(offset).filter(|_| offset > 0) {
            *byte = value;
        }
        datagram
    }
}
