//! A file, read packet by packet: which tracks it has, and their packets on one clock.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant, SystemTime};

use ffmpeg_next as ffmpeg;

use super::error::MediaError;
use super::jumps::Jumps;
use super::raw::{self, Header};
use super::sound::RATES;
use super::turn::Turn;

/// A demuxer that finds this many bad packets in a row has lost its way.
const MAX_BAD_IN_A_ROW: u32 = 1000;
/// Jumps of a clock longer than these are closed, in microseconds: where the container has them in its nature
/// (broadcasts), and where only damage makes them, since a slide show may stand still for long.
const MAX_JUMP: i64 = 10_000_000;
const MAX_JUMP_OF_FILE: i64 = 300_000_000;
/// Times beyond this, some 140 years, are cut: sums of a few of them still fit.
const MAX_TIME: i64 = 1 << 52;
/// Opening that takes longer is given up: lists of files may wait for ever.
const MAX_OPENING: Duration = Duration::from_secs(20);
/// How far one track is read ahead while the other one's next packet is looked for.
const MAX_AHEAD: i64 = 2_000_000;
const MAX_AHEAD_BYTES: usize = 16 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Video,
    Audio,
}

/// One track that is played.
pub(super) struct Track {
    pub index: usize,
    pub header: Header,
    /// For the decoder.
    pub parameters: ffmpeg::codec::Parameters,
    pub time_base: ffmpeg::Rational,
    pub frame_rate: Option<f64>,
    /// As the container gives it, in microseconds of the file's clock.
    pub start: Option<i64>,
    /// Display matrix: clockwise degrees, and whether it mirrors.
    pub turn: Turn,
}

/// One packet. Its packet's own times are rewritten to microseconds of the file's clock.
pub(super) struct Coded {
    pub kind: Kind,
    pub packet: ffmpeg::Packet,
    /// Shown at; the decoding time where the file has no other.
    pub time: i64,
    /// Decoded at: the order of reading.
    pub order: i64,
    /// The file gave a time to show it at.
    pub timed: bool,
    /// Zero when unknown.
    pub duration: i64,
    /// To be decoded but not shown (edit lists).
    pub hidden: bool,
}

/// What tells that a file was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub size: u64,
    modified: Option<SystemTime>,
}

/// An open file.
pub(super) struct Demuxer {
    input: ffmpeg::format::context::Input,
    pub video: Option<Track>,
    pub audio: Option<Track>,
    pub fingerprint: Fingerprint,
    /// Packets left out because they were damaged.
    pub bad: u64,
    jumps: Jumps,
    /// By kind; the newest time of decoding.
    newest: [Option<i64>; 2],
    ahead: [VecDeque<Coded>; 2],
    ahead_bytes: usize,
    finished: bool,
}

impl Demuxer {
    /// Opens the file and finds its tracks.
    pub(super) fn open(path: &Path) -> Result<Self, MediaError> {
        quiet();
        let metadata = fs::metadata(path).map_err(|error| MediaError::io(path, error))?;
        if metadata.is_dir() {
            return Err(MediaError::Directory(path.to_owned()));
        }
        if !metadata.is_file() {
            return Err(MediaError::NotAFile(path.to_owned()));
        }
        drop(fs::File::open(path).map_err(|error| MediaError::io(path, error))?);
        let name = path
            .to_str()
            .ok_or_else(|| MediaError::Name(path.to_owned()))?;
        // "file:" keeps a name such as "http:x" from being taken for an address, and no pattern one such as
        // "50%d.png" from being taken for many; the white list keeps lists from reaching out.
        let options = ffmpeg::Dictionary::from_iter([
            ("protocol_whitelist", "file"),
            ("pattern_type", "none"),
        ]);
        let (opened, start) = (Arc::new(AtomicBool::new(false)), Instant::now());
        let gives_up = {
            let opened = Arc::clone(&opened);
            move || !opened.load(Ordering::Relaxed) && start.elapsed() > MAX_OPENING
        };
        let mut input = ffmpeg::format::input_with_interrupt_and_dictionary(
            &format!("file:{name}"),
            gives_up,
            options,
        )
        .map_err(|error| MediaError::NotMedia {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        opened.store(true, Ordering::Relaxed);
        let format = input.format();
        // Demuxers that make a picture of any text; and lists, which may wait for ever for what is not written yet.
        let refused = match format.name() {
            "tty" | "bin" | "xbin" | "idf" | "adf" => Some("it is text"),
            "hls" | "dash" | "imf" | "concat" | "sdp" | "rtsp" => {
                Some("it is a list of other files")
            }
            _ => None,
        };
        if let Some(reason) = refused {
            return Err(MediaError::NotMedia {
                path: path.to_owned(),
                reason: reason.to_owned(),
            });
        }
        let video = best(&mut input, ffmpeg::media::Type::Video)
            .filter(|track| track.header.width > 0 && track.header.height > 0);
        let audio = best(&mut input, ffmpeg::media::Type::Audio)
            .filter(|track| track.header.channels > 0 && RATES.contains(&track.header.sample_rate));
        if video.is_none() && audio.is_none() {
            return Err(MediaError::NoTracks(path.to_owned()));
        }
        let wanted: Vec<usize> = video
            .iter()
            .chain(&audio)
            .map(|track| track.index)
            .collect();
        raw::read_only(&mut input, &wanted);
        let discontinuous = raw::may_jump(&input);
        Ok(Self {
            video,
            audio,
            fingerprint: Fingerprint {
                size: metadata.len(),
                modified: metadata.modified().ok(),
            },
            bad: 0,
            jumps: Jumps::longer_than(if discontinuous {
                MAX_JUMP
            } else {
                MAX_JUMP_OF_FILE
            }),
            newest: [None; 2],
            ahead: Default::default(),
            ahead_bytes: 0,
            finished: false,
            input,
        })
    }

    /// Length in microseconds as the container tells or estimates it.
    pub(super) fn duration(&self) -> Option<i64> {
        Some(self.input.duration()).filter(|duration| *duration > 0)
    }

    /// Where the file's clock begins: the earlier of both tracks.
    pub(super) fn start(&self) -> Option<i64> {
        self.video
            .iter()
            .chain(&self.audio)
            .filter_map(|track| track.start)
            .min()
    }

    /// The container's list of the picture's packets, if it has one.
    pub(super) fn video_index(&mut self) -> Vec<raw::IndexEntry> {
        self.video
            .as_ref()
            .map_or_else(Vec::new, |track| raw::index(&mut self.input, track.index))
    }

    /// Goes to the last keyframe of the picture at or before `time`.
    pub(super) fn seek(&mut self, time: i64) -> bool {
        self.ahead = Default::default();
        self.ahead_bytes = 0;
        self.newest = [None; 2];
        self.input.seek(time, ..time).is_ok()
    }

    /// The next packet of both tracks in the order of time, or `None` at the end. Files that keep their
    /// tracks far apart are put in order as far as [`MAX_AHEAD`] allows.
    pub(super) fn next(&mut self) -> Option<Coded> {
        loop {
            let heads = [
                self.ahead[0].front().map(|c| c.order),
                self.ahead[1].front().map(|c| c.order),
            ];
            let alone = self.video.is_none() || self.audio.is_none();
            let first = match heads {
                [Some(video), Some(audio)] => usize::from(audio < video),
                [Some(_), None] if alone || self.finished || self.is_far_ahead(0) => 0,
                [None, Some(_)] if alone || self.finished || self.is_far_ahead(1) => 1,
                [None, None] if self.finished => return None,
                _ => {
                    match self.read() {
                        Some(coded) => {
                            self.ahead_bytes += coded.packet.size();
                            self.ahead[coded.kind as usize].push_back(coded);
                        }
                        None => self.finished = true,
                    }
                    continue;
                }
            };
            let coded = self.ahead[first].pop_front()?;
            self.ahead_bytes -= coded.packet.size();
            return Some(coded);
        }
    }

    fn is_far_ahead(&self, kind: usize) -> bool {
        let queue = &self.ahead[kind];
        let span = match (queue.front(), queue.back()) {
            (Some(front), Some(back)) => back.order.saturating_sub(front.order),
            _ => 0,
        };
        span > MAX_AHEAD || self.ahead_bytes > MAX_AHEAD_BYTES
    }

    /// The next packet as it lies in the file.
    fn read(&mut self) -> Option<Coded> {
        let mut bad_in_a_row = 0;
        loop {
            let mut packet = ffmpeg::Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) => {}
                Err(ffmpeg::Error::InvalidData) if bad_in_a_row < MAX_BAD_IN_A_ROW => {
                    bad_in_a_row += 1;
                    self.bad += 1;
                    continue;
                }
                // The end, or an error that every further read would repeat.
                Err(_) => return None,
            }
            let (kind, track) = match (&self.video, &self.audio) {
                (Some(video), _) if video.index == packet.stream() => (Kind::Video, video),
                (_, Some(audio)) if audio.index == packet.stream() => (Kind::Audio, audio),
                _ => continue,
            };
            if packet.is_corrupt() || packet.size() == 0 {
                self.bad += 1;
                continue;
            }
            let base = track.time_base;
            let duration = micros(packet.duration().max(0), base);
            let shown = packet.pts().map(|time| micros(time, base));
            let newest = &mut self.newest[kind as usize];
            let decoded = packet
                .dts()
                .map(|time| micros(time, base))
                .or(shown)
                .or(*newest)
                .or(track.start)
                .unwrap_or(0);
            let shift = self.jumps.shift(decoded);
            let order = decoded.saturating_add(shift);
            let shown = shown.map(|time| time.saturating_add(shift));
            *newest = Some(order.saturating_add(duration));
            packet.set_pts(shown);
            packet.set_dts(packet.dts().map(|_| order));
            packet.set_duration(duration);
            return Some(Coded {
                kind,
                time: shown.unwrap_or(order),
                order,
                timed: shown.is_some(),
                duration,
                hidden: raw::is_hidden(&packet),
                packet,
            });
        }
    }
}

fn best(input: &mut ffmpeg::format::context::Input, kind: ffmpeg::media::Type) -> Option<Track> {
    let stream = input.streams().best(kind)?;
    // A cover is no picture track.
    if stream
        .disposition()
        .contains(ffmpeg::format::stream::Disposition::ATTACHED_PIC)
    {
        return None;
    }
    let index = stream.index();
    let time_base = stream.time_base();
    let parameters = stream.parameters();
    ffmpeg::decoder::find(parameters.id())?;
    let rate = |rate: ffmpeg::Rational| {
        Some(f64::from(rate.numerator()) / f64::from(rate.denominator()))
            .filter(|rate| rate.is_finite() && *rate > 0.0 && *rate <= 1000.0)
    };
    let frame_rate = rate(stream.avg_frame_rate()).or_else(|| rate(stream.rate()));
    let start = Some(stream.start_time())
        .filter(|time| *time != i64::MIN)
        .map(|time| micros(time, time_base));
    let turn = stream
        .side_data()
        .find(|data| data.kind() == ffmpeg::packet::side_data::Type::DisplayMatrix)
        .map(|data| Turn::from_display_matrix(data.data()))
        .unwrap_or_default();
    let parameters = parameters.clone();
    Some(Track {
        index,
        header: raw::header(input, index)?,
        parameters,
        time_base,
        frame_rate,
        start,
        turn,
    })
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

/// Once: FFmpeg's tables, and no lines of its own on stderr. What matters comes back as an error or a count.
pub(super) fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fills in the texts of errors; cannot fail in any version that builds here.
        let _ = ffmpeg::init();
        ffmpeg::log::set_level(ffmpeg::log::Level::Quiet);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_any_base_become_microseconds() {
        assert_eq!(micros(3003, ffmpeg::Rational::new(1, 90_000)), 33_367);
        assert_eq!(micros(-1024, ffmpeg::Rational::new(1, 48_000)), -21_333);
        assert_eq!(micros(i64::MAX, ffmpeg::Rational::new(1, 1)), MAX_TIME);
    }
}
