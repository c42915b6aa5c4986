//! `test:`: a moving picture with a running clock, and a tone that beeps every second, made by FFmpeg's
//! generators.

use ffmpeg_next as ffmpeg;

use super::error::MediaError;
use super::graph::Chain;
use super::plan::VideoFacts;
use super::probe::Probe;
use super::render::Setup;
use super::scan::PacketFacts;
use super::sound;
use super::time::MediaTime;
use super::turn::Turn;

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;
const FRAME_RATE: i64 = 30;

/// The generators of picture and sound.
pub(super) struct TestSource {
    picture: Chain,
    sound: Chain,
    next_picture: Option<(ffmpeg::frame::Video, MediaTime)>,
    next_sound: Option<(ffmpeg::frame::Audio, MediaTime)>,
}

pub(super) enum Generated {
    Picture(ffmpeg::frame::Video, MediaTime),
    Sound(ffmpeg::frame::Audio, MediaTime),
}

pub(super) fn probe() -> Result<Probe, MediaError> {
    Probe::of_test(facts())
}

fn facts() -> VideoFacts {
    VideoFacts {
        codec: "testsrc2".to_owned(),
        width: WIDTH,
        height: HEIGHT,
        pixel_aspect: (1, 1),
        turn: Turn::default(),
        pixel_format: "yuv420p".to_owned(),
        bits: 8,
        is_420: true,
        interlaced: false,
        frame_rate: Some(FRAME_RATE as f64),
        packets: PacketFacts::default(),
    }
}

/// A keyframe every second: a test stream is for joining and leaving.
pub(super) fn setup() -> Setup {
    Setup {
        gop: 1_000_000,
        ..Setup::of(&facts())
    }
}

impl TestSource {
    pub(super) fn new() -> Result<Self, MediaError> {
        let failed = MediaError::ffmpeg("generate a test picture");
        let picture = format!("testsrc2=size={WIDTH}x{HEIGHT}:rate={FRAME_RATE},format=yuv420p");
        let tone = format!(
            "sine=frequency=440:beep_factor=4:sample_rate=48000:samples_per_frame=960,{}",
            sound::FILTERS
        );
        Ok(Self {
            picture: Chain::generator("buffersink", &picture).map_err(&failed)?,
            sound: Chain::generator("abuffersink", &tone).map_err(&failed)?,
            next_picture: None,
            next_sound: None,
        })
    }

    /// The next picture or piece of sound, in the order of time.
    pub(super) fn next(&mut self) -> Result<Generated, MediaError> {
        let ended = || MediaError::Ffmpeg {
            doing: "generate a test picture",
            source: ffmpeg::Error::Eof,
        };
        let picture = match self.next_picture.take() {
            Some(picture) => picture,
            None => {
                let mut frame = ffmpeg::frame::Video::empty();
                let time = self
                    .picture
                    .pull(&mut frame)
                    .then(|| frame.pts())
                    .flatten()
                    .ok_or_else(ended)?;
                (frame, MediaTime(time))
            }
        };
        let sound = match self.next_sound.take() {
            Some(sound) => sound,
            None => {
                let mut frame = ffmpeg::frame::Audio::empty();
                let time = self
                    .sound
                    .pull(&mut frame)
                    .then(|| frame.pts())
                    .flatten()
                    .ok_or_else(ended)?;
                (frame, MediaTime(time))
            }
        };
        if picture.1 <= sound.1 {
            self.next_sound = Some(sound);
            Ok(Generated::Picture(picture.0, picture.1))
        } else {
            self.next_picture = Some(picture);
            Ok(Generated::Sound(sound.0, sound.1))
        }
    }
}
