//! The media of a connected viewer: its shard encrypts and sends it when the SRTP keys are known, else its connection does.

use std::sync::Arc;
use std::time::Duration;

use rtc::crypto::RTCCryptoProvider;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::source_description::{
    SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
};
use shared::api::Codec;
use tokio::sync::mpsc;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

use super::codecs::Format;
use super::key_extractor::KeyExtractor;
use egress::counters::ViewerCounters;
use egress::shard::Shard;
use egress::srtp::{SrtcpReceiver, SrtpSender};
use egress::track::TrackParams;
use egress::viewer::ViewerParams;
use egress::{
    Disconnected, EndReason, Feedback, OutgoingPacket, PacketSink, PlayheadCommand, SenderInfo,
};
use net::Route;
use stream::Subscription;

/// A connection sends a report within a millisecond. After this time the viewer is served without keys.
const REPORT_TIMEOUT: Duration = Duration::from_secs(1);

/// Everything that sending to one viewer needs.
pub(super) struct Attachment {
    pub(super) subscription: Subscription,
    pub(super) tracks: SendTracks,
    /// Keyframe requests, when the connection sends the media itself.
    pub(super) feedback: mpsc::Receiver<Feedback>,
    pub(super) commands: mpsc::Receiver<Box<PlayheadCommand>>,
    pub(super) shard: Shard,
    pub(super) route: Arc<Route>,
    pub(super) extractor: Option<Arc<KeyExtractor>>,
    pub(super) counters: Arc<ViewerCounters>,
}

/// The tracks of one viewer.
pub(super) struct SendTracks {
    tracks: Vec<SendTrack>,
    /// Names the source of all tracks (RFC 3550 6.5.1): the `cname` of the answer.
    cname: String,
}

/// One track, with its payload types and SSRCs.
pub(super) struct SendTrack {
    negotiated: TrackParams,
    local: Arc<TrackLocalStaticRTP>,
}

impl Attachment {
    /// Sends until the stream ends or the viewer is gone.
    pub(super) async fn serve(mut self, viewer: u64) -> EndReason {
        let Some((srtp, srtcp)) = self.keys().await else {
            tracing::info!(
                viewer,
                "webrtc-rs sends the media of this viewer: its SRTP keys are not known"
            );
            return egress::ordinary_path::run(
                self.subscription,
                self.tracks,
                self.feedback,
                self.counters,
            )
            .await;
        };
        let (reports, mut reported) = mpsc::channel::<Vec<SenderInfo>>(1);
        self.counters.set_sealed(true);
        let params = ViewerParams {
            subscription: self.subscription,
            route: self.route,
            tracks: self.tracks.negotiated(),
            srtp,
            srtcp,
            reports,
            counters: self.counters,
        };
        let Some(mut handle) = self.shard.add_viewer(params).await else {
            return EndReason::ViewerGone;
        };
        loop {
            tokio::select! {
                ended = handle.ended() => return ended,
                Some(command) = self.commands.recv() => handle.move_playhead(*command),
                Some(reports) = reported.recv() => {
                    if self.tracks.send_reports(&reports).await.is_err() {
                        return EndReason::ViewerGone;
                    }
                }
            }
        }
    }

    /// Has the connection send an empty report, and decrypts it with the extracted keys. That shows which of them are ours, and
    /// which path ICE has selected. The connection never encrypts media, so no nonce is used twice.
    async fn keys(&self) -> Option<(SrtpSender, SrtcpReceiver)> {
        let extractor = self.extractor.as_ref()?;
        let send = async {
            // On failure no report arrives, and the timeout decides.
            let _ = self.tracks.send_empty_report().await;
        };
        let report = tokio::time::timeout(REPORT_TIMEOUT, self.route.capture_srtcp(send)).await;
        let keys = extractor.extract(&report.ok()?)?;
        let srtp = SrtpSender::new(extractor.crypto(), &keys.local).ok()?;
        let srtcp = SrtcpReceiver::new(extractor.crypto(), &keys.remote).ok()?;
        Some((srtp, srtcp))
    }
}

impl SendTracks {
    pub(super) fn new(tracks: Vec<SendTrack>, cname: String) -> Self {
        Self { tracks, cname }
    }

    fn of(&self, codec: Codec) -> Option<&SendTrack> {
        let mut tracks = self.tracks.iter();
        tracks.find(|track| track.negotiated.codec == codec)
    }

    fn negotiated(&self) -> Vec<TrackParams> {
        self.tracks.iter().map(|track| track.negotiated).collect()
    }

    /// Sends a receiver report without report blocks, which receivers ignore (RFC 3550 6.4.2).
    async fn send_empty_report(&self) -> Result<(), Disconnected> {
        let Some(first) = self.tracks.first() else {
            return Ok(());
        };
        let ssrc = first.negotiated.ssrc;
        let report = ReceiverReport {
            ssrc,
            ..Default::default()
        };
        self.send_compound(vec![Box::new(report)], &[ssrc]).await
    }

    async fn send_reports(&self, reports: &[SenderInfo]) -> Result<(), Disconnected> {
        let reports = reports.iter();
        let (reports, sources): (Vec<_>, Vec<_>) = reports
            .filter_map(|report| {
                let ssrc = self.of(report.codec)?.negotiated.ssrc;
                Some((sender_report(report, ssrc), ssrc))
            })
            .unzip();
        self.send_compound(reports, &sources).await
    }

    /// Sends reports of these SSRCs as one compound packet, with the CNAME of each (RFC 3550 6.1).
    async fn send_compound(
        &self,
        mut packets: Vec<Box<dyn rtc::rtcp::Packet>>,
        sources: &[u32],
    ) -> Result<(), Disconnected> {
        let Some(first) = self.tracks.first() else {
            return Ok(());
        };
        packets.push(Box::new(source_description(sources, &self.cname)));
        first
            .local
            .write_rtcp(packets)
            .await
            .map_err(|_| Disconnected)
    }
}

/// Used when webrtc-rs sends the media.
impl PacketSink for SendTracks {
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
        // Fails only after the connection's task has ended.
        track
            .local
            .write_rtp(rtc::rtp::Packet {
                header,
                payload: packet.payload,
            })
            .await
            .map_err(|_| Disconnected)
    }

    async fn report(&mut self, report: SenderInfo) -> Result<(), Disconnected> {
        self.send_reports(&[report]).await
    }
}

impl SendTrack {
    pub(super) fn new(
        format: &Format,
        ssrc: u32,
        rtx_ssrc: u32,
        local: Arc<TrackLocalStaticRTP>,
    ) -> Self {
        let negotiated = TrackParams {
            codec: format.codec,
            payload_type: format.payload_type,
            ssrc,
            rtx: format.rtx.map(|payload_type| (payload_type, rtx_ssrc)),
            twcc_id: format.transport,
        };
        Self { negotiated, local }
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

fn source_description(sources: &[u32], cname: &str) -> SourceDescription {
    let chunks = sources.iter().map(|&source| SourceDescriptionChunk {
        source,
        items: vec![SourceDescriptionItem {
            sdes_type: SdesType::SdesCname,
            text: cname.to_owned().into(),
        }],
    });
    SourceDescription {
        chunks: chunks.collect(),
    }
}
