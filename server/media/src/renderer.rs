//! Filters decoded frames (orientation, deinterlacing, size) and encodes them to every requested codec.

use std::collections::{BTreeMap, BTreeSet};

use ffmpeg_next as ffmpeg;
use shared::retry::Backoff;

use super::access_unit::AccessUnit;
use super::color::Color;
use super::encoding::Encoding;
use super::error::MediaError;
use super::facts::VideoFacts;
use super::filter_graph::FilterGraph;
use super::frame_filters::{DisplayParams, FilterTarget, FrameFormat};
use super::plan;
use super::probe;
use super::time::MediaTime;
use super::video_encoder::VideoEncoder;

/// The last frame is repeated when no frame followed for this long, in microseconds.
const REPEAT: i64 = 1_000_000;
/// The same for a video with an irregular frame rate: shorter than a gap that browsers count as a freeze.
const REPEAT_IRREGULAR: i64 = 140_000;
/// The same while a requested codec has no frame yet.
const REPEAT_NEW: i64 = 200_000;

/// How the frames of a track are filtered and encoded.
#[derive(Clone, Debug)]
pub(super) struct RenderParams {
    pub display: DisplayParams,
    /// The limit of the size: long and short side in pixels.
    pub max_size: (u32, u32),
    /// Frames that no other frame references are decoded without the loop filter: they are scaled down so much that the
    /// edges of blocks cannot be seen.
    pub skip_loop_filter: bool,
    pub frame_rate: f64,
    /// From keyframe to keyframe of the encoded video, in microseconds.
    pub gop: i64,
    /// The frame rate varies so much that frames are repeated in between.
    pub irregular: bool,
    /// The next packet may be far away in time: the decoder must return each frame without waiting for the next packet.
    pub low_delay: bool,
    /// Keyframes are so rare that decoding cannot begin on request, so all frames are decoded from the start.
    pub always_decode: bool,
}

impl RenderParams {
    pub(super) fn of(facts: &VideoFacts) -> Self {
        let max_size = plan::max_encoded(facts, probe::cores());
        let (width, height) = max_size;
        Self {
            display: DisplayParams::of(facts),
            max_size,
            skip_loop_filter: facts.width / 2 >= width && facts.height / 2 >= height,
            frame_rate: facts
                .frame_rate
                .unwrap_or(30.0)
                .clamp(1.0, plan::MAX_FRAME_RATE),
            gop: 2_000_000,
            irregular: facts.packets.irregular,
            low_delay: facts.packets.irregular || facts.packets.still,
            always_decode: facts.packets.has_sparse_keyframes(),
        }
    }
}

/// The result of rendering: encoded units, and the number of frames dropped.
#[derive(Default)]
pub(super) struct RenderOutput {
    pub units: Vec<(Encoding, AccessUnit)>,
    pub dropped: u64,
}

/// The filters and encoders of one track.
pub(super) struct Renderer {
    pub params: RenderParams,
    /// `None` until the first frame gives the size.
    encoders: BTreeMap<Encoding, Option<VideoEncoder>>,
    /// Those whose encoder could not be opened.
    failed: BTreeMap<Encoding, Failure>,
    /// Those that are not encoded any more.
    disabled: BTreeSet<Encoding>,
    /// [`VideoEncoder::open`], or what a test has in its place.
    open: OpenEncoder,
    filters: Option<Filters>,
    /// The newest filtered frame, and its time or that of its last repetition.
    last_frame: Option<(ffmpeg::frame::Video, MediaTime)>,
    /// Time of the newest unit of each. Kept when an encoder is closed, so that times never go back.
    newest: BTreeMap<Encoding, MediaTime>,
    /// Frames that the filters refused.
    pub filter_errors: u64,
}

type OpenEncoder = fn(Encoding, (u32, u32), Color, f64, i64) -> Result<VideoEncoder, MediaError>;

/// An encoder that could not be opened, for want of memory or threads.
#[derive(Clone, Copy, Default)]
struct Failure {
    attempts: u32,
    /// When it is tried again.
    until: MediaTime,
}

/// Between two attempts to open an encoder.
const RETRIES: Backoff = Backoff {
    first_ms: 1_000,
    longest_ms: 30_000,
};

/// A filter graph.
struct Filters {
    graph: FilterGraph,
    /// What it was made for.
    input: FrameFormat,
    display: DisplayParams,
}

impl Renderer {
    pub(super) fn new(params: RenderParams) -> Self {
        Self {
            params,
            encoders: BTreeMap::new(),
            failed: BTreeMap::new(),
            disabled: BTreeSet::new(),
            open: VideoEncoder::open,
            filters: None,
            last_frame: None,
            newest: BTreeMap::new(),
            filter_errors: 0,
        }
    }

    pub(super) fn set_params(&mut self, params: RenderParams) {
        self.params = params;
        self.filters = None;
    }

    /// Encodes these from now on, and no others. True when an encoder was closed.
    pub(super) fn set_encodings(&mut self, encodings: &BTreeSet<Encoding>) -> bool {
        let before = self.encoders.len();
        self.encoders
            .retain(|encoding, _| encodings.contains(encoding));
        let closed = self.encoders.len() < before;
        for encoding in encodings.difference(&self.disabled) {
            self.encoders.entry(*encoding).or_default();
        }
        if self.encoders.is_empty() && !self.params.always_decode {
            self.filters = None;
            self.last_frame = None;
        }
        closed
    }

    pub(super) fn request_keyframe(&mut self, encoding: Encoding) {
        if let Some(Some(encoder)) = self.encoders.get_mut(&encoding) {
            encoder.request_keyframe();
        }
    }

    /// Closes all encoders permanently.
    pub(super) fn disable(&mut self) {
        self.disabled.extend(self.encoders.keys());
        self.encoders.clear();
    }

    pub(super) fn is_encoding(&self) -> bool {
        !self.encoders.is_empty()
    }

    /// Units of this track up to `time` were passed through; an encoder continues after that.
    pub(super) fn set_newest(&mut self, encoding: Encoding, time: MediaTime) {
        self.newest.insert(encoding, time);
    }

    /// The time of the last frame.
    pub(super) fn newest(&self) -> Option<MediaTime> {
        self.last_frame.as_ref().map(|(_, time)| *time)
    }

    /// Filters a decoded frame, if necessary, and encodes it.
    pub(super) fn render(
        &mut self,
        frame: ffmpeg::frame::Video,
        time: MediaTime,
        output: &mut RenderOutput,
    ) {
        // Some codecs and containers say only frame by frame what is interlaced.
        self.params.display.interlaced |= frame.is_interlaced();
        let display = self.params.display;
        let input = FrameFormat::of(&frame);
        let size = display.size(&input, self.params.max_size);
        if display.keeps(&input, size) {
            self.encode(frame, time, output);
            return;
        }
        let fits = |filters: &Filters| filters.input == input && filters.display == display;
        if !self.filters.as_ref().is_some_and(fits) {
            self.drain(output);
            let spec = display.spec(&input, size, FilterTarget::Video);
            let Ok(graph) = FilterGraph::video(&frame, &spec) else {
                self.filter_errors += 1;
                return;
            };
            self.filters = Some(Filters {
                graph,
                input,
                display,
            });
        }
        let Some(filters) = &mut self.filters else {
            return;
        };
        if filters.graph.push(&frame).is_ok() {
            self.pull(output);
        } else {
            self.filter_errors += 1;
        }
    }

    /// Encodes the frames that filters hold back, at the end of an iteration.
    pub(super) fn drain(&mut self, output: &mut RenderOutput) {
        if let Some(filters) = &mut self.filters {
            filters.graph.finish();
            self.pull(output);
        }
        self.filters = None;
    }

    fn pull(&mut self, output: &mut RenderOutput) {
        loop {
            let mut frame = ffmpeg::frame::Video::empty();
            let Some(filters) = &mut self.filters else {
                return;
            };
            if !filters.graph.pull(&mut frame) {
                return;
            }
            filters.input.color.encoded().tag(&mut frame);
            if let Some(time) = frame.pts().map(MediaTime) {
                self.encode(frame, time, output);
            }
        }
    }

    /// Encodes a filtered frame.
    pub(super) fn encode(
        &mut self,
        mut frame: ffmpeg::frame::Video,
        time: MediaTime,
        output: &mut RenderOutput,
    ) {
        self.encode_all(&mut frame, time, output);
        self.last_frame = Some((frame, time));
    }

    /// When a requested codec that has no frame yet gets the last one: soon, and not before its encoder may be opened.
    fn begins_at(&self) -> Option<MediaTime> {
        let (_, shown_at) = self.last_frame.as_ref()?;
        let soon = shown_at.plus_micros(REPEAT_NEW);
        let waiting = self.encoders.iter().filter(|(_, slot)| slot.is_none());
        let begin = waiting.map(|(encoding, _)| match self.failed.get(encoding) {
            Some(failed) => failed.until.max(soon),
            None => soon,
        });
        begin.min()
    }

    /// Encodes the last frame again for a requested codec that has none yet, when that is due at `time`.
    pub(super) fn begin_with_last(&mut self, time: MediaTime, output: &mut RenderOutput) {
        if let Some(at) = self.begins_at().filter(|at| *at <= time) {
            self.repeat(at, output);
        }
    }

    /// An encoder that is requested could not be opened; it is tried again.
    pub(super) fn is_failing(&self) -> bool {
        let mut encodings = self.encoders.keys();
        encodings.any(|encoding| self.failed.contains_key(encoding))
    }

    /// When the last frame is to be repeated unless a newer one comes; `None` without a frame or an encoder.
    pub(super) fn repeat_at(&self) -> Option<MediaTime> {
        let (_, shown_at) = self.last_frame.as_ref().filter(|_| self.is_encoding())?;
        let after = match self.params.irregular {
            true => REPEAT_IRREGULAR,
            false => REPEAT,
        };
        let at = shown_at.plus_micros(after);
        Some(self.begins_at().map_or(at, |begins| begins.min(at)))
    }

    /// Repeats the last frame at `time`.
    pub(super) fn repeat(&mut self, time: MediaTime, output: &mut RenderOutput) {
        if let Some((frame, _)) = self.last_frame.take() {
            self.encode(frame, time, output);
        }
    }

    fn encode_all(
        &mut self,
        frame: &mut ffmpeg::frame::Video,
        time: MediaTime,
        output: &mut RenderOutput,
    ) {
        let size = (frame.width(), frame.height());
        let color = Color::of(frame);
        for (encoding, slot) in &mut self.encoders {
            if self
                .newest
                .get(encoding)
                .is_some_and(|newest| time <= *newest)
            {
                continue;
            }
            let encoder = match slot.take().filter(|encoder| encoder.fits(size, color)) {
                Some(encoder) => Ok(encoder),
                None if self
                    .failed
                    .get(encoding)
                    .is_some_and(|failed| time < failed.until) =>
                {
                    continue;
                }
                None => {
                    let (width, height) = size;
                    tracing::info!(?encoding, width, height, "the video is encoded");
                    let RenderParams {
                        frame_rate, gop, ..
                    } = self.params;
                    (self.open)(*encoding, size, color, frame_rate, gop)
                }
            };
            let encoder = match encoder {
                Ok(encoder) => {
                    self.failed.remove(encoding);
                    slot.insert(encoder)
                }
                Err(error) => {
                    // The others continue.
                    let failed = self.failed.entry(*encoding).or_default();
                    let wait_ms = RETRIES.wait_ms(failed.attempts, 1.0);
                    failed.attempts += 1;
                    failed.until = time.plus_micros(1_000 * wait_ms as i64);
                    tracing::error!(?encoding, ?size, %error, wait_ms, "the encoder cannot be opened; it is tried again");
                    continue;
                }
            };
            match encoder.encode(frame, time) {
                Ok(units) => {
                    let units = units.into_iter().map(|unit| (*encoding, unit));
                    output.units.extend(units);
                }
                Err(error) => {
                    tracing::warn!(?encoding, %error, "a frame is dropped");
                    output.dropped += 1;
                }
            }
            self.newest.insert(*encoding, time);
        }
    }
}

#[cfg(test)]
mod tests;
