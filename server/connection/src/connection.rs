//! The PeerConnection of one viewer, and its answers to offers. All viewers share a certificate, a crypto provider and the
//! settings below.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rtc::crypto::RTCCryptoProvider;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::NackResponderBuilder;
use rtc::interceptor::Slot;
use rtc::peer_connection::certificate::CertificateParams;
use rtc::peer_connection::transport::RTCDtlsRole;
use tokio::sync::{mpsc, watch};
use webrtc::error::Error;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCCertificate,
    RTCConfigurationBuilder, RTCPeerConnectionState, RTCSessionDescription, Registry,
    SettingEngineBuilder, crypto,
};
use webrtc::rtp_transceiver::RtpSender;

use super::attachment::{SendTrack, SendTracks};
use super::key_extractor::KeyExtractor;
use super::keyframes::{self, KeyframeRequests};
use super::negotiation::Negotiation;
use super::rtp_params::{local_track, register};
use super::runtime::SharedPort;
use super::sdp::Sdp;
use super::shard_pool::ShardPool;
use super::viewers::{SessionError, random_hex};
use egress::Feedback;
use egress::shard::Shard;
use egress::srtp;
use net::{Port, Route};
use webrtc_runtime::ConnectionRuntime;

/// The ICE state becomes disconnected when nothing arrives for this long.
pub(super) const ICE_DISCONNECTED_TIMEOUT: Duration = Duration::from_secs(5);
/// Zero: webrtc-rs never reports failure. Its timeout would also end viewers that are still connecting. The session
/// decides (`lifetime`).
const ICE_FAILED_TIMEOUT: Duration = Duration::ZERO;
/// Interval of consent checks (RFC 7675 5.1).
const CONSENT_INTERVAL: Duration = Duration::from_secs(2);
/// Interval of connectivity checks; RFC 8445 14.2 recommends 50 ms. The first check is usually lost, because it leaves before the
/// viewer has the answer, so this interval delays the first frame.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// Checks for 15 s: as long as a session may take to connect.
const MAX_CHECKS: u16 = 300;

/// Packets per track kept for retransmission: about 2 s of video at 2.5 Mbit/s.
const RETRANSMISSION_BUFFER: u16 = 512;

/// Makes connections, each on the shard with the fewest viewers.
pub(crate) struct ConnectionFactory {
    shards: ShardPool,
    crypto: Arc<dyn RTCCryptoProvider>,
    /// True: shards send SRTP themselves. False: the connections do.
    shard_srtp: bool,
    /// One for all viewers: generating a key costs more than the rest of an answer.
    certificate: RTCCertificate,
}

/// A connection before negotiation.
pub(crate) struct Connection {
    pub(crate) pc: Arc<dyn PeerConnection>,
    pub(crate) shard: Shard,
    pub(crate) route: Arc<Route>,
    /// Finds the SRTP keys after DTLS. `None`: shards do not send SRTP.
    pub(crate) extractor: Option<Arc<KeyExtractor>>,
    pub(crate) state: watch::Receiver<RTCPeerConnectionState>,
    /// Keyframe requests, when the connection sends the media itself.
    pub(crate) feedback: mpsc::Receiver<Feedback>,
}

/// The answer of webrtc-rs to the first offer, before `Negotiation::complete`.
pub(super) struct FirstAnswer {
    pub(super) sdp: String,
    pub(super) tracks: SendTracks,
    /// Of the last track; it leads to the state of DTLS.
    pub(super) sender: Option<Arc<dyn RtpSender>>,
}

impl ConnectionFactory {
    /// Generates the certificate, and checks our SRTP against that of webrtc-rs.
    pub(crate) fn new(shards: ShardPool, shard_srtp: bool) -> Result<Self, Error> {
        let provider =
            crypto::default_provider().map_err(|error| Error::Crypto(error.to_string()))?;
        let params = CertificateParams::new(vec!["weir".to_owned()])
            .map_err(|error| Error::Other(error.to_string()))?;
        let certificate = RTCCertificate::generate(
            provider.crypto(),
            crypto::SignatureScheme::EcdsaP256Sha256,
            params,
        )?;
        let tested = srtp::self_test(provider.crypto());
        if let Err(error) = &tested {
            tracing::warn!(
                "SRTP self-test failed, so webrtc-rs encrypts every packet, at several times the cost: {error}"
            );
        }
        Ok(Self {
            shards,
            crypto: provider,
            shard_srtp: shard_srtp && tested.is_ok(),
            certificate,
        })
    }

    pub(crate) fn shards(&self) -> &ShardPool {
        &self.shards
    }

    pub(crate) async fn connection(&self, negotiation: &Negotiation) -> Result<Connection, Error> {
        let opened = self.shards.open_route();
        let (shard, route) = opened.ok_or_else(|| Error::Other("there is no shard".to_owned()))?;
        let port: &Arc<Port> = shard.port();
        let extractor = self
            .shard_srtp
            .then(|| KeyExtractor::new(Arc::clone(&self.crypto)));
        let (state_changed, state) = watch::channel(RTCPeerConnectionState::New);
        // One at a time: a second request that waits behind the first asks for the same keyframe.
        let (feedback_from_peer, feedback) = mpsc::channel(1);
        let mut media = MediaEngine::default();
        for format in [&negotiation.video, &negotiation.audio]
            .into_iter()
            .flatten()
        {
            register(&mut media, format)?;
        }
        let interceptors = Registry::new()
            .with(
                Slot::NackResponder,
                NackResponderBuilder::new()
                    .with_size(RETRANSMISSION_BUFFER)
                    .build(),
            )
            .with(keyframes::SLOT, KeyframeRequests::new(feedback_from_peer));
        let settings = SettingEngineBuilder::new()
            .with_multicast_dns_mode(MulticastDnsMode::Disabled)
            .with_answering_dtls_role(if negotiation.peer_is_dtls_client {
                RTCDtlsRole::Server
            } else {
                RTCDtlsRole::Client
            })
            .with_ice_timeouts(
                Some(ICE_DISCONNECTED_TIMEOUT),
                Some(ICE_FAILED_TIMEOUT),
                Some(CONSENT_INTERVAL),
            )
            .with_ice_connection_attempts(Some(CHECK_INTERVAL), Some(MAX_CHECKS));
        let settings = match &extractor {
            Some(extractor) => extractor.install(settings),
            None => settings,
        };
        let settings = settings.build();
        let addresses: Vec<_> = port
            .addresses()
            .map(|address| (address.ip(), 0).into())
            .collect::<Vec<std::net::SocketAddr>>();
        let pc = PeerConnectionBuilder::new()
            .with_configuration(
                RTCConfigurationBuilder::new()
                    .with_certificates(vec![self.certificate.clone()])
                    .build(),
            )
            .with_media_engine(media)
            .with_interceptor_registry(interceptors)
            .with_setting_engine(settings)
            .with_handler(Arc::new(Handler { state_changed }))
            .with_runtime(Arc::new(ConnectionRuntime(SharedPort::new(
                route.clone(),
                state.clone(),
            ))))
            .with_udp_addrs(addresses)
            .build()
            .await?;
        Ok(Connection {
            pc: Arc::new(pc),
            shard,
            route,
            extractor,
            state,
            feedback,
        })
    }
}

impl Connection {
    /// Applies the first offer, adds a track for each medium, and answers.
    pub(super) async fn answer(
        &self,
        negotiation: &Negotiation,
    ) -> Result<FirstAnswer, SessionError> {
        set_offer(&*self.pc, negotiation).await?;
        let stream = random_hex::<8>()?;
        let (mut tracks, mut sender) = (Vec::new(), None);
        for format in [&negotiation.video, &negotiation.audio]
            .into_iter()
            .flatten()
        {
            let random = getrandom::u64()
                .map_err(|error| SessionError::Internal(format!("no random numbers: {error}")))?;
            // Neither is 0, and they differ.
            let ssrc = (random >> 32) as u32 | 1;
            let rtx_ssrc = (random as u32 | 1) ^ 1 | 2;
            let local = Arc::new(local_track(format, &stream, ssrc, rtx_ssrc));
            sender = Some(
                self.pc
                    .add_track(local.clone())
                    .await
                    .map_err(SessionError::Offer)?,
            );
            tracks.push(SendTrack::new(format, ssrc, rtx_ssrc, local));
        }
        Ok(FirstAnswer {
            sdp: create_answer(&*self.pc, &self.route).await?,
            // webrtc-rs writes the stream's id into the answer as the cname of its tracks.
            tracks: SendTracks::new(tracks, stream),
            sender,
        })
    }
}

/// Answers an offer with new ICE credentials.
pub(super) async fn restart_ice(
    pc: &dyn PeerConnection,
    route: &Route,
    negotiation: &Negotiation,
) -> Result<String, SessionError> {
    set_offer(pc, negotiation).await?;
    create_answer(pc, route).await
}

async fn set_offer(pc: &dyn PeerConnection, negotiation: &Negotiation) -> Result<(), SessionError> {
    let offer = RTCSessionDescription::offer(negotiation.offer().to_owned())
        .map_err(SessionError::Offer)?;
    pc.set_remote_description(offer)
        .await
        .map_err(SessionError::Offer)
}

async fn create_answer(pc: &dyn PeerConnection, route: &Route) -> Result<String, SessionError> {
    let answer = pc.create_answer(None).await.map_err(SessionError::Offer)?;
    let sdp = answer.sdp.clone();
    // Before the answer leaves: the viewer's first binding request may arrive at once.
    if let Some(ufrag) = Sdp::parse(&sdp)
        .ok()
        .and_then(|sdp| sdp.anywhere("ice-ufrag"))
    {
        route.set_ufrag(ufrag);
    }
    pc.set_local_description(answer)
        .await
        .map_err(SessionError::Offer)?;
    Ok(sdp)
}

/// webrtc-rs awaits its handler on the connection's own task, so nothing here may wait.
struct Handler {
    state_changed: watch::Sender<RTCPeerConnectionState>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.state_changed.send_replace(state);
    }
}

impl fmt::Debug for ConnectionFactory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ConnectionFactory")
            .field("shards", &self.shards)
            .field("shard_srtp", &self.shard_srtp)
            .finish_non_exhaustive()
    }
}
