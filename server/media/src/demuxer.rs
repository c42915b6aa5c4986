//! Reads a file: its video and audio track, and their packets on one clock.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Once;
use std::time::{SystemTime, UNIX_EPOCH};

use ffmpeg_next as ffmpeg;
use serde::{Deserialize, Serialize};

use super::discontinuity::{DiscontinuityFilter, PacketTime};
use super::error::MediaError;
use super::input_file::InputFile;
use super::input_track::{InputTrack, TrackChoice, best_tracks, track};
use super::packet_counts::PacketCounts;
use super::raw::{self, allocator};
use super::sample_entries;
use super::track::TrackKind;

/// After this many damaged packets in a row the rest of the file is not read.
const MAX_BAD_IN_A_ROW: u32 = 1000;
/// Times are clamped to this, about 140 years, so that sums of several do not overflow.
const MAX_TIME: i64 = 1 << 52;
/// How far one track is read ahead to find the next packet of the other: microseconds, and bytes of both. MPEG-TS shows
/// the end of a packet with the next packet, so the last one before a gap is found after the gap.
const MAX_AHEAD: i64 = 30_000_000;
const MAX_AHEAD_BYTES: usize = 16 << 20;

/// A packet of a track. Times, also those in `packet`, are in microseconds of the file's clock.
pub(super) struct DemuxedPacket {
    pub kind: TrackKind,
    pub packet: ffmpeg::Packet,
    /// Presentation time; the decoding time if the file has no presentation time.
    pub pts: i64,
    /// Decoding time.
    pub dts: i64,
    /// The file has a presentation time for this packet.
    pub has_pts: bool,
    /// Zero when unknown.
    pub duration: i64,
    /// To be decoded but not displayed (edit lists).
    pub discard: bool,
}

/// Size and modification time of a file; differs after the file was modified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileStamp {
    pub size: u64,
    /// `None` also before 1970, which serde cannot serialize.
    modified: Option<SystemTime>,
}

/// An open file.
pub(super) struct Demuxer {
    input: ffmpeg::format::context::Input,
    pub video: Option<InputTrack>,
    pub audio: Option<InputTrack>,
    pub file_stamp: FileStamp,
    /// Packets that were dropped because they are damaged.
    pub damaged_packets: u64,
    discontinuities: DiscontinuityFilter<DemuxedPacket>,
    /// By kind: the end of the newest packet in decoding time, as the file gives it.
    newest: [Option<i64>; 2],
    ahead: [VecDeque<DemuxedPacket>; 2],
    ahead_bytes: usize,
    finished: bool,
}

impl Demuxer {
    /// Opens the file and finds its tracks. `known`: what was chosen before, which saves reading the beginning of the file
    /// while it is the same.
    pub(super) fn open(path: &Path, known: Option<TrackChoice>) -> Result<Self, MediaError> {
        init_ffmpeg();
        let (mut file, metadata) = InputFile::open(path)?;
        let opened = file.demux(path);
        // FFmpeg 7 cannot open encrypted fragments.
        let may_be_mp4 = opened
            .as_ref()
            .map_or(true, |input| input.format().name().starts_with("mov,"));
        let unreadable = |error| MediaError::io(path, error);
        if may_be_mp4 && sample_entries::are_encrypted(&mut file).map_err(unreadable)? {
            return Err(MediaError::Encrypted(path.to_owned()));
        }
        let mut input = opened?;
        let format = input.format();
        // FFmpeg renders any text file as video, and a playlist is of no use without the files that it names.
        let refused = match format.name() {
            "tty" | "bin" | "xbin" | "idf" | "adf" => Some("text"),
            "hls" | "dash" | "imf" | "concat" | "sdp" | "rtsp" => Some("a playlist"),
            _ => None,
        };
        if let Some(what) = refused {
            return Err(MediaError::NotPlayable {
                path: path.to_owned(),
                what,
            });
        }
        let file_stamp = FileStamp {
            size: metadata.len(),
            modified: metadata.modified().ok().filter(|time| *time >= UNIX_EPOCH),
        };
        let (video, audio) = match known.filter(|known| known.file == file_stamp) {
            Some(known) => (
                known.video.and_then(|index| track(&mut input, index)),
                known.audio.and_then(|index| track(&mut input, index)),
            ),
            None => {
                let counts = PacketCounts::of(&mut input);
                if counts.is_some() {
                    // Not every container can seek to its beginning.
                    input = file.demux(path)?;
                }
                best_tracks(&mut input, &counts.unwrap_or_default())
            }
        };
        if video.is_none() && audio.is_none() {
            return Err(MediaError::NoTracks(path.to_owned()));
        }
        let wanted: Vec<usize> = video
            .iter()
            .chain(&audio)
            .map(|track| track.index)
            .collect();
        raw::discard_other_streams(&mut input, &wanted);
        let discontinuities = new_filter(&input, video.is_none() || audio.is_none());
        Ok(Self {
            video,
            audio,
            file_stamp,
            damaged_packets: 0,
            discontinuities,
            newest: [None; 2],
            ahead: Default::default(),
            ahead_bytes: 0,
            finished: false,
            input,
        })
    }

    pub(super) fn choice(&self) -> TrackChoice {
        TrackChoice {
            file: self.file_stamp,
            video: self.video.as_ref().map(|track| track.index),
            audio: self.audio.as_ref().map(|track| track.index),
        }
    }

    /// Length in microseconds, from the container or estimated by FFmpeg.
    pub(super) fn duration(&self) -> Option<i64> {
        Some(self.input.duration()).filter(|duration| *duration > 0)
    }

    /// Where the earlier of both tracks begins, in microseconds of the file's clock.
    pub(super) fn start(&self) -> Option<i64> {
        self.video
            .iter()
            .chain(&self.audio)
            .filter_map(|track| track.start)
            .min()
    }

    /// The container's index of the video track; empty if it has none.
    pub(super) fn video_index(&mut self) -> Vec<raw::IndexEntry> {
        self.video.as_ref().map_or_else(Vec::new, |track| {
            raw::index_entries(&mut self.input, track.index)
        })
    }

    /// Seeks to the last video keyframe at or before `time`. False: the file cannot seek.
    pub(super) fn seek(&mut self, time: i64) -> bool {
        self.ahead = Default::default();
        self.ahead_bytes = 0;
        self.newest = [None; 2];
        self.finished = false;
        self.discontinuities = new_filter(&self.input, self.has_single_track());
        self.input.seek(time, ..time).is_ok()
    }

    /// The next packet of both tracks in decoding order, or `None` at the end. Badly interleaved files are reordered
    /// within [`MAX_AHEAD`].
    pub(super) fn next(&mut self) -> Option<DemuxedPacket> {
        loop {
            let heads = [
                self.ahead[0].front().map(|c| c.dts),
                self.ahead[1].front().map(|c| c.dts),
            ];
            let single_track = self.has_single_track();
            let first = match heads {
                [Some(video), Some(audio)] => usize::from(audio < video),
                [Some(_), None] if single_track || self.finished || self.is_far_ahead(0) => 0,
                [None, Some(_)] if single_track || self.finished || self.is_far_ahead(1) => 1,
                [None, None] if self.finished => return None,
                _ => {
                    match self.read() {
                        Some(demuxed) => {
                            self.ahead_bytes += demuxed.packet.size();
                            self.ahead[demuxed.kind as usize].push_back(demuxed);
                        }
                        None => self.finished = true,
                    }
                    continue;
                }
            };
            let demuxed = self.ahead[first].pop_front()?;
            self.ahead_bytes -= demuxed.packet.size();
            return Some(demuxed);
        }
    }

    fn is_far_ahead(&self, kind: usize) -> bool {
        let queue = &self.ahead[kind];
        let span = match (queue.front(), queue.back()) {
            (Some(front), Some(back)) => back.dts.saturating_sub(front.dts),
            _ => 0,
        };
        span > MAX_AHEAD || self.ahead_bytes > MAX_AHEAD_BYTES
    }

    fn has_single_track(&self) -> bool {
        self.video.is_none() || self.audio.is_none()
    }

    /// The next packet in file order, without jumps of the clock.
    fn read(&mut self) -> Option<DemuxedPacket> {
        loop {
            if let Some((mut demuxed, shift)) = self.discontinuities.pop() {
                demuxed.shift(shift);
                return Some(demuxed);
            }
            match self.read_packet() {
                Some(demuxed) => self.discontinuities.push(demuxed.time(), demuxed),
                None if self.discontinuities.is_empty() => return None,
                None => self.discontinuities.finish(),
            }
        }
    }

    /// The next packet in file order, its times as the file gives them.
    fn read_packet(&mut self) -> Option<DemuxedPacket> {
        let mut bad_in_a_row = 0;
        loop {
            let mut packet = ffmpeg::Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) => {}
                Err(ffmpeg::Error::InvalidData) if bad_in_a_row < MAX_BAD_IN_A_ROW => {
                    bad_in_a_row += 1;
                    self.damaged_packets += 1;
                    continue;
                }
                // The end of the file, or an error that would repeat.
                Err(_) => return None,
            }
            let (kind, track) = match (&self.video, &self.audio) {
                (Some(video), _) if video.index == packet.stream() => (TrackKind::Video, video),
                (_, Some(audio)) if audio.index == packet.stream() => (TrackKind::Audio, audio),
                _ => continue,
            };
            if packet.is_corrupt() || packet.size() == 0 {
                self.damaged_packets += 1;
                continue;
            }
            // In joined Ogg files, FFmpeg returns the headers of the second as packets.
            if track.header.codec == "opus" && is_opus_header(packet.data().unwrap_or_default()) {
                continue;
            }
            let base = track.time_base;
            let duration = micros(packet.duration().max(0), base);
            let pts = packet.pts().map(|time| micros(time, base));
            let newest = &mut self.newest[kind as usize];
            let dts = packet
                .dts()
                .map(|time| micros(time, base))
                .or(pts)
                .or(*newest)
                .or(track.start)
                .unwrap_or(0);
            *newest = Some(dts.saturating_add(duration));
            packet.set_duration(duration);
            return Some(DemuxedPacket {
                kind,
                pts: pts.unwrap_or(dts),
                dts,
                has_pts: pts.is_some(),
                duration,
                discard: raw::is_discard(&packet),
                packet,
            });
        }
    }
}

impl DemuxedPacket {
    fn time(&self) -> PacketTime {
        PacketTime {
            kind: self.kind,
            dts: self.dts,
            has_dts: self.packet.dts().is_some(),
            duration: self.duration,
            bytes: self.packet.size(),
        }
    }

    fn shift(&mut self, by: i64) {
        self.pts = self.pts.saturating_add(by);
        self.dts = self.dts.saturating_add(by);
        self.packet.set_pts(self.has_pts.then_some(self.pts));
        self.packet.set_dts(self.packet.dts().map(|_| self.dts));
    }
}

fn new_filter(
    input: &ffmpeg::format::context::Input,
    single_track: bool,
) -> DiscontinuityFilter<DemuxedPacket> {
    DiscontinuityFilter::new(raw::may_have_discontinuities(input), single_track)
}

/// True for the two header packets of Opus in Ogg (RFC 7845).
fn is_opus_header(data: &[u8]) -> bool {
    data.starts_with(b"OpusHead") || data.starts_with(b"OpusTags")
}

/// `time` in units of `base`, in microseconds.
pub(super) fn micros(time: i64, base: ffmpeg::Rational) -> i64 {
    let (num, den) = (
        i128::from(base.numerator().max(1)),
        i128::from(base.denominator().max(1)),
    );
    let scaled = (i128::from(time) * num * 1_000_000 + den / 2).div_euclid(den);
    i64::try_from(scaled.clamp((-MAX_TIME).into(), MAX_TIME.into())).unwrap_or(0)
}

/// Initializes FFmpeg once, and the allocator for its frames; turns off FFmpeg's log: errors are returned.
pub(super) fn init_ffmpeg() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        allocator::pin_mmap_threshold();
        // Registers the texts of errors; cannot fail in the supported versions.
        let _ = ffmpeg::init();
        ffmpeg::log::set_level(ffmpeg::log::Level::Quiet);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_any_time_base_become_microseconds() {
        assert_eq!(micros(3003, ffmpeg::Rational::new(1, 90_000)), 33_367);
        assert_eq!(micros(-1024, ffmpeg::Rational::new(1, 48_000)), -21_333);
        assert_eq!(micros(i64::MAX, ffmpeg::Rational::new(1, 1)), MAX_TIME);
    }
}
