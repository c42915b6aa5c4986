//! From egress to the tracks of a connection.

use std::sync::Arc;

use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::sender_report::SenderReport;
use shared::api::Codec;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

use super::codecs::Format;
use egress::track::TrackParams;
use egress::{Disconnected, OutgoingPacket, PacketSink, SenderInfo};

/// The tracks of one viewer.
pub(crate) struct Tracks(Vec<Track>);

/// One track, in the numbers that were negotiated for it.
pub(crate) struct Track {
    negotiated: TrackParams,
    track: Arc<TrackLocalStaticRTP>,
}

impl Tracks {
    pub(crate) fn new(tracks: Vec<Track>) -> Self {
        Self(tracks)
    }

    fn of(&self, codec: Codec) -> Option<&Track> {
        self.0.iter().find(|track| track.negotiated.codec == codec)
    }

    pub(crate) fn negotiated(&self) -> Vec<TrackParams> {
        self.0.iter().map(|track| track.negotiated).collect()
    }

    /// Sends a receiver report about nobody, which means nothing to its receiver (RFC 3550 6.4.2).
    pub(crate) async fn report_nothing(&self) -> Result<(), Disconnected> {
        let Some(any) = self.0.first() else {
            return Ok(());
        };
        let report = ReceiverReport {
            ssrc: any.negotiated.ssrc,
            ..Default::default()
        };
        any.track
            .write_rtcp(vec![Box::new(report)])
            .await
            .map_err(|_| Disconnected)
    }

    /// Sends reports as one compound packet (RFC 3550 6.1).
    pub(crate) async fn report_all(&self, reports: &[SenderInfo]) -> Result<(), Disconnected> {
        let reports = reports.iter().filter_map(|report| {
            let ssrc = self.of(report.codec)?.negotiated.ssrc;
            Some(sender_report(report, ssrc))
        });
        let Some(any) = self.0.first() else {
            return Ok(());
        };
        any.track
            .write_rtcp(reports.collect())
            .await
            .map_err(|_| Disconnected)
    }
}

impl Track {
    pub(crate) fn new(
        format: &Format,
        ssrc: u32,
        rtx_ssrc: u32,
        track: Arc<TrackLocalStaticRTP>,
    ) -> Self {
        let negotiated = TrackParams {
            codec: format.codec,
            payload_type: format.payload_type,
            ssrc,
            rtx: format.rtx.map(|payload_type| (payload_type, rtx_ssrc)),
            twcc_id: format.transport,
        };
        Self { negotiated, track }
    }
}

impl PacketSink for Tracks {
    async fn send(&mut self, packet: OutgoingPacket) -> Result<(), Disconnected> {
        let Some(track) = self.of(packet.codec) else {
            return Ok(());
        };
        let header = rtc::rtp::Header {
            version: 2,
            marker: packet.marker,
            payload_type: track.negotiated.payload_type,
            sequence_number: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: track.negotiated.ssrc,
            ..Default::default()
        };
        // Fails only when the connection's task is over.
        track
            .track
            .write_rtp(rtc::rtp::Packet {
                header,
                payload: packet.payload,
            })
            .await
            .map_err(|_| Disconnected)
    }

    async fn report(&mut self, report: SenderInfo) -> Result<(), Disconnected> {
        self.report_all(&[report]).await
    }
}

fn sender_report(report: &SenderInfo, ssrc: u32) -> Box<dyn rtc::rtcp::Packet> {
    Box::new(SenderReport {
        ssrc,
        ntp_time: report.ntp,
        rtp_time: report.timestamp,
        packet_count: report.packets,
        octet_count: report.octets,
        ..Default::default()
    })
}
