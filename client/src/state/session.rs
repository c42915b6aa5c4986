//! The state machine of a player: connect, restart ICE when nothing arrives, else open a new session after a back-off, for as
//! long as the page is open. It does no I/O: it returns [`SessionEffect`]s, which its owner runs.
//!
//! ```text
//! Stopped -> Connecting -> Playing -> Unsteady -> Restarting -> Waiting -> Reconnecting -> Playing
//!                             |                                    ^
//!                             +-> Closed (by the server) -> Ended  |
//!                                    +-----------------------------+
//! ```
//!
//! In `Ended` and `Upcoming` a session waits for the publisher: it is opened, and opened again when it is lost, at the same back-off. Its first picture ends the wait.
//!
//! Times are milliseconds of a monotonic clock.

mod off_air;

use shared::api::ApiError;
use shared::retry::{Backoff, Retry};

/// An ICE restart costs a request; a short interruption needs none.
const UNSTEADY_MS: u64 = 1_500;
pub(super) const RESTART_TIMEOUT_MS: u64 = 5_000;
pub(super) const CONNECT_TIMEOUT_MS: u64 = 15_000;
const QUERY_TIMEOUT_MS: u64 = 5_000;
/// After a session that lasted this long, the back-off starts small again.
pub(super) const STABLE_AFTER_MS: u64 = 3_000;
/// 404 responses in a row after which the stream has ended: a server that has just started may still be scanning its files.
const MAX_GONE: u32 = 4;

/// The state of the player.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Not started, or stopped by the user.
    Stopped,
    Connecting,
    /// The transport is up.
    Playing,
    /// Nothing arrives; the connection may recover.
    Unsteady,
    /// An ICE restart is under way.
    Restarting,
    /// The server closed the connection; a request asks it whether the stream is still available.
    Closed,
    /// The next attempt is at `until`.
    Waiting {
        until: u64,
        cause: RetryCause,
    },
    /// A new session is being opened after one was lost or refused.
    Reconnecting {
        cause: RetryCause,
    },
    /// The stream has ended; playback continues when it is back.
    Ended,
    /// Nobody has published the stream yet; playback begins when somebody does.
    Upcoming,
    /// A retry would not help.
    Failed(Failure),
}

impl Phase {
    /// The value of `data-state`, for tests and styles.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Connecting => "connecting",
            Self::Playing => "playing",
            Self::Unsteady | Self::Restarting | Self::Closed => "unsteady",
            Self::Waiting { .. } => "waiting",
            Self::Reconnecting { .. } => "reconnecting",
            Self::Ended => "ended",
            Self::Upcoming => "upcoming",
            Self::Failed(_) => "failed",
        }
    }

    /// True while a session is open, being opened or waited for.
    pub fn is_active(&self) -> bool {
        !(self.is_off_air() || matches!(self, Self::Stopped | Self::Failed(_)))
    }

    /// There is nothing to watch, until the stream is back.
    pub fn is_off_air(&self) -> bool {
        matches!(self, Self::Ended | Self::Upcoming)
    }
}

/// Why there is no session although the user wants to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryCause {
    /// Media stopped arriving.
    Lost,
    /// The server closed the connection and still has the stream.
    Closed,
    /// No response from the server.
    Unreachable,
    /// The server answered, but ICE found no path.
    NoPath,
    /// The server refused for now.
    Refused(ApiError),
}

/// Why a retry would not help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// 404: there is no such stream.
    NotFound(ApiError),
    /// The server refused the offer.
    Refused(ApiError),
    /// The response is not from a Weir server.
    NotWeir,
    /// The browser failed; its error message.
    Browser(String),
}

/// Why a session could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    Unreachable,
    /// 404: no such stream.
    Gone(ApiError),
    /// Nobody publishes the stream now.
    NotLive,
    /// 429 or 5xx: retry, at the earliest `after` this many milliseconds.
    Later {
        error: ApiError,
        after: Option<u32>,
    },
    /// Another 4xx.
    Refused(ApiError),
    /// A response that is not from a Weir server.
    NotWeir,
    Browser(String),
}

/// The server's response about a stream whose connection it closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStatus {
    Available,
    Gone,
    NotBegun,
    Unreachable,
}

/// An input of the state machine.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionEvent {
    /// The user starts, or retries at once.
    Start,
    Stop,
    OpenFailed(OpenError),
    Connected,
    Disconnected,
    /// The connection state is `failed`.
    IceFailed,
    /// The other side closed DTLS.
    RemoteClosed,
    /// Connected, but no bytes arrive.
    Stalled,
    /// The request of the ICE restart failed.
    RestartFailed,
    StreamStatus(StreamStatus),
    /// The same, before an offer is sent.
    Described(StreamStatus),
    /// A picture or sound is played.
    Arrived,
    /// The timer of the last [`SessionEffect::SetTimer`] expired.
    Timer,
    /// The network or the page is back: an attempt is worth making at once.
    TryNow,
    /// The stream is live, as the list of streams says.
    Live,
}

/// What the owner of the state machine has to do, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SessionEffect {
    /// Open a new session.
    Open,
    /// Close the session, if there is one, and delete it on the server.
    Close,
    /// Restart ICE on the session.
    RestartIce,
    /// Ask the server whether the stream is still available.
    QueryStream,
    /// Send [`SessionEvent::Timer`] after this many milliseconds; replaces an earlier timer.
    SetTimer(u64),
    ClearTimer,
}

/// The state machine of the module.
#[derive(Clone, Debug)]
pub struct PlayerSession {
    phase: Phase,
    retry: Retry,
    /// 404 responses in a row.
    gone: u32,
    /// A session waits for the publisher, who has not begun yet.
    waits: bool,
    /// The page or the network was away while it waited: its connection may be lost.
    woke: bool,
    /// The server asks for no attempt before this time (`Retry-After`); a person may make one.
    not_before: u64,
}

impl Default for PlayerSession {
    fn default() -> Self {
        Self {
            phase: Phase::Stopped,
            retry: Retry::new(Backoff::SERVER, STABLE_AFTER_MS),
            gone: 0,
            waits: false,
            woke: false,
            not_before: 0,
        }
    }
}

impl PlayerSession {
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Handles an event. `jitter`: 0.0 to 1.0, at random.
    pub fn step(&mut self, event: SessionEvent, now: u64, jitter: f64) -> Vec<SessionEffect> {
        match (&self.phase, event) {
            (_, SessionEvent::Stop) => self.stop_in(Phase::Stopped),
            // The timer goes on.
            (_, SessionEvent::TryNow | SessionEvent::Live) if now < self.not_before => Vec::new(),
            (
                Phase::Waiting { cause, .. },
                SessionEvent::Start | SessionEvent::Timer | SessionEvent::TryNow,
            ) => {
                let cause = cause.clone();
                self.open(Phase::Reconnecting { cause })
            }
            (phase, SessionEvent::Start) if !phase.is_active() => {
                self.retry.reset();
                self.gone = 0;
                self.open(Phase::Connecting)
            }

            (Phase::Connecting, SessionEvent::OpenFailed(OpenError::Gone(error))) => {
                self.stop_in(Phase::Failed(Failure::NotFound(error)))
            }
            (Phase::Connecting | Phase::Reconnecting { .. }, SessionEvent::OpenFailed(error)) => {
                self.open_failed(error, now, jitter)
            }
            (
                Phase::Connecting | Phase::Reconnecting { .. },
                SessionEvent::IceFailed | SessionEvent::Timer,
            ) => self.wait(RetryCause::NoPath, None, now, jitter),

            (
                Phase::Connecting
                | Phase::Reconnecting { .. }
                | Phase::Unsteady
                | Phase::Restarting,
                SessionEvent::Connected,
            ) => {
                self.retry.on_succeeded(now);
                self.gone = 0;
                self.phase = Phase::Playing;
                vec![SessionEffect::ClearTimer]
            }

            (Phase::Playing, SessionEvent::Disconnected) => {
                self.phase = Phase::Unsteady;
                vec![SessionEffect::SetTimer(UNSTEADY_MS)]
            }
            (Phase::Playing | Phase::Unsteady, SessionEvent::IceFailed | SessionEvent::Stalled)
            | (Phase::Unsteady, SessionEvent::Timer | SessionEvent::TryNow) => {
                self.phase = Phase::Restarting;
                vec![
                    SessionEffect::RestartIce,
                    SessionEffect::SetTimer(RESTART_TIMEOUT_MS),
                ]
            }
            (Phase::Restarting, SessionEvent::RestartFailed | SessionEvent::Timer) => {
                self.wait(RetryCause::Lost, None, now, jitter)
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
            (
                Phase::Closed,
                SessionEvent::StreamStatus(StreamStatus::Gone | StreamStatus::NotBegun),
            ) => self.end(Phase::Ended, None, now, jitter),
            (
                Phase::Connecting | Phase::Reconnecting { .. } | Phase::Ended | Phase::Upcoming,
                SessionEvent::Described(status),
            ) => self.described(status),
            // Nothing comes, and it has connected.
            (
                Phase::Playing,
                SessionEvent::StreamStatus(status @ (StreamStatus::Gone | StreamStatus::NotBegun)),
            ) => {
                self.waits = true;
                self.described(status)
            }
            (phase, event) if phase.is_off_air() => self.wait_for_publisher(event, now, jitter),
            (Phase::Closed, SessionEvent::StreamStatus(StreamStatus::Available)) => {
                self.wait(RetryCause::Closed, None, now, jitter)
            }
            (
                Phase::Closed,
                SessionEvent::StreamStatus(StreamStatus::Unreachable) | SessionEvent::Timer,
            ) => self.wait(RetryCause::Unreachable, None, now, jitter),
            _ => Vec::new(),
        }
    }

    fn open(&mut self, phase: Phase) -> Vec<SessionEffect> {
        self.phase = phase;
        (self.waits, self.woke) = (false, false);
        self.not_before = 0;
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

    /// There is nothing to watch: ask from time to time whether the stream is back.
    fn end(
        &mut self,
        phase: Phase,
        at_least: Option<u32>,
        now: u64,
        jitter: f64,
    ) -> Vec<SessionEffect> {
        self.phase = phase;
        self.gone = 0;
        self.waits = false;
        self.close_until(at_least, now, jitter)
    }

    /// The next attempt: after the back-off, and `at_least` so many milliseconds.
    fn close_until(&mut self, at_least: Option<u32>, now: u64, jitter: f64) -> Vec<SessionEffect> {
        let at_least = at_least.unwrap_or(0).into();
        self.not_before = now.saturating_add(at_least);
        let delay = self.retry.on_failed(now, jitter, at_least);
        vec![SessionEffect::Close, SessionEffect::SetTimer(delay)]
    }

    fn open_failed(&mut self, error: OpenError, now: u64, jitter: f64) -> Vec<SessionEffect> {
        match error {
            OpenError::Unreachable => self.wait(RetryCause::Unreachable, None, now, jitter),
            OpenError::Later { error, after } => {
                self.wait(RetryCause::Refused(error), after, now, jitter)
            }
            OpenError::Gone(error) => {
                self.gone += 1;
                if self.gone >= MAX_GONE {
                    self.end(Phase::Ended, None, now, jitter)
                } else {
                    self.wait(RetryCause::Refused(error), None, now, jitter)
                }
            }
            OpenError::NotLive => self.end(Phase::Ended, None, now, jitter),
            OpenError::Refused(error) => self.stop_in(Phase::Failed(Failure::Refused(error))),
            OpenError::NotWeir => self.stop_in(Phase::Failed(Failure::NotWeir)),
            OpenError::Browser(error) => self.stop_in(Phase::Failed(Failure::Browser(error))),
        }
    }

    fn wait(
        &mut self,
        cause: RetryCause,
        at_least: Option<u32>,
        now: u64,
        jitter: f64,
    ) -> Vec<SessionEffect> {
        let effects = self.close_until(at_least, now, jitter);
        self.phase = Phase::Waiting {
            until: self.retry.due(),
            cause,
        };
        effects
    }
}

#[cfg(test)]
mod tests;
