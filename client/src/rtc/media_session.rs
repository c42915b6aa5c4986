//! A session of WHEP or WHIP on the server: posts the offer, trickles candidates, restarts ICE, deletes the resource.
//!
//! The offer is sent before candidates are gathered. The answer holds all candidates of the server, so this side sends the
//! first check without waiting for its own. Candidates gathered meanwhile are sent by `PATCH` until the connection is up.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;

use shared::api::IceServer;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use super::media_connection::{EventHandler, MediaConnection, MediaEvent};
use super::sdp::IceFragment;
use super::timer::sleep;
use crate::http::{HttpError, HttpRequest};

const FRAGMENT_TYPE: &str = "application/trickle-ice-sdpfrag";
/// Candidates are gathered in bursts; one request carries a burst.
const BURST_MS: i32 = 40;

/// Why a session could not be opened or restarted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaSessionError {
    Http(HttpError),
    /// The browser's error message.
    Browser(String),
}

impl From<HttpError> for MediaSessionError {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl From<JsValue> for MediaSessionError {
    fn from(error: JsValue) -> Self {
        let message = js_sys::Reflect::get(&error, &"message".into())
            .ok()
            .and_then(|text| text.as_string());
        Self::Browser(message.unwrap_or_else(|| format!("{error:?}")))
    }
}

/// ICE servers that are being asked for.
pub type IceServers = Pin<Box<dyn Future<Output = Vec<IceServer>>>>;
/// Turns the `Location` of a response into a URL.
pub type Resolve = Box<dyn Fn(&str) -> String>;

/// Closes the connection and deletes the session on the server when dropped, even while the page is being closed.
#[derive(Debug)]
pub(super) struct MediaSession {
    connection: Rc<MediaConnection>,
    resource: Rc<SessionResource>,
}

/// The session's resource on the server, and the candidates to be sent to it.
#[derive(Debug, Default)]
pub(super) struct SessionResource {
    url: RefCell<Option<String>>,
    etag: RefCell<Option<String>>,
    /// The local description: credentials and m-line of a fragment come from it.
    offer: RefCell<String>,
    pending: RefCell<Vec<String>>,
    scheduled: Cell<bool>,
    /// Connected or closed: no more candidates are sent.
    trickle_done: Cell<bool>,
}

impl SessionResource {
    /// The session is open. Earlier candidates are not sent: the server answers the checks that come from them.
    pub(super) fn set(&self, offer: String, url: Option<String>, etag: Option<String>) {
        self.offer.replace(offer);
        self.url.replace(url);
        self.etag.replace(etag);
    }

    /// Sends candidates to the resource, and all events to `on`.
    pub(super) fn follow(this: &Rc<Self>, on: impl Fn(MediaEvent) + 'static) -> EventHandler {
        let trickle = Rc::clone(this);
        Rc::new(move |event| {
            match &event {
                MediaEvent::Candidate(candidate) => Self::push(&trickle, candidate.clone()),
                MediaEvent::Connected => trickle.trickle_done.set(true),
                _ => {}
            }
            on(event);
        })
    }

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

impl MediaSession {
    /// `resource`: what the events of the connection are given to.
    pub(super) fn new(connection: &Rc<MediaConnection>, resource: Rc<SessionResource>) -> Self {
        Self {
            connection: Rc::clone(connection),
            resource,
        }
    }

    /// Posts the offer. `ice` is awaited while the request is under way.
    pub(super) async fn post(
        &self,
        endpoint: &str,
        headers: &[(&'static str, &str)],
        resolve: Resolve,
        ice: IceServers,
    ) -> Result<(), MediaSessionError> {
        let (connection, resource) = (&self.connection, &self.resource);
        let offer = connection.offer(false).await?;
        let posted = HttpRequest {
            method: "POST",
            url: endpoint,
            headers,
            body: Some(&offer),
            keepalive: false,
        }
        .send();
        let servers = ice.await;
        let configured = match servers.is_empty() {
            true => Ok(()),
            false => connection.set_ice_servers(&servers),
        };
        resource.offer.replace(offer.clone());
        let local = connection.set_local(&offer).await;
        let response = posted.await?;
        // With a URL, dropping `self` deletes the session on the server.
        resource.etag.replace(response.etag);
        resource
            .url
            .replace(response.location.as_deref().map(resolve));
        configured?;
        local?;
        connection.set_remote(&response.text).await?;
        SessionResource::schedule(resource);
        Ok(())
    }

    /// Restarts ICE (draft-ietf-wish-whep 4.4, RFC 9725 4.3): a `PATCH` sends new credentials, and its response holds the server's.
    /// Call it again only after the result; of two calls at once the later wins.
    pub(super) fn restart(&self) -> impl Future<Output = Result<(), MediaSessionError>> + use<> {
        let (connection, resource) = (Rc::clone(&self.connection), Rc::clone(&self.resource));
        async move {
            let no_session = || {
                MediaSessionError::Browser("The session has no address on the server.".to_owned())
            };
            let url = resource.url.borrow().clone().ok_or_else(no_session)?;
            let offer = connection.offer(true).await?;
            // Candidates of the restart must not be sent with the old credentials, nor before the server knows the new ones.
            resource.trickle_done.set(true);
            resource.pending.borrow_mut().clear();
            connection.set_local(&offer).await?;
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
            let remote = connection.remote_sdp().ok_or_else(no_session)?;
            connection.set_remote(&theirs.apply(&remote)).await?;
            resource.offer.replace(offer);
            resource.etag.replace(response.etag);
            resource.trickle_done.set(connection.is_connected());
            SessionResource::schedule(&resource);
            Ok(())
        }
    }

    /// The URL of the session; `GET` returns its state.
    pub(super) fn url(&self) -> Option<String> {
        self.resource.url.borrow().clone()
    }

    /// An `RTCStatsReport`.
    pub(super) fn stats(&self) -> js_sys::Promise {
        self.connection.stats()
    }

    /// Leaves the session on the server as it is: its URL, when there is one, names it in the request that replaces it.
    pub(super) fn abandon(&self) -> Option<String> {
        self.resource.url.take()
    }
}

impl Drop for MediaSession {
    fn drop(&mut self) {
        self.resource.trickle_done.set(true);
        // A restart under way may hold a reference to the connection until its request ends.
        self.connection.close();
        if let Some(url) = self.resource.url.take() {
            delete_session(&url);
        }
    }
}

/// Ends a session on the server, even while the page is being closed.
pub fn delete_session(url: &str) {
    let deleted = HttpRequest {
        method: "DELETE",
        url,
        keepalive: true,
        ..HttpRequest::default()
    }
    .send();
    // A failure is ignored: the server ends a session whose client is silent.
    spawn_local(async move {
        let _ = deleted.await;
    });
}
