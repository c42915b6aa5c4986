//! Chains of FFmpeg's filters: one way in (or none, when the chain generates), one way out.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::Error;

use super::raw;

const IN: &str = "in";
const OUT: &str = "out";
/// Filters of a picture share this many threads.
const THREADS: i32 = 2;
/// Everything here runs on microseconds.
pub(super) const TIME_BASE: (i32, i32) = (1, 1_000_000);

/// A chain that is ready to run.
pub(super) struct Chain {
    graph: ffmpeg::filter::Graph,
}

impl Chain {
    /// Pictures of this form in, `spec`'s out.
    pub(super) fn pictures(frame: &ffmpeg::frame::Video, spec: &str) -> Result<Self, Error> {
        let format = frame
            .format()
            .descriptor()
            .ok_or(Error::InvalidData)?
            .name();
        let aspect = frame.aspect_ratio();
        let source = format!(
            "video_size={}x{}:pix_fmt={format}:time_base={}/{}:pixel_aspect={}/{}",
            frame.width(),
            frame.height(),
            TIME_BASE.0,
            TIME_BASE.1,
            aspect.numerator().max(0),
            aspect.denominator().max(1),
        );
        Self::new(Some(("buffer", &source)), "buffersink", spec)
    }

    /// Sound of this form in, `spec`'s out.
    pub(super) fn sound(frame: &ffmpeg::frame::Audio, spec: &str) -> Result<Self, Error> {
        let layout = frame.channel_layout();
        // FFmpeg leaves the layout open for sound that does not say which channel is which.
        let layout = if layout.is_empty() {
            ffmpeg::ChannelLayout::default(i32::from(frame.channels()))
        } else {
            layout
        };
        let layout = if layout.is_empty() {
            format!("channels={}", frame.channels())
        } else {
            format!("channel_layout=0x{:x}", layout.bits())
        };
        let source = format!(
            "sample_rate={}:sample_fmt={}:time_base={}/{}:{layout}",
            frame.rate(),
            frame.format().name(),
            TIME_BASE.0,
            TIME_BASE.1,
        );
        Self::new(Some(("abuffer", &source)), "abuffersink", spec)
    }

    /// Pictures, or sound, out of nothing.
    pub(super) fn generator(sink: &'static str, spec: &str) -> Result<Self, Error> {
        Self::new(None, sink, spec)
    }

    fn new(
        source: Option<(&'static str, &str)>,
        sink: &'static str,
        spec: &str,
    ) -> Result<Self, Error> {
        let find = |name: &str| ffmpeg::filter::find(name).ok_or(Error::FilterNotFound);
        let mut graph = ffmpeg::filter::Graph::new();
        raw::limit_threads(&mut graph, THREADS);
        graph.add(&find(sink)?, OUT, "")?;
        if let Some((filter, arguments)) = source {
            graph.add(&find(filter)?, IN, arguments)?;
            graph.output(IN, 0)?.input(OUT, 0)?.parse(spec)?;
        } else {
            graph.input(OUT, 0)?.parse(spec)?;
        }
        graph.validate()?;
        Ok(Self { graph })
    }

    /// Takes the frame's content: it is empty afterwards.
    pub(super) fn push(&mut self, frame: &ffmpeg::Frame) -> Result<(), Error> {
        self.graph
            .get(IN)
            .ok_or(Error::InvalidData)?
            .source()
            .add(frame)
    }

    /// No more comes; what is held back can be pulled.
    pub(super) fn finish(&mut self) {
        if let Some(mut source) = self.graph.get(IN) {
            // Only fails where the chain is finished already.
            let _ = source.source().flush();
        }
    }

    /// The next frame out, and its time in microseconds; `false` when there is none yet.
    pub(super) fn pull(&mut self, frame: &mut ffmpeg::Frame) -> bool {
        let Some(mut sink) = self.graph.get(OUT) else {
            return false;
        };
        if sink.sink().frame(frame).is_err() {
            return false;
        }
        let base = sink.sink().time_base();
        let time = frame.pts().map(|time| super::demux::micros(time, base));
        frame.set_pts(time);
        true
    }
}
