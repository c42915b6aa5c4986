//! A stream without a publisher: a session waits for the next one.

use super::{
    CONNECT_TIMEOUT_MS, OpenError, Phase, PlayerSession, RetryCause, SessionEffect, SessionEvent,
    StreamStatus,
};

/// The first picture of a publisher comes sooner over a connection that is still there.
pub(super) const WOKEN_TIMEOUT_MS: u64 = 2_000;

impl PlayerSession {
    /// What the session that is being opened is for.
    pub(super) fn described(&mut self, status: StreamStatus) -> Vec<SessionEffect> {
        match status {
            StreamStatus::Gone => self.phase = Phase::Ended,
            StreamStatus::NotBegun => self.phase = Phase::Upcoming,
            StreamStatus::Available if self.phase.is_off_air() => {
                let cause = RetryCause::Closed;
                self.phase = Phase::Reconnecting { cause };
            }
            StreamStatus::Available | StreamStatus::Unreachable => {}
        }
        Vec::new()
    }

    pub(super) fn wait_for_publisher(
        &mut self,
        event: SessionEvent,
        now: u64,
        jitter: f64,
    ) -> Vec<SessionEffect> {
        use {OpenError as Error, SessionEvent as Event};
        match event {
            Event::Timer | Event::TryNow | Event::Live if !self.waits => {
                self.open(self.phase.clone())
            }
            // If nothing of it is shown soon (a publisher may send no picture), another session asks for what it has.
            Event::Live => {
                self.waits = false;
                let timeout = match self.woke {
                    true => WOKEN_TIMEOUT_MS,
                    false => CONNECT_TIMEOUT_MS,
                };
                vec![SessionEffect::SetTimer(timeout)]
            }
            Event::TryNow => {
                self.woke = true;
                Vec::new()
            }
            // `Live` does not wait for it.
            Event::Disconnected => {
                self.waits = false;
                Vec::new()
            }
            Event::Connected => {
                (self.waits, self.woke) = (true, false);
                self.retry.on_succeeded(now);
                vec![SessionEffect::ClearTimer]
            }
            Event::Arrived => {
                self.phase = Phase::Playing;
                vec![SessionEffect::ClearTimer]
            }
            Event::OpenFailed(error @ (Error::Refused(_) | Error::NotWeir | Error::Browser(_))) => {
                self.open_failed(error, now, jitter)
            }
            Event::OpenFailed(Error::Later { after, .. }) => {
                self.end(self.phase.clone(), after, now, jitter)
            }
            Event::OpenFailed(_) | Event::IceFailed | Event::RemoteClosed => {
                self.end(self.phase.clone(), None, now, jitter)
            }
            _ => Vec::new(),
        }
    }
}
