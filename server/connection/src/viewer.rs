//! The connection of one viewer, from the answer to the end: connecting, then served by its shard.

use std::sync::Arc;
use std::time::{Duration, Instant};

use egress::PlayheadCommand;
use egress::shard::ViewerHandle;
use net::routes::RouteId;
use net::{Arrival, Route};
use rtc::crypto::RTCCrypto;
use stream::Stream;
use stream::admission::ViewerPermit;
use transport::ice::Credentials;
use transport::{Event, Transport};

use super::end::End;
use super::profiles::{ClientKind, ProfileChoice};
use super::serving::{Ciphers, Ends, Serving};
use super::sessions::Registration;

/// One viewer.
#[derive(Debug)]
pub(super) struct Viewer {
    id: u64,
    transport: Transport,
    route: Arc<Route>,
    stream: Arc<Stream>,
    state: State,
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

/// Commands to its playhead that wait for a viewer to be connected; further ones are dropped.
const MAX_COMMANDS: usize = 16;

#[derive(Debug)]
enum State {
    Connecting(Box<Serving>, Vec<PlayheadCommand>),
    Served(ViewerHandle),
    /// It has no place, or its source does not start.
    Ended,
}

/// What a viewer begins with.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) id: u64,
    pub(super) transport: Transport,
    pub(super) ufrag: String,
    pub(super) serving: Serving,
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
            route: Arc::clone(&opening.serving.route),
            stream: Arc::clone(&opening.serving.stream),
            state: State::Connecting(Box::new(opening.serving), Vec::new()),
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

    /// Pauses, seeks, or changes tracks.
    pub(super) fn move_playhead(&mut self, command: PlayheadCommand) {
        match &mut self.state {
            State::Connecting(_, commands) if commands.len() < MAX_COMMANDS => {
                commands.push(command);
            }
            State::Connecting(..) | State::Ended => {}
            State::Served(handle) => handle.move_playhead(command),
        }
    }

    /// Handles the events of the transport, and sends what is to be sent. Some: the viewer is to be ended.
    pub(super) fn settle(
        &mut self,
        now: Instant,
        crypto: &dyn RTCCrypto,
        ends: &Ends,
    ) -> Option<End> {
        let handled = self.handle_events(now, crypto, ends);
        self.flush();
        handled.err()
    }

    fn handle_events(
        &mut self,
        now: Instant,
        crypto: &dyn RTCCrypto,
        ends: &Ends,
    ) -> Result<(), End> {
        while let Some(event) = self.transport.poll_event() {
            match event {
                Event::Learned(remote) => {
                    self.route.learn(now, remote);
                }
                Event::Forgotten(remote) => self.route.forget(remote),
                Event::Selected(remote) => self.route.select(remote),
                Event::RestartDone => self.route.set_ufrags(&[&self.ufrag]),
                Event::Connected(keys) => {
                    let ciphers = Ciphers::new(crypto, &keys).map_err(|_| End::KeysRefused)?;
                    self.serve(ciphers, ends)?;
                }
                Event::Ended(reason) => return Err(reason.into()),
            }
        }
        Ok(())
    }

    fn serve(&mut self, ciphers: Ciphers, ends: &Ends) -> Result<(), End> {
        self.gives_up_encoders = None;
        let connected = self.permit.connected();
        connected.map_err(|error| End::Refused(error.to_string()))?;
        let state = std::mem::replace(&mut self.state, State::Ended);
        let State::Connecting(serving, commands) = state else {
            self.state = state;
            return Ok(());
        };
        tracing::info!(
            viewer = self.id,
            stream = self.stream.name(),
            "viewer joined"
        );
        let handle = serving.start(ciphers, ends)?;
        for command in commands {
            handle.move_playhead(command);
        }
        self.state = State::Served(handle);
        Ok(())
    }

    fn flush(&mut self) {
        while let Some((to, datagram)) = self.transport.poll_transmit() {
            self.route.send(to, &datagram);
        }
    }

    /// Tells the peer by a close_notify, so that a browser sees the end at once.
    pub(super) fn end(mut self, now: Instant, end: &End) {
        self.state = State::Ended;
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
