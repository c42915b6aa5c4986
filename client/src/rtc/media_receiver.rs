//! One `RTCPeerConnection` that receives at most one video and one audio track.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::Reflect;
use shared::api::IceServer;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    EventTarget, MediaStream, RtcBundlePolicy, RtcConfiguration, RtcOfferOptions,
    RtcPeerConnection, RtcPeerConnectionIceEvent, RtcPeerConnectionState, RtcRtpReceiver,
    RtcRtpTransceiverDirection, RtcRtpTransceiverInit, RtcSdpType, RtcTrackEvent,
};

use super::dictionary::{description, ice_servers};
use super::listener::Listener;
use super::sdp;

/// An event of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaReceiverEvent {
    Connected,
    /// The connection state is `disconnected`; it may recover.
    Disconnected,
    Failed,
    /// The other side closed DTLS.
    RemoteClosed,
    /// A local candidate: the text after `a=`. Empty: the end of candidates.
    Candidate(String),
    /// A track was added to [`MediaReceiver::stream`].
    Track,
}

/// Closes the connection, stops its tracks and frees its closures when dropped.
#[derive(Debug)]
pub struct MediaReceiver {
    connection: RtcPeerConnection,
    stream: MediaStream,
    _listeners: Vec<Listener>,
}

impl MediaReceiver {
    /// A connection with a transceiver for each of these kinds (`video`, `audio`). Nothing is sent before [`MediaReceiver::set_local`].
    pub fn new(kinds: &[&str], on: impl Fn(MediaReceiverEvent) + 'static) -> Result<Self, JsValue> {
        let configuration = RtcConfiguration::new();
        // One transport for video and audio, so candidates are gathered once.
        configuration.set_bundle_policy(RtcBundlePolicy::MaxBundle);
        let connection = RtcPeerConnection::new_with_configuration(&configuration)?;
        let stream = MediaStream::new()?;
        let on = Rc::new(on);
        let mut receiver = Self {
            connection,
            stream,
            _listeners: Vec::new(),
        };
        for kind in kinds {
            let init = RtcRtpTransceiverInit::new();
            init.set_direction(RtcRtpTransceiverDirection::Recvonly);
            let transceiver = receiver
                .connection
                .add_transceiver_with_str_and_init(kind, &init);
            minimize_playout_delay(&transceiver.receiver());
        }
        receiver._listeners = vec![
            receiver.on_state(Rc::clone(&on)),
            receiver.on_candidate(Rc::clone(&on)),
            receiver.on_track(on),
        ];
        Ok(receiver)
    }

    fn on_state(&self, on: Rc<impl Fn(MediaReceiverEvent) + 'static>) -> Listener {
        let connection = self.connection.clone();
        Listener::new(
            &self.connection,
            "connectionstatechange",
            move |_| match connection.connection_state() {
                RtcPeerConnectionState::Connected => on(MediaReceiverEvent::Connected),
                RtcPeerConnectionState::Disconnected => on(MediaReceiverEvent::Disconnected),
                RtcPeerConnectionState::Failed => on(MediaReceiverEvent::Failed),
                RtcPeerConnectionState::Closed => on(MediaReceiverEvent::RemoteClosed),
                _ => {}
            },
        )
    }

    fn on_candidate(&self, on: Rc<impl Fn(MediaReceiverEvent) + 'static>) -> Listener {
        Listener::new(&self.connection, "icecandidate", move |event| {
            let candidate = event
                .unchecked_into::<RtcPeerConnectionIceEvent>()
                .candidate();
            on(MediaReceiverEvent::Candidate(
                candidate
                    .map(|candidate| candidate.candidate())
                    .unwrap_or_default(),
            ));
        })
    }

    /// Collects the tracks and observes the DTLS transport of the first: only its state shows that the other side closed.
    fn on_track(&self, on: Rc<impl Fn(MediaReceiverEvent) + 'static>) -> Listener {
        // Not `stream.clone()`: that is the method of the browser and makes a new stream.
        let stream = Clone::clone(&self.stream);
        let mut transport_listener: Option<Listener> = None;
        Listener::new(&self.connection, "track", move |event| {
            let event: RtcTrackEvent = event.unchecked_into();
            stream.add_track(&event.track());
            if transport_listener.is_none() {
                transport_listener = on_dtls_closed(&event.receiver(), Rc::clone(&on));
            }
            on(MediaReceiverEvent::Track);
        })
    }

    /// The received tracks, for `srcObject`. Empty until they arrive.
    pub fn stream(&self) -> &MediaStream {
        &self.stream
    }

    pub fn set_ice_servers(&self, servers: &[IceServer]) -> Result<(), JsValue> {
        let configuration = self.connection.get_configuration();
        configuration.set_ice_servers(&ice_servers(servers));
        self.connection
            .set_configuration_with_configuration(&configuration)
    }

    /// Creates an offer that asks for stereo; does not apply it. `restart`: with new ICE credentials.
    pub async fn offer(&self, restart: bool) -> Result<String, JsValue> {
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

    /// Applies an offer of [`MediaReceiver::offer`], which starts to gather candidates.
    pub async fn set_local(&self, offer: &str) -> Result<(), JsValue> {
        let description = description(RtcSdpType::Offer, offer);
        JsFuture::from(self.connection.set_local_description(&description))
            .await
            .map(|_| ())
    }

    pub async fn set_remote(&self, answer: &str) -> Result<(), JsValue> {
        let description = description(RtcSdpType::Answer, answer);
        JsFuture::from(self.connection.set_remote_description(&description))
            .await
            .map(|_| ())
    }

    pub fn remote_sdp(&self) -> Option<String> {
        self.connection
            .remote_description()
            .map(|description| description.sdp())
    }

    pub fn is_connected(&self) -> bool {
        self.connection.connection_state() == RtcPeerConnectionState::Connected
    }

    /// An `RTCStatsReport`: a `Map` from id to dictionary.
    pub fn stats(&self) -> js_sys::Promise {
        self.connection.get_stats()
    }
}

impl MediaReceiver {
    /// Closes the connection now, even while other references exist. No event follows.
    pub(super) fn close(&self) {
        for track in self.stream.get_tracks().iter() {
            track.unchecked_into::<web_sys::MediaStreamTrack>().stop();
        }
        self.connection.close();
    }
}

impl Drop for MediaReceiver {
    fn drop(&mut self) {
        self.close();
    }
}

/// Asks for the smallest jitter buffer, by the standard name (milliseconds) and by that of older Chrome (seconds).
fn minimize_playout_delay(receiver: &RtcRtpReceiver) {
    // A browser that knows neither ignores the property.
    let _ = Reflect::set(receiver, &"jitterBufferTarget".into(), &0.into());
    let _ = Reflect::set(receiver, &"playoutDelayHint".into(), &0.into());
}

/// Observes `RTCRtpReceiver.transport`, an `RTCDtlsTransport` (not in web-sys).
fn on_dtls_closed(
    receiver: &RtcRtpReceiver,
    on: Rc<impl Fn(MediaReceiverEvent) + 'static>,
) -> Option<Listener> {
    let transport = Reflect::get(receiver, &"transport".into()).ok()?;
    let target: EventTarget = transport.dyn_into().ok()?;
    let reported = Cell::new(false);
    let observed = target.clone();
    Some(Listener::new(&target, "statechange", move |_| {
        let state = Reflect::get(&observed, &"state".into())
            .ok()
            .and_then(|state| state.as_string());
        if state.as_deref() == Some("closed") && !reported.replace(true) {
            on(MediaReceiverEvent::RemoteClosed);
        }
    }))
}
