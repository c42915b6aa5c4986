//! Joins a room: when to open the signaling socket, when silence means that it is dead, when to try again.
//!
//! Chat goes on without the socket; it is needed to connect to new peers and to recover a connection.

use shared::retry::{Backoff, Retry};
use shared::signaling::{ErrorCode, PING_INTERVAL_S};

use super::room::JoinState;

/// Time for the socket to open and for `welcome` to arrive.
const JOIN_TIMEOUT_MS: u64 = 10_000;
/// No message for this long after a `ping`: the socket is dead.
const PONG_TIMEOUT_MS: u64 = 8_000;
/// The same after the network changed or the page was suspended.
const SUSPECT_TIMEOUT_MS: u64 = 4_000;
/// No tick for this long: the page was suspended, and a pong may have been missed.
const SUSPENDED_MS: u64 = 5_000;
/// After a socket that stayed open this long, the waits start small again.
const STABLE_AFTER_MS: u64 = 3_000;

/// The state machine of the module. Times are milliseconds of a monotonic clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinMachine {
    state: JoinState,
    retry: Retry,
    /// When this state began.
    since: u64,
    pinged_at: u64,
    /// A message has to arrive by then.
    deadline: Option<u64>,
    ticked: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinEvent {
    /// The user joins, or retries at once.
    Join,
    Leave,
    /// The socket is open.
    Opened,
    Welcomed,
    /// Any other message arrived.
    Received,
    Refused {
        code: ErrorCode,
        message: String,
    },
    /// The socket closed or could not be opened.
    Closed,
    /// The network or the page is back.
    TryNow,
    /// About once a second.
    Tick,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinEffect {
    /// Open a socket in place of the current one.
    OpenSocket,
    /// Send `join`.
    SendJoin,
    SendPing,
    /// Send `leave`.
    SendLeave,
    CloseSocket,
}

impl Default for JoinMachine {
    fn default() -> Self {
        Self {
            state: JoinState::Unnamed,
            retry: Retry::new(Backoff::SERVER, STABLE_AFTER_MS),
            since: 0,
            pinged_at: 0,
            deadline: None,
            ticked: 0,
        }
    }
}

impl JoinMachine {
    pub fn state(&self) -> &JoinState {
        &self.state
    }

    /// `jitter`: 0.0 to 1.0, at random.
    pub fn step(&mut self, event: JoinEvent, now: u64, jitter: f64) -> Vec<JoinEffect> {
        match event {
            JoinEvent::Join => {
                self.retry.reset();
                self.open(now)
            }
            JoinEvent::Leave => {
                let joined = self.state == JoinState::Joined;
                self.state = JoinState::Left;
                if joined {
                    vec![JoinEffect::SendLeave, JoinEffect::CloseSocket]
                } else {
                    vec![JoinEffect::CloseSocket]
                }
            }
            JoinEvent::Opened if self.state == JoinState::Connecting => vec![JoinEffect::SendJoin],
            JoinEvent::Welcomed if self.state == JoinState::Connecting => {
                self.state = JoinState::Joined;
                self.retry.on_succeeded(now);
                self.pinged_at = now;
                self.deadline = None;
                Vec::new()
            }
            JoinEvent::Received => {
                self.deadline = None;
                Vec::new()
            }
            JoinEvent::Refused { code, message } if self.is_up() => {
                if code.needs_user_action() {
                    self.state = JoinState::Refused { code, message };
                    vec![JoinEffect::CloseSocket]
                } else if code.is_final() {
                    self.lose(now, jitter)
                } else {
                    Vec::new()
                }
            }
            JoinEvent::Closed if self.is_up() => self.lose(now, jitter),
            JoinEvent::TryNow => self.try_now(now),
            JoinEvent::Tick => self.tick(now, jitter),
            _ => Vec::new(),
        }
    }

    fn is_up(&self) -> bool {
        matches!(self.state, JoinState::Connecting | JoinState::Joined)
    }

    fn open(&mut self, now: u64) -> Vec<JoinEffect> {
        self.state = JoinState::Connecting;
        self.since = now;
        vec![JoinEffect::OpenSocket]
    }

    fn lose(&mut self, now: u64, jitter: f64) -> Vec<JoinEffect> {
        let wait = self.retry.on_failed(now, jitter, 0);
        self.state = JoinState::Lost {
            retry_in: seconds(wait),
        };
        vec![JoinEffect::CloseSocket]
    }

    fn try_now(&mut self, now: u64) -> Vec<JoinEffect> {
        match self.state {
            JoinState::Lost { .. } => self.open(now),
            // The network may have changed, and the socket may be dead without notice.
            JoinState::Joined => self.ping(now, SUSPECT_TIMEOUT_MS),
            _ => Vec::new(),
        }
    }

    fn ping(&mut self, now: u64, within: u64) -> Vec<JoinEffect> {
        self.pinged_at = now;
        self.deadline.get_or_insert(now + within);
        vec![JoinEffect::SendPing]
    }

    fn tick(&mut self, now: u64, jitter: f64) -> Vec<JoinEffect> {
        let suspended = now > self.ticked + SUSPENDED_MS;
        self.ticked = now;
        match self.state {
            JoinState::Connecting if now > self.since + JOIN_TIMEOUT_MS => self.lose(now, jitter),
            JoinState::Lost { .. } if now >= self.retry.due() => self.open(now),
            JoinState::Lost { .. } => {
                self.state = JoinState::Lost {
                    retry_in: seconds(self.retry.due() - now),
                };
                Vec::new()
            }
            JoinState::Joined if suspended => {
                self.deadline = None;
                self.ping(now, SUSPECT_TIMEOUT_MS)
            }
            JoinState::Joined if self.deadline.is_some_and(|deadline| now > deadline) => {
                self.lose(now, jitter)
            }
            JoinState::Joined if now >= self.pinged_at + PING_INTERVAL_S * 1_000 => {
                self.ping(now, PONG_TIMEOUT_MS)
            }
            _ => Vec::new(),
        }
    }
}

fn seconds(ms: u64) -> u32 {
    u32::try_from(ms.div_ceil(1_000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(at: u64) -> JoinMachine {
        let mut join = JoinMachine::default();
        assert_eq!(
            join.step(JoinEvent::Join, at, 0.5),
            [JoinEffect::OpenSocket]
        );
        assert_eq!(
            join.step(JoinEvent::Opened, at, 0.5),
            [JoinEffect::SendJoin]
        );
        join.step(JoinEvent::Welcomed, at, 0.5);
        assert_eq!(*join.state(), JoinState::Joined);
        join
    }

    /// Ticks once a second. Returns the seconds at which `wanted` was an effect.
    fn times(
        join: &mut JoinMachine,
        seconds: std::ops::Range<u64>,
        wanted: JoinEffect,
    ) -> Vec<u64> {
        let asked = |s: &u64| join.step(JoinEvent::Tick, s * 1_000, 1.0).contains(&wanted);
        seconds.filter(asked).collect()
    }

    fn refused(code: ErrorCode) -> JoinEvent {
        JoinEvent::Refused {
            code,
            message: "No.".into(),
        }
    }

    #[test]
    fn retries_of_an_unreachable_server_become_less_frequent() {
        let mut join = joined(0);
        assert_eq!(
            join.step(JoinEvent::Closed, 0, 1.0),
            [JoinEffect::CloseSocket]
        );
        assert_eq!(*join.state(), JoinState::Lost { retry_in: 1 });
        let mut tries = Vec::new();
        for second in 1..60 {
            if join.step(JoinEvent::Tick, second * 1_000, 1.0) == [JoinEffect::OpenSocket] {
                tries.push(second);
                join.step(JoinEvent::Closed, second * 1_000, 1.0);
            }
        }
        assert_eq!(tries, [1, 3, 7, 15, 25, 35, 45, 55]);
    }

    #[test]
    fn a_network_that_is_back_ends_the_wait() {
        let mut join = joined(0);
        join.step(JoinEvent::Closed, 0, 1.0);
        assert_eq!(
            join.step(JoinEvent::TryNow, 10, 1.0),
            [JoinEffect::OpenSocket]
        );
    }

    #[test]
    fn a_dead_socket_is_detected_by_a_ping_without_answer() {
        let mut join = joined(0);
        assert_eq!(times(&mut join, 1..12, JoinEffect::SendPing), [10]);
        join.step(JoinEvent::Received, 12_000, 0.0);
        assert_eq!(times(&mut join, 12..28, JoinEffect::SendPing), [20]);
        assert_eq!(times(&mut join, 28..30, JoinEffect::CloseSocket), [29]);
        assert!(matches!(join.state(), JoinState::Lost { .. }));
    }

    #[test]
    fn a_page_that_was_suspended_pings_before_it_gives_up() {
        let mut join = joined(0);
        times(&mut join, 1..12, JoinEffect::SendPing);
        assert_eq!(
            join.step(JoinEvent::Tick, 600_000, 0.0),
            [JoinEffect::SendPing]
        );
        join.step(JoinEvent::Received, 600_100, 0.0);
        assert!(times(&mut join, 601..609, JoinEffect::CloseSocket).is_empty());
    }

    #[test]
    fn a_refusal_that_needs_the_user_is_not_retried() {
        let mut join = joined(0);
        assert_eq!(
            join.step(refused(ErrorCode::Replaced), 1, 0.0),
            [JoinEffect::CloseSocket]
        );
        assert!(join.step(JoinEvent::Closed, 2, 0.0).is_empty());
        assert!(join.step(JoinEvent::TryNow, 3, 0.0).is_empty());
        assert!(times(&mut join, 1..100, JoinEffect::OpenSocket).is_empty());
        assert!(matches!(join.state(), JoinState::Refused { .. }));
        assert_eq!(
            join.step(JoinEvent::Join, 200_000, 0.0),
            [JoinEffect::OpenSocket]
        );
    }

    #[test]
    fn other_refusals_are_retried_or_ignored() {
        let mut join = joined(0);
        assert!(join.step(refused(ErrorCode::PeerAway), 1, 0.0).is_empty());
        assert_eq!(*join.state(), JoinState::Joined);
        join.step(refused(ErrorCode::ShuttingDown), 2, 0.0);
        assert!(matches!(join.state(), JoinState::Lost { .. }));
    }

    #[test]
    fn a_server_that_does_not_welcome_is_given_up() {
        let mut join = JoinMachine::default();
        join.step(JoinEvent::Join, 0, 0.0);
        assert_eq!(times(&mut join, 1..12, JoinEffect::CloseSocket), [11]);
    }

    #[test]
    fn leaving_sends_leave_and_does_not_rejoin() {
        let mut join = joined(0);
        assert_eq!(
            join.step(JoinEvent::Leave, 1, 0.0),
            [JoinEffect::SendLeave, JoinEffect::CloseSocket]
        );
        assert!(join.step(JoinEvent::Closed, 2, 0.0).is_empty());
        assert!(times(&mut join, 1..100, JoinEffect::OpenSocket).is_empty());
        assert_eq!(*join.state(), JoinState::Left);
    }
}
