//! What HTTP requests do to the connection of a session, a viewer's or a publisher's.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use limits::RateLimit;
use tokio::sync::{Mutex, watch};

use super::connections::Command;
use super::end::End;
use super::error::SessionError;
use super::host::random_hex;
use super::patch::{IceState, PatchAction};
use super::sdpfrag::Fragment;
use super::thread::ConnectionThread;
use net::Route;
use transport::ice::Credentials;

#[derive(Debug)]
pub(super) struct SessionControl {
    pub(super) route: Arc<Route>,
    pub(super) thread: ConnectionThread,
    pub(super) ice: Mutex<IceState>,
    pub(super) changes: Changes,
    /// Of the m-line that carries the transport: its mid, and its kind.
    pub(super) transport_line: (String, String),
    /// Closed at the end of the session.
    pub(super) ended: watch::Receiver<()>,
}

/// How often a session may be changed: by a PATCH, or by a command to its playhead. Browsers may send a PATCH for each candidate.
pub(super) type Changes = std::sync::Mutex<RateLimit<MAX_CHANGES>>;
/// In a second.
const MAX_CHANGES: u32 = 40;

/// The outcome of a PATCH.
#[derive(Debug, PartialEq, Eq)]
pub enum Patched {
    /// Candidates were noted: the peer's own checks connect it, so nothing is sent to them.
    Trickled,
    /// ICE restarts, with these credentials and candidates of the server.
    Restarted { fragment: String, etag: String },
}

impl SessionControl {
    /// As [`Session::patch`](super::session::Session::patch).
    pub(super) async fn patch(
        &self,
        fragment: &str,
        if_match: Option<&str>,
    ) -> Result<Patched, SessionError> {
        self.note_change()?;
        let fragment = Fragment::parse(fragment)?;
        let mut ice = self.ice.lock().await;
        match ice.decide(&fragment, if_match)? {
            PatchAction::AddCandidates => Ok(Patched::Trickled),
            PatchAction::Restart => {
                // Before anything changes: a caller that is dropped here leaves no restart half done.
                let place = self.thread.reserve().await;
                let place = place.map_err(|gone| SessionError::Internal(gone.to_string()))?;
                let (command, restarted) = self.restart(&mut ice, fragment)?;
                place.send(command);
                Ok(restarted)
            }
        }
    }

    /// New credentials on both sides. Requests with them are routed from here on: the peer's first may come before the answer has reached it.
    fn restart(
        &self,
        ice: &mut IceState,
        fragment: Fragment,
    ) -> Result<(Command, Patched), SessionError> {
        let etag = random_hex::<8>()?;
        let local = Credentials::random();
        self.route.set_ufrags(&[&local.ufrag, &ice.local_ufrag]);
        *ice = IceState {
            local_ufrag: local.ufrag.clone(),
            etag: etag.clone(),
            remote_ufrag: fragment.credentials.ufrag.clone(),
            trickled: fragment.candidates.len(),
        };
        let (mid, kind) = &self.transport_line;
        let answer = Fragment {
            credentials: local.clone(),
            candidates: self.route.port().candidates(),
        };
        let restarted = Patched::Restarted {
            fragment: answer.to_text(mid, kind),
            etag,
        };
        let command = Command::Restart(self.route.id(), local, fragment.credentials);
        Ok((command, restarted))
    }

    /// Ends the session, and returns once its connection is closed.
    pub(super) async fn delete(&self) {
        self.end(End::Deleted).await;
        self.ended().await;
    }

    /// Returns once the connection is closed.
    pub(super) async fn ended(&self) {
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }

    pub(super) fn note_change(&self) -> Result<(), SessionError> {
        let changes = self.changes.lock();
        let mut changes = changes.unwrap_or_else(PoisonError::into_inner);
        match changes.try_acquire(Instant::now()) {
            true => Ok(()),
            false => Err(SessionError::TooManyChanges { limit: MAX_CHANGES }),
        }
    }

    /// Asks the thread of the connection to end it. The first reason counts.
    pub(super) async fn end(&self, end: End) {
        // Fails only when the thread has ended, and the connection with it.
        let _ = self.thread.send(Command::End(self.route.id(), end)).await;
    }
}
