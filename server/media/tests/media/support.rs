//! Shared by the tests: a sink that records, small files generated with the `ffmpeg` command, and decoders.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::clock::TestClock;
use media::access_unit::AccessUnit;
use media::control::Control;
use media::error::MediaError;
use media::source::{Input, Probe, Sink, probe, run_on, track_of};
use media::time::MediaTime;
use media::track::TrackId;
use shared::api::{Codec, Delivery, Reason};

type OnAppend<'a> = Box<dyn FnMut(&AccessUnit) + 'a>;

/// Records everything that a source delivers.
#[derive(Default)]
pub(crate) struct RecordingSink<'a> {
    pub(crate) units: Vec<AccessUnit>,
    pub(crate) anchors: Vec<(MediaTime, Instant)>,
    pub(crate) replanned: Vec<Probe>,
    /// The number of units before each change of the plan.
    pub(crate) replanned_at: Vec<usize>,
    pub(crate) dropped: u64,
    /// Called for each unit; may make requests.
    on_append: Option<OnAppend<'a>>,
}

impl<'a> RecordingSink<'a> {
    /// A sink that calls `on_append` for each unit.
    pub(crate) fn calling(on_append: impl FnMut(&AccessUnit) + 'a) -> Self {
        Self {
            on_append: Some(Box::new(on_append)),
            ..Self::default()
        }
    }

    pub(crate) fn of(&self, codec: Codec) -> Vec<&AccessUnit> {
        self.units
            .iter()
            .filter(|unit| unit.codec == codec)
            .collect()
    }
}

impl Sink for RecordingSink<'_> {
    fn anchor(&mut self, time: MediaTime, at: Instant) {
        self.anchors.push((time, at));
    }

    fn begin_run(&mut self) {}

    fn append(&mut self, _: TrackId, unit: AccessUnit) {
        assert!(!self.anchors.is_empty(), "the anchor comes first");
        if let Some(newest) = self
            .units
            .iter()
            .rev()
            .find(|known| known.codec == unit.codec)
        {
            assert!(
                unit.time > newest.time,
                "{:?} goes back from {:?} to {:?}",
                unit.codec,
                newest.time,
                unit.time
            );
        } else {
            assert!(unit.keyframe, "{:?} begins with a keyframe", unit.codec);
        }
        if let Some(on_append) = &mut self.on_append {
            on_append(&unit);
        }
        self.units.push(unit);
    }

    fn replanned(&mut self, probe: &Probe) {
        self.replanned.push(probe.clone());
        self.replanned_at.push(self.units.len());
    }

    fn dropped(&mut self, frames: u64) {
        self.dropped += frames;
    }
}

/// Runs the source on a [`TestClock`] for `seconds` of media time.
pub(crate) fn play<'a>(input: &Input, wanted: &[Codec], seconds: f64) -> RecordingSink<'a> {
    let probe = probe(input).expect("the file can be played");
    play_with(input, &probe, wanted, seconds, |_, _| {})
}

/// As [`play`]; `on_append` is called for each unit and may make requests.
pub(crate) fn play_with<'a>(
    input: &Input,
    probe: &Probe,
    wanted: &[Codec],
    seconds: f64,
    on_append: impl FnMut(&Control, &AccessUnit),
) -> RecordingSink<'a> {
    run_for(input, probe, wanted, seconds, on_append).expect("the source runs")
}

/// As [`play`], for a source that may end with an error.
pub(crate) fn try_play<'a>(
    input: &Input,
    probe: &Probe,
    wanted: &[Codec],
    seconds: f64,
) -> Result<RecordingSink<'a>, MediaError> {
    run_for(input, probe, wanted, seconds, |_, _| {})
}

fn run_for<'a>(
    input: &Input,
    probe: &Probe,
    wanted: &[Codec],
    seconds: f64,
    mut on_append: impl FnMut(&Control, &AccessUnit),
) -> Result<RecordingSink<'a>, MediaError> {
    let control = Control::default();
    for codec in wanted {
        control.request_track(track_of(*codec));
    }
    let length = Duration::from_secs_f64(seconds);
    let clock = TestClock::new(&control, Duration::ZERO, length);
    let mut recorder = RecordingSink::calling(|unit| on_append(&control, unit));
    run_on(&clock, input, probe, &control, &mut recorder)?;
    Ok(RecordingSink {
        units: recorder.units,
        anchors: recorder.anchors,
        replanned: recorder.replanned,
        replanned_at: recorder.replanned_at,
        dropped: recorder.dropped,
        on_append: None,
    })
}

/// The file that `ffmpeg ARGUMENTS NAME` writes; generated once per set of arguments.
pub(crate) fn generate(name: &str, arguments: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("media");
    std::fs::create_dir_all(&folder).expect("the folder for test media can be made");
    let mut hash = std::hash::DefaultHasher::new();
    std::hash::Hash::hash(arguments, &mut hash);
    let path = folder.join(format!("{:016x}-{name}", std::hash::Hasher::finish(&hash)));
    if !path.exists() {
        let part = folder.join(format!(
            "{}-{:?}-{name}",
            std::process::id(),
            std::thread::current().id()
        ));
        let status = Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error", "-y"])
            .args(arguments.split_whitespace())
            .arg(&part)
            .status()
            .expect("ffmpeg is installed");
        assert!(status.success(), "ffmpeg {arguments}");
        std::fs::rename(&part, &path).expect("the test file can be renamed");
    }
    path
}

/// Arguments for a test pattern, `seconds` long, 320x180 at 25 fps.
pub(crate) fn test_video(seconds: f64) -> String {
    format!("-f lavfi -i testsrc2=size=320x180:rate=25:duration={seconds}")
}

/// Arguments for a tone of 440 Hz, `seconds` long.
pub(crate) fn test_tone(seconds: f64) -> String {
    format!("-f lavfi -i sine=frequency=440:sample_rate=44100:duration={seconds}")
}

/// A file with this content in a new temporary folder.
pub(crate) fn write_file(name: &str, content: &[u8]) -> PathBuf {
    let folder = tempfile::tempdir().unwrap().keep();
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// The clip in `assets`: H.264 without B-frames, 132 frames, and AAC 5.1.
pub(crate) fn clip() -> Input {
    Input::File(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/big-buck-bunny-720p.mp4"))
}

/// Decodes the units of one video codec: the number of frames, and the size of the last.
pub(crate) fn decode_video(units: &[&AccessUnit]) -> (usize, (u32, u32)) {
    use ffmpeg_next as ffmpeg;
    let mut decoder = video_decoder(units[0].codec);
    let (mut count, mut size) = (0, (0, 0));
    let mut receive = |decoder: &mut ffmpeg::decoder::Video| {
        let mut frame = ffmpeg::frame::Video::empty();
        while decoder.receive_frame(&mut frame).is_ok() {
            count += 1;
            size = (frame.width(), frame.height());
            assert_eq!(frame.format(), ffmpeg::format::Pixel::YUV420P);
        }
    };
    for unit in units {
        let mut packet = ffmpeg::Packet::copy(&unit.data);
        packet.set_pts(Some(unit.time.0));
        decoder
            .send_packet(&packet)
            .expect("every unit can be decoded");
        receive(&mut decoder);
    }
    decoder.send_eof().unwrap();
    receive(&mut decoder);
    (count, size)
}

/// Decodes Opus: the left channel at 48 kHz.
pub(crate) fn decode_audio(units: &[&AccessUnit]) -> Vec<f32> {
    use ffmpeg_next as ffmpeg;
    let codec = ffmpeg::decoder::find_by_name("libopus").unwrap();
    let mut decoder = ffmpeg::codec::Context::new_with_codec(codec)
        .decoder()
        .audio()
        .unwrap();
    let mut samples = Vec::new();
    for unit in units {
        decoder
            .send_packet(&ffmpeg::Packet::copy(&unit.data))
            .unwrap();
        let mut frame = ffmpeg::frame::Audio::empty();
        while decoder.receive_frame(&mut frame).is_ok() {
            assert_eq!(frame.rate(), 48_000);
            samples.extend(
                frame
                    .plane::<(i16, i16)>(0)
                    .iter()
                    .map(|pair| f32::from(pair.0) / 32_768.0),
            );
        }
    }
    samples
}

/// In hertz, from the number of rising zero crossings; `samples` at 48 kHz.
pub(crate) fn frequency(samples: &[f32]) -> f32 {
    let rises = samples
        .windows(2)
        .filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0)
        .count();
    rises as f32 * 48_000.0 / samples.len() as f32
}

/// Root mean square.
pub(crate) fn loudness(samples: &[f32]) -> f32 {
    (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).sqrt()
}

/// FFmpeg's decoder for `codec`.
fn video_decoder(codec: Codec) -> ffmpeg_next::decoder::Video {
    use ffmpeg_next as ffmpeg;
    let id = match codec {
        Codec::H264 => ffmpeg::codec::Id::H264,
        Codec::Vp8 => ffmpeg::codec::Id::VP8,
        Codec::Vp9 => ffmpeg::codec::Id::VP9,
        Codec::Av1 => ffmpeg::codec::Id::AV1,
        Codec::Opus => panic!("not a video codec"),
    };
    let found = ffmpeg::decoder::find(id).unwrap();
    ffmpeg::codec::Context::new_with_codec(found)
        .decoder()
        .video()
        .unwrap()
}

/// Decodes the first frame.
pub(crate) fn decode_first_frame(units: &[&AccessUnit]) -> ffmpeg_next::frame::Video {
    use ffmpeg_next as ffmpeg;
    let mut decoder = video_decoder(units[0].codec);
    for unit in units {
        decoder
            .send_packet(&ffmpeg::Packet::copy(&unit.data))
            .unwrap();
        let mut frame = ffmpeg::frame::Video::empty();
        if decoder.receive_frame(&mut frame).is_ok() {
            return frame;
        }
    }
    panic!("no frame can be decoded");
}

/// Decodes all units: the last frame.
pub(crate) fn decode_last_frame(units: &[&AccessUnit]) -> ffmpeg_next::frame::Video {
    use ffmpeg_next as ffmpeg;
    let mut decoder = video_decoder(units[0].codec);
    let mut last = None;
    let mut receive = |decoder: &mut ffmpeg::decoder::Video| {
        let mut frame = ffmpeg::frame::Video::empty();
        while decoder.receive_frame(&mut frame).is_ok() {
            last = Some(std::mem::replace(&mut frame, ffmpeg::frame::Video::empty()));
        }
    };
    for unit in units {
        decoder
            .send_packet(&ffmpeg::Packet::copy(&unit.data))
            .unwrap();
        receive(&mut decoder);
    }
    decoder.send_eof().unwrap();
    receive(&mut decoder);
    last.expect("a frame can be decoded")
}

/// Decodes a JPEG.
pub(crate) fn decode_jpeg(jpeg: &[u8]) -> ffmpeg_next::frame::Video {
    use ffmpeg_next as ffmpeg;
    let found = ffmpeg::decoder::find_by_name("mjpeg").unwrap();
    let mut decoder = ffmpeg::codec::Context::new_with_codec(found)
        .decoder()
        .video()
        .unwrap();
    decoder.send_packet(&ffmpeg::Packet::copy(jpeg)).unwrap();
    decoder.send_eof().unwrap();
    let mut frame = ffmpeg::frame::Video::empty();
    decoder.receive_frame(&mut frame).expect("it is a JPEG");
    frame
}

/// Decodes each frame: its time, and its mean luma, 0 to 255.
pub(crate) fn brightness_of(units: &[&AccessUnit]) -> Vec<(MediaTime, f32)> {
    use ffmpeg_next as ffmpeg;
    let mut decoder = video_decoder(units[0].codec);
    let mut out = Vec::new();
    for unit in units {
        let mut packet = ffmpeg::Packet::copy(&unit.data);
        packet.set_pts(Some(unit.time.0));
        decoder.send_packet(&packet).unwrap();
        let mut frame = ffmpeg::frame::Video::empty();
        while decoder.receive_frame(&mut frame).is_ok() {
            let row = &frame.data(0)[..frame.width() as usize];
            let mean = row.iter().map(|byte| f32::from(*byte)).sum::<f32>() / row.len() as f32;
            out.push((MediaTime(frame.pts().unwrap()), mean));
        }
    }
    out
}

/// Encoder arguments for video that is passed through.
pub(crate) const BASELINE: &str = "-c:v libx264 -preset ultrafast -bf 0 -g 25 -pix_fmt yuv420p";

/// Why the video is transcoded; `None` when it is passed through.
pub(crate) fn reasons(input: &Input) -> Option<Vec<Reason>> {
    match probe(input).unwrap().video.expect("it has video").delivery {
        Delivery::Passthrough => None,
        Delivery::Reencode { reasons, .. } => Some(reasons),
    }
}

/// A generated file as input.
pub(crate) fn file(name: &str, arguments: &str) -> Input {
    Input::File(generate(name, arguments))
}

/// Plays 2.5 s of a looping file, and checks codec, size and number of the delivered frames.
pub(crate) fn assert_plays(
    input: &Input,
    codec: Codec,
    size: (u32, u32),
    frames: std::ops::RangeInclusive<usize>,
) {
    let played = play(input, &[codec], 2.5);
    let units = played.of(codec);
    assert!(
        units[0].time.0 < 200_000,
        "the first frame is of {:?}",
        units[0].time
    );
    let (count, shown) = decode_video(&units);
    assert_eq!(shown, size);
    assert!(frames.contains(&count), "{count} frames in 2.5 s");
    assert_eq!(count, units.len(), "every unit is a frame");
    assert_eq!(played.dropped, 0);
}
