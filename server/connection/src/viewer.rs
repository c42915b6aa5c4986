//! The connection of one viewer, from the answer to the end: connecting, then served by its shard.

use std::sync::Arc;
use std::time::{Duration, Instant};

use net::routes::RouteId;
use net::{Arrival, Route};
use rtc::crypto::RTCCrypto;
use stream::Stream;
use stream::admission::ViewerPermit;
use tokio::task::AbortHandle;
use transport::ice::Credentials;
use transport::{Event, Transport};

use super::end::End;
use super::profiles::{ClientKind, ProfileChoice};
use super::serving::{Ciphers, Order};
use super::sessions::Registration;

/// One viewer. It is connecting while it has an order, and served while it has a task.
#[derive(Debug)]
pub(super) struct Viewer {
    id: u64,
    transport: Transport,
    route: Arc<Route>,
    stream: Arc<Stream>,
    /// What it is served with when it is connected.
    order: Option<Box<Order>>,
    /// Serves it.
    task: Option<AbortHandle>,
    /// Of the current credentials; those before are dropped when a restart is done.
    ufrag: String,
    permit: ViewerPermit,
    client: ClientKind,
    profiles: Arc<ProfileChoice>,
    registration: Registration,
    began: Instant,
    /// When its encoders are let go, if it has not connected.
    gives_up_encoders: Option<Instant>,
    /// When [`Viewer::handle_timeout`] is due.
    pub(super) deadline: Option<Instant>,
}

/// A viewer that takes longer to connect does not keep encoders from others.
const ENCODERS_RESERVED: Duration = Duration::from_secs(5);

/// What the events of a viewer ask of the thread.
#[derive(Debug)]
pub(super) enum Request {
    Serve(Box<Order>, Box<Ciphers>),
    End(End),
}

/// What a viewer begins with.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) id: u64,
    pub(super) transport: Transport,
    pub(super) ufrag: String,
    pub(super) order: Order,
    pub(super) permit: ViewerPermit,
    pub(super) client: ClientKind,
    pub(super) profiles: Arc<ProfileChoice>,
    pub(super) registration: Registration,
}

impl Viewer {
    pub(super) fn new(opening: Opening, now: Instant) -> Self {
        Self {
            id: opening.id,
            transport: opening.transport,
            route: Arc::clone(&opening.order.route),
            stream: Arc::clone(&opening.order.stream),
            order: Some(Box::new(opening.order)),
            task: None,
            ufrag: opening.ufrag,
            permit: opening.permit,
            client: opening.client,
            profiles: opening.profiles,
            registration: opening.registration,
            began: now,
            gives_up_encoders: Some(now + ENCODERS_RESERVED),
            deadline: None,
        }
    }

    pub(super) fn route_id(&self) -> RouteId {
        self.route.id()
    }

    pub(super) fn receive(&mut self, now: Instant, arrival: &Arrival) {
        self.transport.receive(now, arrival.from, &arrival.datagram);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.gives_up_encoders.is_some_and(|at| at <= now) {
            self.gives_up_encoders = None;
            self.permit.release_encoders();
        }
        self.transport.handle_timeout(now);
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let timeouts = [self.transport.next_timeout(), self.gives_up_encoders];
        timeouts.into_iter().flatten().min()
    }

    pub(super) fn restart(&mut self, now: Instant, local: Credentials, remote: Credentials) {
        self.ufrag.clone_from(&local.ufrag);
        self.transport.restart(local, remote, now);
        tracing::info!(viewer = self.id, "ICE restarts");
    }

    /// It is served by this task, which ends with it.
    pub(super) fn serve_by(&mut self, task: AbortHandle) {
        self.task = Some(task);
    }

    /// Handles the events of the transport, up to a request to the thread, and sends what is to be sent. To be called again until there is no request.
    pub(super) fn settle(&mut self, now: Instant, crypto: &dyn RTCCrypto) -> Option<Request> {
        let request = self.next_request(now, crypto);
        self.flush();
        request
    }

    fn next_request(&mut self, now: Instant, crypto: &dyn RTCCrypto) -> Option<Request> {
        loop {
            match self.transport.poll_event()? {
                Event::Learned(remote) => {
                    self.route.learn(now, remote);
                }
                Event::Forgotten(remote) => self.route.forget(remote),
                Event::Selected(remote) => self.route.select(remote),
                Event::RestartDone => self.route.set_ufrags(&[&self.ufrag]),
                Event::Connected(keys) => {
                    let Ok(ciphers) = Ciphers::new(crypto, &keys) else {
                        return Some(Request::End(End::KeysRefused));
                    };
                    self.gives_up_encoders = None;
                    if let Err(error) = self.permit.connected() {
                        return Some(Request::End(End::Refused(error.to_string())));
                    }
                    if let Some(order) = self.order.take() {
                        tracing::info!(
                            viewer = self.id,
                            stream = self.stream.name(),
                            "viewer joined"
                        );
                        return Some(Request::Serve(order, Box::new(ciphers)));
                    }
                }
                Event::Ended(reason) => return Some(Request::End(reason.into())),
            }
        }
    }

    fn flush(&mut self) {
        while let Some((to, datagram)) = self.transport.poll_transmit() {
            self.route.send(to, &datagram);
        }
    }

    /// Tells the peer by a close_notify, so that a browser sees the end at once.
    pub(super) fn end(mut self, now: Instant, end: &End) {
        if let Some(task) = &self.task {
            task.abort();
        }
        if matches!(end, End::HandshakeFailed(_)) {
            self.profiles.remember_failure(self.client, now);
        }
        self.transport.close(now);
        self.flush();
        tracing::info!(
            viewer = self.id,
            stream = self.stream.name(),
            seconds = now.saturating_duration_since(self.began).as_secs(),
            "viewer left: {end}"
        );
        drop((self.permit, self.registration));
    }
}
