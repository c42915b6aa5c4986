//! The DTLS handshake of one connection (RFC 5763, RFC 5764), and the SRTP keys that come of it. No data goes over it.
//!
//! | module | noun |
//! |---|---|
//! | `identity` | our certificate, and what all handshakes share |
//! | `fingerprint` | `a=fingerprint` |
//! | `handshake` | rtc-dtls' endpoint, with what it lacks around it |
//! | `record` | records in a datagram |
//! | `loss_filter` | the records that reach rtc-dtls |
//! | `inbound_limit` | how much of a peer's datagrams is looked at |
//! | `retransmission` | our last flight, and when it is sent again |
//! | `client_hello` | the SRTP profiles that a client offers |
//! | `keys` | the SRTP keys of both directions |
//! | `settled` | what is left of a connection after its handshake |

mod client_hello;
mod error;
mod fingerprint;
mod handshake;
mod identity;
mod inbound_limit;
mod keys;
mod loss_filter;
mod record;
mod retransmission;
mod settled;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use handshake::{Handshake, Outcome};
use settled::{Ending, Settled};

pub use error::DtlsError;
pub use fingerprint::{Fingerprint, FingerprintError};
pub use identity::Identity;
pub use keys::Keys;
pub use srtp::Profile;

/// rtc-dtls tells connections apart by the address of the peer. Here an endpoint has one, whose paths change: ICE knows them.
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// `a=setup` (RFC 4145 4): the client is the active side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Client,
    Server,
}

#[derive(Clone, Debug)]
pub struct DtlsParams {
    pub role: Role,
    /// The peer's certificate has to match one of them.
    pub fingerprints: Vec<Fingerprint>,
    /// In order of preference. A server chooses by it; a client offers them in this order.
    pub profiles: Vec<Profile>,
}

#[derive(Debug)]
pub enum DtlsEvent {
    Connected(Keys),
    /// The peer said close_notify.
    PeerClosed,
    Failed(DtlsError),
}

/// Datagrams in, datagrams out.
#[derive(Debug)]
pub struct Dtls {
    stage: Stage,
    out: VecDeque<Vec<u8>>,
    events: VecDeque<DtlsEvent>,
}

#[derive(Debug)]
enum Stage {
    /// There is no path yet.
    Waiting(Box<(Identity, DtlsParams)>),
    Handshake(Box<Handshake>),
    Settled(Box<Settled>),
    Ended,
}

impl Dtls {
    pub fn new(identity: &Identity, params: DtlsParams) -> Result<Self, DtlsError> {
        if params.fingerprints.is_empty() {
            return Err(DtlsError::NoFingerprint);
        }
        if params.profiles.is_empty() {
            return Err(DtlsError::NoProfile);
        }
        Ok(Self {
            stage: Stage::Waiting(Box::new((identity.clone(), params))),
            out: VecDeque::new(),
            events: VecDeque::new(),
        })
    }

    /// The first path works: a client sends its ClientHello, and time begins to run.
    pub fn start(&mut self, now: Instant) {
        let Stage::Waiting(waiting) = &self.stage else {
            return;
        };
        let (identity, params) = (**waiting).clone();
        match Handshake::start(identity, params, now, &mut self.out) {
            Ok(handshake) => self.stage = Stage::Handshake(Box::new(handshake)),
            Err(error) => self.end(DtlsEvent::Failed(error)),
        }
    }

    /// A datagram of the peer; before `start` a client answers none.
    pub fn receive(&mut self, now: Instant, datagram: &[u8]) {
        if let Stage::Waiting(waiting) = &self.stage
            && waiting.1.role == Role::Server
        {
            self.start(now);
        }
        match &mut self.stage {
            Stage::Handshake(handshake) => {
                let outcome = handshake.receive(now, datagram, &mut self.out);
                self.apply(now, outcome);
            }
            Stage::Settled(settled) => {
                if let Some((ending, reply)) = settled.read(now, datagram) {
                    self.out.extend(reply);
                    self.end(match ending {
                        Ending::Closed => DtlsEvent::PeerClosed,
                        Ending::Alert => DtlsEvent::Failed(DtlsError::PeerAlert(None)),
                    });
                }
            }
            Stage::Waiting(_) | Stage::Ended => {}
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if let Stage::Handshake(handshake) = &mut self.stage {
            let outcome = handshake.handle_timeout(now, &mut self.out);
            self.apply(now, outcome);
        }
    }

    /// `None`: it sleeps.
    pub fn next_timeout(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Handshake(handshake) => Some(handshake.next_timeout()),
            Stage::Waiting(_) | Stage::Settled(_) | Stage::Ended => None,
        }
    }

    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        next(&mut self.out)
    }

    pub fn poll_event(&mut self) -> Option<DtlsEvent> {
        next(&mut self.events)
    }

    /// Tells the peer, if there are keys to tell it with. No event follows.
    pub fn close(&mut self, now: Instant) {
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Handshake(handshake) => self.out.extend(handshake.close(now)),
            Stage::Settled(settled) => self.out.extend(settled.close(now)),
            Stage::Waiting(_) | Stage::Ended => {}
        }
    }

    pub fn is_connected(&self) -> bool {
        match &self.stage {
            Stage::Handshake(handshake) => handshake.is_done(),
            Stage::Settled(_) => true,
            Stage::Waiting(_) | Stage::Ended => false,
        }
    }

    fn apply(&mut self, now: Instant, outcome: Option<Outcome>) {
        match outcome {
            Some(Outcome::Connected(keys)) => self.events.push_back(DtlsEvent::Connected(keys)),
            Some(Outcome::Closed) => return self.end(DtlsEvent::PeerClosed),
            Some(Outcome::Failed(error)) => return self.end(DtlsEvent::Failed(error)),
            None => {}
        }
        self.settle(now);
    }

    /// Drops the endpoint once nothing can need it.
    fn settle(&mut self, now: Instant) {
        let Stage::Handshake(handshake) = &self.stage else {
            return;
        };
        match handshake.settled(now) {
            Some(Ok(settled)) => self.stage = Stage::Settled(Box::new(settled)),
            Some(Err(error)) => self.end(DtlsEvent::Failed(error)),
            None => {}
        }
    }

    fn end(&mut self, event: DtlsEvent) {
        self.stage = Stage::Ended;
        self.events.push_back(event);
    }
}

/// An empty queue keeps no room: it stays empty for as long as the viewer stays.
fn next<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let first = queue.pop_front();
    if queue.is_empty() {
        *queue = VecDeque::new();
    }
    first
}
