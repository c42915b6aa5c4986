//! From egress to the tracks of a connection.

use std::sync::Arc;

use rtc::rtcp::sender_report::SenderReport;
use shared::api::Codec;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

use super::codecs::Format;
use crate::egress::{Gone, Outlet, Packet, Report};

/// The tracks of one viewer.
pub(crate) struct Tracks(Vec<Track>);

/// One track, in the numbers that were negotiated for it.
pub(crate) struct Track {
    codec: Codec,
    payload_type: u8,
    ssrc: u32,
    track: Arc<TrackLocalStaticRTP>,
}

impl Tracks {
    pub(crate) fn new(tracks: Vec<Track>) -> Self {
        Self(tracks)
    }

    fn of(&self, codec: Codec) -> Option<&Track> {
        self.0.iter().find(|track| track.codec == codec)
    }
}

impl Track {
    pub(crate) fn new(format: &Format, ssrc: u32, track: Arc<TrackLocalStaticRTP>) -> Self {
        Self {
            codec: format.codec,
            payload_type: format.payload_type,
            ssrc,
            track,
        }
    }
}

impl Outlet for Tracks {
    async fn send(&mut self, packet: Packet) -> Result<(), Gone> {
        let Some(track) = self.of(packet.codec) else {
            return Ok(());
        };
        let header = rtc::rtp::Header {
            version: 2,
            marker: packet.marker,
            payload_type: track.payload_type,
            sequence_number: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: track.ssrc,
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
            .map_err(|_| Gone)
    }

    async fn report(&mut self, report: Report) -> Result<(), Gone> {
        let Some(track) = self.of(report.codec) else {
            return Ok(());
        };
        let report = SenderReport {
            ssrc: track.ssrc,
            ntp_time: report.ntp,
            rtp_time: report.timestamp,
            packet_count: report.packets,
            octet_count: report.octets,
            ..Default::default()
        };
        track
            .track
            .write_rtcp(vec![Box::new(report)])
            .await
            .map_err(|_| Gone)
    }
}
