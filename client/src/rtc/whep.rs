//! One WHEP session (draft-ietf-wish-whep): posts the offer, trickles candidates, restarts ICE, deletes the resource.
//!
//! The offer is sent before candidates are gathered. The answer holds all candidates of the server, so this side sends the
//! first check without waiting for its own. Candidates gathered meanwhile are sent by `PATCH` until the connection is up.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use shared::api::IceServer;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::MediaStream;

use super::media_receiver::{MediaReceiver, MediaReceiverEvent};
use super::sdp::IceFragment;
use super::timer::sleep;
use crate::http::{HttpError, HttpRequest};

const FRAGMENT_TYPE: &str = "application/trickle-ice-sdpfrag";
/// Candidates are gathered in bursts; one request carries a burst.
const BURST_MS: i32 = 40;

/// Why a session could not be opened or restarted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhepError {
    Http(HttpError),
    /// The browser's error message.
    Browser(String),
}

impl From<HttpError> for WhepError {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl From<JsValue> for WhepError {
    fn from(error: JsValue) -> Self {
        let message = js_sys::Reflect::get(&error, &"message".into())
            .ok()
            .and_then(|text| text.as_string());
        Self::Browser(message.unwrap_or_else(|| format!("{error:?}")))
    }
}

/// Closes the connection and deletes the session on the server when dropped, even while the page is being closed.
#[derive(Debug)]
pub struct WhepSession {
    receiver: Rc<MediaReceiver>,
    resource: Rc<SessionResource>,
}

/// The session's resource on the server, and the candidates to be sent to it.
#[derive(Debug, Default)]
struct SessionResource {
    url: RefCell<Option<String>>,
    etag: RefCell<Option<String>>,
    /// The local description: credentials and m-line of a fragment come from it.
    offer: RefCell<String>,
    pending: RefCell<Vec<String>>,
    scheduled: Cell<bool>,
    /// Connected or closed: no more candidates are sent.
    trickle_done: Cell<bool>,
}

impl WhepSession {
    /// Posts an offer of these kinds (`video`, `audio`) to `endpoint`. `resolve` turns the `Location` of the response into a URL. `ice` is awaited while the
    /// request is under way.
    pub async fn open(
        endpoint: &str,
        kinds: &[&str],
        resolve: impl Fn(&str) -> String,
        ice: impl Future<Output = Vec<IceServer>>,
        on: impl Fn(MediaReceiverEvent) + 'static,
    ) -> Result<Self, WhepError> {
        let resource = Rc::new(SessionResource::default());
        let trickle = Rc::clone(&resource);
        let receiver = Rc::new(MediaReceiver::new(kinds, move |event| {
            match &event {
                MediaReceiverEvent::Candidate(candidate) => {
                    SessionResource::push(&trickle, candidate.clone())
                }
                MediaReceiverEvent::Connected => trickle.trickle_done.set(true),
                _ => {}
            }
            on(event);
        })?);
        let session = Self { receiver, resource };

        let offer = session.receiver.offer(false).await?;
        let posted = HttpRequest {
            method: "POST",
            url: endpoint,
            headers: &[("content-type", "application/sdp")],
            body: Some(&offer),
            keepalive: false,
        }
        .send();
        let servers = ice.await;
        if !servers.is_empty() {
            session.receiver.set_ice_servers(&servers)?;
        }
        session.resource.offer.replace(offer.clone());
        let local = session.receiver.set_local(&offer).await;
        let response = posted.await?;
        // With a URL, dropping `session` deletes the session on the server.
        session.resource.etag.replace(response.etag);
        session
            .resource
            .url
            .replace(response.location.as_deref().map(resolve));
        local?;
        session.receiver.set_remote(&response.text).await?;
        SessionResource::schedule(&session.resource);
        Ok(session)
    }

    /// Restarts ICE (draft-ietf-wish-whep 4.4): a `PATCH` sends new credentials, and its response holds the server's.
    /// Call it again only after the result; of two calls at once the later wins.
    pub fn restart(&self) -> impl Future<Output = Result<(), WhepError>> + use<> {
        let (receiver, resource) = (Rc::clone(&self.receiver), Rc::clone(&self.resource));
        async move {
            let no_session =
                || WhepError::Browser("The session has no address on the server.".to_owned());
            let url = resource.url.borrow().clone().ok_or_else(no_session)?;
            let offer = receiver.offer(true).await?;
            // Candidates of the restart must not be sent with the old credentials, nor before the server knows the new ones.
            resource.trickle_done.set(true);
            resource.pending.borrow_mut().clear();
            receiver.set_local(&offer).await?;
            let mut fragment = IceFragment::parse(&offer).ok_or_else(no_session)?;
            fragment.candidates.clear();
            fragment.end_of_candidates = false;
            let response = HttpRequest {
                method: "PATCH",
                url: &url,
                headers: &[("content-type", FRAGMENT_TYPE), ("if-match", "*")],
                body: Some(&fragment.write(&offer)),
                keepalive: false,
            }
            .send()
            .await?;
            let theirs = IceFragment::parse(&response.text).ok_or(HttpError::Unreadable)?;
            let remote = receiver.remote_sdp().ok_or_else(no_session)?;
            receiver.set_remote(&theirs.apply(&remote)).await?;
            resource.offer.replace(offer);
            resource.etag.replace(response.etag);
            resource.trickle_done.set(receiver.is_connected());
            SessionResource::schedule(&resource);
            Ok(())
        }
    }

    pub fn stream(&self) -> &MediaStream {
        self.receiver.stream()
    }

    /// The URL of the session; `GET` returns its state.
    pub fn url(&self) -> Option<String> {
        self.resource.url.borrow().clone()
    }

    /// An `RTCStatsReport`.
    pub fn stats(&self) -> js_sys::Promise {
        self.receiver.stats()
    }
}

impl Drop for WhepSession {
    fn drop(&mut self) {
        self.resource.trickle_done.set(true);
        // A restart under way may hold a reference to the receiver until its request ends.
        self.receiver.close();
        if let Some(url) = self.resource.url.take() {
            let deleted = HttpRequest {
                method: "DELETE",
                url: &url,
                keepalive: true,
                ..HttpRequest::default()
            }
            .send();
            // A failure is ignored: the server ends a session whose viewer is silent.
            spawn_local(async move {
                let _ = deleted.await;
            });
        }
    }
}

impl SessionResource {
    fn push(this: &Rc<Self>, candidate: String) {
        this.pending.borrow_mut().push(candidate);
        Self::schedule(this);
    }

    /// Sends the pending candidates after a burst, once the session has a URL.
    fn schedule(this: &Rc<Self>) {
        let idle = this.pending.borrow().is_empty() || this.url.borrow().is_none();
        if idle || this.trickle_done.get() || this.scheduled.replace(true) {
            return;
        }
        let this = Rc::clone(this);
        spawn_local(async move {
            sleep(BURST_MS).await;
            this.scheduled.set(false);
            this.send_pending().await;
        });
    }

    async fn send_pending(&self) {
        let candidates = self.pending.take();
        let url = self.url.borrow().clone();
        let fragment = IceFragment::parse(&self.offer.borrow());
        let (Some(url), Some(mut fragment), false) = (url, fragment, self.trickle_done.get())
        else {
            return;
        };
        fragment.end_of_candidates = candidates.iter().any(String::is_empty);
        fragment.candidates = candidates
            .into_iter()
            .filter(|candidate| !candidate.is_empty())
            .collect();
        let body = fragment.write(&self.offer.borrow());
        let etag = self.etag.borrow().clone().unwrap_or_else(|| "*".to_owned());
        let sent = HttpRequest {
            method: "PATCH",
            url: &url,
            headers: &[("content-type", FRAGMENT_TYPE), ("if-match", &etag)],
            body: Some(&body),
            keepalive: false,
        }
        .send();
        // A refused candidate is only one path less; the connection state shows whether another works.
        let _ = sent.await;
    }
}
