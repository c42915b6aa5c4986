//! One viewer's session, as HTTP requests see it: opened by an offer, patched, deleted.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use limits::RateLimit;
use tokio::sync::{Mutex, watch};

use super::connections::Command;
use super::end::End;
use super::error::SessionError;
use super::patch::{IceState, PatchAction};
use super::sdpfrag::Fragment;
use super::thread::ConnectionThread;
use super::viewers::random_hex;
use egress::PlayheadCommand;
use egress::counters::ViewerCounters;
use net::Route;
use transport::ice::Credentials;

/// One viewer's session.
#[derive(Debug)]
pub struct Session {
    pub(super) route: Arc<Route>,
    pub(super) thread: ConnectionThread,
    pub(super) ice: Mutex<IceState>,
    pub(super) changes: Changes,
    /// Of the m-line that carries the transport: its mid, and its kind.
    pub(super) transport_line: (String, String),
    pub(super) counters: Arc<ViewerCounters>,
    /// Closed at the end of the session.
    pub(super) ended: watch::Receiver<()>,
}

/// How often a session may be changed: by a PATCH, or by a command to its playhead. Browsers may send a PATCH for each candidate.
pub(super) type Changes = std::sync::Mutex<RateLimit<MAX_CHANGES>>;
/// In a second.
pub(super) const MAX_CHANGES: u32 = 40;

/// The outcome of a PATCH.
#[derive(Debug, PartialEq, Eq)]
pub enum Patched {
    /// Candidates were noted: the viewer's own checks connect it, so nothing is sent to them.
    Trickled,
    /// ICE restarts, with these credentials and candidates of the server.
    Restarted { fragment: String, etag: String },
}

impl Session {
    /// Notes candidates that trickle in, or restarts ICE when the credentials are new (RFC 9725 4.3). `fragment`: an SDP fragment
    /// (RFC 8840). `if_match`: the value of the header.
    ///
    /// # Errors
    /// The session was changed too often, the fragment is malformed, or `if_match` does not name the session's current ETag.
    pub async fn patch(
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

    /// New credentials on both sides. Requests with them are routed from here on: the viewer's first may come before the answer has reached it.
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
    pub async fn delete(&self) {
        self.end(End::Deleted).await;
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }

    /// What has been sent to this viewer, and what it has reported.
    pub fn counters(&self) -> &Arc<ViewerCounters> {
        &self.counters
    }

    /// Pauses, seeks, or changes to other tracks of the same codecs. One that has ended ignores it.
    ///
    /// # Errors
    /// The session was changed too often, or the thread of its connection is overloaded.
    pub fn move_playhead(&self, command: PlayheadCommand) -> Result<(), SessionError> {
        self.note_change()?;
        let command = Command::MovePlayhead(self.route.id(), Box::new(command));
        match self.thread.try_send(command) {
            true => Ok(()),
            false => Err(SessionError::Internal("too many commands wait".to_owned())),
        }
    }

    fn note_change(&self) -> Result<(), SessionError> {
        let changes = self.changes.lock();
        let mut changes = changes.unwrap_or_else(PoisonError::into_inner);
        match changes.try_acquire(Instant::now()) {
            true => Ok(()),
            false => Err(SessionError::TooManyChanges),
        }
    }

    /// Asks the thread of the connection to end it. The first reason counts.
    pub(super) async fn end(&self, end: End) {
        // Fails only when the thread has ended, and the connection with it.
        let _ = self.thread.send(Command::End(self.route.id(), end)).await;
    }
}
