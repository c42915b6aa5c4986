//! A viewer's position in a log.

use std::time::{Duration, Instant};

use shared::api::Codec;

use super::cursor::{Cursor, Position};
use super::frame::Frame;
use super::log::Log;
use super::origin::Origin;
use media::time::MediaTime;

/// A viewer's cursors, one in the video and one in the audio track, and the clock that both follow.
///
/// The viewer's clock starts when the playhead is created and never jumps. Skipping, rewinding or being late changes
/// which frames are due, never the clock; so RTP timestamps made from [`DueFrame::viewer_time`] are continuous, and one
/// sender report maps both tracks.
#[derive(Debug)]
pub struct Playhead {
    started: Instant,
    video: Option<Cursor>,
    audio: Option<Cursor>,
    origin: Option<Origin>,
    skips: u64,
}

/// The next action of a viewer.
#[derive(Debug)]
pub enum Step {
    /// Send this frame now, then call again.
    Send(DueFrame),
    /// No frame is due before this instant.
    Wait(Instant),
    /// All appended frames have been sent; call again when the log has grown.
    Starved,
    /// The stream has ended.
    Over,
}

/// A frame that is due.
#[derive(Debug)]
pub struct DueFrame {
    pub codec: Codec,
    pub frame: Frame,
    /// The number of the frame in its track.
    pub number: u64,
    /// When it is shown on the viewer's clock, which starts when the playhead is created.
    pub viewer_time: MediaTime,
    /// The earliest instant at which it could have been sent.
    pub due_at: Instant,
}

/// A viewer that is later than this skips frames: video if there is a newer keyframe, audio always.
const MAX_LATENESS: Duration = Duration::from_millis(800);
/// Video frames that are less late than this get the timestamp at which they were due.
const MIN_LATENESS: Duration = Duration::from_millis(150);
/// The minimum viewer time between two frames of a track, in microseconds.
const MIN_STEP: i64 = 200;
/// How long audio waits for the first video frame when a stream starts, in microseconds.
const MAX_VIDEO_WAIT: i64 = 1_000_000;

impl Playhead {
    /// A playhead that begins at the newest keyframe. At least one codec must be given.
    pub fn new(video: Option<Codec>, audio: Option<Codec>, now: Instant) -> Self {
        let cursor = |codec| Cursor {
            codec,
            next: Position::From(MediaTime::ZERO),
            last: MediaTime(-MIN_STEP),
        };
        Self {
            started: now,
            video: video.map(cursor),
            audio: audio.map(cursor),
            origin: None,
            skips: 0,
        }
    }

    /// How often frames were skipped because the viewer was too slow.
    pub fn skips(&self) -> u64 {
        self.skips
    }

    /// `now` on the viewer's clock.
    pub fn clock(&self, now: Instant) -> MediaTime {
        micros(now.saturating_duration_since(self.started))
    }

    /// Restarts at the newest keyframe, for a decoder that has lost a reference frame.
    pub fn restart(&mut self) {
        self.origin = None;
    }

    /// Continues with the next keyframe to be appended, after one has been requested for the decoder. Audio continues.
    pub fn await_keyframe(&mut self, log: &Log, now: Instant) {
        let time = self
            .origin
            .map_or(log.live(now), |origin| origin.time_of(now));
        if let Some(cursor) = &mut self.video {
            cursor.next = Position::Keyframe(time);
        }
    }

    /// Moves the video back to the newest keyframe, for a decoder that has lost a reference frame. The video then catches
    /// up with the audio.
    pub fn rewind_video(&mut self, log: &Log, now: Instant) {
        let Some((origin, cursor)) = self.origin.zip(self.video.as_mut()) else {
            return;
        };
        let track = log.track(cursor.codec);
        if let Some(entry) = track.and_then(|track| track.entry(origin.time_of(now))) {
            cursor.next = Position::Number(entry);
        }
    }

    /// True when the rest of the video frame that was returned last need not be sent: it is late, and there is a newer
    /// keyframe to continue with.
    pub fn should_drop_frame(&mut self, log: &Log, now: Instant) -> bool {
        self.origin
            .is_some_and(|origin| self.newer_keyframe(log, now, origin).is_some())
    }

    /// As [`Self::step`], for audio only: while a video frame is still being sent.
    pub fn step_audio(&mut self, log: &Log, now: Instant) -> Step {
        if log.is_over() {
            return Step::Over;
        }
        let (Some(origin), Some(cursor)) = (self.origin, &mut self.audio) else {
            return Step::Starved;
        };
        let track = log.track(cursor.codec);
        match track.and_then(|track| cursor.frame(track)) {
            Some((number, frame)) => {
                let (codec, frame) = (cursor.codec, frame.clone());
                self.send(origin, codec, number, frame, now)
            }
            None => Step::Starved,
        }
    }

    /// The next frame, if one is due.
    pub fn step(&mut self, log: &Log, now: Instant) -> Step {
        if log.is_over() {
            return Step::Over;
        }
        if self.is_evicted(log) {
            self.skips += 1;
            self.restart();
        }
        let Some(origin) = self.origin.or_else(|| self.join(log, now)) else {
            return Step::Starved;
        };
        let origin = self.skip_if_late(log, now, origin);
        match self.earliest(log) {
            Some((codec, number, frame)) => self.send(origin, codec, number, frame, now),
            None => Step::Starved,
        }
    }

    /// Returns the frame if it is due, and moves the cursor past it.
    fn send(
        &mut self,
        origin: Origin,
        codec: Codec,
        number: u64,
        frame: Frame,
        now: Instant,
    ) -> Step {
        let due_at = origin.instant_of(frame.time);
        if due_at > now {
            return Step::Wait(due_at);
        }
        let cursor = if codec.is_video() {
            &mut self.video
        } else {
            &mut self.audio
        };
        let Some(cursor) = cursor else {
            return Step::Starved;
        };
        cursor.next = Position::Number(number + 1);
        // A late video frame gets a late timestamp. Otherwise the receiver would delay the audio to keep both in sync.
        let late = codec.is_video() && now.saturating_duration_since(due_at) > MIN_LATENESS;
        let shown = if late { now } else { due_at };
        let viewer_time = micros(shown.saturating_duration_since(self.started))
            .max(cursor.last.plus_micros(MIN_STEP));
        cursor.last = viewer_time;
        Step::Send(DueFrame {
            codec,
            frame,
            number,
            viewer_time,
            due_at,
        })
    }

    /// Skips frames when the viewer is late: video up to a newer keyframe, if there is one; audio up to the frame that is due at `now`.
    fn skip_if_late(&mut self, log: &Log, now: Instant, origin: Origin) -> Origin {
        let codecs = self.video.iter().chain(&self.audio);
        let newest = codecs.filter_map(|cursor| log.track(cursor.codec)?.newest_time());
        let behind = newest.max().map(|newest| origin.instant_of(newest));
        if behind.is_some_and(|newest| is_late(newest, now)) {
            // The source is late, not the viewer: the origin moves, so that all further frames are due later by the same time.
            if let Some((_, _, frame)) = self.earliest(log) {
                let origin = Origin {
                    time: frame.time,
                    at: now,
                };
                self.origin = Some(origin);
                return origin;
            }
        }
        if let Some(number) = self.newer_keyframe(log, now, origin)
            && let Some(cursor) = &mut self.video
        {
            cursor.next = Position::Number(number);
            self.skips += 1;
        }
        if let Some(cursor) = &mut self.audio
            && let Some(track) = log.track(cursor.codec)
            && let Some((_, frame)) = cursor.frame(track)
            && is_late(origin.instant_of(frame.time), now)
        {
            cursor.next = Position::From(origin.time_of(now));
            self.skips += 1;
        }
        origin
    }

    /// The keyframe to continue with when the video is late.
    fn newer_keyframe(&mut self, log: &Log, now: Instant, origin: Origin) -> Option<u64> {
        let cursor = self.video.as_mut()?;
        let track = log.track(cursor.codec)?;
        let (number, frame) = cursor.frame(track)?;
        let entry = track.entry(origin.time_of(now))?;
        (entry > number && is_late(origin.instant_of(frame.time), now)).then_some(entry)
    }

    /// Sets both cursors to where the viewer joins. `None` while the log has no frame to begin with.
    fn join(&mut self, log: &Log, now: Instant) -> Option<Origin> {
        let live = log.live(now);
        let entry = |cursor: &Cursor| {
            let track = log.track(cursor.codec)?;
            let number = track.entry(live)?;
            Some((number, track.get(number)?.time))
        };
        let video = self.video.as_ref().and_then(entry);
        let audio = self.audio.as_ref().and_then(entry);
        let time = match (&self.video, video, audio) {
            (_, Some((_, time)), _) | (None, None, Some((_, time))) => time,
            // The video of this stream, or its encoder, starts later than the audio.
            (Some(_), None, Some((_, time))) if live.micros_since(time) > MAX_VIDEO_WAIT => time,
            _ => return None,
        };
        if let Some(cursor) = &mut self.video {
            cursor.next =
                video.map_or(Position::From(time), |(number, _)| Position::Number(number));
        }
        if let Some(cursor) = &mut self.audio {
            cursor.next = Position::From(time);
        }
        let origin = Origin { time, at: now };
        self.origin = Some(origin);
        Some(origin)
    }

    /// The earlier of the two cursors' next frames.
    fn earliest(&mut self, log: &Log) -> Option<(Codec, u64, Frame)> {
        let mut earliest: Option<(Codec, u64, &Frame)> = None;
        for cursor in self.video.iter_mut().chain(&mut self.audio) {
            if let Some((number, frame)) = log
                .track(cursor.codec)
                .and_then(|track| cursor.frame(track))
                && earliest.is_none_or(|(_, _, other)| frame.time < other.time)
            {
                earliest = Some((cursor.codec, number, frame));
            }
        }
        earliest.map(|(codec, number, frame)| (codec, number, frame.clone()))
    }

    /// True when the next frame of a cursor has been dropped from the log.
    fn is_evicted(&self, log: &Log) -> bool {
        self.origin.is_some()
            && self
                .video
                .iter()
                .chain(&self.audio)
                .any(|cursor| match cursor.next {
                    Position::From(_) | Position::Keyframe(_) => false,
                    Position::Number(number) => log
                        .track(cursor.codec)
                        .is_some_and(|track| number < track.oldest().unwrap_or(track.end())),
                })
    }
}

fn is_late(due: Instant, now: Instant) -> bool {
    now.saturating_duration_since(due) > MAX_LATENESS
}

fn micros(duration: Duration) -> MediaTime {
    MediaTime(duration.as_micros() as i64)
}
