//! One publisher, from the answer to the end: connecting, then received.

use std::time::{Duration, Instant};

use ingest::connection_receiver::ConnectionParams;
use net::Arrival;
use net::datagram::DatagramKind;
use rtc_crypto::RTCCrypto;

use super::connection::{Connection, ConnectionEvent, ConnectionStart};
use super::end::End;
use super::intake::Intake;
use super::published_media::PublishedMedia;
use super::publisher_counters::PublisherCounters;
use super::publisher_session::PublisherSession;
use super::sessions::Registration;

/// A publisher of which nothing authentic is heard for this long is gone: media, checks and answers to ours all count (RFC 7675 5.1).
pub(super) const SILENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Publisher {
    connection: Connection,
    state: State,
    /// Its name.
    stream: String,
    registration: Registration<PublisherSession>,
}

/// What a publisher begins with.
#[derive(Debug)]
pub(super) struct PublisherStart {
    pub(super) connection: ConnectionStart,
    pub(super) stream: String,
    pub(super) intake: IntakeParams,
    pub(super) registration: Registration<PublisherSession>,
}

#[derive(Debug)]
enum State {
    /// With what its media is received by, once there are keys.
    Connecting(Option<Box<IntakeParams>>),
    Receiving(Box<Intake>),
}

/// What a publisher's media is received by.
#[derive(Debug)]
pub(super) struct IntakeParams {
    pub(super) params: ConnectionParams,
    pub(super) media: PublishedMedia,
    pub(super) counters: PublisherCounters,
}

impl Publisher {
    pub(super) fn new(start: PublisherStart, now: Instant) -> Self {
        Self {
            connection: Connection::new(start.connection, now),
            state: State::Connecting(Some(Box::new(start.intake))),
            stream: start.stream,
            registration: start.registration,
        }
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    pub(super) fn receive(&mut self, now: Instant, arrival: &mut Arrival) {
        match DatagramKind::of(&arrival.datagram) {
            DatagramKind::Rtp | DatagramKind::Rtcp => {
                if let State::Receiving(intake) = &mut self.state
                    && intake.receive(now, arrival.at, &mut arrival.datagram)
                {
                    self.connection.transport.on_media(now);
                }
            }
            _ => self.connection.receive(now, arrival),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.connection.transport.handle_timeout(now);
        if let State::Receiving(intake) = &mut self.state {
            intake.handle_timeout(now);
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let transport = self.connection.transport.next_timeout();
        let intake = match &self.state {
            State::Receiving(intake) => Some(intake.next_timeout()),
            State::Connecting(_) => None,
        };
        transport.into_iter().chain(intake).min()
    }

    /// Handles the events of the transport and sends what is to be sent. Some: it is to end.
    pub(super) fn settle(&mut self, now: Instant, crypto: &dyn RTCCrypto) -> Option<End> {
        while let Some(event) = self.connection.poll_event(now) {
            match event {
                ConnectionEvent::Connected(keys) => {
                    let State::Connecting(params) = &mut self.state else {
                        continue;
                    };
                    let IntakeParams {
                        params,
                        media,
                        counters,
                    } = *params.take()?;
                    let Ok(intake) = Intake::new(crypto, &keys, params, media, counters, now)
                    else {
                        return Some(End::KeysRefused);
                    };
                    self.state = State::Receiving(Box::new(intake));
                    tracing::info!(
                        publisher = self.connection.id,
                        stream = self.stream,
                        "publisher connected"
                    );
                }
                ConnectionEvent::Ended(end) => return Some(end),
            }
        }
        if let State::Receiving(intake) = &mut self.state {
            if let Some(end) = intake.end() {
                return Some(end);
            }
            let transport = &self.connection.transport;
            if let Some(path) = transport.selected() {
                if let Some(rtt) = transport.rtt() {
                    intake.set_round_trip(path, rtt);
                }
                let route = &self.connection.route;
                intake.send_feedback(now, |datagram| route.send(path, datagram));
            }
        }
        self.connection.flush();
        None
    }

    pub(super) fn end(self, now: Instant, end: &End) {
        let (publisher, stream) = (self.connection.id, self.stream);
        drop(self.state);
        let lasted = self.connection.end(now, end);
        tracing::info!(
            publisher,
            stream,
            seconds = lasted.as_secs(),
            "publisher left: {end}"
        );
        // Requests that wait for the end see it now: nothing is appended any more.
        drop(self.registration);
    }
}
