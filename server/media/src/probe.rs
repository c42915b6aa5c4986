//! What a source has and how each track of it is delivered.

use std::path::Path;
use std::time::Duration;

use ffmpeg_next as ffmpeg;
use shared::api::{AudioTrack, Codec, Delivery, VideoTrack};

use super::demux::{Coded, Demuxer, Kind, Track, quiet};
use super::error::MediaError;
use super::h264::H264;
use super::plan::{self, AudioFacts, Encoders, VideoFacts};
use super::scan::{PacketFacts, PacketScan};
use super::sound::BITS_PER_SECOND;
use super::source::Input;

/// As much of a file as is read to know its pictures: until this many microseconds, bytes or packets.
const SCAN_TIME: i64 = 6_000_000;
const SCAN_BYTES: usize = 24 << 20;
const SCAN_PACKETS: u32 = 4000;
/// An index of fewer entries says nothing that the scan does not.
const INDEX_WORTH: usize = 2;

/// What a source has. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Of one pass, as far as the container tells. `None` for a source without end.
    pub duration: Option<Duration>,
    pub video: Option<VideoTrack>,
    pub audio: Option<AudioTrack>,
    pub(super) video_facts: Option<VideoFacts>,
    pub(super) encoders: Encoders,
    /// Of everything that is in the file, in bits a second.
    pub(super) bit_rate: Option<u64>,
}

/// What an unknown track is taken to have, in bits a second.
const USUAL_RATE: u64 = 2_500_000;

impl Probe {
    /// What pictures it can give, best first: the original when that is passed through, then what can
    /// be encoded. Empty without pictures.
    pub fn video_codecs(&self) -> Vec<Codec> {
        let Some(video) = &self.video else {
            return Vec::new();
        };
        let native = match (&video.delivery, &self.video_facts) {
            (Delivery::Passthrough, Some(facts)) => facts.native_codec(),
            _ => None,
        };
        native
            .into_iter()
            .chain(self.encoders.video().filter(|codec| Some(*codec) != native))
            .collect()
    }

    pub fn has_audio(&self) -> bool {
        self.audio.is_some()
    }

    /// True when this codec is passed through rather than encoded.
    pub fn passes_through(&self, codec: Codec) -> bool {
        match codec {
            Codec::Opus => self
                .audio
                .as_ref()
                .is_some_and(|audio| audio.delivery == Delivery::Passthrough),
            _ => self.native_codec() == Some(codec),
        }
    }

    /// What a rendition may have, in bits a second, before it was measured: as it is to be encoded, or else no more than
    /// the whole file has.
    pub fn bit_rate(&self, codec: Codec) -> u64 {
        if self.passes_through(codec) && (codec.is_video() || self.video.is_none()) {
            return self.bit_rate.unwrap_or(USUAL_RATE);
        }
        match &self.video {
            Some(video) if codec.is_video() => {
                let rate = plan::bit_rate(video.width, video.height, video.fps.unwrap_or(30.0));
                rate as u64
            }
            _ => BITS_PER_SECOND as u64,
        }
    }

    /// The codec of the pictures that are passed through.
    pub(super) fn native_codec(&self) -> Option<Codec> {
        match &self.video.as_ref()?.delivery {
            Delivery::Passthrough => self.video_facts.as_ref()?.native_codec(),
            Delivery::Reencode { .. } => None,
        }
    }

    /// The generated picture and tone.
    pub(super) fn of_test(facts: VideoFacts) -> Result<Self, MediaError> {
        let encoders = encoders();
        let audio = AudioFacts {
            codec: "sine".to_owned(),
            channels: 1,
            sample_rate: 48_000,
            largest_packet: 0,
        };
        let video = video_track(&facts, None, encoders).ok_or(MediaError::NoEncoder("pictures"))?;
        Ok(Self {
            duration: None,
            video: Some(video),
            audio: audio_track(&audio, encoders),
            video_facts: Some(facts),
            encoders,
            bit_rate: None,
        })
    }

    /// New facts of the pictures; true when how they are delivered, or their size, changed by them.
    pub(super) fn learn(&mut self, facts: VideoFacts) -> bool {
        let profile = self.video.as_ref().and_then(|video| video.profile.clone());
        let track = video_track(&facts, profile, self.encoders);
        let changed = track != self.video;
        self.video = track;
        self.video_facts = Some(facts);
        changed
    }
}

/// What this build of FFmpeg can encode to.
pub(super) fn encoders() -> Encoders {
    quiet();
    let there = |name| ffmpeg::encoder::find_by_name(name).is_some();
    Encoders {
        h264: there("libx264"),
        vp8: there("libvpx"),
        opus: there("libopus"),
    }
}

/// Blocking. Opens the source, reads as little as needed.
///
/// # Errors
/// The source cannot be opened, or has nothing that can be played.
pub fn probe(input: &Input) -> Result<Probe, MediaError> {
    match input {
        Input::File(path) => file(path),
        Input::Test => super::test_source::probe(),
    }
}

fn file(path: &Path) -> Result<Probe, MediaError> {
    let mut demuxer = Demuxer::open(path)?;
    let encoders = encoders();
    let scan = scan(&mut demuxer);
    if scan.packets == 0 {
        return Err(MediaError::Nothing(path.to_owned()));
    }
    let duration = demuxer
        .duration()
        .map(|micros| Duration::from_micros(micros.unsigned_abs()));
    let video_facts = demuxer
        .video
        .as_ref()
        .filter(|_| scan.video_packets > 0)
        .map(|track| video_facts(track, scan.video));
    let profile = demuxer
        .video
        .as_ref()
        .and_then(|track| track.header.profile.clone());
    let video = video_facts
        .as_ref()
        .and_then(|facts| video_track(facts, profile, encoders));
    let audio = demuxer.audio.as_ref().and_then(|track| {
        let facts = AudioFacts {
            codec: track.header.codec.clone(),
            channels: track.header.channels,
            sample_rate: track.header.sample_rate,
            largest_packet: scan.largest_sound,
        };
        audio_track(&facts, encoders)
    });
    if video.is_none() && audio.is_none() {
        let what = if video_facts.is_some() {
            "pictures (H.264 or VP8)"
        } else {
            "sound (Opus)"
        };
        return Err(MediaError::NoEncoder(what));
    }
    Ok(Probe {
        duration,
        video,
        audio,
        video_facts,
        encoders,
        bit_rate: duration.and_then(|duration| rate(demuxer.fingerprint.size, duration)),
    })
}

/// Bits a second.
fn rate(bytes: u64, duration: Duration) -> Option<u64> {
    let rate = bytes as f64 * 8.0 / duration.as_secs_f64();
    rate.is_finite().then_some(rate as u64)
}

/// What was found by reading.
struct Scan {
    video: PacketFacts,
    video_packets: u32,
    packets: u32,
    largest_sound: usize,
}

fn scan(demuxer: &mut Demuxer) -> Scan {
    let has_video = demuxer.video.is_some();
    let mut h264 = demuxer
        .video
        .as_ref()
        .filter(|track| track.header.codec == "h264")
        .map(|track| H264::new(&track.header.extradata));
    let mut scan = PacketScan::default();
    let (mut packets, mut video_packets, mut bytes, mut largest_sound) =
        (0u32, 0u32, 0usize, 0usize);
    let mut start = None;
    let mut complete = false;
    loop {
        let Some(coded) = demuxer.next() else {
            complete = true;
            break;
        };
        packets += 1;
        bytes += coded.packet.size();
        match coded.kind {
            Kind::Audio => largest_sound = largest_sound.max(coded.packet.size()),
            Kind::Video => {
                video_packets += 1;
                look(&coded, h264.as_mut(), &mut scan);
            }
        }
        let start = *start.get_or_insert(coded.order);
        let enough =
            coded.order.saturating_sub(start) > SCAN_TIME && (video_packets > 1 || !has_video);
        if enough || bytes > SCAN_BYTES || packets > SCAN_PACKETS {
            break;
        }
    }
    let mut video = scan.finish(complete);
    // A full index (mp4) knows every keyframe and gap of the file, at no cost. One that lists only
    // keyframes (Matroska's cues) may leave some out and says nothing.
    let index = demuxer.video_index();
    let full = index.len() > INDEX_WORTH && index.iter().any(|entry| !entry.keyframe);
    if let (true, Some(track)) = (full, &demuxer.video) {
        let mut all = PacketScan::default();
        for entry in &index {
            all.picture(
                super::demux::micros(entry.time, track.time_base),
                entry.keyframe,
                entry.bytes,
            );
        }
        let all = all.finish(true);
        video.longest_gop = video.longest_gop.max(all.longest_gop);
        video.biggest_gop = video.biggest_gop.max(all.biggest_gop);
        video.irregular = all.irregular;
        video.usual_gap = all.usual_gap;
    }
    Scan {
        video,
        video_packets,
        packets,
        largest_sound,
    }
}

fn look(coded: &Coded, h264: Option<&mut H264>, scan: &mut PacketScan) {
    let data = coded.packet.data().unwrap_or_default();
    // A packet that is marked as a keyframe may only be a recovery point: WebRTC needs an IDR picture.
    let keyframe = match h264 {
        Some(h264) => h264.unit(data).is_some_and(|unit| unit.keyframe),
        None => coded.packet.is_key(),
    };
    if coded.hidden || !coded.timed {
        scan.bad_time();
    }
    scan.picture(coded.time, keyframe, data.len() as u64);
}

fn video_facts(track: &Track, packets: PacketFacts) -> VideoFacts {
    let header = &track.header;
    let sequence = if header.codec == "h264" {
        H264::new(&header.extradata).sequence()
    } else {
        None
    };
    let pixel = header.pixel.as_ref();
    VideoFacts {
        codec: header.codec.clone(),
        width: header.width,
        height: header.height,
        pixel_aspect: header.pixel_aspect,
        turn: track.turn,
        pixel_format: pixel.map_or_else(|| "unknown".to_owned(), |pixel| pixel.name.clone()),
        bits: pixel.map_or(8, |pixel| pixel.bits),
        is_420: pixel.is_some_and(|pixel| pixel.is_420),
        interlaced: header.interlaced || sequence.is_some_and(|sequence| !sequence.frames_only),
        frame_rate: track.frame_rate,
        packets,
    }
}

fn video_track(
    facts: &VideoFacts,
    profile: Option<String>,
    encoders: Encoders,
) -> Option<VideoTrack> {
    let (width, height) = facts.shown_size();
    Some(VideoTrack {
        codec: facts.codec.clone(),
        profile,
        width,
        height,
        fps: facts.frame_rate,
        delivery: plan::video(facts, encoders)?,
    })
}

fn audio_track(facts: &AudioFacts, encoders: Encoders) -> Option<AudioTrack> {
    Some(AudioTrack {
        codec: facts.codec.clone(),
        channels: facts.channels,
        sample_rate: facts.sample_rate,
        delivery: plan::audio(facts, encoders)?,
    })
}
