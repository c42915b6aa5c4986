//! One `PeerConnection` of the webrtc crate, configured for chat.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::ice::mdns::MulticastDnsMode;
use rtc::peer_connection::certificate::CertificateParams;
use rtc::peer_connection::configuration::setting_engine::SctpMaxMessageSize;
use rtc::peer_connection::transport::RTCDtlsRole;
use shared::chat::{CHANNEL, CHANNEL_ID, MAX_FRAME};
use shared::file_channel::{FILES_CHANNEL, FILES_CHANNEL_ID};
use tokio::sync::mpsc;
use webrtc::data_channel::{DataChannel, RTCDataChannelInit};
use webrtc::error::{Error, Result};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCCertificate,
    RTCConfigurationBuilder, RTCIceCandidateInit, RTCIceCandidateType, RTCIceGatheringState,
    RTCIceServer, RTCIceTransportPolicy, RTCPeerConnectionIceEvent, RTCPeerConnectionState,
    SettingEngineBuilder, StatsSelector, crypto,
};

use crate::interfaces::Interfaces;
use crate::runtime::ConnectionRuntime;
use crate::startup::{Startup, StartupSockets};

/// The connection is disconnected after this time without consent ([`crate::recovery`] decides what follows).
const SILENCE: Duration = Duration::from_secs(5);
const NEVER: Duration = Duration::ZERO;
/// Interval of consent checks (RFC 7675).
const CONSENT: Duration = Duration::from_secs(1);
/// Interval of connectivity checks of a candidate pair.
const CHECK_EVERY: Duration = Duration::from_millis(100);
/// Together longer than an attempt lasts: the other side may receive the candidates of this side late.
const MAX_CHECKS: u16 = 400;
/// Bytes that a channel buffers before `send` waits.
const SEND_BUFFER: usize = 1024 * 1024;
/// Bytes in flight from the other side: bandwidth times round-trip time of a fast, long path. When the buffer is full, the webrtc crate announces free space
/// only when the sender probes, a second later: with 4 MB two terminals stalled most of the time.
const RECEIVE_BUFFER: u32 = 32 * 1024 * 1024;
/// A channel in band that the other side has not acknowledged in this time (RFC 8832 5.2) is closed.
const IN_BAND_TIMEOUT: Duration = Duration::from_secs(5);
/// Events that wait for the link's task.
const EVENTS: usize = 256;

/// What every connection of this peer has in common.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionSettings {
    pub(crate) ice_servers: Vec<RTCIceServer>,
    pub(crate) relay_only: bool,
    pub(crate) interfaces: Interfaces,
    /// One for all connections, so that the safety code with a peer stays the same.
    pub(crate) certificate: RTCCertificate,
}

/// An event of the webrtc crate.
pub(crate) enum ConnectionEvent {
    Candidate(RTCIceCandidateInit, RTCIceCandidateType),
    /// Gathering is complete for this generation of candidates.
    Gathered,
    State(RTCPeerConnectionState),
    /// The other side opened a channel.
    Channel(Arc<dyn DataChannel>),
}

pub(crate) struct ChatConnection {
    pub(crate) pc: Arc<dyn PeerConnection>,
    /// The negotiated channel of the chat. It opens once the connection is up.
    pub(crate) chat: Arc<dyn DataChannel>,
    /// The bytes of files.
    pub(crate) files: Arc<dyn DataChannel>,
    pub(crate) events: mpsc::Receiver<ConnectionEvent>,
    pub(crate) startup: Arc<Startup>,
}

/// The nominated pair of candidates.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CandidatePair {
    /// `host`, `srflx`, `prflx`, `relay`.
    pub(crate) local_type: String,
    pub(crate) remote_type: String,
    /// Address and port.
    pub(crate) local: String,
    pub(crate) remote: String,
}

impl CandidatePair {
    /// Either side uses a TURN server.
    pub(crate) fn is_relayed(&self) -> bool {
        self.local_type == "relay" || self.remote_type == "relay"
    }
}

impl ChatConnection {
    /// `new_certificate`: with a certificate of its own instead of the common one.
    pub(crate) async fn open(settings: &ConnectionSettings, new_certificate: bool) -> Result<Self> {
        let (sender, events) = mpsc::channel(EVENTS);
        let engine = SettingEngineBuilder::new()
            // Browsers hide their addresses behind `.local` names; they are reached as peer-reflexive candidates.
            .with_multicast_dns_mode(MulticastDnsMode::Disabled)
            .with_ice_timeouts(Some(SILENCE), Some(NEVER), Some(CONSENT))
            .with_ice_connection_attempts(Some(CHECK_EVERY), Some(MAX_CHECKS))
            .with_dcep_handshake_timeout(Some(IN_BAND_TIMEOUT))
            .with_sctp_max_message_size(SctpMaxMessageSize::Bounded(MAX_FRAME as u32))
            .with_sctp_max_receive_buffer_size(RECEIVE_BUFFER)
            // The SCTP client may lose its first message ([`crate::startup`]) when datagrams are reordered.
            .with_answering_dtls_role(RTCDtlsRole::Server)
            // An ICE restart opens new sockets: the old ones may belong to a network that is gone.
            .with_discard_local_candidates_during_ice_restart(true)
            .build();
        let policy = if settings.relay_only {
            RTCIceTransportPolicy::Relay
        } else {
            RTCIceTransportPolicy::All
        };
        let certificate = if new_certificate {
            certificate()?
        } else {
            settings.certificate.clone()
        };
        let sockets = StartupSockets::default();
        let startup = sockets.startup();
        let pc = PeerConnectionBuilder::new()
            .with_configuration(
                RTCConfigurationBuilder::new()
                    .with_ice_servers(settings.ice_servers.clone())
                    .with_ice_transport_policy(policy)
                    .with_certificates(vec![certificate])
                    .build(),
            )
            .with_setting_engine(engine)
            .with_runtime(Arc::new(ConnectionRuntime(sockets)))
            .with_handler(Arc::new(EventForwarder { sender }))
            .with_udp_addrs(vec![settings.interfaces])
            .with_data_channel_send_buffer_limit(SEND_BUFFER)
            .build()
            .await?;
        let pc: Arc<dyn PeerConnection> = Arc::new(pc);
        let init = |id| RTCDataChannelInit {
            negotiated: Some(id),
            ..Default::default()
        };
        let chat_init = init(CHANNEL_ID);
        let chat = pc.create_data_channel(CHANNEL, Some(chat_init)).await?;
        let files_init = init(FILES_CHANNEL_ID);
        let files = pc.create_data_channel(FILES_CHANNEL, Some(files_init));
        let files = files.await?;
        Ok(Self {
            pc,
            chat,
            files,
            events,
            startup,
        })
    }
}

/// A new key with a self-signed certificate.
pub(crate) fn certificate() -> Result<RTCCertificate> {
    let provider = crypto::default_provider().map_err(|error| Error::Crypto(error.to_string()))?;
    let params = CertificateParams::new(vec!["weir".to_owned()])
        .map_err(|error| Error::Other(error.to_string()))?;
    let scheme = crypto::SignatureScheme::EcdsaP256Sha256;
    RTCCertificate::generate(provider.crypto(), scheme, params)
}

/// The nominated pair; absent before nomination.
pub(crate) async fn selected_pair(pc: &dyn PeerConnection) -> Option<CandidatePair> {
    let dtls = pc.sctp().await?.transport();
    let pair = dtls.ice_transport().get_selected_candidate_pair().await;
    let pair = pair.ok()??;
    let (local, remote) = (pair.local(), pair.remote());
    Some(CandidatePair {
        local_type: local.typ.to_string(),
        remote_type: remote.typ.to_string(),
        local: format!("{}:{}", local.address, local.port),
        remote: format!("{}:{}", remote.address, remote.port),
    })
}

/// Round-trip time of the newest consent check in milliseconds; absent before the first measurement.
pub(crate) async fn round_trip_ms(pc: &dyn PeerConnection) -> Option<f64> {
    let report = pc.get_stats(Instant::now(), StatsSelector::None).await;
    let pairs = report.candidate_pairs().filter(|pair| pair.nominated);
    let seconds = pairs.map(|pair| pair.current_round_trip_time);
    let seconds = seconds.filter(|seconds| *seconds > 0.0).last()?;
    Some((seconds * 100_000.0).round() / 100.0)
}

/// webrtc-rs awaits its handler on the connection's own task, so the handler never waits.
struct EventForwarder {
    sender: mpsc::Sender<ConnectionEvent>,
}

impl EventForwarder {
    fn emit(&self, event: ConnectionEvent) {
        if self.sender.try_send(event).is_err() {
            tracing::debug!("an event was dropped: the link does not read its events");
        }
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for EventForwarder {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        let kind = event.candidate.typ;
        if let Ok(candidate) = event.candidate.to_json() {
            self.emit(ConnectionEvent::Candidate(candidate, kind));
        }
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.emit(ConnectionEvent::Gathered);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.emit(ConnectionEvent::State(state));
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        self.emit(ConnectionEvent::Channel(channel));
    }
}
