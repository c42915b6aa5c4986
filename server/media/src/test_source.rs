//! `test:`: a moving test pattern with a running clock, and a tone that beeps every second, from FFmpeg's generators.

use ffmpeg_next as ffmpeg;

use super::audio_transcoder;
use super::error::MediaError;
use super::facts::VideoFacts;
use super::filter_graph::FilterGraph;
use super::probe::Probe;
use super::renderer::RenderParams;
use super::time::MediaTime;

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;
const FRAME_RATE: i64 = 30;

/// The generators of video and audio.
pub(super) struct TestSource {
    video: FilterGraph,
    audio: FilterGraph,
    next_video: Option<(ffmpeg::frame::Video, MediaTime)>,
    next_audio: Option<(ffmpeg::frame::Audio, MediaTime)>,
}

pub(super) enum Generated {
    Video(ffmpeg::frame::Video, MediaTime),
    Audio(ffmpeg::frame::Audio, MediaTime),
}

pub(super) fn probe() -> Result<Probe, MediaError> {
    Probe::for_test_source(facts())
}

fn facts() -> VideoFacts {
    VideoFacts {
        frame_rate: Some(FRAME_RATE as f64),
        ..VideoFacts::plain("testsrc2", (WIDTH, HEIGHT))
    }
}

/// A keyframe every second: testers join and leave often.
pub(super) fn render_params() -> RenderParams {
    RenderParams {
        gop: 1_000_000,
        ..RenderParams::of(&facts())
    }
}

impl TestSource {
    pub(super) fn new() -> Result<Self, MediaError> {
        let failed = MediaError::ffmpeg("generate the test source");
        let video = format!("testsrc2=size={WIDTH}x{HEIGHT}:rate={FRAME_RATE},format=yuv420p");
        let tone = format!(
            "sine=frequency=440:beep_factor=4:sample_rate=48000:samples_per_frame=960,{}:channel_layouts=stereo",
            audio_transcoder::CONVERT
        );
        Ok(Self {
            video: FilterGraph::generator("buffersink", &video).map_err(&failed)?,
            audio: FilterGraph::generator("abuffersink", &tone).map_err(&failed)?,
            next_video: None,
            next_audio: None,
        })
    }

    /// The next video or audio frame, in the order of time.
    pub(super) fn next(&mut self) -> Result<Generated, MediaError> {
        let ended = || MediaError::Ffmpeg {
            doing: "generate the test source",
            source: ffmpeg::Error::Eof,
        };
        let video = match self.next_video.take() {
            Some(video) => video,
            None => {
                let mut frame = ffmpeg::frame::Video::empty();
                let time = self
                    .video
                    .pull(&mut frame)
                    .then(|| frame.pts())
                    .flatten()
                    .ok_or_else(ended)?;
                // The generator draws with this matrix, whatever the size.
                frame.set_color_space(ffmpeg::color::Space::SMPTE170M);
                (frame, MediaTime(time))
            }
        };
        let audio = match self.next_audio.take() {
            Some(audio) => audio,
            None => {
                let mut frame = ffmpeg::frame::Audio::empty();
                let time = self
                    .audio
                    .pull(&mut frame)
                    .then(|| frame.pts())
                    .flatten()
                    .ok_or_else(ended)?;
                (frame, MediaTime(time))
            }
        };
        if video.1 <= audio.1 {
            self.next_audio = Some(audio);
            Ok(Generated::Video(video.0, video.1))
        } else {
            self.next_video = Some(video);
            Ok(Generated::Audio(audio.0, audio.1))
        }
    }
}
