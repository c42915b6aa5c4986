//! What the tests of `media` share: a clock that does not wait, a sink that remembers, and tiny files made with
//! the `ffmpeg` command.
#![allow(dead_code)]

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use media::access_unit::AccessUnit;
use media::control::Control;
use media::error::MediaError;
use media::source::{Clock, Input, Probe, Sink, probe, run_on};
use media::time::MediaTime;
use shared::api::{Codec, Delivery, Reason};

/// Sleeping takes no time: the clock jumps.
#[derive(Debug)]
pub(crate) struct JumpClock(Cell<Instant>);

impl JumpClock {
    pub(crate) fn new() -> Self {
        Self(Cell::new(Instant::now()))
    }
}

impl Clock for JumpClock {
    fn now(&self) -> Instant {
        self.0.get()
    }

    fn sleep(&self, _: &Control, until: Instant) {
        self.0.set(self.0.get().max(until));
    }
}

type OnAppend<'a> = Box<dyn FnMut(&AccessUnit) + 'a>;

/// Everything that a source delivered, and orders to give at some point of it.
#[derive(Default)]
pub(crate) struct Recorder<'a> {
    pub(crate) units: Vec<AccessUnit>,
    pub(crate) anchors: Vec<(MediaTime, Instant)>,
    pub(crate) replanned: Vec<Probe>,
    /// How many units there were when it was said.
    pub(crate) replanned_at: Vec<usize>,
    pub(crate) dropped: u64,
    on_append: Option<OnAppend<'a>>,
}

impl Recorder<'_> {
    pub(crate) fn of(&self, codec: Codec) -> Vec<&AccessUnit> {
        self.units
            .iter()
            .filter(|unit| unit.codec == codec)
            .collect()
    }
}

impl Sink for Recorder<'_> {
    fn anchor(&mut self, time: MediaTime, at: Instant) {
        self.anchors.push((time, at));
    }

    fn append(&mut self, unit: AccessUnit) {
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

    fn dropped(&mut self, pictures: u64) {
        self.dropped += pictures;
    }
}

/// Runs the source, without waiting, until `seconds` of its time were delivered.
pub(crate) fn play<'a>(input: &Input, wanted: &[Codec], seconds: f64) -> Recorder<'a> {
    let probe = probe(input).expect("the file can be played");
    play_with(input, &probe, wanted, seconds, |_, _| {})
}

/// As [`play`]; `on_append` may give orders.
pub(crate) fn play_with<'a>(
    input: &Input,
    probe: &Probe,
    wanted: &[Codec],
    seconds: f64,
    on_append: impl FnMut(&Control, &AccessUnit),
) -> Recorder<'a> {
    run_for(input, probe, wanted, seconds, on_append).expect("the source runs")
}

/// As [`play`], of a source that may end with an error.
pub(crate) fn try_play<'a>(
    input: &Input,
    probe: &Probe,
    wanted: &[Codec],
    seconds: f64,
) -> Result<Recorder<'a>, MediaError> {
    run_for(input, probe, wanted, seconds, |_, _| {})
}

fn run_for<'a>(
    input: &Input,
    probe: &Probe,
    wanted: &[Codec],
    seconds: f64,
    mut on_append: impl FnMut(&Control, &AccessUnit),
) -> Result<Recorder<'a>, MediaError> {
    let control = Control::default();
    for codec in wanted {
        control.want(*codec);
    }
    let clock = StopClock {
        clock: JumpClock::new(),
        started: Cell::new(None),
        after: Duration::from_secs_f64(seconds),
    };
    let mut recorder = Recorder {
        on_append: Some(Box::new(|unit: &AccessUnit| on_append(&control, unit))),
        ..Recorder::default()
    };
    run_on(&clock, input, probe, &control, &mut recorder)?;
    Ok(Recorder {
        units: recorder.units,
        anchors: recorder.anchors,
        replanned: recorder.replanned,
        replanned_at: recorder.replanned_at,
        dropped: recorder.dropped,
        on_append: None,
    })
}

/// Stops the run when its time has come.
struct StopClock {
    clock: JumpClock,
    started: Cell<Option<Instant>>,
    after: Duration,
}

impl Clock for StopClock {
    fn now(&self) -> Instant {
        let now = self.clock.now();
        self.started.set(Some(self.started.get().unwrap_or(now)));
        now
    }

    fn sleep(&self, control: &Control, until: Instant) {
        self.clock.sleep(control, until);
        if self
            .started
            .get()
            .is_some_and(|started| self.clock.now() > started + self.after)
        {
            control.stop();
        }
    }
}

/// A file made by `ffmpeg ARGUMENTS NAME`, made once per version of its arguments.
pub(crate) fn made(name: &str, arguments: &str) -> PathBuf {
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

/// Moving picture, `seconds` long, 320x180 at 25.
pub(crate) fn moving(seconds: f64) -> String {
    format!("-f lavfi -i testsrc2=size=320x180:rate=25:duration={seconds}")
}

/// A tone of 440 Hz.
pub(crate) fn tone(seconds: f64) -> String {
    format!("-f lavfi -i sine=frequency=440:sample_rate=44100:duration={seconds}")
}

pub(crate) fn clip() -> Input {
    Input::File(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/big-buck-bunny-720p.mp4"))
}

/// Pictures of one codec, decoded: how many, and the size of the last.
pub(crate) fn decoded(units: &[&AccessUnit]) -> (usize, (u32, u32)) {
    use ffmpeg_next as ffmpeg;
    let mut decoder = picture_decoder(units[0].codec);
    let (mut count, mut size) = (0, (0, 0));
    let mut receive = |decoder: &mut ffmpeg::decoder::Video| {
        let mut picture = ffmpeg::frame::Video::empty();
        while decoder.receive_frame(&mut picture).is_ok() {
            count += 1;
            size = (picture.width(), picture.height());
            assert_eq!(picture.format(), ffmpeg::format::Pixel::YUV420P);
        }
    };
    for unit in units {
        let mut packet = ffmpeg::Packet::copy(&unit.data);
        packet.set_pts(Some(unit.time.0));
        decoder
            .send_packet(&packet)
            .expect("what is appended can be decoded");
        receive(&mut decoder);
    }
    decoder.send_eof().unwrap();
    receive(&mut decoder);
    (count, size)
}

/// The sound, decoded: the left channel at 48 kHz, as a browser would hear it.
pub(crate) fn heard(units: &[&AccessUnit]) -> Vec<f32> {
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

/// In hertz, by counting how often the sound rises through zero; `samples` at 48 kHz.
pub(crate) fn pitch(samples: &[f32]) -> f32 {
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

/// FFmpeg's own decoder of pictures in `codec`.
fn picture_decoder(codec: Codec) -> ffmpeg_next::decoder::Video {
    use ffmpeg_next as ffmpeg;
    let id = match codec {
        Codec::H264 => ffmpeg::codec::Id::H264,
        Codec::Vp8 => ffmpeg::codec::Id::VP8,
        Codec::Vp9 => ffmpeg::codec::Id::VP9,
        Codec::Av1 => ffmpeg::codec::Id::AV1,
        Codec::Opus => panic!("not a picture"),
    };
    let found = ffmpeg::decoder::find(id).unwrap();
    ffmpeg::codec::Context::new_with_codec(found)
        .decoder()
        .video()
        .unwrap()
}

/// The first picture of what was encoded.
pub(crate) fn first_picture(units: &[&AccessUnit]) -> ffmpeg_next::frame::Video {
    use ffmpeg_next as ffmpeg;
    let mut decoder = picture_decoder(units[0].codec);
    for unit in units {
        decoder
            .send_packet(&ffmpeg::Packet::copy(&unit.data))
            .unwrap();
        let mut picture = ffmpeg::frame::Video::empty();
        if decoder.receive_frame(&mut picture).is_ok() {
            return picture;
        }
    }
    panic!("no picture can be decoded");
}

/// When each picture is shown, and how bright it is, 0 to 255.
pub(crate) fn bright(units: &[&AccessUnit]) -> Vec<(MediaTime, f32)> {
    use ffmpeg_next as ffmpeg;
    let mut decoder = picture_decoder(units[0].codec);
    let mut out = Vec::new();
    for unit in units {
        let mut packet = ffmpeg::Packet::copy(&unit.data);
        packet.set_pts(Some(unit.time.0));
        decoder.send_packet(&packet).unwrap();
        let mut picture = ffmpeg::frame::Video::empty();
        while decoder.receive_frame(&mut picture).is_ok() {
            let row = &picture.data(0)[..picture.width() as usize];
            let mean = row.iter().map(|byte| f32::from(*byte)).sum::<f32>() / row.len() as f32;
            out.push((MediaTime(picture.pts().unwrap()), mean));
        }
    }
    out
}

/// Pictures that browsers take as they are.
pub(crate) const BASELINE: &str = "-c:v libx264 -preset ultrafast -bf 0 -g 25 -pix_fmt yuv420p";

/// How the pictures are delivered: `None` when passed through.
pub(crate) fn reasons(input: &Input) -> Option<Vec<Reason>> {
    match probe(input)
        .unwrap()
        .video
        .expect("it has pictures")
        .delivery
    {
        Delivery::Passthrough => None,
        Delivery::Reencode { reasons, .. } => Some(reasons),
    }
}

pub(crate) fn file(name: &str, arguments: &str) -> Input {
    Input::File(made(name, arguments))
}

/// Plays the file twice over; every picture of the file comes out, of this size, in this codec.
pub(crate) fn plays(
    input: &Input,
    codec: Codec,
    size: (u32, u32),
    pictures: std::ops::RangeInclusive<usize>,
) {
    let played = play(input, &[codec], 2.5);
    let units = played.of(codec);
    assert!(
        units[0].time.0 < 200_000,
        "the first picture is of {:?}",
        units[0].time
    );
    let (count, shown) = decoded(&units);
    assert_eq!(shown, size);
    assert!(pictures.contains(&count), "{count} pictures in 2.5 s");
    assert_eq!(count, units.len(), "every unit is a picture");
    assert_eq!(played.dropped, 0);
}
