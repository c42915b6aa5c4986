//! TCP connections whose peer is not known yet: how many there may be, and which gives its place to a new one.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

use tokio::sync::Notify;

/// In all. Further connections end the oldest: a peer is identified within milliseconds of its connection.
const MAX: usize = 64;
/// From one address (IPv6: from one /64, which one subscriber has).
const MAX_OF_SOURCE: usize = 16;

/// The unidentified connections of a listener, the oldest first. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Unidentified(Rc<RefCell<VecDeque<Waiting>>>);

#[derive(Debug)]
struct Waiting {
    source: IpAddr,
    evicted: Rc<Notify>,
}

/// A place among the unidentified connections, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    all: Unidentified,
    evicted: Rc<Notify>,
}

impl Unidentified {
    /// A place for a new connection from this address. When there is none, the oldest of the same source ends, or the oldest of all.
    pub(super) fn add(&self, address: IpAddr) -> Place {
        let source = source(address);
        let mut waiting = self.0.borrow_mut();
        let of_source = waiting.iter().filter(|other| other.source == source);
        let oldest = if of_source.count() >= MAX_OF_SOURCE {
            waiting.iter().position(|other| other.source == source)
        } else {
            (waiting.len() >= MAX).then_some(0)
        };
        if let Some(oldest) = oldest.and_then(|oldest| waiting.remove(oldest)) {
            oldest.evicted.notify_one();
        }
        let evicted = Rc::<Notify>::default();
        waiting.push_back(Waiting {
            source,
            evicted: Rc::clone(&evicted),
        });
        Place {
            all: self.clone(),
            evicted,
        }
    }
}

impl Place {
    /// Returns when another connection takes the place.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.all.0.borrow_mut();
        waiting.retain(|other| !Rc::ptr_eq(&other.evicted, &self.evicted));
    }
}

fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn is_evicted(place: &Place) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        matches!(pin!(place.evicted()).poll(&mut context), Poll::Ready(()))
    }

    #[test]
    fn silent_connections_of_one_address_do_not_shut_out_others() {
        let all = Unidentified::default();
        let quiet = all.add([192, 0, 2, 1].into());
        let silent: Vec<_> = (0..500).map(|_| all.add([192, 0, 2, 9].into())).collect();
        assert!(!is_evicted(&quiet));
        let evicted = silent.iter().filter(|place| is_evicted(place)).count();
        assert_eq!(evicted, 500 - MAX_OF_SOURCE, "its own oldest");
        drop(silent);
        assert_eq!(all.0.borrow().len(), 1);
    }

    #[test]
    fn with_many_addresses_the_oldest_ends() {
        let all = Unidentified::default();
        let places: Vec<_> = (0..=MAX)
            .map(|host| all.add([192, 0, 2, host as u8].into()))
            .collect();
        let evicted: Vec<_> = places.iter().map(is_evicted).collect();
        assert!(evicted[0] && !evicted[1..].contains(&true));
    }

    #[test]
    fn a_subscriber_has_a_64_of_ipv6() {
        let source = |text: &str| source(text.parse().unwrap());
        assert_eq!(source("2001:db8::1"), source("2001:db8::2:3"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }
}
