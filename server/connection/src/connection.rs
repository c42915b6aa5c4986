//! One PeerConnection, set up the way that all viewers share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rtc::crypto::RTCCryptoProvider;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::NackResponderBuilder;
use rtc::interceptor::Slot;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::certificate::CertificateParams;
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters,
    RTCRtpEncodingParameters, RTCRtpHeaderExtensionCapability, RTCRtpRtxParameters, RtpCodecKind,
};
use tokio::sync::{mpsc, watch};
use webrtc::error::{Error, Result};
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCCertificate,
    RTCConfigurationBuilder, RTCPeerConnectionState, Registry, SettingEngineBuilder, crypto,
};

use super::codecs::{Format, TRANSPORT_URI};
use super::key_extractor::KeyExtractor;
use super::keyframes::{self, KeyframeRequests};
use super::negotiation::Negotiation;
use super::runtime::SharedPort;
use egress::Feedback;
use egress::shard::Shard;
use egress::srtp;
use net::{Port, Route};
use webrtc_runtime::ConnectionRuntime;

/// A viewer that is not heard for this long is disconnected. Whether it is given up, the session
/// decides; the crate would give up on viewers who have not connected yet as well.
pub(super) const SILENCE: Duration = Duration::from_secs(5);
const NEVER: Duration = Duration::ZERO;
/// Consent checks (RFC 7675) go out this often.
const CONSENT: Duration = Duration::from_secs(2);
/// Connectivity checks go out this often (RFC 8445 14.2 has 50 ms). The first is lost as a rule, since
/// it is sent before the viewer has our answer; so this is what a viewer waits for its first picture.
const CHECK_EVERY: Duration = Duration::from_millis(50);
/// ...for as long as a session may take to connect.
const MAX_CHECKS: u16 = 300;

/// Packets kept for retransmission a track: about two seconds of a 2.5 Mbit/s picture.
const RETRANSMITTABLE: u16 = 512;

/// What every connection of this server has in common.
#[derive(Clone)]
pub(crate) struct Factory {
    shards: Vec<Shard>,
    crypto: Arc<dyn RTCCryptoProvider>,
    /// Whether our sealing is wanted, and makes what the crate's makes; else nobody is served by a shard.
    seals: bool,
    /// One for all viewers: making a key costs more than everything else in an answer.
    certificate: RTCCertificate,
}

impl fmt::Debug for Factory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Factory")
            .field("shards", &self.shards)
            .field("seals", &self.seals)
            .finish_non_exhaustive()
    }
}

/// A connection that has not negotiated yet.
pub(crate) struct Connection {
    pub(crate) pc: Arc<dyn PeerConnection>,
    pub(crate) shard: Shard,
    pub(crate) route: Arc<Route>,
    /// The keys of the connection, once they are agreed on. `None`: nobody wants them.
    pub(crate) extractor: Option<Arc<KeyExtractor>>,
    pub(crate) state: watch::Receiver<RTCPeerConnectionState>,
    pub(crate) feedback: mpsc::Receiver<Feedback>,
}

impl Factory {
    pub(crate) fn new(shards: Vec<Shard>, sealing: bool) -> Result<Self> {
        let provider =
            crypto::default_provider().map_err(|error| Error::Crypto(error.to_string()))?;
        let params = CertificateParams::new(vec!["weir".to_owned()])
            .map_err(|error| Error::Other(error.to_string()))?;
        let certificate = RTCCertificate::generate(
            provider.crypto(),
            crypto::SignatureScheme::EcdsaP256Sha256,
            params,
        )?;
        let proof = srtp::self_test(provider.crypto());
        if let Err(error) = &proof {
            tracing::warn!(
                "packets are sealed one by one by the webrtc crate, which costs several times as much: {error}"
            );
        }
        Ok(Self {
            shards,
            crypto: provider,
            seals: sealing && proof.is_ok(),
            certificate,
        })
    }

    /// The shard with the fewest viewers.
    fn shard(&self) -> Result<&Shard> {
        let viewers = |shard: &&Shard| shard.counters().viewers.load(Ordering::Relaxed);
        let shard = self.shards.iter().min_by_key(viewers);
        shard.ok_or_else(|| Error::Other("there is no shard".to_owned()))
    }

    pub(crate) async fn connection(&self, negotiation: &Negotiation) -> Result<Connection> {
        let shard = self.shard()?.clone();
        let port: &Arc<Port> = shard.port();
        let route = Arc::new(port.open());
        let extractor = self
            .seals
            .then(|| KeyExtractor::new(Arc::clone(&self.crypto)));
        let (state_changed, state) = watch::channel(RTCPeerConnectionState::New);
        // One request at a time: a second one while the first waits asks for the same keyframe.
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
                    .with_size(RETRANSMITTABLE)
                    .build(),
            )
            .with(keyframes::SLOT, KeyframeRequests::new(feedback_from_peer));
        let settings = SettingEngineBuilder::new()
            .with_multicast_dns_mode(MulticastDnsMode::Disabled)
            .with_answering_dtls_role(if negotiation.peer_begins_dtls {
                RTCDtlsRole::Server
            } else {
                RTCDtlsRole::Client
            })
            .with_ice_timeouts(Some(SILENCE), Some(NEVER), Some(CONSENT))
            .with_ice_connection_attempts(Some(CHECK_EVERY), Some(MAX_CHECKS));
        let settings = match &extractor {
            Some(extractor) => extractor.listen(settings),
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

/// A track for one viewer. Tracks of one `stream` are played in step by the browser.
pub(crate) fn track(
    format: &Format,
    stream: &str,
    ssrc: u32,
    rtx_ssrc: u32,
) -> TrackLocalStaticRTP {
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(ssrc),
            rtx: format.rtx.map(|_| RTCRtpRtxParameters { ssrc: rtx_ssrc }),
            ..Default::default()
        },
        codec: rtp_codec(format),
        ..Default::default()
    };
    let kind = kind(format);
    TrackLocalStaticRTP::new(MediaStreamTrack::new(
        stream.to_owned(),
        kind.to_string(),
        kind.to_string(),
        kind,
        vec![coding],
    ))
}

/// Only what will be sent is registered, so only that is in the answer.
fn register(media: &mut MediaEngine, format: &Format) -> Result<()> {
    let kind = kind(format);
    media.register_codec(
        RTCRtpCodecParameters {
            rtp_codec: rtp_codec(format),
            payload_type: format.payload_type,
        },
        kind,
    )?;
    if let Some(payload_type) = format.rtx {
        let rtp_codec = RTCRtpCodec {
            mime_type: format!("{kind}/rtx"),
            clock_rate: format.codec.clock_rate(),
            sdp_fmtp_line: format!("apt={}", format.payload_type),
            ..Default::default()
        };
        media.register_codec(
            RTCRtpCodecParameters {
                rtp_codec,
                payload_type,
            },
            kind,
        )?;
    }
    if format.transport.is_some() {
        // The crate takes the id from the offer.
        let extension = RTCRtpHeaderExtensionCapability {
            uri: TRANSPORT_URI.to_owned(),
        };
        media.register_header_extension(extension, kind, None)?;
    }
    Ok(())
}

fn rtp_codec(format: &Format) -> RTCRtpCodec {
    let rtcp_feedback = format.feedback.iter().map(|feedback| {
        let (typ, parameter) = feedback.split_once(' ').unwrap_or((feedback, ""));
        RTCPFeedback {
            typ: typ.to_owned(),
            parameter: parameter.to_owned(),
        }
    });
    RTCRtpCodec {
        mime_type: format!("{}/{}", kind(format), format.codec.rtpmap_name()),
        clock_rate: format.codec.clock_rate(),
        channels: if format.codec.is_video() { 0 } else { 2 },
        sdp_fmtp_line: format.fmtp.clone(),
        rtcp_feedback: rtcp_feedback.collect(),
    }
}

fn kind(format: &Format) -> RtpCodecKind {
    if format.codec.is_video() {
        RtpCodecKind::Video
    } else {
        RtpCodecKind::Audio
    }
}

/// The crate awaits its handler on the connection's own task: nothing here may wait.
struct Handler {
    state_changed: watch::Sender<RTCPeerConnectionState>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.state_changed.send_replace(state);
    }
}
