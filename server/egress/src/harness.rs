//! For tests: a stream without a source, viewers of it, and the peers at the other end of their paths.

use std::net::UdpSocket;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc::crypto::{RTCCryptoProvider, SecretVec, default_provider};
use rtc::rtcp::packet::Packet as RtcpPacket;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};
use rtc::shared::marshal::Unmarshal;
use rtc::srtp::context::Context;
use shared::api::Codec;
use tokio::sync::{Semaphore, mpsc};

use crate::rtp_clock::SenderInfo;
use crate::srtp::{MasterKey, Profile, SrtcpReceiver, SrtpSender};
use crate::track::TrackParams;
use crate::viewer::ViewerParams;
use media::payloads::RtpPayloads;
use media::source::Input;
use media::time::MediaTime;
use media::track::{OfferedTrack, TrackId};
use net::routes::Remote;
use net::{Port, Route};
use stream::shared_log::SharedLog;
use stream::{Stream, Subscription};
use timeline::unit::Unit;

pub(crate) const VIDEO_SSRC: u32 = 1;
pub(crate) const RTX_SSRC: u32 = 2;
pub(crate) const AUDIO_SSRC: u32 = 3;

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
    }
}

/// A stream whose media time 0 is live at `start`.
pub(crate) struct Harness {
    pub(crate) start: Instant,
    pub(crate) port: Arc<Port>,
    pub(crate) log: Arc<SharedLog>,
    stream: Arc<Stream>,
}

/// The other end of a viewer's path: a socket on loopback, and the keys.
pub(crate) struct Peer {
    pub(crate) socket: UdpSocket,
    pub(crate) remote: Remote,
    pub(crate) reports: mpsc::Receiver<Vec<SenderInfo>>,
    decrypt: Context,
    encrypt: Context,
}

/// A packet as the peer received it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) payload: Bytes,
}

impl Harness {
    pub(crate) fn new() -> Self {
        let start = Instant::now();
        let log = Arc::new(SharedLog::default());
        log.lock().set_anchor(MediaTime::ZERO, start);
        let probes = Arc::new(Semaphore::new(1));
        Self {
            start,
            port: Port::bind(0, None, false).expect("free ports"),
            log,
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
        let (local, remote) = (master(3), master(7));
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .expect("a timeout");
        let route = Arc::new(self.port.open());
        let address = remote_of(&socket, &route);
        // A report of the connection selects the path.
        let report = b"\x80\xc8 a sender report";
        let mut context = std::task::Context::from_waker(Waker::noop());
        let sent = route.poll_send(&mut context, address.socket, report, address.address);
        assert!(sent.is_ready());
        let received = socket.recv(&mut [0; 100]).expect("the report");
        assert_eq!(received, report.len());
        let (reports, reported) = mpsc::channel(1);
        let params = ViewerParams {
            subscription: Subscription::to_log(
                Arc::clone(&self.stream),
                Arc::clone(&self.log),
                vec![offered(VIDEO, Codec::H264), offered(AUDIO, Codec::Opus)],
            ),
            route,
            tracks: vec![
                TrackParams {
                    codec: Codec::H264,
                    payload_type: 102,
                    ssrc: VIDEO_SSRC,
                    rtx: Some((103, RTX_SSRC)),
                    twcc_id: None,
                },
                TrackParams {
                    codec: Codec::Opus,
                    payload_type: 111,
                    ssrc: AUDIO_SSRC,
                    rtx: None,
                    twcc_id: None,
                },
            ],
            srtp: SrtpSender::new(provider.crypto(), &local).expect("a sender"),
            srtcp: SrtcpReceiver::new(provider.crypto(), &remote).expect("a receiver"),
            reports,
            counters: Arc::default(),
        };
        let peer = Peer {
            socket,
            remote: address,
            reports: reported,
            decrypt: context_of(&*provider, &local),
            encrypt: context_of(&*provider, &remote),
        };
        (params, peer)
    }
}

impl Peer {
    /// The next `count` packets.
    pub(crate) fn receive(&mut self, count: usize) -> Vec<Received> {
        let mut buffer = [0; 2000];
        let packets = (0..count).map(|_| {
            let length = self.socket.recv(&mut buffer).expect("a packet arrives");
            let decrypted = self.decrypt.decrypt_rtp(&buffer[..length]).expect("ours");
            let packet = rtc::rtp::Packet::unmarshal(&mut decrypted.freeze()).expect("RTP");
            Received {
                ssrc: packet.header.ssrc,
                sequence: packet.header.sequence_number,
                timestamp: packet.header.timestamp,
                marker: packet.header.marker,
                payload: packet.payload,
            }
        });
        packets.collect()
    }

    pub(crate) fn pli(&mut self) -> Vec<u8> {
        self.srtcp(&PictureLossIndication {
            sender_ssrc: 9,
            media_ssrc: VIDEO_SSRC,
        })
    }

    pub(crate) fn nack(&mut self, lost: &[u16]) -> Vec<u8> {
        self.srtcp(&TransportLayerNack {
            sender_ssrc: 9,
            media_ssrc: VIDEO_SSRC,
            nacks: nack_pairs_from_sequence_numbers(lost),
        })
    }

    /// A receiver report without report blocks.
    pub(crate) fn report(&mut self) -> Vec<u8> {
        self.srtcp(&ReceiverReport {
            ssrc: 9,
            ..Default::default()
        })
    }

    /// A receiver report without delay about the sender report of this time (the middle 32 bits of its NTP timestamp).
    pub(crate) fn report_block(&mut self, ssrc: u32, last_sender_report: u32) -> Vec<u8> {
        let block = ReceptionReport {
            ssrc,
            last_sender_report,
            ..Default::default()
        };
        self.srtcp(&ReceiverReport {
            ssrc: 9,
            reports: vec![block],
            ..Default::default()
        })
    }

    fn srtcp(&mut self, packet: &dyn RtcpPacket) -> Vec<u8> {
        let mut bytes = vec![0; packet.marshal_size()];
        let length = packet.marshal_to(&mut bytes).expect("it fits");
        let encrypted = self.encrypt.encrypt_rtcp(&bytes[..length]);
        encrypted.expect("encrypted").to_vec()
    }
}

pub(crate) fn remote_of(socket: &UdpSocket, route: &Route) -> Remote {
    let address = socket.local_addr().expect("it is bound");
    Remote {
        socket: route.socket_index(address.ip()).expect("loopback"),
        address,
        tcp: false,
    }
}

fn master(factor: u8) -> MasterKey {
    let profile = Profile::AeadAes128Gcm;
    let bytes = |len| SecretVec::new((0..len).map(|n| n as u8 * factor).collect());
    MasterKey::new(profile, bytes(profile.key_len()), bytes(profile.salt_len())).expect("lengths")
}

fn context_of(provider: &dyn RTCCryptoProvider, master: &MasterKey) -> Context {
    let profile = master.profile().into();
    let (key, salt) = (master.key(), master.salt());
    Context::new(key, salt, profile, None, None, provider.crypto()).expect("a context")
}
