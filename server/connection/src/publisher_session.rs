//! One publisher's session, as HTTP requests see it.

use super::error::SessionError;
use super::publisher_counters::PublisherCounters;
use super::session_control::{Patched, SessionControl};
use shared::api::PublisherInfo;

#[derive(Debug)]
pub struct PublisherSession {
    pub(super) control: SessionControl,
    pub(super) counters: PublisherCounters,
    /// Its program.
    pub(super) client: Option<String>,
}

impl PublisherSession {
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

    /// Returns once the session has ended: nothing is appended to the stream any more.
    pub async fn ended(&self) {
        self.control.ended().await;
    }

    /// What was received of this publisher so far.
    pub fn stats(&self) -> PublisherInfo {
        PublisherInfo {
            client: self.client.clone(),
            ..self.counters.stats()
        }
    }
}
