//! FFmpeg's filter graphs with one output, and one input or none (a generator).

use ffmpeg_next as ffmpeg;
use ffmpeg_next::Error;

use super::raw;

const IN: &str = "in";
const OUT: &str = "out";
/// Threads that the filters of one graph share.
const THREADS: i32 = 2;
/// Times of frames are in microseconds.
pub(super) const TIME_BASE: (i32, i32) = (1, 1_000_000);

/// A configured filter graph.
pub(super) struct FilterGraph {
    graph: ffmpeg::filter::Graph,
}

impl FilterGraph {
    /// Takes frames of the size and format of `frame`; `spec` is in FFmpeg's filtergraph syntax.
    pub(super) fn video(frame: &ffmpeg::frame::Video, spec: &str) -> Result<Self, Error> {
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

    /// Takes audio of the rate, format and layout of `frame`; `spec` is in FFmpeg's filtergraph syntax.
    pub(super) fn audio(frame: &ffmpeg::frame::Audio, spec: &str) -> Result<Self, Error> {
        let layout = frame.channel_layout();
        // FFmpeg leaves the layout empty where the file does not say which channel is which.
        let layout = if layout.is_empty() {
            ffmpeg::ChannelLayout::default(i32::from(frame.channels()))
        } else {
            layout
        };
        let layout = if raw::is_ambisonic(frame) {
            // "ambisonic 1", "ambisonic 2+stereo": of the order N there are (N+1)^2 components.
            let (count, order) = (frame.channels(), frame.channels().isqrt().saturating_sub(1));
            let stereo = if count == (order + 1).pow(2) {
                ""
            } else {
                "+stereo"
            };
            format!("channel_layout=ambisonic {order}{stereo}")
        } else if layout.is_empty() {
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

    /// A graph without an input. `sink`: `buffersink` for video, `abuffersink` for audio.
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

    /// Moves the content out of `frame`, which is empty afterwards.
    pub(super) fn push(&mut self, frame: &ffmpeg::Frame) -> Result<(), Error> {
        self.graph
            .get(IN)
            .ok_or(Error::InvalidData)?
            .source()
            .add(frame)
    }

    /// Ends the input; frames that filters hold back can then be pulled.
    pub(super) fn finish(&mut self) {
        if let Some(mut source) = self.graph.get(IN) {
            // Fails only when the graph has been finished before.
            let _ = source.source().flush();
        }
    }

    /// Moves the next output frame into `frame`, its `pts` in microseconds; `false` when there is none yet.
    pub(super) fn pull(&mut self, frame: &mut ffmpeg::Frame) -> bool {
        let Some(mut sink) = self.graph.get(OUT) else {
            return false;
        };
        if sink.sink().frame(frame).is_err() {
            return false;
        }
        let base = sink.sink().time_base();
        let time = frame.pts().map(|time| super::demuxer::micros(time, base));
        frame.set_pts(time);
        true
    }
}
