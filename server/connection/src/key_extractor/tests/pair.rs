//! Two connections of rtc without sockets and without waiting: each reads what the other writes, and the tests advance the clock.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc::crypto::default_provider;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::MIME_TYPE_VP8;
use rtc::peer_connection::event::RTCPeerConnectionEvent;
use rtc::peer_connection::message::{RTCMessage, TaggedRTCMessage};
use rtc::peer_connection::transport::{
    CandidateConfig, CandidateHostConfig, RTCDtlsRole, RTCIceCandidate,
};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RtpCodecKind,
};
use rtc::rtp_transceiver::{RTCRtpReceiverId, RTCRtpSenderId};
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use webrtc::peer_connection::{MediaEngine, RTCPeerConnectionState, SettingEngineBuilder};

use super::super::KeyExtractor;

pub(super) const SSRC: u32 = 0x1122_3344;
pub(super) const PAYLOAD_TYPE: u8 = 96;

pub(super) struct TestPeer {
    pub(super) pc: RTCPeerConnection,
    pub(super) address: SocketAddr,
    connected: bool,
    pub(super) receiver: Option<RTCRtpReceiverId>,
    /// SRTP and SRTCP that it has sent.
    pub(super) protected: Vec<Vec<u8>>,
    /// Payloads of the RTP that it has received.
    pub(super) received: Vec<Vec<u8>>,
}

impl TestPeer {
    fn new(now: Instant, port: u16, settings: SettingEngineBuilder) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut media = MediaEngine::default();
        media
            .register_codec(codec(), RtpCodecKind::Video)
            .expect("registered");
        let mut pc = RTCPeerConnectionBuilder::new()
            .with_setting_engine(settings.build())
            .with_media_engine(media)
            .build(now)
            .expect("a connection");
        let candidate = CandidateHostConfig {
            base_config: CandidateConfig {
                network: "udp".to_owned(),
                address: address.ip().to_string(),
                port,
                component: 1,
                ..Default::default()
            },
            ..Default::default()
        };
        let candidate = candidate.new_candidate_host().expect("a candidate");
        let candidate = RTCIceCandidate::from(&candidate).to_json();
        pc.add_local_candidate(candidate.expect("written"))
            .expect("added");
        Self {
            pc,
            address,
            connected: false,
            receiver: None,
            protected: Vec::new(),
            received: Vec::new(),
        }
    }

    fn add_track(&mut self) -> RTCRtpSenderId {
        let coding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(SSRC),
                ..Default::default()
            },
            codec: codec().rtp_codec,
            ..Default::default()
        };
        let name = || "video".to_owned();
        let track =
            MediaStreamTrack::new(name(), name(), name(), RtpCodecKind::Video, vec![coding]);
        self.pc.add_track(track).expect("added")
    }

    pub(super) fn read(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let read = self.pc.handle_read(TaggedBytesMut {
            now,
            transport: TransportContext {
                local_addr: self.address,
                peer_addr: from,
                ecn: None,
                transport_protocol: TransportProtocol::UDP,
            },
            message: BytesMut::from(datagram),
        });
        read.expect("taken in");
    }

    /// Passes its datagrams to the other, and returns their number.
    fn pass(&mut self, to: &mut Self, now: Instant) -> usize {
        let mut passed = 0;
        while let Some(written) = self.pc.poll_write() {
            passed += 1;
            // RFC 7983 7: SRTP and SRTCP.
            if matches!(written.message.first(), Some(128..=191)) {
                self.protected.push(written.message.to_vec());
            }
            to.read(now, self.address, &written.message);
        }
        to.poll();
        passed
    }

    fn poll(&mut self) {
        while let Some(event) = self.pc.poll_event() {
            use rtc::peer_connection::event::RTCTrackEvent::OnOpen;
            match event {
                RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) => {
                    self.connected = state == RTCPeerConnectionState::Connected;
                }
                RTCPeerConnectionEvent::OnTrack(OnOpen(track)) => {
                    self.receiver = Some(track.receiver_id);
                }
                _ => {}
            }
        }
        while let Some(TaggedRTCMessage { message, .. }) = self.pc.poll_read() {
            if let RTCMessage::RtpPacket(_, packet) = message {
                self.received.push(packet.payload.to_vec());
            }
        }
    }
}

fn codec() -> RTCRtpCodecParameters {
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: MIME_TYPE_VP8.to_owned(),
            clock_rate: 90_000,
            ..Default::default()
        },
        payload_type: PAYLOAD_TYPE,
    }
}

/// A viewer that offers, and a server that answers, and uses the extractor.
pub(super) struct TestPair {
    pub(super) now: Instant,
    pub(super) viewer: TestPeer,
    pub(super) server: TestPeer,
    sender: RTCRtpSenderId,
    pub(super) extractor: Arc<KeyExtractor>,
}

impl TestPair {
    pub(super) fn new(viewer: SettingEngineBuilder, role: RTCDtlsRole) -> Self {
        let now = Instant::now();
        let extractor = KeyExtractor::new(default_provider().expect("built in"));
        let settings = SettingEngineBuilder::new().with_answering_dtls_role(role);
        let mut viewer = TestPeer::new(now, 1000, viewer);
        let mut server = TestPeer::new(now, 2000, extractor.install(settings));
        let init = rtc::rtp_transceiver::RTCRtpTransceiverInit {
            direction: rtc::rtp_transceiver::RTCRtpTransceiverDirection::Recvonly,
            ..Default::default()
        };
        viewer
            .pc
            .add_transceiver_from_kind(RtpCodecKind::Video, Some(init))
            .expect("a transceiver");
        let offer = viewer.pc.create_offer(None).expect("an offer");
        viewer
            .pc
            .set_local_description(now, offer.clone())
            .expect("set");
        server.pc.set_remote_description(now, offer).expect("set");
        let sender = server.add_track();
        let answer = server.pc.create_answer(None).expect("an answer");
        server
            .pc
            .set_local_description(now, answer.clone())
            .expect("set");
        viewer.pc.set_remote_description(now, answer).expect("set");
        Self {
            now,
            viewer,
            server,
            sender,
            extractor,
        }
    }

    /// Passes datagrams until there are none, then advances the clock by 10 ms.
    fn step(&mut self) {
        let (viewer, server) = (&mut self.viewer, &mut self.server);
        loop {
            let passed = viewer.pass(server, self.now) + server.pass(viewer, self.now);
            if passed == 0 {
                break;
            }
        }
        self.now += Duration::from_millis(10);
        for peer in [viewer, server] {
            peer.pc.handle_timeout(self.now).expect("in time");
            peer.poll();
        }
    }

    pub(super) fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        for _ in 0..1000 {
            if done(self) {
                return;
            }
            self.step();
        }
        panic!("{what} does not happen within 10 s of the clock");
    }

    pub(super) fn connect(&mut self) {
        self.until("connecting", |pair| {
            pair.viewer.connected && pair.server.connected
        });
    }

    /// A sender report, as the connection encrypts it.
    pub(super) fn report(&mut self) -> Vec<u8> {
        let report = SenderReport {
            ssrc: SSRC,
            ..Default::default()
        };
        self.server.protected.clear();
        let mut sender = self.server.pc.rtp_sender(self.sender).expect("a sender");
        sender
            .write_rtcp(self.now, vec![Box::new(report)])
            .expect("written");
        self.until("a report", |pair| !pair.server.protected.is_empty());
        self.server.protected[0].clone()
    }
}
