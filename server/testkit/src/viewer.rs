//! A viewer built on webrtc-rs: sends an offer, receives the media, and counts RTP packets.

mod handler;
mod wants;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use connection::Session;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::{NackGeneratorBuilder, ReceiverReportBuilder, Slot};
use rtc::peer_connection::transport::RTCDtlsTransportState;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use shared::api::{ApiError, ViewerInfo, ViewerLimit};
use tokio::sync::watch;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, RTCIceConnectionState, RTCPeerConnectionState,
    RTCSessionDescription, Registry, SettingEngineBuilder,
};

use self::handler::Handler;
pub use self::wants::Wants;
use crate::pictures::{Picture, RecordedPacket, pictures};
use crate::rtcp_received::{Recorder, RtcpReceived};
use crate::rtp_received::RtpReceived;
use crate::{PATIENCE, TestServer};

/// A burst of a whole GOP overflows the receive buffer of a viewer that does not get to run: what is lost is asked for again soon.
const NACK_INTERVAL: Duration = Duration::from_millis(20);
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// The pause before an offer is repeated.
const RETRY: Duration = Duration::from_millis(500);
/// The time for a close_notify. A viewer that is told nothing takes longer to notice.
const TOLD: Duration = Duration::from_secs(10);

type AllTracks = Arc<Mutex<Vec<Arc<dyn TrackRemote>>>>;
/// In the order of their events.
type IceStates = Arc<Mutex<Vec<RTCIceConnectionState>>>;
type AllReceived = Arc<Mutex<BTreeMap<u8, RtpReceived>>>;
type Recording = Arc<Mutex<Vec<RecordedPacket>>>;

pub struct TestViewer {
    pub pc: Arc<dyn PeerConnection>,
    /// The SDP answer.
    pub answer: String,
    /// The URL of the WHEP session; empty over /offer.
    pub session: String,
    pub etag: String,
    pub offered_at: Instant,
    received: AllReceived,
    /// RTCP from the server.
    pub rtcp: RtcpReceived,
    recorded: Option<Recording>,
    tracks: AllTracks,
    state: watch::Receiver<RTCPeerConnectionState>,
    ice_states: IceStates,
}

impl TestViewer {
    /// An offer with all candidates, not sent yet.
    pub async fn offer(wants: Wants) -> (Self, String) {
        Self::offer_from("127.0.0.1", wants).await
    }

    /// As [`Self::offer`], with a socket on this address.
    pub async fn offer_from(address: &str, wants: Wants) -> (Self, String) {
        let (state_changed, state) = watch::channel(RTCPeerConnectionState::New);
        let (gathered, mut gathering) = watch::channel(false);
        let (received, tracks) = (AllReceived::default(), AllTracks::default());
        let (ice_states, rtcp) = (IceStates::default(), RtcpReceived::default());
        let recorded = wants.recorded.then(Recording::default);
        let settings = SettingEngineBuilder::new()
            .with_multicast_dns_mode(MulticastDnsMode::Disabled)
            .build();
        let mut interceptors = Registry::new().with(Recorder::SLOT, rtcp.recorder());
        if wants.recorded {
            let nacks = NackGeneratorBuilder::new().with_interval(NACK_INTERVAL);
            // A viewer that has reported nothing for seconds counts as cut off: its first NACK would restart it at a keyframe.
            let reports = ReceiverReportBuilder::new().with_interval(REPORT_INTERVAL);
            interceptors = interceptors
                .with(Slot::NackGenerator, nacks.build())
                .with(Slot::ReceiverReport, reports.build());
        }
        let handler = Handler {
            state_changed,
            gathered,
            received: received.clone(),
            recorded: recorded.clone(),
            tracks: tracks.clone(),
            ice_states: ice_states.clone(),
        };
        let pc = PeerConnectionBuilder::new()
            .with_media_engine(wants.media_engine())
            .with_interceptor_registry(interceptors)
            .with_setting_engine(settings)
            .with_handler(Arc::new(handler))
            .with_udp_addrs(vec![format!("{address}:0")])
            .build()
            .await
            .expect("a peer connection");
        let init = || RTCRtpTransceiverInit {
            direction: RTCRtpTransceiverDirection::Recvonly,
            ..Default::default()
        };
        for (wanted, kind) in [
            (wants.audio, RtpCodecKind::Audio),
            (wants.video, RtpCodecKind::Video),
        ] {
            if wanted {
                pc.add_transceiver_from_kind(kind, Some(init()))
                    .await
                    .expect("a transceiver");
            }
        }
        let offer = pc.create_offer(None).await.expect("an offer");
        pc.set_local_description(offer).await.expect("set");
        gathering
            .wait_for(|gathered| *gathered)
            .await
            .expect("gathering ends");
        let sdp = pc.local_description().await.expect("set above").sdp;
        let viewer = Self {
            pc: Arc::new(pc),
            answer: String::new(),
            session: String::new(),
            etag: String::new(),
            offered_at: Instant::now(),
            received,
            rtcp,
            recorded,
            tracks,
            state,
            ice_states,
        };
        (viewer, sdp)
    }

    /// Watches over WHEP; panics when the server refuses.
    pub async fn watch(server: &TestServer, stream: &str) -> Self {
        Self::watch_with(server, stream, Wants::default()).await
    }

    pub async fn watch_with(server: &TestServer, stream: &str, wants: Wants) -> Self {
        Self::watch_at(&server.url, stream, wants).await
    }

    /// As [`Self::watch`], at a server that is given by its URL.
    pub async fn watch_at(server: &str, stream: &str, wants: Wants) -> Self {
        Self::watch_from("127.0.0.1", server, stream, wants).await
    }

    /// As [`Self::watch_at`], with a socket on this address.
    pub async fn watch_from(address: &str, server: &str, stream: &str, wants: Wants) -> Self {
        let (mut viewer, offer) = Self::offer_from(address, wants).await;
        let began = Instant::now();
        let response = loop {
            viewer.offered_at = Instant::now();
            let request = reqwest::Client::new().post(format!("{server}/whep/{stream}"));
            let request = request.header("content-type", "application/sdp");
            let request = request.body(offer.clone());
            let response = request.send().await.expect("an answer");
            if response.status() == 201 {
                break response;
            }
            // A server on a busy machine may be behind for a moment.
            let text = response.text().await.expect("a text");
            let refused = serde_json::from_str(&text).ok();
            let limit = refused.and_then(|refused: ApiError| refused.limit);
            let again = limit == Some(ViewerLimit::Processor);
            assert!(again && began.elapsed() < PATIENCE, "{text}");
            tokio::time::sleep(RETRY).await;
        };
        let header = |name: &str| response.headers()[name].to_str().expect("ASCII").to_owned();
        viewer.session = format!("{server}{}", header("location"));
        viewer.etag = header("etag");
        viewer
            .accept(response.text().await.expect("an answer"))
            .await;
        viewer
    }

    /// Applies the answer, which starts ICE.
    pub async fn accept(&mut self, answer: String) {
        self.answer.clone_from(&answer);
        let answer = RTCSessionDescription::answer(answer).expect("an answer");
        self.pc
            .set_remote_description(answer)
            .await
            .expect("the answer fits the offer");
    }

    pub async fn connected(&self) {
        let mut state = self.state.clone();
        let connected = state.wait_for(|state| *state == RTCPeerConnectionState::Connected);
        let connected = tokio::time::timeout(PATIENCE, connected).await;
        let Ok(connected) = connected else {
            let ice = self.ice_states();
            panic!(
                "not connected after {PATIENCE:?}: {:?}, ICE {ice:?}",
                self.state()
            );
        };
        connected.expect("lives");
    }

    /// Waits until the server has closed the connection (DTLS close_notify).
    pub async fn ended(&self) {
        let senders = self.pc.get_receivers().await;
        let receiver = senders.first().expect("a track");
        crate::eventually("the viewer sees the end", TOLD, || async {
            let transport = receiver.transport().await.ok().flatten();
            match transport {
                Some(transport) => matches!(
                    transport.state().await,
                    Ok(RTCDtlsTransportState::Closed | RTCDtlsTransportState::Failed)
                ),
                None => true,
            }
        })
        .await;
    }

    pub fn state(&self) -> RTCPeerConnectionState {
        *self.state.borrow()
    }

    /// The ICE connection states so far, in order.
    pub fn ice_states(&self) -> Vec<RTCIceConnectionState> {
        self.ice_states.lock().expect("not poisoned").clone()
    }

    /// The first payload type of `codec` in the answer.
    pub fn payload_type(&self, codec: &str) -> Option<u8> {
        let line = self
            .answer
            .lines()
            .find(|line| line.starts_with("a=rtpmap:") && line.contains(&format!(" {codec}/")))?;
        line["a=rtpmap:".len()..].split(' ').next()?.parse().ok()
    }

    /// Counters of the codec so far.
    pub fn received(&self, codec: &str) -> RtpReceived {
        let payload_type = self.payload_type(codec);
        let received = self.received.lock().expect("not poisoned");
        payload_type
            .and_then(|payload_type| received.get(&payload_type))
            .cloned()
            .unwrap_or_default()
    }

    /// The pictures of the codec, or its packets of sound, that are complete so far, in order. For a viewer that is [recorded](Wants::recorded).
    pub fn pictures(&self, codec: &str) -> Vec<Picture> {
        let recorded = self.recorded.as_ref().expect("the viewer is recorded");
        let recorded = recorded.lock().expect("not poisoned");
        let payload_type = self.payload_type(codec).expect("answered");
        pictures(&recorded, payload_type, codec != "opus")
    }

    /// Packets of all tracks.
    pub fn packets(&self) -> u64 {
        self.received
            .lock()
            .expect("not poisoned")
            .values()
            .map(|track| track.packets)
            .sum()
    }

    pub async fn packets_of(&self, codec: &str, at_least: u64) -> RtpReceived {
        let what = format!("{at_least} packets of {codec} (answer: {})", self.answer);
        crate::eventually(&what, PATIENCE, || async {
            self.received(codec).packets >= at_least
        })
        .await;
        self.received(codec)
    }

    /// The server's end of its WHEP session.
    pub fn session_at(&self, server: &TestServer) -> Arc<Session> {
        let secret = self.session.rsplit('/').next().unwrap_or_default();
        let session = server.viewers.session(secret);
        session.expect("the session has not ended")
    }

    /// The server's statistics of this viewer.
    pub async fn info(&self) -> ViewerInfo {
        let response = reqwest::get(&self.session).await.expect("an answer");
        response.json().await.expect("a session has statistics")
    }

    /// Sends RTCP about the track of `codec`, with that track's SSRC.
    pub async fn feedback(&self, codec: &str, about: impl Fn(u32) -> Box<dyn rtc::rtcp::Packet>) {
        let ssrc = self.received(codec).ssrc;
        let tracks = self.tracks.lock().expect("not poisoned").clone();
        for track in tracks {
            if track.ssrcs().await.contains(&ssrc) {
                track.write_rtcp(vec![about(ssrc)]).await.expect("sent");
            }
        }
    }

    pub async fn leave(self) {
        self.pc.close().await.expect("closes");
    }
}
