//! The video that the viewers watch: encoded once, and known unit by unit.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// What is encoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe {
    /// Name of the file.
    pub(crate) file: &'static str,
    /// Length in seconds; then it repeats.
    pub(crate) seconds: u32,
    /// Frames from one keyframe to the next, of 30 a second.
    pub(crate) gop: u32,
}

/// A keyframe every 2 s.
pub(crate) const FANOUT: Recipe = Recipe {
    file: "gop-2s.mp4",
    seconds: 20,
    gop: 60,
};
/// 720p30 without B-frames, so that any server can pass it through. The result has 2.5 Mbit/s,
/// as the small buffer limits the rate. It also keeps a keyframe within some 60 packets, and with the frames that
/// follow meanwhile within the 100 packets for which str0m sends NACKs. Parameter sets are repeated for those who publish it.
const VIDEO_ENCODING: &[&str] = &[
    "-vf",
    "fps=30,format=yuv420p",
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-profile:v",
    "baseline",
    "-x264-params",
    "repeat-headers=1",
    "-sc_threshold",
    "0",
    "-b:v",
    "2750k",
    "-minrate",
    "2750k",
    "-maxrate",
    "2750k",
    "-bufsize",
    "600k",
];
const AUDIO_ENCODING: &[&str] = &["-c:a", "libopus", "-b:a", "64k", "-ac", "2", "-ar", "48000"];

/// Largest RTP payload in bytes, as in `media`'s packetizer.
const MAX_PAYLOAD: usize = 1188;
/// Types of NAL units with a slice of a frame (H.264 7.4.1).
const SLICES: std::ops::RangeInclusive<u8> = 1..=5;

/// A file that is played in a loop.
#[derive(Debug)]
pub(crate) struct TestVideo {
    pub(crate) path: PathBuf,
    pub(crate) video: Rc<SourceTrack>,
    pub(crate) audio: Rc<SourceTrack>,
}

/// The access units of one track.
#[derive(Debug)]
pub(crate) struct SourceTrack {
    pub(crate) units: Vec<SourceUnit>,
    /// Indices of the units by fingerprint.
    found: HashMap<u64, Vec<usize>>,
    /// Of the whole file, in microseconds: a unit repeats after this time.
    pub(crate) length: i64,
    /// Clock rate of RTP timestamps in Hz.
    pub(crate) rate: i64,
}

/// One access unit.
#[derive(Clone, Debug)]
pub(crate) struct SourceUnit {
    pub(crate) fingerprint: u64,
    /// Microseconds since the start of the file.
    pub(crate) time: i64,
    /// Bytes of each RTP payload of the unit.
    pub(crate) payloads: Vec<usize>,
    /// Video in Annex B.
    pub(crate) data: Vec<u8>,
}

impl TestVideo {
    /// Encodes the file into `folder` unless it exists.
    pub(crate) fn make(folder: &Path, recipe: Recipe) -> Result<Self> {
        let path = folder.join(recipe.file);
        if !path.is_file() {
            std::fs::create_dir_all(folder)?;
            let clip =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/big-buck-bunny-720p.mp4");
            let unfinished = folder.join("unfinished.mp4");
            let mut ffmpeg = Command::new("ffmpeg");
            ffmpeg.args(["-v", "error", "-y", "-stream_loop", "-1", "-i"]);
            let (seconds, gop) = (recipe.seconds.to_string(), recipe.gop.to_string());
            ffmpeg.arg(clip).args(["-t", &seconds]);
            ffmpeg
                .args(VIDEO_ENCODING)
                .args(["-g", &gop, "-keyint_min", &gop])
                .args(AUDIO_ENCODING)
                .arg(&unfinished);
            output(ffmpeg)?;
            std::fs::rename(unfinished, &path)?;
        }
        Self::read(path)
    }

    fn read(path: PathBuf) -> Result<Self> {
        let mut ffprobe = Command::new("ffprobe");
        ffprobe.args(["-v", "error", "-of", "json", "-show_entries"]);
        ffprobe
            .arg("packet=codec_type,pts_time,duration_time,pos,size")
            .arg(&path);
        let listing: Value = serde_json::from_slice(&output(ffprobe)?)?;
        let file = std::fs::read(&path)?;
        let (mut video, mut audio, mut end) = (Vec::new(), Vec::new(), 0);
        for packet in listing["packets"]
            .as_array()
            .context("ffprobe lists no packets")?
        {
            let (at, size) = (
                number::<usize>(packet, "pos")?,
                number::<usize>(packet, "size")?,
            );
            let data = file
                .get(at..at + size)
                .context("a packet is outside of the file")?;
            let time = micros(packet, "pts_time")?;
            end = end.max(time + micros(packet, "duration_time")?);
            if packet["codec_type"] == "video" {
                let slices = slices(length_prefixed(data));
                video.push(SourceUnit {
                    fingerprint: fingerprint(&slices),
                    time,
                    payloads: slices.iter().flat_map(|slice| cut(slice.len())).collect(),
                    data: to_annex_b(length_prefixed(data)),
                });
            } else {
                audio.push(SourceUnit {
                    fingerprint: fingerprint(&[data]),
                    time,
                    payloads: vec![data.len()],
                    data: data.to_vec(),
                });
            }
        }
        let start = video.iter().chain(&audio).map(|unit| unit.time).min();
        let start = start.context("the file is empty")?;
        Ok(Self {
            path,
            video: Rc::new(SourceTrack::new(video, start, end, 90_000)),
            audio: Rc::new(SourceTrack::new(audio, start, end, 48_000)),
        })
    }

    /// In seconds.
    pub(crate) fn length(&self) -> f64 {
        self.video.length as f64 / 1e6
    }

    /// RTP packets per second.
    pub(crate) fn packets(&self) -> f64 {
        let units = self.video.units.iter().chain(&self.audio.units);
        units.map(|unit| unit.payloads.len()).sum::<usize>() as f64 / self.length()
    }

    /// Of RTP payloads, in bit/s.
    pub(crate) fn bitrate(&self) -> f64 {
        let units = self.video.units.iter().chain(&self.audio.units);
        8.0 * units.flat_map(|unit| &unit.payloads).sum::<usize>() as f64 / self.length()
    }
}

impl SourceTrack {
    /// `start` and `end` of the file in microseconds.
    pub(crate) fn new(mut units: Vec<SourceUnit>, start: i64, end: i64, rate: i64) -> Self {
        let mut found: HashMap<u64, Vec<usize>> = HashMap::new();
        for (index, unit) in units.iter_mut().enumerate() {
            unit.time -= start;
            found.entry(unit.fingerprint).or_default().push(index);
        }
        Self {
            units,
            found,
            length: end - start,
            rate,
        }
    }

    /// The index of a unit that occurs exactly once.
    pub(crate) fn only(&self, fingerprint: u64) -> Option<usize> {
        match self.found.get(&fingerprint)?.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }
}

/// Identifies a unit. For video only the slices count: parameter sets and other NAL units may be added or removed
/// on the way.
pub(crate) fn fingerprint(parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// The NAL units that contain slices.
pub(crate) fn slices<'a>(nals: impl Iterator<Item = &'a [u8]>) -> Vec<&'a [u8]> {
    nals.filter(|nal| {
        nal.first()
            .is_some_and(|first| SLICES.contains(&(first & 0x1f)))
    })
    .collect()
}

/// The NAL units of H.264 Annex B.
pub(crate) fn annex_b(unit: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = unit;
    std::iter::from_fn(move || {
        let start = rest.windows(3).position(|window| window == [0, 0, 1])? + 3;
        rest = &rest[start..];
        let end = rest.windows(3).position(|window| window == [0, 0, 1]);
        let mut nal = &rest[..end.unwrap_or(rest.len())];
        // A zero belongs to the next start code; a NAL unit does not end with one (7.4.1).
        while let Some((0, shorter)) = nal.split_last() {
            nal = shorter;
        }
        Some(nal)
    })
}

/// The NAL units of MP4 as ffmpeg writes it: with lengths of 4 bytes (ISO 14496-15 5.3).
fn length_prefixed(unit: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = unit;
    std::iter::from_fn(move || {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        let (nal, tail) = tail.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        rest = tail;
        Some(nal)
    })
}

fn to_annex_b<'a>(nals: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let with_codes = nals.flat_map(|nal| [&[0, 0, 0, 1], nal]);
    with_codes.flatten().copied().collect()
}

/// Payload sizes of a NAL unit as the server packetizes it: whole, or as FU-A fragments of equal size (RFC 6184 5.8).
fn cut(nal: usize) -> Vec<usize> {
    if nal <= MAX_PAYLOAD {
        return vec![nal];
    }
    let rest = nal - 1;
    let piece = rest.div_ceil(rest.div_ceil(MAX_PAYLOAD - 2));
    let pieces = (0..rest).step_by(piece);
    pieces.map(|at| 2 + piece.min(rest - at)).collect()
}

fn output(mut command: Command) -> Result<Vec<u8>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| {
        format!("the video of this benchmark needs {program}; `apt-get install ffmpeg` installs it")
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{program} cannot make or read the video of this benchmark: {said}");
    }
    Ok(output.stdout)
}

fn number<T: std::str::FromStr>(packet: &Value, name: &str) -> Result<T> {
    let number = packet[name].as_str().and_then(|text| text.parse().ok());
    number.with_context(|| format!("ffprobe prints no {name}"))
}

fn micros(packet: &Value, name: &str) -> Result<i64> {
    let seconds: f64 = number(packet, name)?;
    ensure!(seconds.abs() < 1e6, "ffprobe prints an invalid {name}");
    Ok((seconds * 1e6).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_of_a_frame_ignores_framing_and_parameter_sets() {
        let (sps, slice) = ([0x67, 1, 2], [0x65, 0, 0, 3, 1, 9]);
        let lengths = [&[0, 0, 0, 6], &slice[..]].concat();
        let start_codes = [&[0, 0, 0, 1], &sps[..], &[0, 0, 0, 1], &slice[..]].concat();
        assert_eq!(
            fingerprint(&slices(length_prefixed(&lengths))),
            fingerprint(&slices(annex_b(&start_codes)))
        );
        assert_eq!(slices(annex_b(&start_codes)), [&slice[..]]);
    }

    #[test]
    fn fragments_are_even_and_have_two_bytes_of_header() {
        assert_eq!(cut(1188), [1188]);
        assert_eq!(cut(1189), [596, 596]);
        assert_eq!(cut(10_001).len(), 9);
        assert_eq!(cut(10_001).iter().sum::<usize>(), 10_000 + 9 * 2);
    }

    #[test]
    fn a_unit_that_occurs_twice_has_no_position() {
        let unit = |fingerprint| SourceUnit {
            fingerprint,
            time: 0,
            payloads: vec![1],
            data: Vec::new(),
        };
        let track = SourceTrack::new(vec![unit(5), unit(6), unit(5)], 0, 1, 48_000);
        assert_eq!(
            (track.only(5), track.only(6), track.only(7)),
            (None, Some(1), None)
        );
    }
}
