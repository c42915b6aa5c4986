//! The film that is watched: made once, and known unit by unit.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Seconds of it; after them it begins again.
const SECONDS: &str = "20";
/// 720p30 without B-frames, so that any server can pass it through; a keyframe every 2 s. What comes out has 2.5 Mbit/s,
/// as the small buffer holds the rate down; it keeps keyframes within some 60 packets, and with the pictures that follow
/// meanwhile within the 100 for which str0m asks again.
const PICTURES: &[&str] = &[
    "-vf",
    "fps=30,format=yuv420p",
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-profile:v",
    "baseline",
    "-g",
    "60",
    "-keyint_min",
    "60",
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
const SOUND: &[&str] = &["-c:a", "libopus", "-b:a", "64k", "-ac", "2", "-ar", "48000"];

/// Bytes of an RTP payload at most (server/src/media/packetize.rs).
const MAX_PAYLOAD: usize = 1188;
/// Of a NAL unit that has a slice of a picture (H.264 7.4.1).
const SLICES: std::ops::RangeInclusive<u8> = 1..=5;

/// A file that is played again and again.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) pictures: Rc<Track>,
    pub(crate) sound: Rc<Track>,
}

/// The access units of one track.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) units: Vec<Unit>,
    /// Where the units with this fingerprint are.
    found: HashMap<u64, Vec<usize>>,
    /// Of both tracks, in microseconds: after this a unit comes again.
    pub(crate) length: i64,
    /// Of RTP timestamps, Hz.
    pub(crate) rate: i64,
}

/// One access unit.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) fingerprint: u64,
    /// Microseconds since the beginning of the file.
    pub(crate) time: i64,
    /// Bytes of the RTP payloads that it is cut into.
    pub(crate) payloads: Vec<usize>,
}

impl Source {
    /// Makes the file in `folder` if it is not there yet.
    pub(crate) fn make(folder: &Path) -> Result<Self> {
        let path = folder.join("fanout.mp4");
        if !path.is_file() {
            std::fs::create_dir_all(folder)?;
            let clip =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/big-buck-bunny-720p.mp4");
            let unfinished = folder.join("unfinished.mp4");
            let mut ffmpeg = Command::new("ffmpeg");
            ffmpeg.args(["-v", "error", "-y", "-stream_loop", "-1", "-i"]);
            ffmpeg.arg(clip).args(["-t", SECONDS]);
            ffmpeg.args(PICTURES).args(SOUND).arg(&unfinished);
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
        let (mut pictures, mut sound, mut end) = (Vec::new(), Vec::new(), 0);
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
                pictures.push(Unit {
                    fingerprint: fingerprint(&slices),
                    time,
                    payloads: slices.iter().flat_map(|slice| cut(slice.len())).collect(),
                });
            } else {
                sound.push(Unit {
                    fingerprint: fingerprint(&[data]),
                    time,
                    payloads: vec![data.len()],
                });
            }
        }
        let start = pictures.iter().chain(&sound).map(|unit| unit.time).min();
        let start = start.context("the file is empty")?;
        Ok(Self {
            path,
            pictures: Rc::new(Track::new(pictures, start, end, 90_000)),
            sound: Rc::new(Track::new(sound, start, end, 48_000)),
        })
    }

    /// In seconds.
    pub(crate) fn length(&self) -> f64 {
        self.pictures.length as f64 / 1e6
    }

    /// RTP packets a second.
    pub(crate) fn packets(&self) -> f64 {
        let units = self.pictures.units.iter().chain(&self.sound.units);
        units.map(|unit| unit.payloads.len()).sum::<usize>() as f64 / self.length()
    }

    /// Of RTP payloads, bit/s.
    pub(crate) fn bitrate(&self) -> f64 {
        let units = self.pictures.units.iter().chain(&self.sound.units);
        8.0 * units.flat_map(|unit| &unit.payloads).sum::<usize>() as f64 / self.length()
    }
}

impl Track {
    /// `start` and `end`: of the file, in microseconds.
    pub(crate) fn new(mut units: Vec<Unit>, start: i64, end: i64, rate: i64) -> Self {
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

    /// Where the unit is, if it is there exactly once.
    pub(crate) fn only(&self, fingerprint: u64) -> Option<usize> {
        match self.found.get(&fingerprint)?.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }
}

/// What tells units apart. Of a picture only its slices count: parameter sets and other NAL units may be added or left
/// out on the way.
pub(crate) fn fingerprint(parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// Those of the NAL units that have slices.
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

/// The NAL units of mp4 as ffmpeg writes it: with lengths of 4 bytes (ISO 14496-15 5.3).
fn length_prefixed(unit: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = unit;
    std::iter::from_fn(move || {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        let (nal, tail) = tail.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        rest = tail;
        Some(nal)
    })
}

/// How the server cuts a NAL unit: whole, or as FU-A in even pieces (RFC 6184 5.8).
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
        format!("the {program} command is needed for the film of this bench; `apt-get install ffmpeg` installs it")
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{program} cannot make or read the film of this bench: {said}");
    }
    Ok(output.stdout)
}

fn number<T: std::str::FromStr>(packet: &Value, name: &str) -> Result<T> {
    let number = packet[name].as_str().and_then(|text| text.parse().ok());
    number.with_context(|| format!("ffprobe tells no {name}"))
}

fn micros(packet: &Value, name: &str) -> Result<i64> {
    let seconds: f64 = number(packet, name)?;
    ensure!(seconds.abs() < 1e6, "ffprobe tells a strange {name}");
    Ok((seconds * 1e6).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_the_same_in_both_forms_and_without_its_parameter_sets() {
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
    fn pieces_are_even_and_carry_two_bytes_each() {
        assert_eq!(cut(1188), [1188]);
        assert_eq!(cut(1189), [596, 596]);
        assert_eq!(cut(10_001).len(), 9);
        assert_eq!(cut(10_001).iter().sum::<usize>(), 10_000 + 9 * 2);
    }

    #[test]
    fn a_unit_that_is_there_twice_does_not_tell_where_it_is() {
        let unit = |fingerprint| Unit {
            fingerprint,
            time: 0,
            payloads: vec![1],
        };
        let track = Track::new(vec![unit(5), unit(6), unit(5)], 0, 1, 48_000);
        assert_eq!(
            (track.only(5), track.only(6), track.only(7)),
            (None, Some(1), None)
        );
    }
}
