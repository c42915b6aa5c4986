//! One `RTCPeerConnection` to another peer of a room, with the channels of its chat and the channel `files`. [`super::remote_peer`] decides what it does.

use std::rc::Rc;

use js_sys::{Array, Function, Reflect};
use shared::api::IceServer;
use shared::chat::{CHANNEL, CHANNEL_ID};
use shared::file_channel::{FILES_CHANNEL, FILES_CHANNEL_ID};
use shared::ice_candidate::with_candidates;
use shared::negotiation::as_dtls_client;
use shared::safety::{fingerprint, safety_code};
use shared::signaling::Candidate;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    RtcConfiguration, RtcDataChannel, RtcDataChannelEvent, RtcDataChannelInit, RtcIceCandidate,
    RtcIceCandidateInit, RtcIceTransportPolicy, RtcPeerConnection, RtcPeerConnectionIceEvent,
    RtcPeerConnectionState, RtcSdpType, RtcSessionDescription, RtcSignalingState,
};

use super::chat_channels::{ChatChannels, ChatEvent};
use super::dictionary::{description, ice_servers};
use super::file_channel::{FileChannel, FileEvent};
use super::listener::Listener;

/// ICE servers and policy of new connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceSettings {
    pub servers: Vec<IceServer>,
    /// Use relay candidates only, which hides this machine's addresses from the other peer.
    pub relay_only: bool,
}

/// An event of a connection.
pub(super) enum PeerConnectionEvent {
    /// `negotiationneeded`: make an offer.
    Negotiate,
    Candidate(Candidate),
    /// [`PeerConnection::state`] changed.
    State,
    Chat(ChatEvent),
    File(FileEvent),
    /// The other side opened a channel. Attach listeners before the callback returns.
    Channel(RtcDataChannel),
}

/// Closes the connection and frees its closures when dropped.
#[derive(Debug)]
pub(super) struct PeerConnection {
    pc: RtcPeerConnection,
    chat: ChatChannels,
    files: Rc<FileChannel>,
    native: bool,
    _listeners: [Listener; 4],
}

impl PeerConnection {
    /// `native`: the other side is a client of this repository. Another gets a channel `chat` in band, too ([`shared::chat_channels`]).
    pub(super) fn new(
        ice: &IceSettings,
        certificate: Option<&JsValue>,
        native: bool,
        on: Rc<dyn Fn(PeerConnectionEvent)>,
    ) -> Result<Self, JsValue> {
        let pc = RtcPeerConnection::new_with_configuration(&configuration(ice, certificate))?;
        let listen = |name: &'static str| {
            let on = Rc::clone(&on);
            Listener::new(&pc, name, move |event| {
                on(match name {
                    "negotiationneeded" => PeerConnectionEvent::Negotiate,
                    "connectionstatechange" => PeerConnectionEvent::State,
                    "icecandidate" => {
                        let event: RtcPeerConnectionIceEvent = event.unchecked_into();
                        match event.candidate() {
                            Some(candidate) => {
                                PeerConnectionEvent::Candidate(to_candidate(&candidate))
                            }
                            // Gathering is complete; the end of one generation is signaled by an empty candidate.
                            None => return,
                        }
                    }
                    _ => {
                        let event: RtcDataChannelEvent = event.unchecked_into();
                        PeerConnectionEvent::Channel(event.channel())
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
        let channel = |label, id| {
            let init = RtcDataChannelInit::new();
            init.set_negotiated(true);
            init.set_id(id);
            pc.create_data_channel_with_data_channel_dict(label, &init)
        };
        let mut chat = vec![channel(CHANNEL, CHANNEL_ID)];
        if !native {
            chat.push(pc.create_data_channel(CHANNEL));
        }
        let on_chat = Rc::clone(&on);
        let on_chat = move |event| on_chat(PeerConnectionEvent::Chat(event));
        let chat = ChatChannels::new(chat, Box::new(on_chat));
        let files = FileChannel::new(
            channel(FILES_CHANNEL, FILES_CHANNEL_ID),
            Box::new(move |event| on(PeerConnectionEvent::File(event))),
        );
        Ok(Self {
            pc,
            chat,
            files,
            native,
            _listeners: listeners,
        })
    }

    pub(super) fn chat(&self) -> &ChatChannels {
        &self.chat
    }

    pub(super) fn files(&self) -> &Rc<FileChannel> {
        &self.files
    }

    pub(super) fn state(&self) -> RtcPeerConnectionState {
        self.pc.connection_state()
    }

    pub(super) fn signaling(&self) -> RtcSignalingState {
        self.pc.signaling_state()
    }

    /// Sets and returns an offer or an answer, as the signaling state requires (W3C WebRTC 4.4.2, `setLocalDescription` without argument).
    pub(super) async fn set_local(&self) -> Result<String, JsValue> {
        let nothing = JsValue::UNDEFINED.unchecked_into();
        JsFuture::from(self.pc.set_local_description(&nothing)).await?;
        Ok(self.description())
    }

    /// Sets the remote description, without malformed candidates: one would refuse it. A remote offer rolls a local offer back.
    pub(super) async fn set_remote(&self, kind: RtcSdpType, sdp: &str) -> Result<(), JsValue> {
        let sdp = with_candidates(sdp, |candidate| Some(candidate.line().to_owned()));
        let description = description(kind, &sdp);
        JsFuture::from(self.pc.set_remote_description(&description))
            .await
            .map(drop)
    }

    pub(super) async fn add(&self, candidate: &Candidate) -> Result<(), JsValue> {
        let init = RtcIceCandidateInit::new(&candidate.candidate);
        init.set_sdp_mid(candidate.sdp_mid.as_deref());
        init.set_sdp_m_line_index(candidate.sdp_m_line_index);
        if let Some(fragment) = &candidate.username_fragment {
            // Not in web-sys.
            Reflect::set(&init, &"usernameFragment".into(), &fragment.into())?;
        }
        let added = self
            .pc
            .add_ice_candidate_with_opt_rtc_ice_candidate_init(Some(&init));
        JsFuture::from(added).await.map(drop)
    }

    /// The local description as it is sent. The first offer to a foreign peer asks for the role of the DTLS client; later ones keep the roles
    /// (RFC 8842 5.5).
    pub(super) fn description(&self) -> String {
        let sdp = self.local().unwrap_or_default();
        if self.native || self.remote().is_some() {
            sdp
        } else {
            as_dtls_client(&sdp)
        }
    }

    fn local(&self) -> Option<String> {
        sdp_of(self.pc.local_description())
    }

    pub(super) fn remote(&self) -> Option<String> {
        sdp_of(self.pc.remote_description())
    }

    /// Whether an SDP belongs to another connection: its fingerprint differs from that of the current remote description.
    pub(super) fn has_other_fingerprint(&self, sdp: &str) -> bool {
        let remote = self.remote();
        let before = remote.as_deref().and_then(fingerprint);
        before.is_some_and(|before| fingerprint(sdp).is_some_and(|print| print != before))
    }

    /// The safety code of both fingerprints, once both descriptions are set.
    pub(super) fn safety_code(&self) -> Option<String> {
        let (local, remote) = (self.local(), self.remote());
        let mine = fingerprint(local.as_deref()?)?;
        let theirs = fingerprint(remote.as_deref()?)?;
        Some(safety_code(mine, theirs))
    }

    /// Restarts ICE: `negotiationneeded` follows, and its offer has new ICE credentials.
    pub(super) fn restart(&self, ice: &IceSettings) -> Result<(), JsValue> {
        let configuration = self.pc.get_configuration();
        set_ice(&configuration, ice);
        self.pc
            .set_configuration_with_configuration(&configuration)?;
        // Not in web-sys.
        let restart: Function = Reflect::get(&self.pc, &"restartIce".into())?.dyn_into()?;
        restart.call0(&self.pc).map(drop)
    }

    /// The largest message that the other side accepts, in bytes (`RTCSctpTransport.maxMessageSize`).
    pub(super) fn max_message_size(&self) -> u32 {
        // Without `a=max-message-size` the limit is 64 KiB (RFC 8841 6).
        const DEFAULT: f64 = 65_536.0;
        let sctp = Reflect::get(&self.pc, &"sctp".into());
        let size = sctp.and_then(|sctp| Reflect::get(&sctp, &"maxMessageSize".into()));
        let size = size.ok().and_then(|size| size.as_f64());
        // The cast saturates: infinity means no limit.
        size.filter(|size| *size >= 1.0).unwrap_or(DEFAULT) as u32
    }

    /// An `RTCStatsReport`.
    pub(super) fn stats(&self) -> js_sys::Promise {
        self.pc.get_stats()
    }

    /// Closes the connection now, even while other references exist. No event follows.
    pub(super) fn close(&self) {
        self.pc.close();
    }
}

impl Drop for PeerConnection {
    fn drop(&mut self) {
        self.close();
    }
}

fn configuration(ice: &IceSettings, certificate: Option<&JsValue>) -> RtcConfiguration {
    let configuration = RtcConfiguration::new();
    set_ice(&configuration, ice);
    if let Some(certificate) = certificate {
        configuration.set_certificates(&Array::of1(certificate));
    }
    configuration
}

fn set_ice(configuration: &RtcConfiguration, ice: &IceSettings) {
    configuration.set_ice_servers(&ice_servers(&ice.servers));
    configuration.set_ice_transport_policy(if ice.relay_only {
        RtcIceTransportPolicy::Relay
    } else {
        RtcIceTransportPolicy::All
    });
}

fn sdp_of(description: Option<RtcSessionDescription>) -> Option<String> {
    description.map(|description| description.sdp())
}

fn to_candidate(candidate: &RtcIceCandidate) -> Candidate {
    let fragment = Reflect::get(candidate, &"usernameFragment".into());
    Candidate {
        candidate: candidate.candidate(),
        sdp_mid: candidate.sdp_mid(),
        sdp_m_line_index: candidate.sdp_m_line_index(),
        username_fragment: fragment.ok().and_then(|text| text.as_string()),
    }
}
