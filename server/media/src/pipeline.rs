//! From packets to units: each track is passed through, or decoded and encoded. It has no clock: who drives it says what is due.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use ffmpeg_next as ffmpeg;
use shared::api::Codec;

use super::access_unit::AccessUnit;
use super::audio_transcoder::AudioTranscoder;
use super::control::Requests;
use super::demuxer::{DemuxedPacket, Demuxer};
use super::encoding::{Encoding, track_of};
use super::error::MediaError;
use super::facts::VideoFacts;
use super::input_track::TrackChoice;
use super::opus::OpusFramer;
use super::passthrough::Passthrough;
use super::probe::Probe;
use super::renderer::{RenderOutput, RenderParams};
use super::source::Input;
use super::test_source;
use super::time::MediaTime;
use super::track::{TrackId, TrackKind};
use super::video_transcoder::VideoTranscoder;

/// Where the audio track has no packet, silence is encoded this long, in microseconds, behind the newest video frame.
const SILENCE_LAG: i64 = 200_000;

/// The tracks of one source.
pub(super) struct Pipeline {
    probe: Probe,
    video: VideoTranscoder,
    /// `None` before the first iteration, and without video.
    passthrough: Option<Passthrough>,
    /// `None` without audio, or when it is passed through.
    audio: Option<AudioTranscoder>,
    /// For audio that is passed through.
    opus: OpusFramer,
    /// Decode time of the newest unit of each track.
    newest: BTreeMap<TrackId, MediaTime>,
    /// Units made so far.
    made: u64,
    output: Vec<PipelineOutput>,
}

/// What comes out, in order.
pub(super) enum PipelineOutput {
    /// Decode times rise within a track.
    Unit(TrackId, AccessUnit),
    /// The source differs from its probe; this is the corrected one.
    Replanned(Box<Probe>),
    /// Video frames that were not encoded, because encoding could not keep up.
    Dropped(u64),
}

impl Pipeline {
    pub(super) fn new(input: &Input, probe: &Probe) -> Result<Self, MediaError> {
        let params = match (input, &probe.video_facts) {
            (Input::File(_), Some(facts)) => RenderParams::of(facts),
            // Unused without video.
            _ => test_source::render_params(),
        };
        let encodes_audio = probe.has_audio() && !probe.passes_through(Codec::Opus);
        Ok(Self {
            probe: probe.clone(),
            video: VideoTranscoder::new(params),
            passthrough: None,
            audio: if encodes_audio {
                Some(AudioTranscoder::new()?)
            } else {
                None
            },
            opus: OpusFramer::default(),
            newest: BTreeMap::new(),
            made: 0,
            output: Vec::new(),
        })
    }

    /// Moves what has come out since the last call into `output`.
    pub(super) fn take_output(&mut self, output: &mut Vec<PipelineOutput>) {
        output.append(&mut self.output);
    }

    /// Units made so far.
    pub(super) fn made(&self) -> u64 {
        self.made
    }

    /// True when an iteration of the source must make units.
    pub(super) fn expects_units(&self) -> bool {
        self.probe.has_audio()
            || self.probe.native_codec().is_some()
            || self.video.renderer.is_encoding() && !self.video.renderer.is_failing()
    }

    /// The tracks of the file, as the probe found them.
    pub(super) fn choice(&self) -> Option<TrackChoice> {
        self.probe.choice
    }

    /// True when every picture is encoded before it can be sent.
    pub(super) fn encodes_video(&self) -> bool {
        self.probe.video.is_some() && self.probe.native_codec().is_none()
    }

    /// Begins to read the file, again or for the first time. `modified`: since the last time.
    pub(super) fn begin_iteration(
        &mut self,
        path: &Path,
        demuxer: &Demuxer,
        modified: bool,
    ) -> Result<(), MediaError> {
        if modified && let Some(facts) = self.probe.facts_of_modified(path) {
            self.update_facts(facts);
            self.passthrough = None;
        }
        let changed = || MediaError::Changed(path.to_owned());
        if let Some(video) = &self.probe.video {
            let track = demuxer
                .video
                .as_ref()
                .filter(|track| track.header.codec == video.codec)
                .ok_or_else(changed)?;
            self.video.begin_iteration(track.parameters.clone());
            match &mut self.passthrough {
                Some(passthrough) => passthrough.begin_iteration(&track.header),
                None => {
                    let facts = self.probe.video_facts.clone();
                    self.passthrough = facts.map(|facts| Passthrough::new(facts, &track.header));
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

    /// Takes a packet with its times on the stream's clock.
    pub(super) fn push(
        &mut self,
        mut demuxed: DemuxedPacket,
        time: MediaTime,
        dts: MediaTime,
    ) -> Result<(), MediaError> {
        match demuxed.kind {
            TrackKind::Video | TrackKind::Inset => self.push_video(demuxed, time, dts),
            TrackKind::Audio => {
                demuxed.packet.set_pts(Some(time.0));
                demuxed.packet.set_dts(Some(dts.0));
                self.push_audio(&demuxed, time)
            }
        }
    }

    /// Makes a unit of the frame if the track is passed through, and queues it for transcoding.
    fn push_video(
        &mut self,
        mut demuxed: DemuxedPacket,
        time: MediaTime,
        dts: MediaTime,
    ) -> Result<(), MediaError> {
        let Some(passthrough) = &mut self.passthrough else {
            return Ok(());
        };
        let output = passthrough.process(&demuxed, time);
        let keyframe = passthrough.was_keyframe();
        if let Some(facts) = output.facts {
            self.update_facts(*facts);
        }
        if let Some(unit) = output
            .unit
            .filter(|unit| self.probe.native_codec() == Some(unit.codec))
        {
            self.add([unit]);
        }
        demuxed.packet.set_pts(demuxed.has_pts.then_some(time.0));
        demuxed.packet.set_dts(Some(dts.0));
        self.video.push_packet(demuxed.packet, time, keyframe);
        // The audio track may have ended before the video, or have a gap.
        if let Some(audio) = &mut self.audio {
            let units = audio.fill_silence(dts.plus_micros(-SILENCE_LAG))?;
            self.add(units);
        }
        Ok(())
    }

    fn push_audio(&mut self, demuxed: &DemuxedPacket, time: MediaTime) -> Result<(), MediaError> {
        if let Some(audio) = &mut self.audio {
            let units = audio.push_packet(&demuxed.packet)?;
            self.add(units);
        } else if self.probe.has_audio() {
            let data = demuxed.packet.data().unwrap_or_default();
            let units = self.opus.push(data, time);
            self.add(units);
        }
        Ok(())
    }

    /// The file has been read to its end.
    pub(super) fn end_iteration(&mut self) -> Result<(), MediaError> {
        self.video.end_iteration();
        if let Some(audio) = &mut self.audio {
            let units = audio.end_iteration()?;
            self.add(units);
        }
        let rest = self.opus.flush();
        self.add(rest);
        Ok(())
    }

    /// Encodes a generated picture; `is_late`: encoding cannot keep up.
    pub(super) fn push_picture(
        &mut self,
        frame: ffmpeg::frame::Video,
        time: MediaTime,
        is_late: bool,
    ) {
        let mut output = RenderOutput::default();
        // Every other frame is dropped while late, to avoid a stall.
        let even = time.0 / 33_333 % 2 == 0;
        if even || !is_late {
            self.video.renderer.encode(frame, time, &mut output);
        } else {
            output.dropped += 1;
        }
        self.add_rendered(output);
    }

    /// Encodes generated samples.
    pub(super) fn push_samples(
        &mut self,
        frame: &ffmpeg::frame::Audio,
        time: MediaTime,
    ) -> Result<(), MediaError> {
        if let Some(audio) = &mut self.audio {
            let units = audio.push_frame(frame, time)?;
            self.add(units);
        }
        Ok(())
    }

    /// Follows what viewers ask for.
    pub(super) fn apply(&mut self, requests: &Requests) {
        let native = self.probe.native_codec();
        let encoders = self.probe.encoders;
        let wanted = |encoding: &Encoding| {
            native.map(Encoding::of) != Some(*encoding)
                && requests.tracks.contains(&encoding.track())
        };
        self.video
            .set_encodings(&encoders.encodings().filter(wanted).collect());
        for encoding in encoders
            .encodings()
            .filter(|encoding| requests.keyframes.contains(&encoding.track()))
        {
            self.video.renderer.request_keyframe(encoding);
        }
    }

    /// Decodes or encodes for some milliseconds; false: there is nothing to do. `live`: the media time that is live at `now`. An error ends the run
    /// unless the video is also passed through.
    pub(super) fn work(&mut self, live: MediaTime, now: Instant) -> Result<bool, MediaError> {
        if !self.video.has_tasks() {
            return Ok(false);
        }
        match self.video.run_task(live, now) {
            Ok(output) => self.add_rendered(output),
            Err(error) if self.probe.native_codec().is_some() => {
                tracing::error!(%error, "this video cannot be decoded, only passed through");
                self.video.disable();
            }
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// When the newest picture is to be encoded again, because it is still shown.
    pub(super) fn repeat_at(&self) -> Option<MediaTime> {
        self.video.repeat_at()
    }

    pub(super) fn repeat(&mut self, time: MediaTime) {
        let mut output = RenderOutput::default();
        self.video.renderer.repeat(time, &mut output);
        self.add_rendered(output);
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
            if let Some(newest) = self.newest.get(&track_of(native)) {
                let native = Encoding::of(native);
                self.video.renderer.set_newest(native, *newest);
            }
        }
        let probe = Box::new(self.probe.clone());
        self.output.push(PipelineOutput::Replanned(probe));
    }

    fn add_rendered(&mut self, output: RenderOutput) {
        if output.dropped > 0 {
            self.output.push(PipelineOutput::Dropped(output.dropped));
        }
        for (encoding, unit) in output.units {
            self.add_to(encoding.track(), unit);
        }
    }

    /// Adds units of the tracks that have their codecs.
    fn add(&mut self, units: impl IntoIterator<Item = AccessUnit>) {
        for unit in units {
            self.add_to(track_of(unit.codec), unit);
        }
    }

    /// Adds a unit that is newer than the newest of its track.
    fn add_to(&mut self, track: TrackId, unit: AccessUnit) {
        let newest = self.newest.get(&track);
        if unit.dts >= MediaTime::ZERO && newest.is_none_or(|newest| unit.dts > *newest) {
            self.newest.insert(track, unit.dts);
            self.made += 1;
            self.output.push(PipelineOutput::Unit(track, unit));
        }
    }
}
