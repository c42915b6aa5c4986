//! A running source: reads, paces, loops, and hands what is coded to the log.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use shared::api::Codec;

pub use super::clock::{Clock, LEAD, WallClock};
use super::clock::{LoopClock, Pacer};
use super::control::Control;
use super::demux::{Coded, Demuxer, Kind};
use super::error::MediaError;
use super::frame::{AccessUnit, MediaTime};
use super::passthrough::Passthrough;
use super::picture::{Outcome, Pictures, Setup};
pub use super::probe::{Probe, probe};
use super::sound::Sound;
use super::test_source::{self, Generated, TestSource};

/// Where pictures and sound come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    File(PathBuf),
    /// A generated moving picture with a clock, and a tone.
    Test,
}

/// What a source's thread delivers to.
pub trait Sink {
    /// `time` is live at wall instant `at`. Called first of all, and again after a stall (slow disk,
    /// suspended machine): the source goes on from there instead of bursting.
    fn anchor(&mut self, time: MediaTime, at: Instant);
    /// A unit of pictures or Opus. Times strictly increase within a codec.
    fn append(&mut self, unit: AccessUnit);
    /// The file turned out to be other than it looked: what to tell people now.
    fn replanned(&mut self, probe: &Probe);
    /// So many pictures more were left out because encoding could not keep up.
    fn dropped(&mut self, pictures: u64);
}

/// The shortest pass, in microseconds: a file of nothing much must not keep a core busy reopening it.
const MIN_PASS: i64 = 100_000;
/// A single picture is shown this long, in microseconds.
const STILL: i64 = 1_000_000;
/// The first picture of what is encoded is live this much after the start, or it would be late.
const START: Duration = Duration::from_millis(100);
/// Silence is made where no sound came until this close, in microseconds, to the newest picture.
const SILENCE_BEHIND: i64 = 200_000;

/// Blocking: runs on the calling thread until `control` says stop, or the source cannot go on.
///
/// A unit whose time is `t` is appended when `t` is live or up to [`LEAD`] before. Files loop for ever.
///
/// # Errors
/// The source is gone, or nothing in it can be read or decoded.
pub fn run(
    input: &Input,
    probe: &Probe,
    control: &Control,
    sink: &mut dyn Sink,
) -> Result<(), MediaError> {
    run_on(&WallClock, input, probe, control, sink)
}

/// [`run`] on another clock.
///
/// # Errors
/// As [`run`].
pub fn run_on(
    clock: &dyn Clock,
    input: &Input,
    probe: &Probe,
    control: &Control,
    sink: &mut dyn Sink,
) -> Result<(), MediaError> {
    let setup = match (input, &probe.video_facts) {
        (Input::File(_), Some(facts)) => Setup::of(facts),
        _ => test_source::setup(),
    };
    let sound = if probe.has_audio() && !probe.passes_through(Codec::Opus) {
        Some(Sound::new()?)
    } else {
        None
    };
    let mut run = Run {
        clock,
        control,
        sink,
        probe: probe.clone(),
        pacer: Pacer::default(),
        wanted: BTreeSet::new(),
        pictures: Pictures::new(setup),
        sound,
        newest: BTreeMap::new(),
        produced: 0,
    };
    match input {
        Input::File(path) => run.file(path),
        Input::Test => run.test(),
    }
}

struct Run<'a> {
    clock: &'a dyn Clock,
    control: &'a Control,
    sink: &'a mut dyn Sink,
    probe: Probe,
    pacer: Pacer,
    /// Codecs of pictures that are watched.
    wanted: BTreeSet<Codec>,
    pictures: Pictures,
    /// `None` when there is no sound, or it is passed through.
    sound: Option<Sound>,
    /// The newest unit of each codec.
    newest: BTreeMap<Codec, MediaTime>,
    /// Units appended.
    produced: u64,
}

impl Run<'_> {
    fn file(&mut self, path: &Path) -> Result<(), MediaError> {
        let mut loop_clock = LoopClock::default();
        let mut fingerprint = None;
        let mut start = None;
        let mut passthrough: Option<Passthrough> = None;
        loop {
            let mut demuxer = Demuxer::open(path)?;
            let changed = fingerprint
                .replace(demuxer.fingerprint)
                .is_some_and(|known| known != demuxer.fingerprint);
            if changed {
                start = None;
            }
            let produced_before = self.produced;
            let mut pass = Pass::default();
            if self.probe.video.is_some() {
                let Some(track) = &demuxer.video else {
                    return Err(MediaError::Changed(path.to_owned()));
                };
                self.pictures.begin_pass(track.parameters.clone());
                match &mut passthrough {
                    Some(passthrough) => passthrough.begin_pass(&track.header),
                    None => {
                        passthrough = self
                            .probe
                            .video_facts
                            .clone()
                            .map(|facts| Passthrough::new(facts, &track.header))
                    }
                }
            }
            if let Some(sound) = &mut self.sound {
                let Some(track) = &demuxer.audio else {
                    return Err(MediaError::Changed(path.to_owned()));
                };
                sound.begin_pass(track.parameters.clone())?;
            }
            while let Some(coded) = demuxer.next() {
                let start = *start.get_or_insert_with(|| {
                    let first = if coded.hidden { i64::MAX } else { coded.time };
                    demuxer.start().unwrap_or(coded.time).min(first)
                });
                pass.saw(&coded, start);
                // An earlier time of decoding is when the decoder needs it. What is to be decoded
                // before the beginning is due at the beginning.
                let due = loop_clock.at((coded.order.min(coded.time) - start).max(0));
                if !self.wait_until(due)? {
                    return Ok(());
                }
                let time = loop_clock.at(coded.time - start);
                let order = loop_clock.at(coded.order - start);
                match coded.kind {
                    Kind::Video => {
                        if let Some(passthrough) = &mut passthrough {
                            self.picture(coded, time, order, passthrough)?;
                        }
                    }
                    Kind::Audio => self.sound(coded, time, order)?,
                }
            }
            if pass.packets == 0 {
                return Err(MediaError::Nothing(path.to_owned()));
            }
            self.pictures.end_pass();
            if let Some(sound) = &mut self.sound {
                let units = sound.end_pass()?;
                self.append(units);
            }
            loop_clock.end_of_pass(pass.length(), changed);
            // Until the next pass is due there is time for what the decoder still holds.
            if !self.wait_until(loop_clock.at(0))? {
                return Ok(());
            }
            let nothing = self.produced == produced_before
                && (!self.wanted.is_empty() || self.probe.has_audio());
            if nothing
                && !self.pictures.has_work()
                && pass.pictures > 0
                && self.pictures.is_encoding()
            {
                return Err(MediaError::Nothing(path.to_owned()));
            }
        }
    }

    fn test(&mut self) -> Result<(), MediaError> {
        let mut source = TestSource::new()?;
        loop {
            match source.next()? {
                Generated::Picture(picture, time) => {
                    if !self.wait_until(time)? {
                        return Ok(());
                    }
                    if self.pictures.is_encoding() {
                        let outcome = self.pictures.show(picture, time, self.clock.now())?;
                        self.deliver(outcome);
                    }
                }
                Generated::Sound(frame, time) => {
                    if !self.wait_until(time)? {
                        return Ok(());
                    }
                    if let Some(sound) = &mut self.sound {
                        let units = sound.frame(&frame, time)?;
                        self.append(units);
                    }
                }
            }
        }
    }

    /// Passes a picture through if that is the plan, and hands it to the decoder's queue.
    fn picture(
        &mut self,
        mut coded: Coded,
        time: MediaTime,
        order: MediaTime,
        passthrough: &mut Passthrough,
    ) -> Result<(), MediaError> {
        let passed = passthrough.picture(&coded, time);
        if let Some(facts) = passed.facts {
            self.pictures.set_up(Setup::of(&facts));
            if self.probe.learn(*facts) {
                tracing::info!(video = ?self.probe.video, "the file is not what its beginning looked like");
                self.sink.replanned(&self.probe);
                // What was passed through is perhaps to be encoded now, or none of it watched.
                self.obey();
            }
        }
        if let Some(unit) = passed
            .unit
            .filter(|unit| self.probe.native_codec() == Some(unit.codec))
        {
            self.append([unit]);
        }
        coded.packet.set_pts(coded.timed.then_some(time.0));
        coded.packet.set_dts(Some(order.0));
        self.pictures
            .packet(coded.packet, time, passthrough.was_keyframe());
        // No sound came up to here: the track ended before the pictures, or has a hole.
        if let Some(sound) = &mut self.sound {
            let units = sound.fill(order.plus_micros(-SILENCE_BEHIND))?;
            self.append(units);
        }
        Ok(())
    }

    fn sound(
        &mut self,
        mut coded: Coded,
        time: MediaTime,
        order: MediaTime,
    ) -> Result<(), MediaError> {
        coded.packet.set_pts(Some(time.0));
        coded.packet.set_dts(Some(order.0));
        if let Some(sound) = &mut self.sound {
            let units = sound.packet(&coded.packet)?;
            self.append(units);
        } else if self.probe.has_audio() {
            let data = bytes::Bytes::copy_from_slice(coded.packet.data().unwrap_or_default());
            self.append([AccessUnit {
                codec: Codec::Opus,
                time,
                keyframe: true,
                data,
            }]);
        }
        Ok(())
    }

    /// Works, or sleeps, until `time` is due. `false` when the run is to end.
    fn wait_until(&mut self, time: MediaTime) -> Result<bool, MediaError> {
        loop {
            if !self.obey() {
                return Ok(false);
            }
            let now = self.clock.now();
            if !self.pacer.is_set() {
                let encodes = self.probe.video.is_some() && self.probe.native_codec().is_none();
                self.anchor(time, if encodes { now + START } else { now });
            } else if self.pacer.stalled(time, now) {
                self.anchor(time, now);
            }
            let due = self.pacer.due(time, now);
            if now >= due {
                return Ok(true);
            }
            if self.pictures.has_work() {
                let outcome = self.pictures.work(self.pacer.live(now), now);
                self.worked(outcome)?;
                continue;
            }
            let mut wake = due;
            if let Some(repeat) = self.pictures.repeat_due() {
                let repeat_at = self.pacer.due(repeat, now);
                if now >= repeat_at {
                    let edge = self.pacer.live(now + LEAD);
                    let outcome = self.pictures.repeat(edge.max(repeat), now);
                    self.worked(outcome)?;
                    continue;
                }
                wake = wake.min(repeat_at);
            }
            self.clock.sleep(self.control, wake);
        }
    }

    /// Takes the orders. `false` when the run is to end.
    fn obey(&mut self) -> bool {
        let orders = self.control.take();
        if orders.stop {
            return false;
        }
        self.wanted = orders.wanted;
        let native = self.probe.native_codec();
        let available: BTreeSet<Codec> = self.probe.encoders.video().collect();
        let encode = self
            .wanted
            .iter()
            .copied()
            .filter(|codec| Some(*codec) != native && available.contains(codec))
            .collect();
        self.pictures.want(&encode);
        for codec in orders.keyframes {
            self.pictures.want_keyframe(codec);
        }
        true
    }

    fn anchor(&mut self, time: MediaTime, at: Instant) {
        self.pacer.set(time, at);
        self.sink.anchor(time, at);
    }

    /// What came of decoding. A picture track that cannot be decoded ends the run only where nothing is
    /// passed through.
    fn worked(&mut self, outcome: Result<Outcome, MediaError>) -> Result<(), MediaError> {
        match outcome {
            Ok(outcome) => self.deliver(outcome),
            Err(error) if self.probe.native_codec().is_some() => {
                tracing::error!(%error, "these pictures can only be passed through");
                self.pictures.give_up();
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn deliver(&mut self, outcome: Outcome) {
        if outcome.dropped > 0 {
            self.sink.dropped(outcome.dropped);
        }
        self.append(outcome.units);
    }

    /// Appends what is newer than what was appended of its codec.
    fn append(&mut self, units: impl IntoIterator<Item = AccessUnit>) {
        for unit in units {
            let newest = self.newest.get(&unit.codec);
            if unit.time >= MediaTime::ZERO && newest.is_none_or(|newest| unit.time > *newest) {
                self.newest.insert(unit.codec, unit.time);
                self.produced += 1;
                self.sink.append(unit);
            }
        }
    }
}

/// One reading of the file.
#[derive(Debug, Default)]
struct Pass {
    packets: u64,
    pictures: u64,
    /// Microseconds since the file's beginning.
    end: i64,
    newest_picture: Option<i64>,
    usual_gap: i64,
}

impl Pass {
    fn saw(&mut self, coded: &Coded, start: i64) {
        self.packets += 1;
        let time = coded.time - start;
        let mut duration = coded.duration;
        if coded.kind == Kind::Video {
            self.pictures += 1;
            if let Some(newest) = self.newest_picture
                && time > newest
            {
                self.usual_gap = time - newest;
            }
            self.newest_picture = self.newest_picture.max(Some(time));
            if duration == 0 {
                duration = self.usual_gap;
            }
        }
        if !coded.hidden {
            self.end = self.end.max(time.saturating_add(duration));
        }
    }

    fn length(&self) -> i64 {
        self.end
            .max(if self.pictures == 1 { STILL } else { MIN_PASS })
    }
}
