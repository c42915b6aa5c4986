//! Live video that is encoded again: each picture of a publisher is decoded once, for all renditions that viewers ask for.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use bitstream::picture_format::PictureFormat;
use ffmpeg_next as ffmpeg;
use shared::api::Codec;

use super::access_unit::AccessUnit;
use super::decoder::{self, PictureLimit};
pub use super::encoding::is_encoded_live;
use super::encoding::live_track;
use super::error::MediaError;
use super::facts::VideoFacts;
use super::orientation::Orientation;
use super::plan::{self, Encoders};
use super::probe;
use super::raw::allocator::release_free_memory;
use super::renderer::{RenderOutput, RenderParams, Renderer};
use super::time::MediaTime;
use super::track::{OfferedTrack, TrackId};

/// A picture that is late is encoded all the same when none was for this long.
const MAX_FRAME_GAP: Duration = Duration::from_secs(1);
/// Those of 4096x2304 with 8 bits and 4:2:0. Pictures of more bytes are not decoded: H.264 keeps 16 of them beside the current one (A.3.1), so that the decoder
/// of a publisher has 250 MB.
const MAX_BYTES: u64 = 4096 * 2304 * 3 / 2;
const LIMIT: PictureLimit = PictureLimit {
    pixels: 4096 * 2304,
    bytes: Some(MAX_BYTES),
};
/// Pictures that a decoder holds at most: H.264 reorders 16 (A.3.1).
const MAX_HELD: usize = 32;

/// What can be encoded of this track of a publisher, best first. `passes`: viewers are sent the track, too, so that nothing of its codec is encoded.
pub fn renditions(source: &OfferedTrack, passes: bool) -> Vec<OfferedTrack> {
    let size = source.size.map(|(width, height)| {
        let max = plan::max_encoded(&facts(source.codec, (width, height), false), probe::cores());
        plan::encoded_size(width, height, (1, 1), Orientation::default(), max)
    });
    let (width, height) = size.unwrap_or(plan::MAX_ENCODED_REDUCED);
    let encodings = probe::encoders().encodings();
    let encodings = encodings
        .filter(|encoding| !(passes && encoding.codec == source.codec && !encoding.single_nal));
    let tracks = encodings.map(|encoding| OfferedTrack {
        id: live_track(encoding),
        codec: encoding.codec,
        size,
        frame_rate: None,
        bit_rate: plan::bit_rate(width, height, FRAME_RATE) as u64,
        encoded: true,
        single_nal: encoding.single_nal,
        inset: false,
    });
    tracks.collect()
}

/// In pictures per second, where none is known.
const FRAME_RATE: f64 = 30.0;

/// The codecs that this build of FFmpeg decodes and encodes again; none without an encoder.
pub fn encoded_codecs() -> Vec<Codec> {
    let mut codecs = vec![Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1];
    let has_encoder = probe::encoders().video().next().is_some();
    codecs.retain(|codec| has_encoder && decoder::is_available(id(*codec)));
    codecs
}

/// Pictures of this format are decoded.
pub fn is_decoded(format: &PictureFormat) -> bool {
    // Decoders have whole macroblocks.
    let coded = PictureFormat {
        width: format.width.next_multiple_of(16),
        height: format.height.next_multiple_of(16),
        ..*format
    };
    coded.bytes() <= MAX_BYTES
}

fn id(codec: Codec) -> ffmpeg::codec::Id {
    match codec {
        Codec::H264 => ffmpeg::codec::Id::H264,
        Codec::Vp8 => ffmpeg::codec::Id::VP8,
        Codec::Vp9 => ffmpeg::codec::Id::VP9,
        Codec::Av1 => ffmpeg::codec::Id::AV1,
        Codec::Opus => ffmpeg::codec::Id::OPUS,
    }
}

/// As far as RTP tells.
fn facts(codec: Codec, size: (u32, u32), hdr: bool) -> VideoFacts {
    VideoFacts {
        hdr,
        ..VideoFacts::plain(codec.rtpmap_name().to_lowercase(), size)
    }
}

/// The decoder of one track, and the encoders of its renditions.
pub struct LiveTranscoder {
    codec: Codec,
    decoder: ffmpeg::decoder::Video,
    encoders: Encoders,
    /// `None` before the first picture, and while nothing is encoded.
    renderer: Option<Renderer>,
    /// Of the pictures that it was made for.
    size: (u32, u32),
    wanted: BTreeSet<TrackId>,
    /// Of H.264, the times of the pictures that the decoder has.
    times: BTreeSet<MediaTime>,
    encoded_at: Option<Instant>,
    /// Pictures up to this time have been encoded already, or belong to another track.
    after: Option<MediaTime>,
    /// Decoding has just begun: late pictures are not counted as dropped.
    catching_up: bool,
}

/// A coded picture that is to be encoded again.
#[derive(Clone, Copy, Debug)]
pub struct LivePicture<'a> {
    /// In the form of [`AccessUnit::data`].
    pub data: &'a [u8],
    pub time: MediaTime,
    /// Newer ones wait to be decoded.
    pub is_late: bool,
}

/// What comes out.
#[derive(Debug, Default)]
pub struct Transcoded {
    pub units: Vec<(TrackId, AccessUnit)>,
    /// Pictures that were not encoded, because it could not keep up.
    pub dropped: u64,
}

impl fmt::Debug for LiveTranscoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LiveTranscoder")
            .field("codec", &self.codec)
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

impl From<RenderOutput> for Transcoded {
    fn from(output: RenderOutput) -> Self {
        let units = output.units.into_iter();
        let units = units.map(|(encoding, unit)| (live_track(encoding), unit));
        Self {
            units: units.collect(),
            dropped: output.dropped,
        }
    }
}

impl LiveTranscoder {
    /// Begins to decode. The first picture is to be a keyframe. `after`: only what is shown later is encoded.
    ///
    /// # Errors
    /// This build of FFmpeg has no such decoder.
    pub fn new(codec: Codec, after: Option<MediaTime>) -> Result<Self, MediaError> {
        let encoders = probe::encoders();
        let mut parameters = ffmpeg::codec::Parameters::new();
        parameters.set_medium(ffmpeg::media::Type::Video);
        parameters.set_id(id(codec));
        Ok(Self {
            codec,
            // Each thread more delays pictures by one.
            decoder: decoder::open_video_within(&parameters, 1, LIMIT)?,
            encoders,
            renderer: None,
            size: (0, 0),
            wanted: BTreeSet::new(),
            times: BTreeSet::new(),
            encoded_at: None,
            after,
            catching_up: true,
        })
    }

    /// Encodes these tracks from now on, and no others.
    pub fn set_renditions(&mut self, tracks: &BTreeSet<TrackId>) {
        if self.wanted != *tracks {
            self.wanted.clone_from(tracks);
            self.apply_wanted();
        }
    }

    /// The next picture of the track begins a GOP.
    pub fn request_keyframe(&mut self, track: TrackId) {
        let mut encodings = self.encoders.encodings();
        let encoding = encodings.find(|encoding| live_track(*encoding) == track);
        if let (Some(renderer), Some(encoding)) = (&mut self.renderer, encoding) {
            renderer.request_keyframe(encoding);
        }
    }

    /// What follows does not belong to what was before: a keyframe comes next.
    pub fn skip(&mut self) {
        self.decoder.flush();
        self.times.clear();
    }

    /// An encoder of a rendition could not be started; it is tried again.
    pub fn is_failing(&self) -> bool {
        self.renderer.as_ref().is_some_and(Renderer::is_failing)
    }

    /// Decodes the next picture, in the order of decoding, and encodes what is to be shown.
    pub fn push(&mut self, picture: LivePicture<'_>, now: Instant) -> Transcoded {
        let mut packet = ffmpeg::Packet::copy(picture.data);
        packet.set_pts(Some(picture.time.0));
        if self.codec == Codec::H264 {
            self.times.insert(picture.time);
            if self.times.len() > MAX_HELD {
                self.times.pop_first();
            }
        }
        let mut output = RenderOutput::default();
        if self.decoder.send_packet(&packet).is_err() {
            self.times.remove(&picture.time);
            return Transcoded::default();
        }
        loop {
            let mut frame = ffmpeg::frame::Video::empty();
            if self.decoder.receive_frame(&mut frame).is_err() {
                break;
            }
            // dav1d, which decodes AV1, does not ask before.
            if !LIMIT.permits(&frame) {
                continue;
            }
            let Some(time) = self.shown_at(&frame) else {
                continue;
            };
            if self.after.is_some_and(|after| time <= after) {
                continue;
            }
            self.catching_up &= picture.is_late;
            let recent = |at| now.saturating_duration_since(at) < MAX_FRAME_GAP;
            if picture.is_late && self.encoded_at.is_some_and(recent) {
                output.dropped += u64::from(!self.catching_up);
                continue;
            }
            self.encode(frame, time, now, &mut output);
        }
        Transcoded::from(output)
    }

    /// Encodes the newest picture again for a rendition that has none, when the publisher has sent none for a while. `live`: the time that is live now.
    pub fn repeat(&mut self, live: MediaTime) -> Transcoded {
        let mut output = RenderOutput::default();
        if let Some(renderer) = &mut self.renderer {
            renderer.begin_with_last(live, &mut output);
        }
        Transcoded::from(output)
    }

    /// When a decoded picture is shown. The RTP times of some senders of B-frames are those of decoding: in the order of showing, the pictures have the same
    /// times in their order.
    fn shown_at(&mut self, frame: &ffmpeg::frame::Video) -> Option<MediaTime> {
        let own = frame.timestamp().map(MediaTime)?;
        if self.codec != Codec::H264 {
            return Some(own);
        }
        if frame.is_key() {
            // Nothing before it is shown after it.
            self.times.retain(|time| *time > own);
            return Some(own);
        }
        self.times.pop_first().or(Some(own))
    }

    fn encode(
        &mut self,
        mut frame: ffmpeg::frame::Video,
        time: MediaTime,
        now: Instant,
        output: &mut RenderOutput,
    ) {
        let size = (frame.width(), frame.height());
        if self.renderer.is_none() || self.size != size {
            self.size = size;
            let hdr = super::color::Color::of(&frame).hdr().is_some();
            let params = RenderParams::of(&facts(self.codec, size, hdr));
            match &mut self.renderer {
                Some(renderer) => renderer.set_params(params),
                None => {
                    self.renderer = Some(Renderer::new(params));
                    self.apply_wanted();
                }
            }
        }
        let Some(renderer) = &mut self.renderer else {
            return;
        };
        let gap = renderer.newest().map(|newest| time.micros_since(newest));
        if gap.is_some_and(|gap| gap < (950_000.0 / plan::MAX_FRAME_RATE) as i64) {
            return;
        }
        frame.set_pts(Some(time.0));
        renderer.render(frame, time, output);
        self.encoded_at = Some(now);
    }

    fn apply_wanted(&mut self) {
        let Some(renderer) = &mut self.renderer else {
            return;
        };
        let encodings = self.encoders.encodings();
        let encodings = encodings.filter(|encoding| self.wanted.contains(&live_track(*encoding)));
        if renderer.set_encodings(&encodings.collect()) {
            release_free_memory();
        }
    }
}
