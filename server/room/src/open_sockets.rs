//! The open sockets of this server, and how many may be open. Pure.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use limits::CountedAddress;

use super::SocketId;
use super::outbox::Outbox;
use super::rate::{RateLimiter, RateLimits, SocketRates};
use super::refusal::Refusal;

/// Sockets over a limit that are opened to receive the refusal; more are not opened. They count towards this number alone: one address
/// that goes on opening sockets must not use up those of all.
const MAX_REJECTED: usize = 64;

#[derive(Debug, Default)]
pub(super) struct OpenSockets {
    opened: u64,
    sockets: HashMap<SocketId, OpenSocket>,
    by_address: HashMap<CountedAddress, AddressUse>,
    rejected: usize,
    /// The server is shutting down: no further socket is opened.
    closing: bool,
}

/// The sockets of an address, and the rates of closed ones that are not full again: together at most its limit of sockets. Otherwise an
/// address that opens a socket for each burst would have no limit on its pace.
#[derive(Debug)]
struct AddressUse {
    sockets: usize,
    spent: Vec<SocketRates>,
    /// Of all that its sockets send together.
    pace: SharedPace,
}

/// The pace of several sockets.
pub(super) type SharedPace = Arc<Mutex<RateLimiter>>;

impl AddressUse {
    fn new(now: Instant) -> Self {
        let pace = RateLimiter::new(RateLimits::of_address(), now);
        Self {
            sockets: 0,
            spent: Vec::new(),
            pace: Arc::new(Mutex::new(pace)),
        }
    }

    /// The rates of a closed socket for the next one, unless there are unused ones.
    fn take(&mut self, max: usize, now: Instant) -> Option<SocketRates> {
        self.expire(now);
        if self.sockets + self.spent.len() < max {
            return None;
        }
        let spent = self.spent.iter().enumerate();
        let (fullest, _) = spent.min_by_key(|(_, rates)| rates.full_at())?;
        Some(self.spent.swap_remove(fullest))
    }

    fn expire(&mut self, now: Instant) {
        self.spent.retain(|rates| rates.full_at() > now);
    }

    fn is_unused(&self, now: Instant) -> bool {
        let pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        self.sockets == 0 && self.spent.is_empty() && pace.full_at() <= now
    }
}

/// A socket that was just opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) id: SocketId,
    pub(super) outbox: Arc<Outbox>,
    /// The rates that it takes over from a closed one.
    pub(super) rates: Option<SocketRates>,
    pub(super) address: Option<CountedAddress>,
    /// `None`: its address is not known.
    pub(super) pace: Option<SharedPace>,
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
        now: Instant,
    ) -> Result<Opened, Refusal> {
        if self.closing {
            return Err(Refusal::shutting_down());
        }
        let of_address = address.and_then(|address| self.by_address.get(&address));
        let refusal = if self.sockets.len() - self.rejected >= max {
            Some(Refusal::too_many_sockets())
        } else if of_address.is_some_and(|usage| usage.sockets >= max_per_address) {
            Some(Refusal::too_many_from_here())
        } else {
            None
        };
        let (outbox, mut rates, mut pace) = (Arc::new(Outbox::default()), None, None);
        let counted = match refusal {
            Some(refusal) if self.rejected >= MAX_REJECTED => return Err(refusal),
            Some(refusal) => {
                outbox.refuse(refusal);
                self.rejected += 1;
                Counted::Rejected
            }
            None => {
                if let Some(address) = address {
                    let usage = self.by_address.entry(address);
                    let usage = usage.or_insert_with(|| AddressUse::new(now));
                    rates = usage.take(max_per_address, now);
                    pace = Some(Arc::clone(&usage.pace));
                    usage.sockets += 1;
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
        Ok(Opened {
            id,
            outbox,
            rates,
            address,
            pace,
        })
    }

    /// Removes a socket, which has used these rates.
    pub(super) fn remove(&mut self, socket: SocketId, rates: SocketRates, now: Instant) {
        match self.sockets.remove(&socket).map(|socket| socket.counted) {
            Some(Counted::Rejected) => self.rejected -= 1,
            Some(Counted::Accepted(Some(address))) => {
                if let Some(usage) = self.by_address.get_mut(&address) {
                    usage.sockets -= 1;
                    usage.spent.push(rates);
                    usage.expire(now);
                    if usage.is_unused(now) {
                        self.by_address.remove(&address);
                    }
                }
            }
            Some(Counted::Accepted(None)) | None => {}
        }
    }

    /// Forgets the rates that are full again.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.by_address.retain(|_, usage| {
            usage.expire(now);
            !usage.is_unused(now)
        });
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

    fn rates(limits: RateLimits, now: Instant) -> SocketRates {
        SocketRates {
            sent: RateLimiter::new(limits, now),
            relayed: RateLimiter::new(RateLimits::of_relayed(), now),
        }
    }

    #[test]
    fn sockets_over_the_limit_of_one_address_take_no_place_of_others() {
        let (mut sockets, now) = (OpenSockets::default(), Instant::now());
        let unused = rates(RateLimits::default(), now);
        let (mallory, ada) = (address("203.0.113.7"), address("203.0.113.8"));
        let mut rejected = Vec::new();
        // As fast as it can: none of these has closed yet.
        for number in 0..1000 {
            match sockets.open(mallory, 10, 3, now) {
                Ok(opened) if opened.outbox.is_closed() => rejected.push(opened.id),
                Ok(_) => assert!(number < 3),
                Err(_) => assert_eq!(rejected.len(), MAX_REJECTED),
            }
        }
        let opened: Vec<_> = (0..3)
            .map(|_| sockets.open(ada, 10, 3, now).expect("it is opened"))
            .collect();
        assert!(opened.iter().all(|opened| !opened.outbox.is_closed()));
        for id in opened.into_iter().map(|opened| opened.id).chain(rejected) {
            sockets.remove(id, unused.clone(), now);
        }
        assert_eq!(sockets.len(), 3);
        let opened = sockets.open(ada, 10, 3, now).unwrap();
        assert!(!opened.outbox.is_closed());
    }

    /// Each socket sends what it may, and closes.
    #[test]
    fn an_address_that_opens_a_socket_for_each_burst_has_the_pace_of_its_sockets() {
        let (mut sockets, start) = (OpenSockets::default(), Instant::now());
        let limits = RateLimits::default();
        let mut burst = |who, now| {
            let opened = sockets.open(who, 100, 3, now).expect("it is opened");
            let mut rates = opened.rates.unwrap_or_else(|| rates(limits, now));
            let sent = (0..10_000).take_while(|_| rates.sent.allows(1, now));
            let sent = sent.count();
            sockets.remove(opened.id, rates, now);
            sockets.sweep(now);
            sent
        };
        let (mallory, ada) = (address("203.0.113.7"), address("203.0.113.8"));
        let of_mallory: usize = (0..100).map(|_| burst(mallory, start)).sum();
        assert_eq!(of_mallory, 3 * 400);
        assert_eq!(burst(ada, start), 400);
        // Its sockets refill as if they had stayed open.
        let later = start + std::time::Duration::from_secs(1);
        let of_mallory: usize = (0..100).map(|_| burst(mallory, later)).sum();
        assert_eq!(of_mallory, 3 * 50);
        // Whose address is not known has the pace of each socket.
        assert_eq!([burst(None, start), burst(None, start)], [400, 400]);
        sockets.sweep(start + std::time::Duration::from_secs(60));
        assert!(sockets.by_address.is_empty(), "nothing is kept for ever");
    }

    #[test]
    fn the_pace_of_an_address_outlives_its_sockets() {
        let (mut sockets, now) = (OpenSockets::default(), Instant::now());
        let unused = rates(RateLimits::default(), now);
        let (mallory, ada) = (address("203.0.113.7"), address("203.0.113.8"));
        let mut burst = |who| {
            let opened = sockets.open(who, 10, 3, now).expect("it is opened");
            let pace = opened.pace.expect("its address is known");
            let sent = (0..100).take_while(|_| pace.lock().unwrap().allows(1, now));
            let sent = sent.count();
            sockets.remove(opened.id, unused.clone(), now);
            sent
        };
        let of_mallory: usize = (0..1000).map(|_| burst(mallory)).sum();
        assert_eq!(of_mallory, 20_000);
        assert_eq!(burst(ada), 100);
    }

    #[test]
    fn the_total_is_a_limit_for_sockets_whose_address_is_not_known() {
        let mut sockets = OpenSockets::default();
        let mut open = || {
            let opened = sockets.open(None, 2, 1, Instant::now());
            opened.unwrap().outbox.is_closed()
        };
        assert_eq!([open(), open(), open()], [false, false, true]);
    }

    #[test]
    fn nothing_opens_while_the_server_closes() {
        let (mut sockets, now) = (OpenSockets::default(), Instant::now());
        sockets.open(None, 2, 1, now).unwrap();
        assert_eq!(sockets.close().len(), 1);
        assert!(sockets.open(None, 2, 1, now).is_err());
    }
}
