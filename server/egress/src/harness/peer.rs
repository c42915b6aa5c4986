//! The other end of a viewer's path.

use std::collections::VecDeque;
use std::net::UdpSocket;

use bytes::Bytes;
use rtc_crypto::RTCCrypto;
use rtc_rtcp::packet::Packet as RtcpPacket;
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::source_description::SourceDescription;
use rtc_rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};
use rtc_shared::marshal::Unmarshal;
use rtc_srtp::context::Context;

use super::VIDEO_SSRC;
use net::datagram::DatagramKind;
use net::routes::Remote;
use srtp::MasterKey;

/// The other end of a viewer's path: a socket on loopback, and the keys.
pub(crate) struct Peer {
    pub(crate) socket: UdpSocket,
    pub(crate) remote: Remote,
    /// Sender reports that [`Peer::receive`] found among the packets.
    reports: VecDeque<Compound>,
    decrypt: Context,
    encrypt: Context,
}

/// The sender reports of one compound packet, and the CNAME of each SSRC.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Compound {
    pub(crate) reports: Vec<SenderReport>,
    pub(crate) cnames: Vec<(u32, String)>,
}

/// A packet as the peer received it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) payload: Bytes,
}

impl Compound {
    fn parse(mut compound: Bytes) -> Self {
        let mut parsed = Self::default();
        let packets = rtc_rtcp::packet::unmarshal(&mut compound).expect("RTCP");
        for packet in packets {
            let packet = packet.as_any();
            if let Some(report) = packet.downcast_ref::<SenderReport>() {
                assert!(parsed.cnames.is_empty(), "reports come first");
                parsed.reports.push(report.clone());
            } else {
                let description = packet.downcast_ref::<SourceDescription>();
                for chunk in &description.expect("a description").chunks {
                    let text = String::from_utf8(chunk.items[0].text.to_vec());
                    parsed.cnames.push((chunk.source, text.expect("text")));
                }
            }
        }
        parsed
    }
}

impl Peer {
    /// `keys`: of the viewer's sending direction, and of its receiving one.
    pub(super) fn new(
        socket: UdpSocket,
        remote: Remote,
        crypto: &dyn RTCCrypto,
        keys: [&MasterKey; 2],
    ) -> Self {
        let [decrypt, encrypt] = keys.map(|key| context_of(crypto, key));
        Self {
            socket,
            remote,
            reports: VecDeque::new(),
            decrypt,
            encrypt,
        }
    }

    /// The next `count` RTP packets.
    pub(crate) fn receive(&mut self, count: usize) -> Vec<Received> {
        let mut received = Vec::new();
        while received.len() < count {
            let packet = self.receive_one().expect("a packet arrives");
            received.extend(packet);
        }
        received
    }

    /// The next sender reports. On loopback a datagram has arrived when it was sent, so `None`: none was sent.
    pub(crate) fn sender_report(&mut self) -> Option<Compound> {
        self.socket.set_nonblocking(true).expect("a socket");
        while self.reports.is_empty() && self.receive_one().is_ok() {}
        self.socket.set_nonblocking(false).expect("a socket");
        self.reports.pop_front()
    }

    /// Receives a datagram: an RTP packet, or `None` for sender reports.
    fn receive_one(&mut self) -> std::io::Result<Option<Received>> {
        let mut buffer = [0; 2000];
        let length = self.socket.recv(&mut buffer)?;
        Ok(self.read(&buffer[..length]))
    }

    /// The RTP packet in a datagram; `None`: there were sender reports in it.
    pub(crate) fn read(&mut self, datagram: &[u8]) -> Option<Received> {
        if DatagramKind::of(datagram) == DatagramKind::Rtcp {
            let decrypted = self.decrypt.decrypt_rtcp(datagram).expect("ours");
            self.reports.push_back(Compound::parse(decrypted.freeze()));
            return None;
        }
        let decrypted = self.decrypt.decrypt_rtp(datagram).expect("ours");
        let packet = rtc_rtp::Packet::unmarshal(&mut decrypted.freeze()).expect("RTP");
        Some(Received {
            ssrc: packet.header.ssrc,
            payload_type: packet.header.payload_type,
            sequence: packet.header.sequence_number,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            payload: packet.payload,
        })
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
        self.encrypt(&bytes[..length])
    }

    /// The SRTCP of an RTCP packet.
    pub(crate) fn encrypt(&mut self, rtcp: &[u8]) -> Vec<u8> {
        let encrypted = self.encrypt.encrypt_rtcp(rtcp);
        encrypted.expect("encrypted").to_vec()
    }
}

fn context_of(crypto: &dyn RTCCrypto, master: &MasterKey) -> Context {
    let profile = master.profile().into();
    let (key, salt) = (master.key(), master.salt());
    Context::new(key, salt, profile, None, None, crypto).expect("a context")
}
