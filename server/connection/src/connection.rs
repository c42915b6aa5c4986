//! The connection of one peer, viewer or publisher: its transport, on its route.

use std::sync::Arc;
use std::time::{Duration, Instant};

use net::{Arrival, Route};
use transport::dtls::Keys;
use transport::ice::Credentials;
use transport::{Event, Transport};

use super::end::End;
use super::profiles::{ClientKind, ProfileChoice};

#[derive(Debug)]
pub(super) struct Connection {
    /// In the log.
    pub(super) id: u64,
    pub(super) transport: Transport,
    pub(super) route: Arc<Route>,
    /// Of the current credentials; those before are dropped when a restart is done.
    ufrag: String,
    client: ClientKind,
    profiles: Arc<ProfileChoice>,
    began: Instant,
    /// When its next timeout is due.
    pub(super) deadline: Option<Instant>,
}

/// What a connection begins with.
#[derive(Debug)]
pub(super) struct ConnectionStart {
    pub(super) id: u64,
    pub(super) transport: Transport,
    pub(super) route: Arc<Route>,
    pub(super) ufrag: String,
    pub(super) client: ClientKind,
    pub(super) profiles: Arc<ProfileChoice>,
}

#[derive(Debug)]
pub(super) enum ConnectionEvent {
    Connected(Keys),
    /// The last event.
    Ended(End),
}

impl Connection {
    pub(super) fn new(start: ConnectionStart, now: Instant) -> Self {
        Self {
            id: start.id,
            transport: start.transport,
            route: start.route,
            ufrag: start.ufrag,
            client: start.client,
            profiles: start.profiles,
            began: now,
            deadline: None,
        }
    }

    pub(super) fn receive(&mut self, now: Instant, arrival: &Arrival) {
        self.transport.receive(now, arrival.from, &arrival.datagram);
    }

    pub(super) fn restart(&mut self, now: Instant, local: Credentials, remote: Credentials) {
        self.ufrag.clone_from(&local.ufrag);
        self.transport.restart(local, remote, now);
        tracing::info!(connection = self.id, "ICE restarts");
    }

    /// Handles events of the transport up to the next one that concerns media.
    pub(super) fn poll_event(&mut self, now: Instant) -> Option<ConnectionEvent> {
        loop {
            match self.transport.poll_event()? {
                Event::Learned(remote) => {
                    self.route.learn(now, remote);
                }
                Event::Forgotten(remote) => self.route.forget(remote),
                Event::Selected(remote) => self.route.select(remote),
                Event::RestartDone => self.route.set_ufrags(&[&self.ufrag]),
                Event::Connected(keys) => return Some(ConnectionEvent::Connected(keys)),
                Event::Ended(reason) => return Some(ConnectionEvent::Ended(reason.into())),
            }
        }
    }

    pub(super) fn flush(&mut self) {
        while let Some((to, datagram)) = self.transport.poll_transmit() {
            self.route.send(to, &datagram);
        }
    }

    /// Tells the peer by a close_notify, so that a browser sees the end at once. How long it lasted.
    pub(super) fn end(mut self, now: Instant, end: &End) -> Duration {
        if matches!(end, End::HandshakeFailed(_)) {
            self.profiles.remember_failure(self.client, now);
        }
        self.transport.close(now);
        self.flush();
        now.saturating_duration_since(self.began)
    }
}
