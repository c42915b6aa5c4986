//! Joins a room: when to open the signaling socket, when silence means that it is dead, when to try again.
//!
//! Chat goes on without the socket; it is needed to connect to new peers and to recover a connection. A tab claims the room before it joins: in a
//! browser, one tab is in it at a time.

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
    /// This tab is the one that may be in the room.
    claimed: bool,
    /// It was welcomed since the user joined.
    been_in: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinEvent {
    /// The user joins, or retries at once.
    Join,
    /// The user joins in place of another tab.
    ContinueHere,
    /// The room is this tab's.
    Claimed,
    /// Another tab is in the room.
    HeldElsewhere,
    /// Another tab takes the room over.
    TakenOver,
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
    /// Find out whether another tab is in the room; `take`: ask it to give it up.
    Claim {
        take: bool,
    },
    /// Let other tabs have the room.
    Release,
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
            claimed: false,
            been_in: false,
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
            // The answer to the claim decides.
            JoinEvent::Join | JoinEvent::ContinueHere if self.state == JoinState::Claiming => {
                Vec::new()
            }
            JoinEvent::Join | JoinEvent::ContinueHere => {
                self.retry.reset();
                if self.claimed {
                    return self.open(now);
                }
                self.state = JoinState::Claiming;
                let take = event == JoinEvent::ContinueHere;
                vec![JoinEffect::Claim { take }]
            }
            JoinEvent::Claimed if self.state == JoinState::Claiming => {
                self.claimed = true;
                self.open(now)
            }
            JoinEvent::Claimed if self.claimed => Vec::new(),
            // The user left meanwhile.
            JoinEvent::Claimed => vec![JoinEffect::Release],
            JoinEvent::HeldElsewhere if self.state == JoinState::Claiming => {
                self.state = JoinState::Elsewhere;
                Vec::new()
            }
            JoinEvent::TakenOver if self.claimed => {
                self.give_up();
                // The server closes the socket for that of the other tab: the peer is not away meanwhile.
                vec![JoinEffect::Release]
            }
            JoinEvent::Leave => {
                let joined = self.state == JoinState::Joined;
                (self.state, self.been_in) = (JoinState::Left, false);
                let leave = joined.then_some(JoinEffect::SendLeave);
                let claimed = std::mem::take(&mut self.claimed);
                let release = claimed.then_some(JoinEffect::Release);
                let all = [leave, Some(JoinEffect::CloseSocket), release];
                all.into_iter().flatten().collect()
            }
            JoinEvent::Opened if self.state == JoinState::Connecting => vec![JoinEffect::SendJoin],
            JoinEvent::Welcomed if self.state == JoinState::Connecting => {
                (self.state, self.been_in) = (JoinState::Joined, true);
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
                if code == ErrorCode::Replaced {
                    self.give_up();
                    vec![JoinEffect::CloseSocket, JoinEffect::Release]
                } else if code.needs_user_action() {
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

    fn give_up(&mut self) {
        (self.claimed, self.state) = (false, JoinState::Elsewhere);
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
        self.state = self.lost(wait);
        vec![JoinEffect::CloseSocket]
    }

    fn lost(&self, wait: u64) -> JoinState {
        JoinState::Lost {
            retry_in: seconds(wait),
            been_in: self.been_in,
        }
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
                self.state = self.lost(self.retry.due() - now);
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
mod tests;
