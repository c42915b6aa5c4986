//! The session that index.html opens while the module is loaded: `window.weirSession`, as `openEarly` in assets/shell.js makes it.

use js_sys::Promise;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{MediaStream, RtcPeerConnection};

use super::dynamic::{call, get, set};
use crate::http::HttpError;

const NAME: &str = "weirSession";

/// It is opening, open, or has failed.
#[derive(Debug)]
pub struct EarlySession(JsValue);

/// What it has negotiated.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: RtcPeerConnection,
    pub(super) stream: MediaStream,
    pub(super) inset: MediaStream,
    /// The `RTCRtpReceiver` of the first track.
    pub(super) receiver: JsValue,
    pub(super) offer: String,
    pub(super) url: Option<String>,
    pub(super) etag: Option<String>,
}

impl EarlySession {
    /// The first caller gets it.
    pub fn take() -> Option<Self> {
        let window = web_sys::window()?;
        let session = get(&window, NAME);
        set(&window, NAME, &JsValue::UNDEFINED);
        session.is_object().then_some(Self(session))
    }

    /// It, if this is where its offer is posted; else it ends: another stream is wanted.
    pub fn at(self, endpoint: &str) -> Option<Self> {
        if self.text("endpoint").as_deref() == Some(endpoint) {
            return Some(self);
        }
        let _ = call(&self.0, "discard", &[]);
        None
    }

    /// `None` when it could not be opened.
    ///
    /// # Errors
    /// The server refuses for now.
    pub(super) async fn opened(self) -> Result<Option<Opened>, HttpError> {
        let _ = call(&self.0, "begin", &[]);
        let opened: Promise = get(&self.0, "opened").unchecked_into();
        let is_open = JsFuture::from(opened)
            .await
            .is_ok_and(|open| open.is_truthy());
        if let Some(refusal) = HttpError::of_response(&get(&self.0, "refusal")).await {
            return Err(refusal);
        }
        Ok(is_open.then(|| Opened {
            connection: get(&self.0, "connection").unchecked_into(),
            stream: get(&self.0, "stream").unchecked_into(),
            inset: get(&self.0, "inset").unchecked_into(),
            receiver: get(&self.0, "receiver"),
            offer: self.text("offer").unwrap_or_default(),
            url: self.text("url"),
            etag: self.text("etag"),
        }))
    }

    fn text(&self, name: &str) -> Option<String> {
        get(&self.0, name).as_string()
    }
}
