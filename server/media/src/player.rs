//! A source that runs: reads, paces, loops, and hands what is coded to the log.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use shared::api::Codec;

use super::access_unit::AccessUnit;
use super::clock::{Clock, LEAD, LoopClock, Pacer};
use super::control::Control;
use super::demux::{Coded, Demuxer, Kind};
use super::error::MediaError;
use super::pass::Pass;
use super::passthrough::Passthrough;
use super::picture::Pictures;
use super::plan::VideoFacts;
use super::probe::Probe;
use super::render::{Outcome, Setup};
use super::sound::Sound;
use super::source::{Input, Sink};
use super::test_source::{self, Generated, TestSource};
use super::time::MediaTime;

/// The first picture of what is encoded is live this much after the start, or it would be late.
const START: Duration = Duration::from_millis(100);
/// Silence is made where no sound came until this close, in microseconds, to the newest picture.
const SILENCE_BEHIND: i64 = 200_000;
/// After so many passes over a file that gave nothing at all, it is given up.
const MAX_EMPTY_PASSES: u32 = 3;

pub(super) struct Player<'a> {
    clock: &'a dyn Clock,
    control: &'a Control,
    sink: &'a mut dyn Sink,
    probe: Probe,
    pacer: Pacer,
    pictures: Pictures,
    /// `None` when there is no sound, or it is passed through.
    sound: Option<Sound>,
    /// The newest unit of each codec.
    newest: BTreeMap<Codec, MediaTime>,
    /// Units appended.
    produced: u64,
}

impl<'a> Player<'a> {
    pub(super) fn new(
        clock: &'a dyn Clock,
        input: &Input,
        probe: &Probe,
        control: &'a Control,
        sink: &'a mut dyn Sink,
    ) -> Result<Self, MediaError> {
        let setup = match (input, &probe.video_facts) {
            (Input::File(_), Some(facts)) => Setup::of(facts),
            // Without pictures it is of no account.
            _ => test_source::setup(),
        };
        let encodes_sound = probe.has_audio() && !probe.passes_through(Codec::Opus);
        Ok(Self {
            clock,
            control,
            sink,
            probe: probe.clone(),
            pacer: Pacer::default(),
            pictures: Pictures::new(setup),
            sound: if encodes_sound {
                Some(Sound::new()?)
            } else {
                None
            },
            newest: BTreeMap::new(),
            produced: 0,
        })
    }

    /// Plays the file again and again.
    pub(super) fn file(&mut self, path: &Path) -> Result<(), MediaError> {
        let mut clock = LoopClock::default();
        let mut fingerprint = None;
        let mut passthrough = None;
        let mut empty_passes = 0;
        loop {
            let mut demuxer = Demuxer::open(path)?;
            let changed = fingerprint
                .replace(demuxer.fingerprint)
                .is_some_and(|known| known != demuxer.fingerprint);
            self.begin_pass(path, &demuxer, &mut passthrough)?;
            let produced = self.produced;
            let mut pass = Pass::new(demuxer.start());
            while let Some(coded) = demuxer.next() {
                let (time, order) = pass.place(&coded);
                if !self.wait_until(clock.at(order.min(time).max(0)))? {
                    return Ok(());
                }
                let (time, order) = (clock.at(time), clock.at(order));
                match (coded.kind, &mut passthrough) {
                    (Kind::Video, Some(passthrough)) => {
                        self.picture(coded, time, order, passthrough)?
                    }
                    (Kind::Video, None) => {}
                    (Kind::Audio, _) => self.sound(coded, time, order)?,
                }
            }
            if pass.is_empty() {
                return Err(MediaError::Nothing(path.to_owned()));
            }
            self.end_pass()?;
            if demuxer.bad > 0 {
                tracing::debug!(path = %path.display(), packets = demuxer.bad, "damaged packets are left out");
            }
            clock.end_of_pass(pass.length(), changed);
            // Until the next pass is due there is time for what the decoder still holds.
            if !self.wait_until(clock.at(0))? {
                return Ok(());
            }
            let expects = self.probe.has_audio()
                || self.probe.native_codec().is_some()
                || self.pictures.renderer.is_encoding();
            empty_passes = if expects && self.produced == produced {
                empty_passes + 1
            } else {
                0
            };
            if empty_passes == MAX_EMPTY_PASSES {
                return Err(MediaError::Nothing(path.to_owned()));
            }
        }
    }

    fn begin_pass(
        &mut self,
        path: &Path,
        demuxer: &Demuxer,
        passthrough: &mut Option<Passthrough>,
    ) -> Result<(), MediaError> {
        let changed = || MediaError::Changed(path.to_owned());
        if let Some(video) = &self.probe.video {
            let track = demuxer
                .video
                .as_ref()
                .filter(|track| track.header.codec == video.codec)
                .ok_or_else(changed)?;
            self.pictures.begin_pass(track.parameters.clone());
            match passthrough {
                Some(passthrough) => passthrough.begin_pass(&track.header),
                None => {
                    *passthrough = self
                        .probe
                        .video_facts
                        .clone()
                        .map(|facts| Passthrough::new(facts, &track.header))
                }
            }
        }
        if let Some(audio) = &self.probe.audio
            && demuxer
                .audio
                .as_ref()
                .is_none_or(|track| track.header.codec != audio.codec)
        {
            return Err(changed());
        }
        if let (Some(sound), Some(track)) = (&mut self.sound, &demuxer.audio)
            && let Err(error) = sound.begin_pass(&track.parameters)
        {
            // Pictures can be watched without it.
            tracing::error!(%error, path = %path.display(), "silent");
        }
        Ok(())
    }

    fn end_pass(&mut self) -> Result<(), MediaError> {
        self.pictures.end_pass();
        if let Some(sound) = &mut self.sound {
            let units = sound.end_pass()?;
            self.append(units);
        }
        Ok(())
    }

    /// Plays the generated picture and tone.
    pub(super) fn test(&mut self) -> Result<(), MediaError> {
        let mut source = TestSource::new()?;
        loop {
            let next = source.next()?;
            let time = match &next {
                Generated::Picture(_, time) | Generated::Sound(_, time) => *time,
            };
            if !self.wait_until(time)? {
                return Ok(());
            }
            match next {
                Generated::Picture(picture, time) => {
                    let mut outcome = Outcome::default();
                    // Before the clock has to be set back, every other picture is left out.
                    let even = time.0 / 33_333 % 2 == 0;
                    if even || !self.pacer.is_late(time, self.clock.now()) {
                        self.pictures.renderer.show(picture, time, &mut outcome);
                    } else {
                        outcome.dropped += 1;
                    }
                    self.deliver(outcome);
                }
                Generated::Sound(frame, time) => {
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
            self.learn(*facts);
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

    /// The track is other than was thought.
    fn learn(&mut self, facts: VideoFacts) {
        let native = self.probe.native_codec();
        self.pictures.set_up(Setup::of(&facts));
        if !self.probe.learn(facts) {
            return;
        }
        tracing::info!(video = ?self.probe.video, "the file is not what its beginning looked like");
        if let (Some(native), None) = (native, self.probe.native_codec()) {
            // An encoder that goes on with this codec begins after what was passed through.
            if let Some(newest) = self.newest.get(&native) {
                self.pictures.renderer.passed(native, *newest);
            }
        }
        self.sink.replanned(&self.probe);
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
            let data = Bytes::copy_from_slice(coded.packet.data().unwrap_or_default());
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
            } else if self.pacer.has_stalled(time, now) {
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
                    let mut outcome = Outcome::default();
                    let edge = self.pacer.live(now + LEAD);
                    self.pictures
                        .renderer
                        .repeat(edge.max(repeat), &mut outcome);
                    self.deliver(outcome);
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
        let native = self.probe.native_codec();
        let available: BTreeSet<Codec> = self
            .probe
            .encoders
            .video()
            .filter(|codec| Some(*codec) != native)
            .collect();
        self.pictures
            .want(&orders.wanted.intersection(&available).copied().collect());
        for codec in orders.keyframes {
            self.pictures.renderer.want_keyframe(codec);
        }
        true
    }

    fn anchor(&mut self, time: MediaTime, at: Instant) {
        self.pacer.set(time, at);
        self.sink.anchor(time, at);
    }

    /// What came of decoding. Pictures that cannot be decoded end the run only where nothing is passed through.
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
