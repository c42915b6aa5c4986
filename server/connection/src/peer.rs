//! One peer of a port: a viewer or a publisher.

use std::time::Instant;

use net::Arrival;
use rtc_crypto::RTCCrypto;

use super::connection::Connection;
use super::end::End;
use super::publisher::Publisher;
use super::serving::Ends;
use super::viewer::Viewer;

#[derive(Debug)]
pub(super) enum Peer {
    Viewer(Box<Viewer>),
    Publisher(Box<Publisher>),
}

impl Peer {
    pub(super) fn connection(&mut self) -> &mut Connection {
        match self {
            Self::Viewer(viewer) => viewer.connection(),
            Self::Publisher(publisher) => publisher.connection(),
        }
    }

    pub(super) fn receive(&mut self, now: Instant, arrival: &mut Arrival) {
        match self {
            Self::Viewer(viewer) => viewer.receive(now, arrival),
            Self::Publisher(publisher) => publisher.receive(now, arrival),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Viewer(viewer) => viewer.handle_timeout(now),
            Self::Publisher(publisher) => publisher.handle_timeout(now),
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        match self {
            Self::Viewer(viewer) => viewer.next_timeout(),
            Self::Publisher(publisher) => publisher.next_timeout(),
        }
    }

    /// Handles what has happened, and sends what is to be sent. `ends`: where the shard reports that sending to a viewer ended. Some: the peer is to be ended.
    pub(super) fn settle(
        &mut self,
        now: Instant,
        crypto: &dyn RTCCrypto,
        ends: &Ends,
    ) -> Option<End> {
        match self {
            Self::Viewer(viewer) => viewer.settle(now, crypto, ends),
            Self::Publisher(publisher) => publisher.settle(now, crypto),
        }
    }

    pub(super) fn end(self, now: Instant, end: &End) {
        match self {
            Self::Viewer(viewer) => viewer.end(now, end),
            Self::Publisher(publisher) => publisher.end(now, end),
        }
    }
}
