//! One peer's connection: ICE finds the path, DTLS agrees on keys over it.
//!
//! DTLS begins on the first proved path, leaves on the selected one, and is accepted from addresses that have sent an authenticated
//! check. So a stranger who knows neither password reaches neither protocol, and nobody is sent a certificate who has not
//! asked for it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use net::datagram::DatagramKind;
use net::routes::Remote;

use crate::dtls::{Dtls, DtlsError, DtlsEvent, DtlsParams, Identity, Keys};
use crate::ice::{Agent, CheckPacer, Credentials, IceEvent, Verdict};

/// From the answer to the first authenticated check. Clients begin with checks when they have the answer; a connection without one keeps its place from
/// others.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// From the answer to the keys.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Clone, Debug)]
pub struct TransportParams {
    pub local: Credentials,
    pub remote: Credentials,
    pub dtls: DtlsParams,
    /// A connection on which nothing authentic was heard for this long ends. Consent to send expires after 30 s (RFC 7675 5.1).
    pub silence: Duration,
}

#[derive(Debug)]
pub enum Event {
    /// The first authenticated check from an address: its datagrams are this connection's.
    Learned(Remote),
    /// An address that is not in use any more, or gave its place to a newer one.
    Forgotten(Remote),
    /// Data goes here from now on.
    Selected(Remote),
    /// A path works with the credentials of the restart; those before are invalid now.
    RestartDone,
    Connected(Keys),
    /// The last event.
    Ended(EndReason),
}

/// Why a connection ended, if not by [`Transport::close`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndReason {
    #[error(
        "no connectivity check of the peer within 5 s: look whether its datagrams reach the port of this server, \
         and allow that port in firewalls"
    )]
    NeverChecked,
    #[error(
        "no connection within 15 s: look whether datagrams of the peer reach the port of this server, \
         and allow that port in firewalls"
    )]
    NeverConnected,
    #[error(transparent)]
    HandshakeFailed(DtlsError),
    #[error("the peer closed the connection")]
    PeerClosed,
    #[error(
        "nothing was heard of the peer for too long: it lost its network, or ended without a word; connect again"
    )]
    Silent,
}

/// Datagrams in, datagrams out. Events and datagrams are to be polled after each call that takes `now`.
#[derive(Debug)]
pub struct Transport {
    agent: Agent,
    dtls: Dtls,
    state: State,
    silence: Duration,
    events: VecDeque<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Connecting {
        since: Instant,
    },
    Connected {
        /// The newest authentic media.
        media: Instant,
    },
    Ended,
}

impl Transport {
    pub fn new(
        identity: &Identity,
        params: TransportParams,
        now: Instant,
    ) -> Result<Self, DtlsError> {
        Ok(Self {
            agent: Agent::new(params.local, params.remote, now),
            dtls: Dtls::new(identity, params.dtls)?,
            state: State::Connecting { since: now },
            silence: params.silence,
            events: VecDeque::new(),
        })
    }

    /// The peer is lite, and sends no checks: these candidates of its offer are checked. To be called at the beginning.
    pub fn check_candidates(&mut self, candidates: &[Remote], pacer: &CheckPacer, now: Instant) {
        self.agent.check_candidates(candidates, pacer, now);
    }

    /// Takes a STUN or DTLS datagram. Others, and DTLS of an unknown address, are ignored.
    pub fn receive(&mut self, now: Instant, from: Remote, datagram: &[u8]) -> Verdict {
        if self.state == State::Ended {
            return Verdict::NotOurs;
        }
        let verdict = match DatagramKind::of(datagram) {
            DatagramKind::Stun => self.agent.receive(now, from, datagram),
            DatagramKind::Dtls if self.agent.knows(from) => {
                self.dtls.receive(now, datagram);
                Verdict::Ours
            }
            _ => return Verdict::NotOurs,
        };
        self.take_events(now);
        verdict
    }

    /// Continues with other credentials (RFC 8445 9). Media and keys stay.
    pub fn restart(&mut self, local: Credentials, remote: Credentials, now: Instant) {
        if self.state != State::Ended {
            self.agent.restart(local, remote, now);
            self.take_events(now);
        }
    }

    /// Our credentials before a restart that is not done: requests may name them.
    pub fn previous_local(&self) -> Option<&Credentials> {
        self.agent.previous_local()
    }

    /// An authentic SRTP or SRTCP packet of the peer: one that publishes and does not answer checks, as FFmpeg, is not silent.
    pub fn on_media(&mut self, now: Instant) {
        if let State::Connected { media } = &mut self.state {
            *media = now;
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        match self.deadline() {
            None => return,
            Some((deadline, reason)) if deadline <= now => return self.end(reason),
            Some(_) => {}
        }
        self.agent.handle_timeout(now);
        self.dtls.handle_timeout(now);
        self.take_events(now);
    }

    /// None: it has ended.
    pub fn next_timeout(&self) -> Option<Instant> {
        let (deadline, _) = self.deadline()?;
        let parts = [self.agent.next_timeout(), self.dtls.next_timeout()];
        Some(parts.into_iter().flatten().fold(deadline, Instant::min))
    }

    pub fn poll_transmit(&mut self) -> Option<(Remote, Vec<u8>)> {
        self.agent.poll_transmit().or_else(|| {
            let selected = self.agent.selected()?;
            Some((selected, self.dtls.poll_transmit()?))
        })
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Tells the peer, if it is connected, and ends. No event follows.
    pub fn close(&mut self, now: Instant) {
        if self.state != State::Ended {
            self.dtls.close(now);
            self.state = State::Ended;
        }
    }

    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected { .. })
    }

    pub fn selected(&self) -> Option<Remote> {
        self.agent.selected()
    }

    /// The newest round-trip time of the selected path: of a check for consent, every 4 to 6 s.
    pub fn rtt(&self) -> Option<Duration> {
        self.agent.rtt()
    }

    /// When the connection ends if nothing happens, and why.
    fn deadline(&self) -> Option<(Instant, EndReason)> {
        match self.state {
            State::Connecting { since } => {
                Some(match self.agent.has_heard() || self.agent.has_lite_peer() {
                    false => (since + CHECK_TIMEOUT, EndReason::NeverChecked),
                    true => (since + CONNECT_TIMEOUT, EndReason::NeverConnected),
                })
            }
            State::Connected { media } => {
                let heard = self.agent.last_heard().max(media);
                Some((heard + self.silence, EndReason::Silent))
            }
            State::Ended => None,
        }
    }

    fn take_events(&mut self, now: Instant) {
        while let Some(event) = self.agent.poll_event() {
            self.events.push_back(match event {
                IceEvent::Learned(remote) => Event::Learned(remote),
                IceEvent::Forgotten(remote) => Event::Forgotten(remote),
                IceEvent::Selected(remote) => {
                    // The first path; further calls have no effect.
                    self.dtls.start(now);
                    Event::Selected(remote)
                }
                IceEvent::RestartDone => Event::RestartDone,
            });
        }
        while let Some(event) = self.dtls.poll_event() {
            match event {
                DtlsEvent::Connected(keys) => {
                    self.state = State::Connected { media: now };
                    self.events.push_back(Event::Connected(keys));
                }
                DtlsEvent::PeerClosed => return self.end(EndReason::PeerClosed),
                // An alert, after the handshake.
                DtlsEvent::Failed(_) if self.is_connected() => {
                    return self.end(EndReason::PeerClosed);
                }
                DtlsEvent::Failed(error) => return self.end(EndReason::HandshakeFailed(error)),
            }
        }
    }

    fn end(&mut self, reason: EndReason) {
        self.state = State::Ended;
        self.events.push_back(Event::Ended(reason));
    }
}

#[cfg(test)]
mod tests;
