//! One `RTCPeerConnection` that receives at most one picture and one sound.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::{Array, Reflect};
use shared::api::IceServer;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    EventTarget, MediaStream, RtcBundlePolicy, RtcConfiguration, RtcIceServer, RtcOfferOptions,
    RtcPeerConnection, RtcPeerConnectionIceEvent, RtcPeerConnectionState, RtcRtpReceiver,
    RtcRtpTransceiverDirection, RtcRtpTransceiverInit, RtcSdpType, RtcSessionDescriptionInit,
    RtcTrackEvent,
};

use super::listener::Listener;
use super::sdp;

/// What happens on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerEvent {
    Connected,
    /// No answer from the other side; it may come back.
    Disconnected,
    Failed,
    /// The other side ended DTLS.
    RemoteClosed,
    /// A local candidate: the line after `a=`. An empty one ends them.
    Candidate(String),
    /// A track was added to [`Peer::stream`].
    Track,
}

/// Closes its connection, stops its tracks and frees its closures when dropped.
#[derive(Debug)]
pub struct Peer {
    connection: RtcPeerConnection,
    stream: MediaStream,
    _listeners: Vec<Listener>,
}

impl Peer {
    /// A connection that can offer to receive; nothing is sent before [`Peer::set_local`].
    pub fn receiver(on: impl Fn(PeerEvent) + 'static) -> Result<Self, JsValue> {
        let configuration = RtcConfiguration::new();
        // One transport for picture and sound, so candidates are gathered once.
        configuration.set_bundle_policy(RtcBundlePolicy::MaxBundle);
        let connection = RtcPeerConnection::new_with_configuration(&configuration)?;
        let stream = MediaStream::new()?;
        let on = Rc::new(on);
        let mut peer = Self {
            connection,
            stream,
            _listeners: Vec::new(),
        };
        for kind in ["video", "audio"] {
            let init = RtcRtpTransceiverInit::new();
            init.set_direction(RtcRtpTransceiverDirection::Recvonly);
            let transceiver = peer
                .connection
                .add_transceiver_with_str_and_init(kind, &init);
            play_out_at_once(&transceiver.receiver());
        }
        peer._listeners = vec![
            peer.on_state(Rc::clone(&on)),
            peer.on_candidate(Rc::clone(&on)),
            peer.on_track(on),
        ];
        Ok(peer)
    }

    fn on_state(&self, on: Rc<impl Fn(PeerEvent) + 'static>) -> Listener {
        let connection = self.connection.clone();
        Listener::new(
            &self.connection,
            "connectionstatechange",
            move |_| match connection.connection_state() {
                RtcPeerConnectionState::Connected => on(PeerEvent::Connected),
                RtcPeerConnectionState::Disconnected => on(PeerEvent::Disconnected),
                RtcPeerConnectionState::Failed => on(PeerEvent::Failed),
                RtcPeerConnectionState::Closed => on(PeerEvent::RemoteClosed),
                _ => {}
            },
        )
    }

    fn on_candidate(&self, on: Rc<impl Fn(PeerEvent) + 'static>) -> Listener {
        Listener::new(&self.connection, "icecandidate", move |event| {
            let candidate = event
                .unchecked_into::<RtcPeerConnectionIceEvent>()
                .candidate();
            on(PeerEvent::Candidate(
                candidate
                    .map(|candidate| candidate.candidate())
                    .unwrap_or_default(),
            ));
        })
    }

    /// Collects the tracks and watches the transport under the first one: its `closed` is the only sign of a goodbye.
    fn on_track(&self, on: Rc<impl Fn(PeerEvent) + 'static>) -> Listener {
        // Not `stream.clone()`: that is a method of the browser, and makes another stream.
        let stream = Clone::clone(&self.stream);
        let mut transport_listener: Option<Listener> = None;
        Listener::new(&self.connection, "track", move |event| {
            let event: RtcTrackEvent = event.unchecked_into();
            stream.add_track(&event.track());
            if transport_listener.is_none() {
                transport_listener = on_goodbye(&event.receiver(), Rc::clone(&on));
            }
            on(PeerEvent::Track);
        })
    }

    /// The tracks, for `srcObject`. Empty until they arrive.
    pub fn stream(&self) -> &MediaStream {
        &self.stream
    }

    pub fn set_ice_servers(&self, servers: &[IceServer]) -> Result<(), JsValue> {
        let configuration = self.connection.get_configuration();
        configuration.set_ice_servers(&ice_servers(servers));
        self.connection
            .set_configuration_with_configuration(&configuration)
    }

    /// An offer to receive, with stereo asked for; not applied yet.
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

    /// Applies an offer of [`Peer::offer`]; candidates start to be gathered.
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

impl Peer {
    /// Ends the connection now, while others still hold the value. No event follows.
    pub(super) fn close(&self) {
        for track in self.stream.get_tracks().iter() {
            track.unchecked_into::<web_sys::MediaStreamTrack>().stop();
        }
        self.connection.close();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.close();
    }
}

/// As an `RTCConfiguration` holds them.
pub(super) fn ice_servers(servers: &[IceServer]) -> Array {
    let list = Array::new();
    for server in servers {
        let entry = RtcIceServer::new();
        let urls: Array = server
            .urls
            .iter()
            .map(|url| JsValue::from_str(url))
            .collect();
        entry.set_urls(&urls);
        if let Some(username) = &server.username {
            entry.set_username(username);
        }
        if let Some(credential) = &server.credential {
            entry.set_credential(credential);
        }
        list.push(&entry);
    }
    list
}

pub(super) fn description(kind: RtcSdpType, text: &str) -> RtcSessionDescriptionInit {
    let description = RtcSessionDescriptionInit::new(kind);
    description.set_sdp(text);
    description
}

/// Asks for the smallest buffer that plays: the standard name, and the one that older Chrome knows (in seconds).
fn play_out_at_once(receiver: &RtcRtpReceiver) {
    // A browser without either ignores a new property of its object.
    let _ = Reflect::set(receiver, &"jitterBufferTarget".into(), &0.into());
    let _ = Reflect::set(receiver, &"playoutDelayHint".into(), &0.into());
}

/// Watches `RTCRtpReceiver.transport` (an `RTCDtlsTransport`, which web-sys does not have).
fn on_goodbye(receiver: &RtcRtpReceiver, on: Rc<impl Fn(PeerEvent) + 'static>) -> Option<Listener> {
    let transport = Reflect::get(receiver, &"transport".into()).ok()?;
    let target: EventTarget = transport.dyn_into().ok()?;
    let said = Cell::new(false);
    let watched = target.clone();
    Some(Listener::new(&target, "statechange", move |_| {
        let state = Reflect::get(&watched, &"state".into())
            .ok()
            .and_then(|state| state.as_string());
        if state.as_deref() == Some("closed") && !said.replace(true) {
            on(PeerEvent::RemoteClosed);
        }
    }))
}
