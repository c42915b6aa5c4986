//! Whether a viewer connects and stays connected, by the states of its connection (W3C WebRTC 4.3.3). Pure.

use std::time::{Duration, Instant};

use webrtc::peer_connection::RTCPeerConnectionState;

use super::lifetime::End;

/// A viewer has this long to connect after the answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// A disconnected viewer (`ICE_DISCONNECTED_TIMEOUT` of `connection`) may come back within this time; both together are less
/// than 10 s.
const DISCONNECTED_TIMEOUT: Duration = Duration::from_millis(4_500);

/// What a change of state, or a timeout, means for the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Reported once.
    Connected,
    Lost(End),
}

#[derive(Debug)]
pub(super) struct Liveness {
    state: RTCPeerConnectionState,
    has_connected: bool,
    deadline: Option<Instant>,
}

impl Liveness {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            state: RTCPeerConnectionState::New,
            has_connected: false,
            deadline: Some(now + CONNECT_TIMEOUT),
        }
    }

    /// When to call [`Liveness::on_timeout`], unless the state changes before.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// After the first connection, every change restarts the time limit, so that a viewer that restarts ICE (RFC 8445 9) gets the
    /// whole time again.
    pub(super) fn on_state(
        &mut self,
        state: RTCPeerConnectionState,
        now: Instant,
    ) -> Option<Change> {
        use RTCPeerConnectionState::{Closed, Connected, Failed};
        let changed = state != self.state;
        self.state = state;
        match state {
            Connected => {
                self.deadline = None;
                (!std::mem::replace(&mut self.has_connected, true)).then_some(Change::Connected)
            }
            Failed | Closed if !self.has_connected => Some(Change::Lost(End::NeverConnected)),
            Failed => Some(Change::Lost(End::Silent)),
            Closed => Some(Change::Lost(End::Left)),
            _ => {
                if changed && self.has_connected {
                    self.deadline = Some(now + DISCONNECTED_TIMEOUT);
                }
                None
            }
        }
    }

    pub(super) fn on_timeout(&self, now: Instant) -> Option<Change> {
        let end = match self.has_connected {
            true => End::Silent,
            false => End::NeverConnected,
        };
        self.deadline
            .is_some_and(|deadline| now >= deadline)
            .then_some(Change::Lost(end))
    }

    /// The connection reports no states any more.
    pub(super) fn on_closed(&self) -> Change {
        Change::Lost(match self.has_connected {
            true => End::Left,
            false => End::NeverConnected,
        })
    }
}

#[cfg(test)]
mod tests {
    use RTCPeerConnectionState::{Closed, Connected, Connecting, Disconnected, Failed};

    use super::*;

    const NEVER_CONNECTED: Change = Change::Lost(End::NeverConnected);
    const SILENT: Change = Change::Lost(End::Silent);
    const LEFT: Change = Change::Lost(End::Left);

    /// The changes that result from the states at these times in ms, timeouts included.
    fn changes(states: &[(u64, RTCPeerConnectionState)]) -> Vec<(u64, Change)> {
        let start = Instant::now();
        let mut liveness = Liveness::new(start);
        let mut changes = Vec::new();
        let due = |liveness: &Liveness, until: Option<Instant>| {
            let deadline = liveness.deadline()?;
            let before = deadline - Duration::from_millis(1);
            assert_eq!(liveness.on_timeout(before), None, "not before its time");
            let due = until.is_none_or(|until| deadline <= until);
            let after = (deadline - start).as_millis() as u64;
            due.then(|| (after, liveness.on_timeout(deadline).unwrap()))
        };
        for &(milliseconds, state) in states {
            let now = start + Duration::from_millis(milliseconds);
            if let Some(timeout) = due(&liveness, Some(now)) {
                changes.push(timeout);
                return changes;
            }
            let change = liveness.on_state(state, now);
            changes.extend(change.map(|change| (milliseconds, change)));
        }
        if !matches!(changes.last(), Some((_, Change::Lost(_)))) {
            changes.extend(due(&liveness, None));
        }
        changes
    }

    #[test]
    fn a_viewer_has_fifteen_seconds_to_connect() {
        assert_eq!(
            changes(&[(10, Connecting), (14_990, Connected)]),
            [(14_990, Change::Connected)]
        );
        assert_eq!(
            changes(&[(10, Connecting), (15_000, Connected)]),
            [(15_000, NEVER_CONNECTED)]
        );
        assert_eq!(changes(&[]), [(15_000, NEVER_CONNECTED)]);
    }

    #[test]
    fn a_connection_that_fails_before_it_connects_is_not_waited_for() {
        for end in [Failed, Closed] {
            assert_eq!(
                changes(&[(10, Connecting), (90, end)]),
                [(90, NEVER_CONNECTED)]
            );
        }
    }

    #[test]
    fn a_disconnected_viewer_may_come_back_within_four_and_a_half_seconds() {
        let comes_back = [
            (100, Connected),
            (1000, Disconnected),
            (5400, Connected),
            (60_000, Disconnected),
        ];
        assert_eq!(
            changes(&comes_back),
            [(100, Change::Connected), (64_500, SILENT)]
        );
    }

    #[test]
    fn an_ice_restart_gets_the_whole_time_again() {
        let restarts = [
            (100, Connected),
            (1000, Disconnected),
            (5000, Connecting),
            (9400, Connected),
        ];
        assert_eq!(changes(&restarts), [(100, Change::Connected)]);
        assert_eq!(changes(&restarts[..3]).last(), Some(&(9500, SILENT)));
    }

    #[test]
    fn the_same_state_again_does_not_prolong_the_time() {
        let again = [(0, Connected), (1000, Disconnected), (3000, Disconnected)];
        assert_eq!(changes(&again).last(), Some(&(5500, SILENT)));
    }

    #[test]
    fn a_viewer_that_closes_or_fails_is_lost_at_once() {
        for (state, change) in [(Closed, LEFT), (Failed, SILENT)] {
            let states = [(0, Connected), (7, state)];
            assert_eq!(changes(&states).last(), Some(&(7, change)));
        }
    }
}
