//! The tracks of a source, and how each is delivered.

use std::path::Path;
use std::time::Duration;

use ffmpeg_next as ffmpeg;
use serde::{Deserialize, Serialize};
use shared::api::{AudioTrack, Codec, Delivery, FrameSize, VideoTrack};

use super::audio_transcoder::BITRATE;
use super::demuxer::{Demuxer, init_ffmpeg};
use super::encoding::Encoding;
use super::error::MediaError;
use super::facts::{AudioFacts, VideoFacts};
use super::file_scan;
use super::input_track::{InputTrack, TrackChoice};
use super::opus;
use super::packet_scan::PacketFacts;
use super::plan::{self, Encoders};
use super::source::Input;
use super::track::{OfferedTrack, Offering};
use bitstream::h264::H264Normalizer;

/// What is known about a source. Cheap to clone; serialized by the process that has read the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Probe {
    /// Length of one iteration, if the container gives it. `None` for a source without end.
    pub duration: Option<Duration>,
    pub video: Option<VideoTrack>,
    pub audio: Option<AudioTrack>,
    pub(super) video_facts: Option<VideoFacts>,
    pub(super) encoders: Encoders,
    /// The tracks of the file; `None` for a source that is none.
    pub(super) choice: Option<TrackChoice>,
    /// Average bit rate of the whole file, in bits per second.
    pub(super) bit_rate: Option<u64>,
}

/// The assumed bit rate of an unknown track, in bits per second.
const DEFAULT_BITRATE: u64 = 2_500_000;

impl Probe {
    /// The video codecs that it can deliver, best first: the file's own when that is passed through, then those that can
    /// be encoded. Empty without video.
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

    /// The expected bit rate of a rendition, in bits per second: the encoder's target, or the rate of the whole file.
    pub fn bit_rate(&self, codec: Codec) -> u64 {
        if self.passes_through(codec) && (codec.is_video() || self.video.is_none()) {
            return self.bit_rate.unwrap_or(DEFAULT_BITRATE);
        }
        self.encoded_bit_rate(codec)
    }

    fn encoded_bit_rate(&self, codec: Codec) -> u64 {
        match &self.video {
            Some(video) if codec.is_video() => {
                let size = video.encoded_size.unwrap_or(FrameSize {
                    width: video.width,
                    height: video.height,
                });
                let rate = plan::bit_rate(size.width, size.height, video.fps.unwrap_or(30.0));
                rate as u64
            }
            _ => BITRATE as u64,
        }
    }

    /// What viewers can follow.
    pub fn offering(&self) -> Offering {
        let video = self.video.as_ref();
        let codecs = self.video_codecs().into_iter().map(Encoding::of);
        let single_nal = video.filter(|_| self.encoders.h264);
        let audio = self.has_audio().then_some(Encoding::of(Codec::Opus));
        let all = codecs.chain(single_nal.map(|_| Encoding::SINGLE_NAL));
        let tracks = all.chain(audio).map(|encoding| {
            let Encoding { codec, single_nal } = encoding;
            let encoded = single_nal || !self.passes_through(codec);
            let video = video.filter(|_| codec.is_video());
            OfferedTrack {
                id: encoding.track(),
                codec,
                size: video.map(|video| match video.encoded_size.filter(|_| encoded) {
                    Some(encoded) => (encoded.width, encoded.height),
                    None => (video.width, video.height),
                }),
                frame_rate: video.and_then(|video| video.fps),
                bit_rate: match encoded {
                    true => self.encoded_bit_rate(codec),
                    false => self.bit_rate(codec),
                },
                encoded,
                single_nal,
                inset: false,
            }
        });
        Offering {
            tracks: tracks.collect(),
            duration: self.duration,
            video: self.video.clone(),
            audio: self.audio.clone(),
            inset: None,
            encoded_from: None,
        }
    }

    /// The video codec that is passed through.
    pub(super) fn native_codec(&self) -> Option<Codec> {
        match &self.video.as_ref()?.delivery {
            Delivery::Passthrough => self.video_facts.as_ref()?.native_codec(),
            Delivery::Reencode { .. } => None,
        }
    }

    /// The probe of the generated test source.
    pub(super) fn for_test_source(facts: VideoFacts) -> Result<Self, MediaError> {
        let encoders = encoders();
        let audio = AudioFacts {
            codec: "sine".to_owned(),
            channels: 1,
            sample_rate: 48_000,
            largest_packet: 0,
            output_gain: 0,
        };
        let video = video_track(&facts, None, encoders).ok_or(MediaError::NoEncoder("video"))?;
        Ok(Self {
            duration: None,
            video: Some(video),
            audio: audio_track(&audio, encoders),
            video_facts: Some(facts),
            encoders,
            choice: None,
            bit_rate: None,
        })
    }

    /// The facts about the video of the file at `path`, which has been modified. `None` when it cannot be read, or when
    /// its codec is another.
    pub(super) fn facts_of_modified(&self, path: &Path) -> Option<VideoFacts> {
        let codec = &self.video_facts.as_ref()?.codec;
        file(path)
            .ok()?
            .video_facts
            .filter(|facts| facts.codec == *codec)
    }

    /// Replaces the facts about the video; true when its delivery or its size has changed.
    pub(super) fn update_facts(&mut self, facts: VideoFacts) -> bool {
        let profile = self.video.as_ref().and_then(|video| video.profile.clone());
        let track = video_track(&facts, profile, self.encoders);
        let changed = track != self.video;
        self.video = track;
        self.video_facts = Some(facts);
        changed
    }
}

/// The encoders of this build of FFmpeg.
pub(super) fn encoders() -> Encoders {
    init_ffmpeg();
    let available = |name| ffmpeg::encoder::find_by_name(name).is_some();
    Encoders {
        h264: available("libx264"),
        vp8: available("libvpx"),
        opus: available("libopus"),
    }
}

/// The cores that this process may use.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Opens the source and reads its beginning. Blocking.
///
/// # Errors
/// The source cannot be opened, or has no track that can be played.
pub fn probe(input: &Input) -> Result<Probe, MediaError> {
    match input {
        Input::File(path) => file(path),
        Input::Test => super::test_source::probe(),
    }
}

fn file(path: &Path) -> Result<Probe, MediaError> {
    let mut demuxer = Demuxer::open(path, None)?;
    let encoders = encoders();
    let scan = file_scan::scan(&mut demuxer);
    if scan.packets == 0 {
        return Err(MediaError::Empty(path.to_owned()));
    }
    let duration = demuxer
        .duration()
        .map(|micros| Duration::from_micros(micros.unsigned_abs()));
    let video_facts = demuxer
        .video
        .as_ref()
        .filter(|_| scan.video_packets > 0)
        .map(|track| video_facts(track, scan.video, scan.interlaced));
    let profile = demuxer
        .video
        .as_ref()
        .and_then(|track| track.header.profile.clone());
    let video = video_facts
        .as_ref()
        .and_then(|facts| video_track(facts, profile, encoders));
    // A track without a packet in the whole file is none.
    let has_audio = !scan.complete || scan.largest_audio_packet > 0;
    let audio = demuxer.audio.as_ref().filter(|_| has_audio);
    let audio = audio.and_then(|track| {
        let facts = AudioFacts {
            codec: track.header.codec.clone(),
            channels: track.header.channels,
            sample_rate: track.header.sample_rate,
            largest_packet: scan.largest_audio_packet,
            output_gain: opus::output_gain(&track.header.extradata),
        };
        audio_track(&facts, encoders)
    });
    if video.is_none() && audio.is_none() {
        let kind = if video_facts.is_some() {
            "video (H.264 or VP8)"
        } else {
            "audio (Opus)"
        };
        return Err(MediaError::NoEncoder(kind));
    }
    Ok(Probe {
        duration,
        video,
        audio,
        video_facts,
        encoders,
        choice: Some(demuxer.choice()),
        bit_rate: duration.and_then(|duration| rate(demuxer.file_stamp.size, duration)),
    })
}

/// Bits per second.
fn rate(bytes: u64, duration: Duration) -> Option<u64> {
    let rate = bytes as f64 * 8.0 / duration.as_secs_f64();
    rate.is_finite().then_some(rate as u64)
}

fn video_facts(track: &InputTrack, packets: PacketFacts, interlaced: bool) -> VideoFacts {
    let header = &track.header;
    let sps = if header.codec == "h264" {
        H264Normalizer::new(&header.extradata).sps_info()
    } else {
        None
    };
    let pixel = header.pixel.as_ref();
    VideoFacts {
        codec: header.codec.clone(),
        common_profile: sps.is_none_or(|sps| sps.is_common()),
        width: header.width,
        height: header.height,
        pixel_aspect: header.pixel_aspect,
        container_aspect: header.container_aspect,
        orientation: track.orientation,
        pixel_format: pixel.map_or_else(|| "unknown".to_owned(), |pixel| pixel.name.clone()),
        bits: pixel.map_or(8, |pixel| pixel.bits),
        is_420: pixel.is_some_and(|pixel| pixel.is_420),
        interlaced: interlaced || header.interlaced || sps.is_some_and(|sps| !sps.frames_only),
        hdr: header.hdr,
        frame_rate: packets.frame_rate(track.frame_rates.iter().copied()),
        packets,
    }
}

fn video_track(
    facts: &VideoFacts,
    profile: Option<String>,
    encoders: Encoders,
) -> Option<VideoTrack> {
    let (width, height) = facts.shown_size();
    let delivery = plan::video(facts, encoders)?;
    let encoded = plan::encoded_size(
        facts.width,
        facts.height,
        facts.pixel_aspect,
        facts.orientation,
        plan::max_encoded(facts, cores()),
    );
    // A difference of one pixel makes the size even.
    let reduced = encoded.0 + 1 < width || encoded.1 + 1 < height;
    let encoded_size = FrameSize {
        width: encoded.0,
        height: encoded.1,
    };
    Some(VideoTrack {
        codec: facts.codec.clone(),
        profile,
        width,
        height,
        encoded_size: (reduced && delivery != Delivery::Passthrough).then_some(encoded_size),
        fps: facts.frame_rate,
        delivery,
        not_encoded: None,
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
