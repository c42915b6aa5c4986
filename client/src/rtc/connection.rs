//! One `RTCPeerConnection` to another peer of a room, with its `chat` channel. It neither decides nor waits; [`super::pair`] does.

use std::rc::Rc;

use js_sys::{Array, Function, Reflect};
use shared::api::IceServer;
use shared::chat::{self, file_protocol};
use shared::signaling::Candidate;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    RtcConfiguration, RtcDataChannel, RtcDataChannelEvent, RtcDataChannelInit, RtcIceCandidate,
    RtcIceCandidateInit, RtcIceTransportPolicy, RtcPeerConnection, RtcPeerConnectionIceEvent,
    RtcPeerConnectionState, RtcSdpType, RtcSessionDescription, RtcSignalingState,
};

use super::channel::{Channel, ChannelEvent};
use super::listener::Listener;
use super::peer::{description, ice_servers};

/// How to reach others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ice {
    pub servers: Vec<IceServer>,
    /// Through a relay only: the other side does not learn our addresses.
    pub relay_only: bool,
}

/// What happens on a connection.
pub(super) enum ConnectionEvent {
    /// An offer has to be made.
    Negotiate,
    Candidate(Candidate),
    /// See [`Connection::state`].
    State,
    Chat(ChannelEvent),
    /// The other side opened a channel for a file. Listen to it before returning.
    File(RtcDataChannel),
}

/// Closes its connection and frees its closures when dropped.
#[derive(Debug)]
pub(super) struct Connection {
    pc: RtcPeerConnection,
    chat: Channel,
    _listeners: [Listener; 4],
}

impl Connection {
    pub(super) fn new(
        ice: &Ice,
        certificate: Option<&JsValue>,
        on: Rc<dyn Fn(ConnectionEvent)>,
    ) -> Result<Self, JsValue> {
        let pc = RtcPeerConnection::new_with_configuration(&configuration(ice, certificate))?;
        let listen = |name: &'static str| {
            let on = Rc::clone(&on);
            Listener::new(&pc, name, move |event| {
                on(match name {
                    "negotiationneeded" => ConnectionEvent::Negotiate,
                    "connectionstatechange" => ConnectionEvent::State,
                    "icecandidate" => {
                        let event: RtcPeerConnectionIceEvent = event.unchecked_into();
                        match event.candidate() {
                            Some(candidate) => ConnectionEvent::Candidate(read(&candidate)),
                            // The end of all generations; the end of one has a candidate.
                            None => return,
                        }
                    }
                    _ => {
                        let event: RtcDataChannelEvent = event.unchecked_into();
                        ConnectionEvent::File(event.channel())
                    }
                });
            })
        };
        let listeners = [
            "negotiationneeded",
            "connectionstatechange",
            "icecandidate",
            "datachannel",
        ]
        .map(listen);
        let init = RtcDataChannelInit::new();
        init.set_negotiated(true);
        init.set_id(chat::CHANNEL_ID);
        let chat = pc.create_data_channel_with_data_channel_dict(chat::CHANNEL, &init);
        let chat = Channel::new(chat, Rc::new(move |event| on(ConnectionEvent::Chat(event))));
        Ok(Self {
            pc,
            chat,
            _listeners: listeners,
        })
    }

    pub(super) fn chat(&self) -> &Channel {
        &self.chat
    }

    pub(super) fn state(&self) -> RtcPeerConnectionState {
        self.pc.connection_state()
    }

    pub(super) fn signaling(&self) -> RtcSignalingState {
        self.pc.signaling_state()
    }

    /// An offer or an answer, as the signaling state wants it (W3C WebRTC 4.4.2, `setLocalDescription` without argument). Returns it.
    pub(super) async fn set_local(&self) -> Result<String, JsValue> {
        let nothing = JsValue::UNDEFINED.unchecked_into();
        JsFuture::from(self.pc.set_local_description(&nothing)).await?;
        Ok(self.local().unwrap_or_default())
    }

    /// An offer that crosses an own one takes that back.
    pub(super) async fn set_remote(&self, kind: RtcSdpType, sdp: &str) -> Result<(), JsValue> {
        let description = description(kind, sdp);
        JsFuture::from(self.pc.set_remote_description(&description))
            .await
            .map(drop)
    }

    pub(super) async fn add(&self, candidate: &Candidate) -> Result<(), JsValue> {
        let init = RtcIceCandidateInit::new(&candidate.candidate);
        init.set_sdp_mid(candidate.sdp_mid.as_deref());
        init.set_sdp_m_line_index(candidate.sdp_m_line_index);
        if let Some(fragment) = &candidate.username_fragment {
            // web-sys does not have it.
            Reflect::set(&init, &"usernameFragment".into(), &fragment.into())?;
        }
        let added = self
            .pc
            .add_ice_candidate_with_opt_rtc_ice_candidate_init(Some(&init));
        JsFuture::from(added).await.map(drop)
    }

    pub(super) fn local(&self) -> Option<String> {
        sdp(self.pc.local_description())
    }

    pub(super) fn remote(&self) -> Option<String> {
        sdp(self.pc.remote_description())
    }

    /// New ICE credentials with the next offer, which is asked for at once.
    pub(super) fn restart(&self, ice: &Ice) -> Result<(), JsValue> {
        let configuration = self.pc.get_configuration();
        set_ice(&configuration, ice);
        self.pc
            .set_configuration_with_configuration(&configuration)?;
        // web-sys does not have it.
        let restart: Function = Reflect::get(&self.pc, &"restartIce".into())?.dyn_into()?;
        restart.call0(&self.pc).map(drop)
    }

    pub(super) fn open_file(&self, number: u64, offset: u64) -> RtcDataChannel {
        let init = RtcDataChannelInit::new();
        init.set_protocol(&file_protocol(number, offset));
        self.pc
            .create_data_channel_with_data_channel_dict(chat::FILE_CHANNEL, &init)
    }

    /// Bytes that the other side takes as one message (`RTCSctpTransport.maxMessageSize`).
    pub(super) fn max_message(&self) -> u32 {
        // RFC 8841 6: without a word, 64 KiB.
        const DEFAULT: f64 = 65_536.0;
        let sctp = Reflect::get(&self.pc, &"sctp".into());
        let size = sctp.and_then(|sctp| Reflect::get(&sctp, &"maxMessageSize".into()));
        let size = size.ok().and_then(|size| size.as_f64());
        // The cast saturates: infinity is "any".
        size.filter(|size| *size >= 1.0).unwrap_or(DEFAULT) as u32
    }

    /// An `RTCStatsReport`.
    pub(super) fn stats(&self) -> js_sys::Promise {
        self.pc.get_stats()
    }

    /// Ends it now, while others still hold the value. No event follows.
    pub(super) fn close(&self) {
        self.pc.close();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

fn configuration(ice: &Ice, certificate: Option<&JsValue>) -> RtcConfiguration {
    let configuration = RtcConfiguration::new();
    set_ice(&configuration, ice);
    if let Some(certificate) = certificate {
        configuration.set_certificates(&Array::of1(certificate));
    }
    configuration
}

fn set_ice(configuration: &RtcConfiguration, ice: &Ice) {
    configuration.set_ice_servers(&ice_servers(&ice.servers));
    configuration.set_ice_transport_policy(if ice.relay_only {
        RtcIceTransportPolicy::Relay
    } else {
        RtcIceTransportPolicy::All
    });
}

fn sdp(description: Option<RtcSessionDescription>) -> Option<String> {
    description.map(|description| description.sdp())
}

fn read(candidate: &RtcIceCandidate) -> Candidate {
    let fragment = Reflect::get(candidate, &"usernameFragment".into());
    Candidate {
        candidate: candidate.candidate(),
        sdp_mid: candidate.sdp_mid(),
        sdp_m_line_index: candidate.sdp_m_line_index(),
        username_fragment: fragment.ok().and_then(|text| text.as_string()),
    }
}
