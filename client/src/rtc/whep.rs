//! One WHEP session (draft-ietf-wish-whep): receives a stream.

use std::rc::Rc;

use web_sys::MediaStream;

use super::early_session::EarlySession;
use super::media_connection::MediaEvent;
use super::media_receiver::MediaReceiver;
use super::media_session::{IceServers, MediaSession, MediaSessionError, Resolve, SessionResource};

/// Closes the connection and deletes the session on the server when dropped, even while the page is being closed.
#[derive(Debug)]
pub struct WhepSession {
    session: MediaSession,
    receiver: MediaReceiver,
}

impl WhepSession {
    /// Posts an offer of these kinds (`video`, `audio`; a second `video` is the inset) to `endpoint`.
    pub async fn open(
        endpoint: &str,
        kinds: &[&str],
        resolve: Resolve,
        ice: IceServers,
        on: impl Fn(MediaEvent) + 'static,
    ) -> Result<Self, MediaSessionError> {
        let resource = Rc::new(SessionResource::default());
        let receiver = MediaReceiver::with(kinds, SessionResource::follow(&resource, on))?;
        let session = MediaSession::new(receiver.connection(), resource);
        let this = Self { session, receiver };
        let headers = [("content-type", "application/sdp")];
        this.session.post(endpoint, &headers, resolve, ice).await?;
        Ok(this)
    }

    /// Takes over the session that index.html opens. `None` when that has failed.
    ///
    /// # Errors
    /// The server refuses for now.
    pub async fn take_over(
        early: EarlySession,
        on: impl Fn(MediaEvent) + 'static,
    ) -> Result<Option<Self>, MediaSessionError> {
        let Some(opened) = early.opened().await? else {
            return Ok(None);
        };
        let resource = Rc::new(SessionResource::default());
        resource.set(opened.offer, opened.url, opened.etag);
        let on = SessionResource::follow(&resource, on);
        let receiver = MediaReceiver::of(
            opened.connection,
            [opened.stream, opened.inset],
            &opened.receiver,
            Rc::clone(&on),
        );
        let session = MediaSession::new(receiver.connection(), resource);
        let this = Self { session, receiver };
        if this.receiver.connection().is_connected() {
            on(MediaEvent::Connected);
        }
        Ok(Some(this))
    }

    /// Restarts ICE. Call it again only after the result; of two calls at once the later wins.
    pub fn restart(&self) -> impl Future<Output = Result<(), MediaSessionError>> + use<> {
        self.session.restart()
    }

    pub fn stream(&self) -> &MediaStream {
        self.receiver.stream()
    }

    /// The second picture; without a track when the server sends none of this stream.
    pub fn inset(&self) -> &MediaStream {
        self.receiver.inset()
    }

    /// The URL of the session; `GET` returns its state.
    pub fn url(&self) -> Option<String> {
        self.session.url()
    }

    /// An `RTCStatsReport`.
    pub fn stats(&self) -> js_sys::Promise {
        self.session.stats()
    }
}
