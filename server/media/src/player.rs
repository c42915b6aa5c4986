//! A running source: reads its input in a loop, at the live rate, and delivers coded units to the sink.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use shared::api::Codec;

use super::access_unit::AccessUnit;
use super::append_schedule::{AppendSchedule, LEAD};
use super::audio_transcoder::AudioTranscoder;
use super::clock::Clock;
use super::control::Control;
use super::demuxer::{DemuxedPacket, Demuxer, TrackKind};
use super::error::MediaError;
use super::facts::VideoFacts;
use super::loop_clock::LoopClock;
use super::loop_iteration::LoopIteration;
use super::opus::OpusFramer;
use super::passthrough::Passthrough;
use super::probe::{Probe, track_of};
use super::renderer::{RenderOutput, RenderParams};
use super::source::{Input, Sink};
use super::test_source;
use super::time::MediaTime;
use super::video_transcoder::VideoTranscoder;

/// When video is encoded, its first frame is live this long after the start, because encoding takes time.
const ENCODER_START_DELAY: Duration = Duration::from_millis(100);
/// Where the audio track has no packet, silence is encoded this long, in microseconds, behind the newest video frame.
const SILENCE_LAG: i64 = 200_000;
/// Playing ends with an error after this many iterations in a row that appended nothing.
const MAX_EMPTY_ITERATIONS: u32 = 3;

mod generated;

pub(super) struct Player<'a> {
    clock: &'a dyn Clock,
    control: &'a Control,
    sink: &'a mut dyn Sink,
    probe: Probe,
    schedule: AppendSchedule,
    video: VideoTranscoder,
    /// `None` without audio, or when it is passed through.
    audio: Option<AudioTranscoder>,
    /// For audio that is passed through.
    opus: OpusFramer,
    /// Time of the newest unit of each codec.
    newest: BTreeMap<Codec, MediaTime>,
    /// Units appended.
    appended: u64,
}

impl<'a> Player<'a> {
    pub(super) fn new(
        clock: &'a dyn Clock,
        input: &Input,
        probe: &Probe,
        control: &'a Control,
        sink: &'a mut dyn Sink,
    ) -> Result<Self, MediaError> {
        let params = match (input, &probe.video_facts) {
            (Input::File(_), Some(facts)) => RenderParams::of(facts),
            // Unused without video.
            _ => test_source::render_params(),
        };
        let encodes_audio = probe.has_audio() && !probe.passes_through(Codec::Opus);
        Ok(Self {
            clock,
            control,
            sink,
            probe: probe.clone(),
            schedule: AppendSchedule::default(),
            video: VideoTranscoder::new(params),
            audio: if encodes_audio {
                Some(AudioTranscoder::new()?)
            } else {
                None
            },
            opus: OpusFramer::default(),
            newest: BTreeMap::new(),
            appended: 0,
        })
    }

    /// Plays the file in a loop until a stop is requested.
    pub(super) fn play_file(&mut self, path: &Path) -> Result<(), MediaError> {
        let mut clock = LoopClock::default();
        let mut file_stamp = None;
        let mut passthrough = None;
        let mut empty_iterations = 0;
        loop {
            let mut demuxer = Demuxer::open(path)?;
            let changed = file_stamp
                .replace(demuxer.file_stamp)
                .is_some_and(|known| known != demuxer.file_stamp);
            if changed && let Some(facts) = self.probe.facts_of_modified(path) {
                self.update_facts(facts);
                passthrough = None;
            }
            self.begin_iteration(path, &demuxer, &mut passthrough)?;
            if changed {
                self.sink.begin_run();
                let now = self.clock.now();
                self.sink.anchor(self.schedule.live(now), now);
            }
            let appended = self.appended;
            let mut iteration = LoopIteration::new(demuxer.start());
            while let Some(demuxed) = demuxer.next() {
                let (time, dts) = iteration.add(&demuxed);
                if !self.wait_until(clock.at(dts.min(time).max(0)))? {
                    return Ok(());
                }
                let (time, dts) = (clock.at(time), clock.at(dts));
                match (demuxed.kind, &mut passthrough) {
                    (TrackKind::Video, Some(passthrough)) => {
                        self.handle_video(demuxed, time, dts, passthrough)?
                    }
                    (TrackKind::Video, None) => {}
                    (TrackKind::Audio, _) => self.handle_audio(demuxed, time, dts)?,
                }
            }
            if iteration.is_empty() {
                return Err(MediaError::Empty(path.to_owned()));
            }
            self.end_iteration()?;
            if demuxer.damaged_packets > 0 {
                tracing::debug!(path = %path.display(), packets = demuxer.damaged_packets, "damaged packets were dropped");
            }
            clock.end_iteration(iteration.length(), changed);
            // The decoder's remaining frames are encoded while the next iteration is not yet due.
            if !self.wait_until(clock.at(0))? {
                return Ok(());
            }
            let expects_units = self.probe.has_audio()
                || self.probe.native_codec().is_some()
                || self.video.renderer.is_encoding();
            empty_iterations = if expects_units && self.appended == appended {
                empty_iterations + 1
            } else {
                0
            };
            if empty_iterations == MAX_EMPTY_ITERATIONS {
                return Err(MediaError::Empty(path.to_owned()));
            }
        }
    }

    fn begin_iteration(
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
            self.video.begin_iteration(track.parameters.clone());
            match passthrough {
                Some(passthrough) => passthrough.begin_iteration(&track.header),
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
        if let (Some(audio), Some(track)) = (&mut self.audio, &demuxer.audio)
            && let Err(error) = audio.begin_iteration(&track.parameters)
        {
            // The video can be watched without audio.
            tracing::error!(%error, path = %path.display(), "the audio track cannot be decoded");
        }
        Ok(())
    }

    fn end_iteration(&mut self) -> Result<(), MediaError> {
        self.video.end_iteration();
        if let Some(audio) = &mut self.audio {
            let units = audio.end_iteration()?;
            self.append(units);
        }
        let rest = self.opus.flush();
        self.append(rest);
        Ok(())
    }

    /// Appends the frame if the track is passed through, and queues it for transcoding.
    fn handle_video(
        &mut self,
        mut demuxed: DemuxedPacket,
        time: MediaTime,
        dts: MediaTime,
        passthrough: &mut Passthrough,
    ) -> Result<(), MediaError> {
        let output = passthrough.process(&demuxed, time);
        if let Some(facts) = output.facts {
            self.update_facts(*facts);
        }
        if let Some(unit) = output
            .unit
            .filter(|unit| self.probe.native_codec() == Some(unit.codec))
        {
            self.append([unit]);
        }
        demuxed.packet.set_pts(demuxed.has_pts.then_some(time.0));
        demuxed.packet.set_dts(Some(dts.0));
        self.video
            .push_packet(demuxed.packet, time, passthrough.was_keyframe());
        // The audio track may have ended before the video, or have a gap.
        if let Some(audio) = &mut self.audio {
            let units = audio.fill_silence(dts.plus_micros(-SILENCE_LAG))?;
            self.append(units);
        }
        Ok(())
    }

    /// Updates the delivery plan from new facts about the video track.
    fn update_facts(&mut self, facts: VideoFacts) {
        let native = self.probe.native_codec();
        self.video.set_params(RenderParams::of(&facts));
        if !self.probe.update_facts(facts) {
            return;
        }
        tracing::info!(video = ?self.probe.video, "the file differs from what its beginning showed");
        if let (Some(native), None) = (native, self.probe.native_codec()) {
            // The codec is now encoded; its times continue after the units that were passed through.
            if let Some(newest) = self.newest.get(&native) {
                self.video.renderer.set_newest(native, *newest);
            }
        }
        self.sink.replanned(&self.probe);
    }

    fn handle_audio(
        &mut self,
        mut demuxed: DemuxedPacket,
        time: MediaTime,
        dts: MediaTime,
    ) -> Result<(), MediaError> {
        demuxed.packet.set_pts(Some(time.0));
        demuxed.packet.set_dts(Some(dts.0));
        if let Some(audio) = &mut self.audio {
            let units = audio.push_packet(&demuxed.packet)?;
            self.append(units);
        } else if self.probe.has_audio() {
            let data = demuxed.packet.data().unwrap_or_default();
            let units = self.opus.push(data, time);
            self.append(units);
        }
        Ok(())
    }

    /// Decodes and encodes queued video, or sleeps, until a unit of `time` is to be appended. `false`: stop.
    fn wait_until(&mut self, time: MediaTime) -> Result<bool, MediaError> {
        loop {
            if !self.apply_requests() {
                return Ok(false);
            }
            let now = self.clock.now();
            if !self.schedule.is_set() {
                let encodes = self.probe.video.is_some() && self.probe.native_codec().is_none();
                self.anchor(
                    time,
                    if encodes {
                        now + ENCODER_START_DELAY
                    } else {
                        now
                    },
                );
            } else if self.schedule.has_stalled(time, now) {
                self.anchor(time, now);
            }
            let append_at = self.schedule.append_at(time, now);
            if now >= append_at {
                return Ok(true);
            }
            if self.video.has_tasks() {
                let output = self.video.run_task(self.schedule.live(now), now);
                self.handle_task_result(output)?;
                continue;
            }
            let mut wake = append_at;
            if let Some(repeat) = self.video.repeat_at() {
                let repeat_wall = self.schedule.append_at(repeat, now);
                if now >= repeat_wall {
                    let mut output = RenderOutput::default();
                    let edge = self.schedule.live(now + LEAD);
                    self.video.renderer.repeat(edge.max(repeat), &mut output);
                    self.deliver(output);
                    continue;
                }
                wake = wake.min(repeat_wall);
            }
            self.clock.sleep(self.control, wake);
        }
    }

    /// Applies the requests in `control`. `false`: stop.
    fn apply_requests(&mut self) -> bool {
        let requests = self.control.take_requests();
        if requests.stop {
            return false;
        }
        let native = self.probe.native_codec();
        let encoders = self.probe.encoders;
        let wanted =
            |codec: &Codec| Some(*codec) != native && requests.tracks.contains(&track_of(*codec));
        self.video
            .set_codecs(&encoders.video().filter(wanted).collect());
        for codec in encoders
            .video()
            .filter(|codec| requests.keyframes.contains(&track_of(*codec)))
        {
            self.video.renderer.request_keyframe(codec);
        }
        true
    }

    fn anchor(&mut self, time: MediaTime, at: Instant) {
        self.schedule.set(time, at);
        self.sink.anchor(time, at);
    }

    /// Delivers the result of a transcoding task. An error ends the run unless the video is also passed through.
    fn handle_task_result(
        &mut self,
        output: Result<RenderOutput, MediaError>,
    ) -> Result<(), MediaError> {
        match output {
            Ok(output) => self.deliver(output),
            Err(error) if self.probe.native_codec().is_some() => {
                tracing::error!(%error, "this video cannot be decoded, only passed through");
                self.video.disable();
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn deliver(&mut self, output: RenderOutput) {
        if output.dropped > 0 {
            self.sink.dropped(output.dropped);
        }
        self.append(output.units);
    }

    /// Appends the units that are newer than the newest of their codec.
    fn append(&mut self, units: impl IntoIterator<Item = AccessUnit>) {
        for unit in units {
            let newest = self.newest.get(&unit.codec);
            if unit.dts >= MediaTime::ZERO && newest.is_none_or(|newest| unit.dts > *newest) {
                self.newest.insert(unit.codec, unit.dts);
                self.appended += 1;
                self.sink.append(track_of(unit.codec), unit);
            }
        }
    }
}
