//! The state machine of the page to publish from: ask for a camera, show it, send it, and keep sending it when the connection is lost. It does no I/O: it
//! returns [`PublishEffect`]s, which its owner runs.
//!
//! ```text
//! Idle -> Asking -> Preview -> Connecting -> Live <-> Weak -> Recovering -> Live
//!            |                     |                              |
//!            +------ Blocked ------+------------------------------+         Stopped
//! ```
//!
//! Times are milliseconds of a monotonic clock.

use shared::api::{ApiError, ErrorCode};
use shared::retry::{Backoff, Retry};

use super::capture::CaptureProblem;
use super::session::{
    CONNECT_TIMEOUT_MS, OpenError, RESTART_TIMEOUT_MS, RetryCause, STABLE_AFTER_MS,
};

/// An ICE restart costs a request; a short interruption needs none.
const UNSTEADY_MS: u64 = 2_000;
/// Attempts in a row that meet another publisher, after which it is one: the end of the session before takes the server a moment.
const MAX_TAKEN: u32 = 3;

/// The state of the page.
#[derive(Clone, Debug, PartialEq)]
pub enum PublishPhase {
    /// Nothing has been asked for.
    Idle,
    /// The browser asks the person for a camera or a screen.
    Asking,
    /// Shown here, and not sent.
    Preview,
    Connecting,
    Live,
    /// Live, but not as it should be.
    Weak(Weakness),
    /// What was live is lost, and comes back by itself.
    Recovering {
        cause: RetryCause,
        step: RecoveryStep,
    },
    /// The person has to do something.
    Blocked(Blocked),
    Stopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// The connection state is `disconnected`; it may recover.
    Unsteady,
    /// The network takes less than the picture needs.
    Uplink,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryStep {
    /// An ICE restart is under way.
    Restarting,
    /// The next attempt is at `until`.
    Waiting { until: u64 },
    /// A new session is being opened.
    Opening,
}

/// Why the person has to do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    Capture(CaptureProblem),
    /// The server refuses this key, this name or this offer.
    Refused(ApiError),
    /// The response is not from a Weir server.
    NotWeir,
    /// The browser failed; its error message.
    Browser(String),
}

/// An input of the state machine.
#[derive(Clone, Debug, PartialEq)]
pub enum PublishEvent {
    /// The person turns on what was chosen, or changes it.
    Capture,
    Captured,
    CaptureFailed(CaptureProblem),
    /// A device was removed, or its use was ended in the browser.
    CaptureEnded,
    /// The person goes live.
    GoLive,
    /// The same, in place of another session with the same key.
    TakeOver,
    OpenFailed(OpenError),
    Connected,
    Disconnected,
    /// The connection state is `failed`.
    IceFailed,
    /// The other side closed DTLS.
    RemoteClosed,
    /// Connected, but the server reports nothing.
    Stalled,
    /// The request of the ICE restart failed.
    RestartFailed,
    /// The new tracks cannot be sent in this session.
    Renew,
    /// Whether the network takes less than the picture needs.
    Uplink {
        weak: bool,
    },
    /// The timer of the last [`PublishEffect::SetTimer`] expired.
    Timer,
    /// The person does not want to wait.
    TryNow,
    /// The network or the page is back, or the machine has slept: what failed may work now. The failures stay counted, so that a server that is down is asked
    /// once at each return, and then as seldom as before.
    Woke,
    Stop,
}

/// What the owner of the state machine has to do, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PublishEffect {
    /// Ask the browser for what was chosen.
    Capture,
    /// End the tracks.
    Release,
    /// Send the new tracks in the open session.
    Replace,
    /// Open a session, in place of the one before. `take_over`: in place of any with the same key.
    Open {
        take_over: bool,
    },
    /// Close the connection. The stream goes on for viewers, who wait for the next session.
    Abandon,
    /// Close the connection, and end the stream for viewers.
    Delete,
    RestartIce,
    /// Send [`PublishEvent::Timer`] after this many milliseconds; replaces an earlier timer.
    SetTimer(u64),
    ClearTimer,
}

/// The state machine of the module.
#[derive(Clone, Debug)]
pub struct Publish {
    phase: PublishPhase,
    retry: Retry,
    /// Attempts in a row that met another publisher.
    taken: u32,
    /// The server asks for no attempt before this time (`Retry-After`); a person may make one.
    not_before: u64,
}

impl Default for Publish {
    fn default() -> Self {
        Self {
            phase: PublishPhase::Idle,
            retry: Retry::new(Backoff::SERVER, STABLE_AFTER_MS),
            taken: 0,
            not_before: 0,
        }
    }
}

impl PublishPhase {
    /// The value of `data-state`, for tests and styles.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Asking => "asking",
            Self::Preview => "preview",
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Weak(_) => "weak",
            Self::Recovering { .. } => "recovering",
            Self::Blocked(_) => "blocked",
            Self::Stopped => "stopped",
        }
    }

    /// A session is open, being opened, or waited for.
    pub fn is_publishing(&self) -> bool {
        matches!(self, Self::Connecting | Self::Recovering { .. }) || self.is_live()
    }

    pub fn is_live(&self) -> bool {
        matches!(self, Self::Live | Self::Weak(_))
    }
}

impl Publish {
    pub fn phase(&self) -> &PublishPhase {
        &self.phase
    }

    /// Handles an event. `jitter`: 0.0 to 1.0, at random.
    pub fn step(&mut self, event: PublishEvent, now: u64, jitter: f64) -> Vec<PublishEffect> {
        use {PublishEffect as Effect, PublishEvent as Event, PublishPhase as Phase};
        match (&self.phase, event) {
            (_, Event::Stop) => {
                self.phase = Phase::Stopped;
                vec![Effect::Delete, Effect::Release, Effect::ClearTimer]
            }

            // What is live goes on until its successor is there.
            (phase, Event::Capture) if phase.is_publishing() => vec![Effect::Capture],
            (_, Event::Capture) => {
                self.phase = Phase::Asking;
                vec![Effect::Capture]
            }
            (phase, Event::Captured) if phase.is_publishing() => vec![Effect::Replace],
            (Phase::Asking, Event::Captured) => {
                self.phase = Phase::Preview;
                Vec::new()
            }
            (Phase::Asking, Event::CaptureFailed(problem)) => {
                self.phase = Phase::Blocked(Blocked::Capture(problem));
                vec![Effect::Release]
            }
            (Phase::Idle | Phase::Asking | Phase::Stopped, Event::CaptureEnded) => Vec::new(),
            (_, Event::CaptureEnded) => {
                self.phase = Phase::Blocked(Blocked::Capture(CaptureProblem::Ended));
                vec![Effect::Delete, Effect::Release, Effect::ClearTimer]
            }

            (phase, Event::Renew) if phase.is_publishing() => self.connect(false),
            (Phase::Recovering { .. }, Event::GoLive) => self.reopen(),
            (Phase::Preview | Phase::Blocked(_), Event::GoLive) => self.connect(false),
            (Phase::Preview | Phase::Blocked(_), Event::TakeOver) => self.connect(true),

            (Phase::Connecting | Phase::Recovering { .. }, Event::OpenFailed(error)) => {
                self.open_failed(error, now, jitter)
            }
            (
                Phase::Connecting
                | Phase::Recovering {
                    step: RecoveryStep::Opening,
                    ..
                },
                Event::IceFailed | Event::Timer,
            ) => self.wait(RetryCause::NoPath, 0, now, jitter),
            (
                Phase::Connecting
                | Phase::Recovering {
                    step: RecoveryStep::Opening | RecoveryStep::Restarting,
                    ..
                }
                | Phase::Weak(Weakness::Unsteady),
                Event::Connected,
            ) => {
                self.retry.on_succeeded(now);
                self.taken = 0;
                self.phase = Phase::Live;
                vec![Effect::ClearTimer]
            }

            (Phase::Live, Event::Uplink { weak: true }) => {
                self.phase = Phase::Weak(Weakness::Uplink);
                Vec::new()
            }
            (Phase::Weak(Weakness::Uplink), Event::Uplink { weak: false }) => {
                self.phase = Phase::Live;
                Vec::new()
            }
            (Phase::Live | Phase::Weak(Weakness::Uplink), Event::Disconnected) => {
                self.phase = Phase::Weak(Weakness::Unsteady);
                vec![Effect::SetTimer(UNSTEADY_MS)]
            }
            (Phase::Live | Phase::Weak(_), Event::IceFailed | Event::Stalled)
            | (Phase::Weak(Weakness::Unsteady), Event::Timer | Event::TryNow | Event::Woke) => {
                self.phase = Phase::Recovering {
                    cause: RetryCause::Lost,
                    step: RecoveryStep::Restarting,
                };
                vec![Effect::RestartIce, Effect::SetTimer(RESTART_TIMEOUT_MS)]
            }
            (
                Phase::Recovering {
                    step: RecoveryStep::Restarting,
                    ..
                },
                Event::RestartFailed | Event::Timer,
            ) => self.wait(RetryCause::Lost, 0, now, jitter),
            (
                Phase::Recovering {
                    step: RecoveryStep::Waiting { .. },
                    ..
                },
                Event::Timer | Event::TryNow,
            ) => self.reopen(),
            (
                Phase::Recovering {
                    step: RecoveryStep::Waiting { .. },
                    ..
                },
                Event::Woke,
            ) if now >= self.not_before => self.reopen(),
            (
                Phase::Connecting
                | Phase::Live
                | Phase::Weak(_)
                | Phase::Recovering {
                    step: RecoveryStep::Opening | RecoveryStep::Restarting,
                    ..
                },
                Event::RemoteClosed,
            ) => self.wait(RetryCause::Closed, 0, now, jitter),
            _ => Vec::new(),
        }
    }

    fn connect(&mut self, take_over: bool) -> Vec<PublishEffect> {
        self.retry.reset();
        self.taken = 0;
        self.phase = PublishPhase::Connecting;
        open(take_over)
    }

    fn reopen(&mut self) -> Vec<PublishEffect> {
        if let PublishPhase::Recovering { step, .. } = &mut self.phase {
            *step = RecoveryStep::Opening;
        }
        open(false)
    }

    fn block(&mut self, why: Blocked) -> Vec<PublishEffect> {
        self.phase = PublishPhase::Blocked(why);
        vec![PublishEffect::Abandon, PublishEffect::ClearTimer]
    }

    fn open_failed(&mut self, error: OpenError, now: u64, jitter: f64) -> Vec<PublishEffect> {
        let recovers = matches!(self.phase, PublishPhase::Recovering { .. });
        match error {
            OpenError::Unreachable => self.wait(RetryCause::Unreachable, 0, now, jitter),
            OpenError::Later { error, after } if error.code != ErrorCode::TooManyFailures => {
                let after = after.unwrap_or(0).into();
                self.wait(RetryCause::Refused(error), after, now, jitter)
            }
            OpenError::Refused(error)
                if error.code == ErrorCode::AlreadyLive && recovers && self.taken < MAX_TAKEN =>
            {
                self.taken += 1;
                let effects = self.wait(RetryCause::Refused(error), 0, now, jitter);
                // The attempts are few.
                self.not_before = self.retry.due();
                effects
            }
            OpenError::Later { error, .. } | OpenError::Gone(error) | OpenError::Refused(error) => {
                self.block(Blocked::Refused(error))
            }
            // Weir tells only viewers that a stream is not live.
            OpenError::NotWeir | OpenError::NotLive => self.block(Blocked::NotWeir),
            OpenError::Browser(error) => self.block(Blocked::Browser(error)),
        }
    }

    fn wait(
        &mut self,
        cause: RetryCause,
        at_least: u64,
        now: u64,
        jitter: f64,
    ) -> Vec<PublishEffect> {
        let delay = self.retry.on_failed(now, jitter, at_least);
        let until = self.retry.due();
        self.not_before = now.saturating_add(at_least);
        self.phase = PublishPhase::Recovering {
            cause,
            step: RecoveryStep::Waiting { until },
        };
        vec![PublishEffect::Abandon, PublishEffect::SetTimer(delay)]
    }
}

fn open(take_over: bool) -> Vec<PublishEffect> {
    vec![
        PublishEffect::Abandon,
        PublishEffect::Open { take_over },
        PublishEffect::SetTimer(CONNECT_TIMEOUT_MS),
    ]
}

#[cfg(test)]
mod tests;
