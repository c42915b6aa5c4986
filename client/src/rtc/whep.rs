//! One WHEP session (draft-ietf-wish-whep): an offer posted, candidates trickled, ICE restarted, the resource deleted.
//!
//! The offer goes out before any candidate is gathered. The server's answer holds all of its own candidates, so the
//! first check comes from here and needs nothing of ours; candidates found meanwhile follow by `PATCH` only while the
//! connection is not up yet.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use shared::api::IceServer;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::MediaStream;

use super::peer::{Peer, PeerEvent};
use super::sdp::Fragment;
use super::timer::sleep;
use crate::http::{HttpError, Request};

const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
/// Candidates come in bursts; one request carries a burst.
const BURST_MS: i32 = 40;

/// Why a session could not be opened or restarted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhepError {
    Http(HttpError),
    /// The browser's own words.
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

/// A viewing. Dropping it closes the connection and tells the server, even while the page is being closed.
#[derive(Debug)]
pub struct Whep {
    peer: Rc<Peer>,
    signal: Rc<Signal>,
}

/// The session's resource on the server, and the candidates that wait to be sent there.
#[derive(Debug, Default)]
struct Signal {
    url: RefCell<Option<String>>,
    etag: RefCell<Option<String>>,
    /// Our description in force: credentials and m-line of a fragment come from it.
    offer: RefCell<String>,
    pending: RefCell<Vec<String>>,
    scheduled: Cell<bool>,
    /// Connected, or over: candidates are of no use any more.
    quiet: Cell<bool>,
}

impl Whep {
    /// Posts an offer to `endpoint`. `resolve` makes a whole address of the answer's `Location`; `ice` is awaited while
    /// the offer is on its way.
    pub async fn open(
        endpoint: &str,
        resolve: impl Fn(&str) -> String,
        ice: impl Future<Output = Vec<IceServer>>,
        on: impl Fn(PeerEvent) + 'static,
    ) -> Result<Self, WhepError> {
        let signal = Rc::new(Signal::default());
        let hears = Rc::clone(&signal);
        let peer = Rc::new(Peer::receiver(move |event| {
            match &event {
                PeerEvent::Candidate(candidate) => Signal::push(&hears, candidate.clone()),
                PeerEvent::Connected => hears.quiet.set(true),
                _ => {}
            }
            on(event);
        })?);
        let whep = Self { peer, signal };

        let offer = whep.peer.offer(false).await?;
        let posted = Request {
            method: "POST",
            url: endpoint,
            headers: &[("content-type", "application/sdp")],
            body: Some(&offer),
            keepalive: false,
        }
        .send();
        let servers = ice.await;
        if !servers.is_empty() {
            whep.peer.set_ice_servers(&servers)?;
        }
        whep.signal.offer.replace(offer.clone());
        let local = whep.peer.set_local(&offer).await;
        let answer = posted.await?;
        // From here on a drop deletes the session.
        whep.signal.etag.replace(answer.etag);
        whep.signal
            .url
            .replace(answer.location.as_deref().map(resolve));
        local?;
        whep.peer.set_remote(&answer.text).await?;
        Signal::schedule(&whep.signal);
        Ok(whep)
    }

    /// Restarts ICE (draft-ietf-wish-whep 4.4): a `PATCH` with new credentials, whose answer holds the server's.
    /// Several at once are not meant to happen; the later one wins.
    pub fn restart(&self) -> impl Future<Output = Result<(), WhepError>> + use<> {
        let (peer, signal) = (Rc::clone(&self.peer), Rc::clone(&self.signal));
        async move {
            let gone =
                || WhepError::Browser("The session has no address on the server.".to_owned());
            let url = signal.url.borrow().clone().ok_or_else(gone)?;
            let offer = peer.offer(true).await?;
            // Candidates of the restart must not go out under the old credentials, or before the server knows the new.
            signal.quiet.set(true);
            signal.pending.borrow_mut().clear();
            peer.set_local(&offer).await?;
            let mut fragment = Fragment::parse(&offer).ok_or_else(gone)?;
            fragment.candidates.clear();
            fragment.end = false;
            let answer = Request {
                method: "PATCH",
                url: &url,
                headers: &[("content-type", FRAGMENT), ("if-match", "*")],
                body: Some(&fragment.write(&offer)),
                keepalive: false,
            }
            .send()
            .await?;
            let theirs = Fragment::parse(&answer.text).ok_or(HttpError::Unreadable)?;
            let remote = peer.remote_sdp().ok_or_else(gone)?;
            peer.set_remote(&theirs.apply(&remote)).await?;
            signal.offer.replace(offer);
            signal.etag.replace(answer.etag);
            signal.quiet.set(peer.is_connected());
            Signal::schedule(&signal);
            Ok(())
        }
    }

    pub fn stream(&self) -> &MediaStream {
        self.peer.stream()
    }

    /// The session on the server: `GET` tells how it goes.
    pub fn url(&self) -> Option<String> {
        self.signal.url.borrow().clone()
    }

    /// An `RTCStatsReport`.
    pub fn stats(&self) -> js_sys::Promise {
        self.peer.stats()
    }
}

impl Drop for Whep {
    fn drop(&mut self) {
        self.signal.quiet.set(true);
        // A restart under way may hold the peer for as long as its request takes.
        self.peer.close();
        if let Some(url) = self.signal.url.take() {
            let deleted = Request {
                method: "DELETE",
                url: &url,
                keepalive: true,
                ..Request::default()
            }
            .send();
            // Nobody is left to act on a failure; the server ends the session by itself when nothing arrives.
            spawn_local(async move {
                let _ = deleted.await;
            });
        }
    }
}

impl Signal {
    fn push(this: &Rc<Self>, candidate: String) {
        this.pending.borrow_mut().push(candidate);
        Self::schedule(this);
    }

    /// Sends what is pending in a moment, if there is somewhere to send it.
    fn schedule(this: &Rc<Self>) {
        let idle = this.pending.borrow().is_empty() || this.url.borrow().is_none();
        if idle || this.quiet.get() || this.scheduled.replace(true) {
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
        let fragment = Fragment::parse(&self.offer.borrow());
        let (Some(url), Some(mut fragment), false) = (url, fragment, self.quiet.get()) else {
            return;
        };
        fragment.end = candidates.iter().any(String::is_empty);
        fragment.candidates = candidates
            .into_iter()
            .filter(|candidate| !candidate.is_empty())
            .collect();
        let body = fragment.write(&self.offer.borrow());
        let etag = self.etag.borrow().clone().unwrap_or_else(|| "*".to_owned());
        let sent = Request {
            method: "PATCH",
            url: &url,
            headers: &[("content-type", FRAGMENT), ("if-match", &etag)],
            body: Some(&body),
            keepalive: false,
        }
        .send();
        // A refused candidate is one path less; the connection says itself whether it came up.
        let _ = sent.await;
    }
}
