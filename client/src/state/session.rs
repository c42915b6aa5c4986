//! The life of one viewing as a state machine: connect, notice trouble, restart ICE, else start anew with back-off, for
//! as long as the page is open. It decides only; [`SessionEffect`]s say what its owner has to do.
//!
//! ```text
//! Stopped -> Connecting -> Playing -> Unsteady -> Restarting -> Waiting -> Reconnecting -> Playing
//!                             |                                    ^
//!                             +-> Closed (by the server) -> Ended  |
//!                                    +-----------------------------+
//! ```
//!
//! Times are milliseconds of one steady clock that the caller chooses.

/// An ICE restart costs a request; a short dip heals by itself.
const UNSTEADY_MS: f64 = 1_500.0;
const RESTART_TIMEOUT_MS: f64 = 5_000.0;
const CONNECT_TIMEOUT_MS: f64 = 15_000.0;
const QUERY_TIMEOUT_MS: f64 = 5_000.0;
const FIRST_BACKOFF_MS: f64 = 500.0;
const MAX_BACKOFF_MS: f64 = 10_000.0;
/// A session that held this long was a good one: the next back-off starts small again.
const STABLE_AFTER_MS: f64 = 3_000.0;
/// A server that has just come back may still be looking at its files, so "no such stream" is believed after this many.
const MAX_GONE: u32 = 4;

/// What a viewer sees.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Nothing was asked for.
    Stopped,
    Connecting,
    /// The transport is up.
    Playing,
    /// Nothing arrives; it may come back by itself.
    Unsteady,
    /// An ICE restart is under way.
    Restarting,
    /// The server closed the connection; it is being asked whether the stream is still there.
    Closed,
    /// Trying again at `until`.
    Waiting {
        until: f64,
        cause: RetryCause,
    },
    /// A new session is being set up after one was lost or open_failed.
    Reconnecting {
        cause: RetryCause,
    },
    /// The stream is over.
    Ended,
    /// Trying again would not help.
    Failed(Failure),
}

impl Phase {
    /// One as_str for tests and styles: `data-state`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Connecting => "connecting",
            Self::Playing => "playing",
            Self::Unsteady | Self::Restarting | Self::Closed => "unsteady",
            Self::Waiting { .. } => "waiting",
            Self::Reconnecting { .. } => "reconnecting",
            Self::Ended => "ended",
            Self::Failed(_) => "failed",
        }
    }

    /// True while something is being done or watched: a stop makes sense.
    pub fn is_active(&self) -> bool {
        !matches!(self, Self::Stopped | Self::Ended | Self::Failed(_))
    }
}

/// Why a session is not there although the viewer wants one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryCause {
    /// Nothing arrived any more.
    Lost,
    /// The server said goodbye, and still has the stream.
    Closed,
    /// No answer from the server at all.
    Unreachable,
    /// The server answered, but no path for the media was found.
    NoPath,
    /// The server said no for now; its own sentence.
    Refused(String),
}

/// Why trying again by itself would not help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no such stream; the server's sentence.
    NotFound(String),
    /// The server will not serve this offer; its sentence, empty when what answered is not a Weir server.
    Refused(String),
    /// The browser cannot do it; its sentence.
    Browser(String),
}

/// Why no session came of an attempt to open one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    Unreachable,
    /// 404: no such stream.
    Gone(String),
    /// 503, 429, 5xx: later, at the earliest after this many milliseconds.
    Later {
        error: String,
        after: Option<u32>,
    },
    /// Another 4xx, or no Weir server (empty).
    Refused(String),
    Browser(String),
}

/// What the server says of a stream whose connection it closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStatus {
    Available,
    Gone,
    Unreachable,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionEvent {
    /// A person asks to watch, or to try again at once.
    Start,
    Stop,
    OpenFailed(OpenError),
    Connected,
    Disconnected,
    /// ICE gave up.
    IceFailed,
    /// DTLS said goodbye.
    RemoteClosed,
    /// Connected, and yet nothing arrives.
    Stalled,
    /// The server open_failed the ICE restart, or could not be asked.
    RestartFailed,
    StreamStatus(StreamStatus),
    /// The time of the last [`SessionEffect::SetTimer`] is up.
    Timer,
    /// The device is back on a network.
    Online,
}

/// What the owner of the machine has to do, in this order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SessionEffect {
    /// Start a new session.
    Open,
    /// End the session, if there is one: close the connection and tell the server.
    Close,
    /// Restart ICE on the session.
    RestartIce,
    /// Ask the server whether the stream is still there.
    QueryStream,
    /// Send [`SessionEvent::Timer`] after this many milliseconds, in place of any earlier one.
    SetTimer(f64),
    ClearTimer,
}

/// The machine. `random` is drawn by the caller, from 0.0 to 1.0.
#[derive(Clone, Debug)]
pub struct PlayerSession {
    phase: Phase,
    /// Attempts since the last good session.
    attempts: u32,
    /// "No such stream" in a row.
    gone: u32,
    playing_since: Option<f64>,
}

impl Default for PlayerSession {
    fn default() -> Self {
        Self {
            phase: Phase::Stopped,
            attempts: 0,
            gone: 0,
            playing_since: None,
        }
    }
}

impl PlayerSession {
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    pub fn step(&mut self, event: SessionEvent, now: f64, random: f64) -> Vec<SessionEffect> {
        match (&self.phase, event) {
            (_, SessionEvent::Stop) => self.stop_in(Phase::Stopped),
            (
                Phase::Waiting { cause, .. },
                SessionEvent::Start | SessionEvent::Timer | SessionEvent::Online,
            ) => {
                let cause = cause.clone();
                self.open(Phase::Reconnecting { cause })
            }
            (phase, SessionEvent::Start) if !phase.is_active() => {
                self.attempts = 0;
                self.gone = 0;
                self.open(Phase::Connecting)
            }

            (Phase::Connecting, SessionEvent::OpenFailed(OpenError::Gone(error))) => {
                self.stop_in(Phase::Failed(Failure::NotFound(error)))
            }
            (Phase::Connecting | Phase::Reconnecting { .. }, SessionEvent::OpenFailed(error)) => {
                self.open_failed(error, now, random)
            }
            (
                Phase::Connecting | Phase::Reconnecting { .. },
                SessionEvent::IceFailed | SessionEvent::Timer,
            ) => self.wait(RetryCause::NoPath, None, now, random),

            (
                Phase::Connecting
                | Phase::Reconnecting { .. }
                | Phase::Unsteady
                | Phase::Restarting,
                SessionEvent::Connected,
            ) => {
                self.playing_since = Some(now);
                self.gone = 0;
                self.phase = Phase::Playing;
                vec![SessionEffect::ClearTimer]
            }

            (Phase::Playing, SessionEvent::Disconnected) => {
                self.phase = Phase::Unsteady;
                vec![SessionEffect::SetTimer(UNSTEADY_MS)]
            }
            (Phase::Playing | Phase::Unsteady, SessionEvent::IceFailed | SessionEvent::Stalled)
            | (Phase::Unsteady, SessionEvent::Timer | SessionEvent::Online) => {
                self.phase = Phase::Restarting;
                vec![
                    SessionEffect::RestartIce,
                    SessionEffect::SetTimer(RESTART_TIMEOUT_MS),
                ]
            }
            (Phase::Restarting, SessionEvent::RestartFailed | SessionEvent::Timer) => {
                self.wait(RetryCause::Lost, None, now, random)
            }

            (phase, SessionEvent::RemoteClosed)
                if phase.is_active() && !matches!(phase, Phase::Waiting { .. }) =>
            {
                self.phase = Phase::Closed;
                vec![
                    SessionEffect::QueryStream,
                    SessionEffect::SetTimer(QUERY_TIMEOUT_MS),
                ]
            }
            (Phase::Closed, SessionEvent::StreamStatus(StreamStatus::Gone)) => {
                self.stop_in(Phase::Ended)
            }
            (Phase::Closed, SessionEvent::StreamStatus(StreamStatus::Available)) => {
                self.wait(RetryCause::Closed, None, now, random)
            }
            (
                Phase::Closed,
                SessionEvent::StreamStatus(StreamStatus::Unreachable) | SessionEvent::Timer,
            ) => self.wait(RetryCause::Unreachable, None, now, random),
            _ => Vec::new(),
        }
    }

    fn open(&mut self, phase: Phase) -> Vec<SessionEffect> {
        self.phase = phase;
        vec![
            SessionEffect::Close,
            SessionEffect::Open,
            SessionEffect::SetTimer(CONNECT_TIMEOUT_MS),
        ]
    }

    fn stop_in(&mut self, phase: Phase) -> Vec<SessionEffect> {
        self.phase = phase;
        vec![SessionEffect::Close, SessionEffect::ClearTimer]
    }

    fn open_failed(&mut self, error: OpenError, now: f64, random: f64) -> Vec<SessionEffect> {
        match error {
            OpenError::Unreachable => self.wait(RetryCause::Unreachable, None, now, random),
            OpenError::Later { error, after } => {
                self.wait(RetryCause::Refused(error), after, now, random)
            }
            OpenError::Gone(error) => {
                self.gone += 1;
                if self.gone >= MAX_GONE {
                    self.stop_in(Phase::Ended)
                } else {
                    self.wait(RetryCause::Refused(error), None, now, random)
                }
            }
            OpenError::Refused(error) => self.stop_in(Phase::Failed(Failure::Refused(error))),
            OpenError::Browser(error) => self.stop_in(Phase::Failed(Failure::Browser(error))),
        }
    }

    fn wait(
        &mut self,
        cause: RetryCause,
        at_least: Option<u32>,
        now: f64,
        random: f64,
    ) -> Vec<SessionEffect> {
        if self
            .playing_since
            .take()
            .is_some_and(|since| now - since >= STABLE_AFTER_MS)
        {
            self.attempts = 0;
        }
        let delay = backoff(self.attempts, random).max(at_least.map_or(0.0, f64::from));
        self.attempts = self.attempts.saturating_add(1);
        self.phase = Phase::Waiting {
            until: now + delay,
            cause,
        };
        vec![SessionEffect::Close, SessionEffect::SetTimer(delay)]
    }
}

/// Milliseconds to wait before attempt number `attempt`: 0.5 s, doubled up to 10 s, spread by half upwards so that the
/// viewers of a server that went away do not all come back in the same moment.
pub fn backoff(attempt: u32, random: f64) -> f64 {
    let doubled = FIRST_BACKOFF_MS * f64::from(1_u32 << attempt.min(10));
    (doubled * (1.0 + 0.5 * random.clamp(0.0, 1.0))).min(MAX_BACKOFF_MS)
}

#[cfg(test)]
mod tests;
