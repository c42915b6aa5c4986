//! The open sockets of this server, and how many may be open. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use limits::CountedAddress;

use super::SocketId;
use super::outbox::Outbox;
use super::refusal::Refusal;

/// Sockets over a limit that are opened to receive the refusal; more are not opened. They count towards this number alone: one address
/// that goes on opening sockets must not use up those of all.
const MAX_REJECTED: usize = 64;

#[derive(Debug, Default)]
pub(super) struct OpenSockets {
    opened: u64,
    sockets: HashMap<SocketId, OpenSocket>,
    by_address: HashMap<CountedAddress, usize>,
    rejected: usize,
    /// The server is shutting down: no further socket is opened.
    closing: bool,
}

#[derive(Debug)]
struct OpenSocket {
    outbox: Arc<Outbox>,
    counted: Counted,
}

/// What a socket counts towards.
#[derive(Clone, Copy, Debug)]
enum Counted {
    /// The total, and an address if it is known.
    Accepted(Option<CountedAddress>),
    Rejected,
}

impl OpenSockets {
    /// Opens a socket that is counted for `address`; `None`: in total only. Over a limit it is opened only to receive the refusal.
    ///
    /// # Errors
    /// Far over a limit, or the server is shutting down.
    pub(super) fn open(
        &mut self,
        address: Option<CountedAddress>,
        max: usize,
        max_per_address: usize,
    ) -> Result<(SocketId, Arc<Outbox>), Refusal> {
        if self.closing {
            return Err(Refusal::shutting_down());
        }
        let of_address = address.and_then(|address| self.by_address.get(&address));
        let outbox = Arc::new(Outbox::default());
        let refusal = if self.sockets.len() - self.rejected >= max {
            Some(Refusal::too_many_sockets())
        } else if of_address.is_some_and(|count| *count >= max_per_address) {
            Some(Refusal::too_many_from_here())
        } else {
            None
        };
        let counted = match refusal {
            Some(refusal) if self.rejected >= MAX_REJECTED => return Err(refusal),
            Some(refusal) => {
                outbox.refuse(refusal);
                self.rejected += 1;
                Counted::Rejected
            }
            None => {
                if let Some(address) = address {
                    *self.by_address.entry(address).or_default() += 1;
                }
                Counted::Accepted(address)
            }
        };
        self.opened += 1;
        let id = SocketId(self.opened);
        let socket = OpenSocket {
            outbox: outbox.clone(),
            counted,
        };
        self.sockets.insert(id, socket);
        Ok((id, outbox))
    }

    pub(super) fn remove(&mut self, socket: SocketId) {
        match self.sockets.remove(&socket).map(|socket| socket.counted) {
            Some(Counted::Rejected) => self.rejected -= 1,
            Some(Counted::Accepted(Some(address))) => {
                if let Some(count) = self.by_address.get_mut(&address) {
                    *count -= 1;
                    if *count == 0 {
                        self.by_address.remove(&address);
                    }
                }
            }
            Some(Counted::Accepted(None)) | None => {}
        }
    }

    pub(super) fn len(&self) -> usize {
        self.sockets.len()
    }

    /// Opens no further socket. Returns the outboxes of those that are open.
    pub(super) fn close(&mut self) -> Vec<Arc<Outbox>> {
        self.closing = true;
        let sockets = self.sockets.values();
        sockets.map(|socket| socket.outbox.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn address(text: &str) -> Option<CountedAddress> {
        let address: IpAddr = text.parse().unwrap();
        Some(address.into())
    }

    #[test]
    fn sockets_over_the_limit_of_one_address_take_no_place_of_others() {
        let mut sockets = OpenSockets::default();
        let (mallory, ada) = (address("203.0.113.7"), address("203.0.113.8"));
        let mut rejected = Vec::new();
        // As fast as it can: none of these has closed yet.
        for number in 0..1000 {
            match sockets.open(mallory, 10, 3) {
                Ok((id, outbox)) if outbox.is_closed() => rejected.push(id),
                Ok(_) => assert!(number < 3),
                Err(_) => assert_eq!(rejected.len(), MAX_REJECTED),
            }
        }
        let opened: Vec<_> = (0..3)
            .map(|_| sockets.open(ada, 10, 3).expect("it is opened"))
            .collect();
        assert!(opened.iter().all(|(_, outbox)| !outbox.is_closed()));
        for (id, _) in opened {
            sockets.remove(id);
        }
        for id in rejected {
            sockets.remove(id);
        }
        assert_eq!(sockets.len(), 3);
        let (_, outbox) = sockets.open(ada, 10, 3).unwrap();
        assert!(!outbox.is_closed());
    }

    #[test]
    fn the_total_is_a_limit_for_sockets_whose_address_is_not_known() {
        let mut sockets = OpenSockets::default();
        let mut open = || sockets.open(None, 2, 1).unwrap().1.is_closed();
        assert_eq!([open(), open(), open()], [false, false, true]);
    }

    #[test]
    fn nothing_opens_while_the_server_closes() {
        let mut sockets = OpenSockets::default();
        sockets.open(None, 2, 1).unwrap();
        assert_eq!(sockets.close().len(), 1);
        assert!(sockets.open(None, 2, 1).is_err());
    }
}
