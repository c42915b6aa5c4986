//! One viewer's session, as HTTP requests see it: opened by an offer, patched, deleted.

use std::sync::Arc;

use super::connections::Command;
use super::error::SessionError;
use super::session_control::{Patched, SessionControl};
use egress::PlayheadCommand;
use egress::counters::ViewerCounters;

/// One viewer's session.
#[derive(Debug)]
pub struct Session {
    pub(super) control: SessionControl,
    pub(super) counters: Arc<ViewerCounters>,
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
        self.control.patch(fragment, if_match).await
    }

    /// Ends the session, and returns once its connection is closed.
    pub async fn delete(&self) {
        self.control.delete().await;
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
        self.control.note_change()?;
        let command = Command::MovePlayhead(self.control.route.id(), Box::new(command));
        match self.control.thread.try_send(command) {
            true => Ok(()),
            false => Err(SessionError::Internal("too many commands wait".to_owned())),
        }
    }
}
