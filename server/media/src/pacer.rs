//! A running source: reads its input in a loop, drives its pipeline, and delivers units at the rate at which they are live.

use std::path::Path;
use std::time::{Duration, Instant};

use super::append_schedule::{AppendSchedule, GATHER, LEAD};
use super::clock::Clock;
use super::control::Control;
use super::demuxer::Demuxer;
use super::error::MediaError;
use super::loop_clock::LoopClock;
use super::loop_iteration::LoopIteration;
use super::pipeline::{Pipeline, PipelineOutput};
use super::probe::Probe;
use super::source::{Input, Sink};
use super::test_source::{Generated, TestSource};
use super::time::MediaTime;

/// When video is encoded, its first frame is live this long after the start, because encoding takes time.
const ENCODER_START_DELAY: Duration = Duration::from_millis(100);
/// Playing ends with an error after this many iterations in a row that made no unit.
const MAX_EMPTY_ITERATIONS: u32 = 3;

pub(super) struct Pacer<'a> {
    clock: &'a dyn Clock,
    control: &'a Control,
    sink: &'a mut dyn Sink,
    schedule: AppendSchedule,
    pipeline: Pipeline,
    /// Kept for its memory.
    output: Vec<PipelineOutput>,
}

impl<'a> Pacer<'a> {
    pub(super) fn new(
        clock: &'a dyn Clock,
        input: &Input,
        probe: &Probe,
        control: &'a Control,
        sink: &'a mut dyn Sink,
    ) -> Result<Self, MediaError> {
        Ok(Self {
            clock,
            control,
            sink,
            schedule: AppendSchedule::default(),
            pipeline: Pipeline::new(input, probe)?,
            output: Vec::new(),
        })
    }

    /// Plays the file in a loop until a stop is requested.
    pub(super) fn play_file(&mut self, path: &Path) -> Result<(), MediaError> {
        let mut clock = LoopClock::default();
        let mut file_stamp = None;
        let mut choice = self.pipeline.choice();
        let mut empty_iterations = 0;
        loop {
            let mut demuxer = Demuxer::open(path, choice)?;
            choice = Some(demuxer.choice());
            let modified = file_stamp
                .replace(demuxer.file_stamp)
                .is_some_and(|known| known != demuxer.file_stamp);
            self.pipeline.begin_iteration(path, &demuxer, modified)?;
            self.deliver();
            if modified {
                self.sink.begin_run();
                let now = self.clock.now();
                self.sink.anchor(self.schedule.live(now), now);
            }
            let made = self.pipeline.made();
            let mut iteration = LoopIteration::new(demuxer.start());
            while let Some(demuxed) = demuxer.next() {
                let (time, dts) = iteration.add(&demuxed);
                if !self.wait_until(clock.at(dts.min(time).max(0)))? {
                    return Ok(());
                }
                self.pipeline.push(demuxed, clock.at(time), clock.at(dts))?;
                self.deliver();
            }
            if iteration.is_empty() {
                return Err(MediaError::Empty(path.to_owned()));
            }
            self.pipeline.end_iteration()?;
            self.deliver();
            if demuxer.damaged_packets > 0 {
                tracing::debug!(path = %path.display(), packets = demuxer.damaged_packets, "damaged packets were dropped");
            }
            clock.end_iteration(iteration.length(), modified);
            // The decoder's remaining frames are encoded while the next iteration is not yet due.
            if !self.wait_until(clock.at(0))? {
                return Ok(());
            }
            empty_iterations = if self.pipeline.expects_units() && self.pipeline.made() == made {
                empty_iterations + 1
            } else {
                0
            };
            if empty_iterations == MAX_EMPTY_ITERATIONS {
                return Err(MediaError::Empty(path.to_owned()));
            }
        }
    }

    /// Plays the generated video and tone until a stop is requested.
    pub(super) fn play_test_source(&mut self) -> Result<(), MediaError> {
        let mut source = TestSource::new()?;
        loop {
            let next = source.next()?;
            let time = match &next {
                Generated::Video(_, time) | Generated::Audio(_, time) => *time,
            };
            if !self.wait_until(time)? {
                return Ok(());
            }
            match next {
                Generated::Video(frame, time) => {
                    let is_late = self.schedule.is_late(time, self.clock.now());
                    self.pipeline.push_picture(frame, time, is_late);
                }
                Generated::Audio(frame, time) => self.pipeline.push_samples(&frame, time)?,
            }
            self.deliver();
        }
    }

    /// Decodes and encodes queued video, or sleeps, until a unit of `time` is to be appended. `false`: stop.
    fn wait_until(&mut self, time: MediaTime) -> Result<bool, MediaError> {
        loop {
            let requests = self.control.take_requests();
            if requests.stop {
                return Ok(false);
            }
            if requests.hold {
                self.control.wait_while_held();
                continue;
            }
            self.pipeline.apply(&requests);
            let now = self.clock.now();
            if !self.schedule.is_set() {
                let delay = if self.pipeline.encodes_video() {
                    ENCODER_START_DELAY
                } else {
                    Duration::ZERO
                };
                self.anchor(time, now + delay);
            } else if self.schedule.has_stalled(time, now) {
                self.anchor(time, now);
            }
            let append_at = self.schedule.append_at(time, now);
            if now >= append_at {
                return Ok(true);
            }
            if self.pipeline.work(self.schedule.live(now), now)? {
                self.deliver();
                continue;
            }
            let mut wake = match self.pipeline.encodes_video() {
                true => append_at,
                false => append_at + GATHER,
            };
            if let Some(repeat) = self.pipeline.repeat_at() {
                let repeat_wall = self.schedule.append_at(repeat, now);
                if now >= repeat_wall {
                    let edge = self.schedule.live(now + LEAD);
                    self.pipeline.repeat(edge.max(repeat));
                    self.deliver();
                    continue;
                }
                wake = wake.min(repeat_wall);
            }
            self.clock.sleep(self.control, wake);
        }
    }

    fn anchor(&mut self, time: MediaTime, at: Instant) {
        self.schedule.set(time, at);
        self.sink.anchor(time, at);
    }

    /// Hands what the pipeline has made to the sink.
    fn deliver(&mut self) {
        self.pipeline.take_output(&mut self.output);
        for output in self.output.drain(..) {
            match output {
                PipelineOutput::Unit(track, unit) => self.sink.append(track, unit),
                PipelineOutput::Replanned(probe) => self.sink.replanned(&probe),
                PipelineOutput::Dropped(frames) => self.sink.dropped(frames),
            }
        }
    }
}
