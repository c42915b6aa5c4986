//! The life of one viewing as a state machine: connect, notice trouble, restart ICE, else start anew with back-off, for
//! as long as the page is open. It decides only; [`Effect`]s say what its owner has to do.
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
const UNSTEADY_FOR: f64 = 1_500.0;
const RESTART_WITHIN: f64 = 5_000.0;
const CONNECT_WITHIN: f64 = 15_000.0;
const ASK_WITHIN: f64 = 5_000.0;
const BACK_OFF_FIRST: f64 = 500.0;
const BACK_OFF_MOST: f64 = 10_000.0;
/// A session that held this long was a good one: the next back-off starts small again.
const GOOD_AFTER: f64 = 3_000.0;
/// A server that has just come back may still be looking at its files, so "no such stream" is believed after this many.
const GONE_AFTER: u32 = 4;

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
        because: Cause,
    },
    /// A new session is being set up after one was lost or refused.
    Reconnecting {
        because: Cause,
    },
    /// The stream is over.
    Ended,
    /// Trying again would not help.
    Failed(Failure),
}

impl Phase {
    /// One word for tests and styles: `data-state`.
    pub fn word(&self) -> &'static str {
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
    pub fn is_on(&self) -> bool {
        !matches!(self, Self::Stopped | Self::Ended | Self::Failed(_))
    }
}

/// Why a session is not there although the viewer wants one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
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
pub enum Verdict {
    There,
    Gone,
    Unreachable,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
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
    /// The server refused the ICE restart, or could not be asked.
    RestartFailed,
    Verdict(Verdict),
    /// The time of the last [`Effect::Arm`] is up.
    Timer,
    /// The device is back on a network.
    Online,
}

/// What the owner of the machine has to do, in this order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// Start a new session.
    Open,
    /// End the session, if there is one: close the connection and tell the server.
    Close,
    /// Restart ICE on the session.
    Restart,
    /// Ask the server whether the stream is still there.
    Ask,
    /// Send [`Event::Timer`] after this many milliseconds, in place of any earlier one.
    Arm(f64),
    Disarm,
}

/// The machine. `random` is drawn by the caller, from 0.0 to 1.0.
#[derive(Clone, Debug)]
pub struct Session {
    phase: Phase,
    /// Attempts since the last good session.
    attempts: u32,
    /// "No such stream" in a row.
    gone: u32,
    playing_since: Option<f64>,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            phase: Phase::Stopped,
            attempts: 0,
            gone: 0,
            playing_since: None,
        }
    }
}

impl Session {
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    pub fn step(&mut self, event: Event, now: f64, random: f64) -> Vec<Effect> {
        match (&self.phase, event) {
            (_, Event::Stop) => self.rest(Phase::Stopped),
            (Phase::Waiting { because, .. }, Event::Start | Event::Timer | Event::Online) => {
                let because = because.clone();
                self.open(Phase::Reconnecting { because })
            }
            (phase, Event::Start) if !phase.is_on() => {
                self.attempts = 0;
                self.gone = 0;
                self.open(Phase::Connecting)
            }

            (Phase::Connecting, Event::OpenFailed(OpenError::Gone(error))) => {
                self.rest(Phase::Failed(Failure::NotFound(error)))
            }
            (Phase::Connecting | Phase::Reconnecting { .. }, Event::OpenFailed(error)) => {
                self.refused(error, now, random)
            }
            (Phase::Connecting | Phase::Reconnecting { .. }, Event::IceFailed | Event::Timer) => {
                self.wait(Cause::NoPath, None, now, random)
            }

            (
                Phase::Connecting
                | Phase::Reconnecting { .. }
                | Phase::Unsteady
                | Phase::Restarting,
                Event::Connected,
            ) => {
                self.playing_since = Some(now);
                self.gone = 0;
                self.phase = Phase::Playing;
                vec![Effect::Disarm]
            }

            (Phase::Playing, Event::Disconnected) => {
                self.phase = Phase::Unsteady;
                vec![Effect::Arm(UNSTEADY_FOR)]
            }
            (Phase::Playing | Phase::Unsteady, Event::IceFailed | Event::Stalled)
            | (Phase::Unsteady, Event::Timer | Event::Online) => {
                self.phase = Phase::Restarting;
                vec![Effect::Restart, Effect::Arm(RESTART_WITHIN)]
            }
            (Phase::Restarting, Event::RestartFailed | Event::Timer) => {
                self.wait(Cause::Lost, None, now, random)
            }

            (phase, Event::RemoteClosed)
                if phase.is_on() && !matches!(phase, Phase::Waiting { .. }) =>
            {
                self.phase = Phase::Closed;
                vec![Effect::Ask, Effect::Arm(ASK_WITHIN)]
            }
            (Phase::Closed, Event::Verdict(Verdict::Gone)) => self.rest(Phase::Ended),
            (Phase::Closed, Event::Verdict(Verdict::There)) => {
                self.wait(Cause::Closed, None, now, random)
            }
            (Phase::Closed, Event::Verdict(Verdict::Unreachable) | Event::Timer) => {
                self.wait(Cause::Unreachable, None, now, random)
            }
            _ => Vec::new(),
        }
    }

    fn open(&mut self, phase: Phase) -> Vec<Effect> {
        self.phase = phase;
        vec![Effect::Close, Effect::Open, Effect::Arm(CONNECT_WITHIN)]
    }

    fn rest(&mut self, phase: Phase) -> Vec<Effect> {
        self.phase = phase;
        vec![Effect::Close, Effect::Disarm]
    }

    fn refused(&mut self, error: OpenError, now: f64, random: f64) -> Vec<Effect> {
        match error {
            OpenError::Unreachable => self.wait(Cause::Unreachable, None, now, random),
            OpenError::Later { error, after } => {
                self.wait(Cause::Refused(error), after, now, random)
            }
            OpenError::Gone(error) => {
                self.gone += 1;
                if self.gone >= GONE_AFTER {
                    self.rest(Phase::Ended)
                } else {
                    self.wait(Cause::Refused(error), None, now, random)
                }
            }
            OpenError::Refused(error) => self.rest(Phase::Failed(Failure::Refused(error))),
            OpenError::Browser(error) => self.rest(Phase::Failed(Failure::Browser(error))),
        }
    }

    fn wait(
        &mut self,
        because: Cause,
        at_least: Option<u32>,
        now: f64,
        random: f64,
    ) -> Vec<Effect> {
        if self
            .playing_since
            .take()
            .is_some_and(|since| now - since >= GOOD_AFTER)
        {
            self.attempts = 0;
        }
        let delay = back_off(self.attempts, random).max(at_least.map_or(0.0, f64::from));
        self.attempts = self.attempts.saturating_add(1);
        self.phase = Phase::Waiting {
            until: now + delay,
            because,
        };
        vec![Effect::Close, Effect::Arm(delay)]
    }
}

/// Milliseconds to wait before attempt number `attempt`: 0.5 s, doubled up to 10 s, spread by half upwards so that the
/// viewers of a server that went away do not all come back in the same moment.
pub fn back_off(attempt: u32, random: f64) -> f64 {
    let doubled = BACK_OFF_FIRST * f64::from(1_u32 << attempt.min(10));
    (doubled * (1.0 + 0.5 * random.clamp(0.0, 1.0))).min(BACK_OFF_MOST)
}

#[cfg(test)]
mod tests;
