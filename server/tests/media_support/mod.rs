//! What the tests of `media` share: a clock that does not wait, a sink that remembers, and tiny files made with
//! the `ffmpeg` command.
#![allow(dead_code)]

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use server::media::control::Control;
use server::media::frame::{AccessUnit, MediaTime};
use server::media::source::{Clock, Input, Probe, Sink, probe, run_on};
use shared::api::Codec;

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

/// Everything that a source delivered, and orders to give at some point of it.
#[derive(Default)]
pub(crate) struct Recorder<'a> {
    pub(crate) units: Vec<AccessUnit>,
    pub(crate) anchors: Vec<(MediaTime, Instant)>,
    pub(crate) replanned: Vec<Probe>,
    pub(crate) dropped: u64,
    on_append: Option<Box<dyn FnMut(&AccessUnit) + 'a>>,
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
    mut on_append: impl FnMut(&Control, &AccessUnit),
) -> Recorder<'a> {
    let control = Control::default();
    for codec in wanted {
        control.want(*codec);
    }
    let end = MediaTime((seconds * 1e6) as i64);
    let clock = StopClock {
        clock: JumpClock::new(),
        started: Cell::new(None),
        after: Duration::from_secs_f64(seconds),
    };
    let mut recorder = Recorder {
        on_append: Some(Box::new(|unit: &AccessUnit| {
            on_append(&control, unit);
            let _ = end;
        })),
        ..Recorder::default()
    };
    run_on(&clock, input, probe, &control, &mut recorder).expect("the source runs");
    let Recorder {
        units,
        anchors,
        replanned,
        dropped,
        ..
    } = recorder;
    Recorder {
        units,
        anchors,
        replanned,
        dropped,
        on_append: None,
    }
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
    Input::File(Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/big-buck-bunny-720p.mp4"))
}
