//! One `RTCPeerConnection` to the server, for media in one direction.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::Reflect;
use shared::api::IceServer;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    EventTarget, RtcBundlePolicy, RtcConfiguration, RtcOfferOptions, RtcPeerConnection,
    RtcPeerConnectionIceEvent, RtcPeerConnectionState, RtcSdpType,
};

use super::dictionary::{description, ice_servers};
use super::listener::Listener;
use super::sdp;

/// An event of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaEvent {
    Connected,
    /// The connection state is `disconnected`; it may recover.
    Disconnected,
    Failed,
    /// The other side closed DTLS.
    RemoteClosed,
    /// A local candidate: the text after `a=`. Empty: the end of candidates.
    Candidate(String),
    /// A track was received.
    Track,
}

pub(super) type EventHandler = Rc<dyn Fn(MediaEvent)>;

/// Closes the connection and frees its closures when dropped.
#[derive(Debug)]
pub(super) struct MediaConnection {
    pub(super) connection: RtcPeerConnection,
    listeners: RefCell<Vec<Listener>>,
}

impl MediaConnection {
    /// Nothing is sent before [`MediaConnection::set_local`].
    pub(super) fn new(on: &EventHandler) -> Result<Self, JsValue> {
        let configuration = RtcConfiguration::new();
        // One transport for video and audio, so candidates are gathered once.
        configuration.set_bundle_policy(RtcBundlePolicy::MaxBundle);
        let connection = RtcPeerConnection::new_with_configuration(&configuration)?;
        Ok(Self::observe(connection, on))
    }

    pub(super) fn observe(connection: RtcPeerConnection, on: &EventHandler) -> Self {
        let this = Self {
            connection,
            listeners: RefCell::default(),
        };
        this.keep(this.on_state(Rc::clone(on)));
        this.keep(this.on_candidate(Rc::clone(on)));
        this
    }

    /// The listener is removed with the connection.
    pub(super) fn keep(&self, listener: Listener) {
        self.listeners.borrow_mut().push(listener);
    }

    fn on_state(&self, on: EventHandler) -> Listener {
        let connection = self.connection.clone();
        Listener::new(
            &self.connection,
            "connectionstatechange",
            move |_| match connection.connection_state() {
                RtcPeerConnectionState::Connected => on(MediaEvent::Connected),
                RtcPeerConnectionState::Disconnected => on(MediaEvent::Disconnected),
                RtcPeerConnectionState::Failed => on(MediaEvent::Failed),
                RtcPeerConnectionState::Closed => on(MediaEvent::RemoteClosed),
                _ => {}
            },
        )
    }

    fn on_candidate(&self, on: EventHandler) -> Listener {
        Listener::new(&self.connection, "icecandidate", move |event| {
            let candidate = event
                .unchecked_into::<RtcPeerConnectionIceEvent>()
                .candidate();
            on(MediaEvent::Candidate(
                candidate
                    .map(|candidate| candidate.candidate())
                    .unwrap_or_default(),
            ));
        })
    }

    pub(super) fn set_ice_servers(&self, servers: &[IceServer]) -> Result<(), JsValue> {
        let configuration = self.connection.get_configuration();
        configuration.set_ice_servers(&ice_servers(servers));
        self.connection
            .set_configuration_with_configuration(&configuration)
    }

    /// Creates an offer that asks for stereo; does not apply it. `restart`: with new ICE credentials.
    pub(super) async fn offer(&self, restart: bool) -> Result<String, JsValue> {
        let options = RtcOfferOptions::new();
        options.set_ice_restart(restart);
        let offer = JsFuture::from(
            self.connection
                .create_offer_with_rtc_offer_options(&options),
        )
        .await?;
        let text = Reflect::get(&offer, &"sdp".into())?
            .as_string()
            .unwrap_or_default();
        Ok(sdp::with_stereo(&text))
    }

    /// Applies an offer of [`MediaConnection::offer`], which starts to gather candidates.
    pub(super) async fn set_local(&self, offer: &str) -> Result<(), JsValue> {
        let description = description(RtcSdpType::Offer, offer);
        JsFuture::from(self.connection.set_local_description(&description))
            .await
            .map(|_| ())
    }

    pub(super) async fn set_remote(&self, answer: &str) -> Result<(), JsValue> {
        let description = description(RtcSdpType::Answer, answer);
        JsFuture::from(self.connection.set_remote_description(&description))
            .await
            .map(|_| ())
    }

    pub(super) fn remote_sdp(&self) -> Option<String> {
        self.connection
            .remote_description()
            .map(|description| description.sdp())
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connection.connection_state() == RtcPeerConnectionState::Connected
    }

    /// An `RTCStatsReport`: a `Map` from id to dictionary.
    pub(super) fn stats(&self) -> js_sys::Promise {
        self.connection.get_stats()
    }

    /// Closes the connection now, even while other references exist. No event follows.
    pub(super) fn close(&self) {
        self.connection.close();
    }
}

impl Drop for MediaConnection {
    fn drop(&mut self) {
        self.close();
    }
}

/// Observes the `transport` of an `RTCRtpReceiver` or `RTCRtpSender`, an `RTCDtlsTransport` (not in web-sys): only its state shows that the other side
/// closed.
pub(super) fn on_dtls_closed(end: &JsValue, on: EventHandler) -> Option<Listener> {
    let transport = Reflect::get(end, &"transport".into()).ok()?;
    let target: EventTarget = transport.dyn_into().ok()?;
    let reported = Cell::new(false);
    let observed = target.clone();
    Some(Listener::new(&target, "statechange", move |_| {
        let state = Reflect::get(&observed, &"state".into())
            .ok()
            .and_then(|state| state.as_string());
        if state.as_deref() == Some("closed") && !reported.replace(true) {
            on(MediaEvent::RemoteClosed);
        }
    }))
}
