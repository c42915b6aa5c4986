//! Reads the beginning of a file, for facts that its header does not tell.

use super::demuxer::{DemuxedPacket, Demuxer};
use super::facts::native_codec;
use super::first_frame::FirstFrame;
use super::packet_scan::{PacketFacts, PacketScan};
use super::track::TrackKind;
use bitstream::h264::H264Normalizer;

/// How much of a file is read at most: in microseconds, bytes and packets.
const SCAN_TIME: i64 = 6_000_000;
const SCAN_BYTES: usize = 24 << 20;
const SCAN_PACKETS: u32 = 4000;
/// A container's index with at most this many entries is ignored: the scan has read as many frames.
const MIN_INDEX: usize = 2;

/// The result of reading the beginning of a file.
pub(super) struct FileScan {
    pub video: PacketFacts,
    pub video_packets: u32,
    pub packets: u32,
    /// The first frame of a video that has to be decoded is interlaced.
    pub interlaced: bool,
    pub largest_audio_packet: usize,
    /// The file was read to its end.
    pub complete: bool,
}

/// Reads the beginning of the file.
pub(super) fn scan(demuxer: &mut Demuxer) -> FileScan {
    let has_video = demuxer.video.is_some();
    let mut h264 = demuxer
        .video
        .as_ref()
        .filter(|track| track.header.codec == "h264")
        .map(|track| H264Normalizer::new(&track.header.extradata));
    // H.264 says in its header what is interlaced; the other codecs of browsers are never.
    let mut first_frame = demuxer
        .video
        .as_ref()
        .filter(|track| native_codec(&track.header.codec).is_none())
        .map(FirstFrame::new);
    let mut scan = PacketScan::default();
    let (mut packets, mut video_packets, mut bytes, mut largest_audio_packet) =
        (0u32, 0u32, 0usize, 0usize);
    let mut start = None;
    let mut complete = false;
    loop {
        let Some(demuxed) = demuxer.next() else {
            complete = true;
            break;
        };
        packets += 1;
        bytes += demuxed.packet.size();
        match demuxed.kind {
            TrackKind::Audio => {
                largest_audio_packet = largest_audio_packet.max(demuxed.packet.size())
            }
            TrackKind::Video | TrackKind::Inset => {
                video_packets += 1;
                scan_packet(&demuxed, h264.as_mut(), &mut scan);
                if let Some(first_frame) = &mut first_frame {
                    first_frame.push(&demuxed.packet);
                }
            }
        }
        let start = *start.get_or_insert(demuxed.dts);
        let enough =
            demuxed.dts.saturating_sub(start) > SCAN_TIME && (video_packets > 1 || !has_video);
        if enough || bytes > SCAN_BYTES || packets > SCAN_PACKETS {
            break;
        }
    }
    let mut video = scan.finish(complete);
    // A full index (mp4) lists every frame of the file. An index of keyframes only (Matroska's cues) may be incomplete.
    let index = demuxer.video_index();
    let full = index.len() > MIN_INDEX && index.iter().any(|entry| !entry.keyframe);
    if let (true, Some(track)) = (full, &demuxer.video) {
        let mut all = PacketScan::default();
        for entry in &index {
            all.frame(
                super::demuxer::micros(entry.time, track.time_base),
                entry.keyframe,
                entry.bytes,
            );
        }
        let all = all.finish(true);
        video.longest_gop = video.longest_gop.max(all.longest_gop);
        video.largest_gop = video.largest_gop.max(all.largest_gop);
        video.irregular = all.irregular;
        video.median_gap = all.median_gap;
    }
    FileScan {
        video,
        video_packets,
        packets,
        interlaced: first_frame.is_some_and(|frame| frame.interlaced),
        largest_audio_packet,
        complete,
    }
}

fn scan_packet(demuxed: &DemuxedPacket, h264: Option<&mut H264Normalizer>, scan: &mut PacketScan) {
    let data = demuxed.packet.data().unwrap_or_default();
    // A packet that is marked as a keyframe may only be a recovery point; WebRTC needs an IDR.
    let keyframe = match h264 {
        Some(h264) => h264.normalize(data).is_some_and(|unit| unit.keyframe),
        None => demuxed.packet.is_key(),
    };
    if demuxed.discard || !demuxed.has_pts {
        scan.mark_bad_timestamps();
    }
    scan.frame(demuxed.pts, keyframe, data.len() as u64);
}
