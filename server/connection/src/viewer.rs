//! The connection of one viewer, from the answer to the end: connecting, then served by its shard.

use std::sync::Arc;
use std::time::{Duration, Instant};

use egress::PlayheadCommand;
use egress::shard::ViewerHandle;
use net::Arrival;
use rtc_crypto::RTCCrypto;
use stream::Stream;
use stream::admission::ViewerPermit;

use super::connection::{Connection, ConnectionEvent, ConnectionStart};
use super::end::End;
use super::serving::{Ciphers, Ends, Serving};
use super::session::Session;
use super::sessions::Registration;

/// One viewer.
#[derive(Debug)]
pub(super) struct Viewer {
    connection: Connection,
    stream: Arc<Stream>,
    state: State,
    permit: ViewerPermit,
    registration: Registration<Session>,
    /// When its encoders are let go, if it has not connected.
    gives_up_encoders: Option<Instant>,
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
    pub(super) connection: ConnectionStart,
    pub(super) serving: Serving,
    pub(super) permit: ViewerPermit,
    pub(super) registration: Registration<Session>,
}

impl Viewer {
    pub(super) fn new(opening: Opening, now: Instant) -> Self {
        Self {
            connection: Connection::new(opening.connection, now),
            stream: Arc::clone(&opening.serving.stream),
            state: State::Connecting(Box::new(opening.serving), Vec::new()),
            permit: opening.permit,
            registration: opening.registration,
            gives_up_encoders: Some(now + ENCODERS_RESERVED),
        }
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    pub(super) fn receive(&mut self, now: Instant, arrival: &Arrival) {
        self.connection.receive(now, arrival);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.gives_up_encoders.is_some_and(|at| at <= now) {
            self.gives_up_encoders = None;
            self.permit.release_encoders();
        }
        self.connection.transport.handle_timeout(now);
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let timeouts = [
            self.connection.transport.next_timeout(),
            self.gives_up_encoders,
        ];
        timeouts.into_iter().flatten().min()
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
        self.connection.flush();
        handled.err()
    }

    fn handle_events(
        &mut self,
        now: Instant,
        crypto: &dyn RTCCrypto,
        ends: &Ends,
    ) -> Result<(), End> {
        while let Some(event) = self.connection.poll_event(now) {
            match event {
                ConnectionEvent::Connected(keys) => {
                    let ciphers = Ciphers::new(crypto, &keys).map_err(|_| End::KeysRefused)?;
                    self.serve(ciphers, ends)?;
                }
                ConnectionEvent::Ended(end) => return Err(end),
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
            viewer = self.connection.id,
            stream = self.stream.name(),
            "viewer joined"
        );
        let handle = serving.start(ciphers, ends)?;
        self.permit.subscribed();
        for command in commands {
            handle.move_playhead(command);
        }
        self.state = State::Served(handle);
        Ok(())
    }

    pub(super) fn end(mut self, now: Instant, end: &End) {
        self.state = State::Ended;
        let viewer = self.connection.id;
        let lasted = self.connection.end(now, end);
        tracing::info!(
            viewer,
            stream = self.stream.name(),
            seconds = lasted.as_secs(),
            "viewer left: {end}"
        );
        drop((self.permit, self.registration));
    }
}
