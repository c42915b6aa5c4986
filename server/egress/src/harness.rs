//! For tests and the benchmark of instructions: a stream without a source, viewers of it, and the peers at the other end of their paths.

mod peer;

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc_crypto::{RTCCrypto, SecretVec, default_provider};
use shared::api::Codec;
use tokio::sync::{Semaphore, mpsc};

use crate::end_reason::{EndReason, EndReport};
use crate::track::{PayloadFormat, TrackParams};
use crate::viewer::ViewerParams;
use media::payloads::RtpPayloads;
use media::source::Input;
use media::time::MediaTime;
use media::track::{OfferedTrack, TrackId};
use net::routes::{Remote, RouteId};
use net::{Port, Route};
use srtp::{MasterKey, Profile, SrtcpReceiver, SrtcpSender, SrtpSender};
use stream::shared_log::SharedLog;
use stream::{Stream, Subscription};
use timeline::unit::Unit;

pub(crate) use peer::Peer;
#[cfg(test)]
pub(crate) use peer::Received;

pub(crate) const VIDEO_SSRC: u32 = 1;
pub(crate) const RTX_SSRC: u32 = 2;
pub(crate) const AUDIO_SSRC: u32 = 3;
pub(crate) const CNAME: &str = "a0b1c2d3e4f50617";

pub(crate) const VIDEO: TrackId = TrackId(0);
pub(crate) const AUDIO: TrackId = TrackId(1);

fn offered(id: TrackId, codec: Codec) -> OfferedTrack {
    OfferedTrack {
        id,
        codec,
        size: None,
        frame_rate: None,
        bit_rate: 1_000_000,
        encoded: false,
        single_nal: false,
        inset: false,
    }
}

/// A stream whose media time 0 is live at `start`.
pub(crate) struct Harness {
    pub(crate) start: Instant,
    pub(crate) port: Arc<Port>,
    pub(crate) log: Arc<SharedLog>,
    /// Why sending to its viewers ended.
    pub(crate) ends: mpsc::Receiver<(RouteId, EndReason)>,
    ending: mpsc::Sender<(RouteId, EndReason)>,
    stream: Arc<Stream>,
}

/// Viewers of one harness.
const MAX_VIEWERS: usize = 64;

impl Harness {
    pub(crate) fn new() -> Self {
        Self::on(Port::bind(0, None, false).expect("free ports"))
    }

    pub(crate) fn with_tcp() -> Self {
        Self::on(Port::bind(0, None, true).expect("free ports"))
    }

    fn on(port: Arc<Port>) -> Self {
        let start = Instant::now();
        let log = Arc::new(SharedLog::default());
        log.lock().set_anchor(MediaTime::ZERO, start);
        let probes = Arc::new(Semaphore::new(1));
        let (ending, ends) = mpsc::channel(MAX_VIEWERS);
        Self {
            start,
            port,
            log,
            ends,
            ending,
            stream: Stream::new("test".into(), Input::Test, Duration::ZERO, probes),
        }
    }

    pub(crate) fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    /// Appends a video frame of `packets` payloads of 1000 bytes, each filled with `fill`.
    pub(crate) fn append_video(&self, at_ms: i64, keyframe: bool, packets: usize, fill: u8) {
        self.append(
            VIDEO,
            at_ms,
            keyframe,
            Bytes::from(vec![fill; 1000 * packets]),
        );
    }

    pub(crate) fn append_audio(&self, at_ms: i64, fill: u8) {
        self.append(AUDIO, at_ms, true, Bytes::from(vec![fill; 100]));
    }

    pub(crate) fn append(&self, track: TrackId, at_ms: i64, keyframe: bool, data: Bytes) {
        let time = MediaTime(at_ms * 1000);
        let unit = Unit {
            dts: time,
            pts: time,
            keyframe,
            appended: self.start,
            payloads: RtpPayloads::cut(&data, 1000),
        };
        self.log.append(track, unit, self.start);
    }

    /// A viewer of video and audio, without transport-wide feedback.
    pub(crate) fn viewer(&self) -> (ViewerParams, Peer) {
        let provider = default_provider().expect("built in");
        self.viewer_with(provider.crypto())
    }

    /// A viewer whose ciphers are these.
    pub(crate) fn viewer_with(&self, crypto: &dyn RTCCrypto) -> (ViewerParams, Peer) {
        let (local, remote) = (master(3), master(7));
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .expect("a timeout");
        let route = Arc::new(self.port.open());
        let address = remote_of(&socket, &route);
        select(&route, &socket);
        let ended = EndReport::reserve(route.id(), &self.ending).expect("a place");
        let params = ViewerParams {
            subscription: Subscription::to_log(
                Arc::clone(&self.stream),
                Arc::clone(&self.log),
                vec![offered(VIDEO, Codec::H264), offered(AUDIO, Codec::Opus)],
            ),
            route,
            tracks: vec![
                TrackParams {
                    formats: vec![
                        PayloadFormat {
                            codec: Codec::H264,
                            payload_type: 102,
                            rtx: Some(103),
                        },
                        PayloadFormat {
                            codec: Codec::Vp8,
                            payload_type: 96,
                            rtx: Some(97),
                        },
                    ],
                    ssrc: VIDEO_SSRC,
                    rtx_ssrc: Some(RTX_SSRC),
                    twcc_id: None,
                },
                TrackParams {
                    formats: vec![PayloadFormat {
                        codec: Codec::Opus,
                        payload_type: 111,
                        rtx: None,
                    }],
                    ssrc: AUDIO_SSRC,
                    rtx_ssrc: None,
                    twcc_id: None,
                },
            ],
            srtp: SrtpSender::new(crypto, &local).expect("a sender"),
            srtcp_sender: SrtcpSender::new(crypto, &local).expect("a sender"),
            srtcp: SrtcpReceiver::new(crypto, &remote).expect("a receiver"),
            cname: CNAME.to_owned(),
            counters: Arc::default(),
            ended,
        };
        let peer = Peer::new(socket, address, crypto, [&local, &remote]);
        (params, peer)
    }
}

/// Selects the path to this socket, as ICE does.
pub(crate) fn select(route: &Route, socket: &UdpSocket) {
    let remote = remote_of(socket, route);
    route.select(remote);
}

pub(crate) fn remote_of(socket: &UdpSocket, route: &Route) -> Remote {
    let address = socket.local_addr().expect("it is bound");
    let mut sockets = route.port().sockets().into_iter();
    let socket = sockets.find(|socket| socket.address().ip() == address.ip());
    Remote {
        socket: socket.expect("loopback").index(),
        address,
        tcp: false,
    }
}

fn master(factor: u8) -> MasterKey {
    let profile = Profile::AeadAes128Gcm;
    let bytes = |len| SecretVec::new((0..len).map(|n| n as u8 * factor).collect());
    MasterKey::new(profile, bytes(profile.key_len()), bytes(profile.salt_len())).expect("lengths")
}
