//! A viewer's place in a log.

use std::time::{Duration, Instant};

use shared::api::Codec;

use super::frame::Frame;
use super::log::Log;
use super::track::Track;
use media::time::MediaTime;

/// A viewer's cursors, one on the pictures and one on the sound, and the clock that both follow.
///
/// The viewer's own clock starts when the playhead is made and never jumps: what is on it is when a
/// frame is *due*, wherever in the log it stands. Skipping, going back or lagging changes which frames
/// are due, never the clock; so RTP timestamps made from [`DueFrame::viewer_time`] are always continuous, and one
/// sender report maps both tracks.
#[derive(Debug)]
pub struct Playhead {
    started: Instant,
    video: Option<Cursor>,
    audio: Option<Cursor>,
    origin: Option<Origin>,
    skips: u64,
}

#[derive(Debug)]
struct Cursor {
    codec: Codec,
    next: Next,
    /// When the last frame was shown, on the viewer's clock.
    last: MediaTime,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    Number(u64),
    /// Whatever is appended first at this time or later.
    From(MediaTime),
    /// The first keyframe at this time or later.
    Keyframe(MediaTime),
}

/// A frame of `time` is due at the instant `at`.
#[derive(Clone, Copy, Debug)]
struct Origin {
    time: MediaTime,
    at: Instant,
}

/// What the viewer is to do now.
#[derive(Debug)]
pub enum Step {
    /// Send this at once, then ask again.
    Send(DueFrame),
    /// Nothing is due before this instant.
    Wait(Instant),
    /// Everything that was appended has been sent; ask again when there is more.
    Starved,
    /// The stream has ended.
    Over,
}

/// A frame that is due.
#[derive(Debug)]
pub struct DueFrame {
    pub codec: Codec,
    pub frame: Frame,
    /// Its number in the track.
    pub number: u64,
    /// On the viewer's clock, since the playhead was made.
    pub viewer_time: MediaTime,
    /// When it could have been sent first, as far as the playhead knows.
    pub due_at: Instant,
}

/// A viewer that is later than this leaves frames out: pictures when there is a newer keyframe, sound always.
const LATE: Duration = Duration::from_millis(800);
/// Pictures that are less late than this are shown as if they were not.
const NOTICEABLE: Duration = Duration::from_millis(150);
/// No two frames are shown at the same time, however fast a viewer catches up; in microseconds.
const LEAST_STEP: i64 = 200;
/// How long pictures may hold up the sound when a stream starts, in microseconds.
const PICTURE_PATIENCE: i64 = 1_000_000;

impl Playhead {
    /// A playhead that will begin on the newest keyframe. Give at least one of the two codecs.
    pub fn new(video: Option<Codec>, audio: Option<Codec>, now: Instant) -> Self {
        let cursor = |codec| Cursor {
            codec,
            next: Next::From(MediaTime::ZERO),
            last: MediaTime(-LEAST_STEP),
        };
        Self {
            started: now,
            video: video.map(cursor),
            audio: audio.map(cursor),
            origin: None,
            skips: 0,
        }
    }

    /// How often frames were left out because the viewer was too slow.
    pub fn skips(&self) -> u64 {
        self.skips
    }

    /// `now` on the viewer's clock.
    pub fn clock(&self, now: Instant) -> MediaTime {
        micros(now.saturating_duration_since(self.started))
    }

    /// Begins again on the newest keyframe: for a decoder that has lost what it needs to go on.
    pub fn restart(&mut self) {
        self.origin = None;
    }

    /// Goes on with the next keyframe that comes: for a decoder that needs one when one has been asked for. Sound goes on.
    pub fn await_keyframe(&mut self, log: &Log, now: Instant) {
        let time = self
            .origin
            .map_or(log.live(now), |origin| origin.time_of(now));
        if let Some(cursor) = &mut self.video {
            cursor.next = Next::Keyframe(time);
        }
    }

    /// Goes back to the newest keyframe with the pictures, which then catch up with the sound: for a decoder that has lost what it needs.
    pub fn rewind_video(&mut self, log: &Log, now: Instant) {
        let Some((origin, cursor)) = self.origin.zip(self.video.as_mut()) else {
            return;
        };
        let track = log.track(cursor.codec);
        if let Some(entry) = track.and_then(|track| track.entry(origin.time_of(now))) {
            cursor.next = Next::Number(entry);
        }
    }

    /// True when the picture that was last given may be broken off: it is late, and there is a newer keyframe to go on with.
    pub fn should_drop_frame(&mut self, log: &Log, now: Instant) -> bool {
        self.origin
            .is_some_and(|origin| self.newer_keyframe(log, now, origin).is_some())
    }

    /// What is due of the sound alone, while a picture is still on its way out.
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
                self.give(origin, codec, number, frame, now)
            }
            None => Step::Starved,
        }
    }

    pub fn step(&mut self, log: &Log, now: Instant) -> Step {
        if log.is_over() {
            return Step::Over;
        }
        if self.fell_off(log) {
            self.skips += 1;
            self.restart();
        }
        let Some(origin) = self.origin.or_else(|| self.join(log, now)) else {
            return Step::Starved;
        };
        let origin = self.keep_up(log, now, origin);
        match self.earliest(log) {
            Some((codec, number, frame)) => self.give(origin, codec, number, frame, now),
            None => Step::Starved,
        }
    }

    fn give(
        &mut self,
        origin: Origin,
        codec: Codec,
        number: u64,
        frame: Frame,
        now: Instant,
    ) -> Step {
        let due = origin.instant_of(frame.time);
        if due > now {
            return Step::Wait(due);
        }
        let cursor = if codec.is_video() {
            &mut self.video
        } else {
            &mut self.audio
        };
        let Some(cursor) = cursor else {
            return Step::Starved;
        };
        cursor.next = Next::Number(number + 1);
        // What is shown late is stamped late: a viewer would else hold back the sound until it fits.
        let late = codec.is_video() && now.saturating_duration_since(due) > NOTICEABLE;
        let shown = if late { now } else { due };
        let at = micros(shown.saturating_duration_since(self.started));
        let at = at.max(cursor.last.plus_micros(LEAST_STEP));
        cursor.last = at;
        Step::Send(DueFrame {
            codec,
            frame,
            number,
            viewer_time: at,
            due_at: due,
        })
    }

    /// Lets a late viewer leave frames out: pictures up to a newer keyframe, when there is one; sound up to what is due.
    fn keep_up(&mut self, log: &Log, now: Instant, origin: Origin) -> Origin {
        let codecs = self.video.iter().chain(&self.audio);
        let newest = codecs.filter_map(|cursor| log.track(cursor.codec)?.newest_time());
        let behind = newest.max().map(|newest| origin.instant_of(newest));
        if behind.is_some_and(|newest| is_late(newest, now)) {
            // It is not the viewer who is late, but the source: from here on everything is due this much later.
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
            cursor.next = Next::Number(number);
            self.skips += 1;
        }
        if let Some(cursor) = &mut self.audio
            && let Some(track) = log.track(cursor.codec)
            && let Some((_, frame)) = cursor.frame(track)
            && is_late(origin.instant_of(frame.time), now)
        {
            cursor.next = Next::From(origin.time_of(now));
            self.skips += 1;
        }
        origin
    }

    /// The keyframe to go on with when pictures are late.
    fn newer_keyframe(&mut self, log: &Log, now: Instant, origin: Origin) -> Option<u64> {
        let cursor = self.video.as_mut()?;
        let track = log.track(cursor.codec)?;
        let (number, frame) = cursor.frame(track)?;
        let entry = track.entry(origin.time_of(now))?;
        (entry > number && is_late(origin.instant_of(frame.time), now)).then_some(entry)
    }

    /// Places both cursors. `None` while the log has nothing to begin with.
    fn join(&mut self, log: &Log, now: Instant) -> Option<Origin> {
        let live = log.live(now);
        let entry = |cursor: &Cursor| {
            let track = log.track(cursor.codec)?;
            let number = track.entry(live)?;
            Some((number, track.get(number)?.time))
        };
        let picture = self.video.as_ref().and_then(entry);
        let sound = self.audio.as_ref().and_then(entry);
        let time = match (&self.video, picture, sound) {
            (_, Some((_, time)), _) | (None, None, Some((_, time))) => time,
            // The pictures begin late in this stream, or their encoder does.
            (Some(_), None, Some((_, time))) if live.micros_since(time) > PICTURE_PATIENCE => time,
            _ => return None,
        };
        if let Some(cursor) = &mut self.video {
            cursor.next = picture.map_or(Next::From(time), |(number, _)| Next::Number(number));
        }
        if let Some(cursor) = &mut self.audio {
            cursor.next = Next::From(time);
        }
        let origin = Origin { time, at: now };
        self.origin = Some(origin);
        Some(origin)
    }

    /// Resolves what each cursor points at, and takes the earlier of the two.
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

    /// True when a frame that is still to be sent has been dropped from the log.
    fn fell_off(&self, log: &Log) -> bool {
        self.origin.is_some()
            && self
                .video
                .iter()
                .chain(&self.audio)
                .any(|cursor| match cursor.next {
                    Next::From(_) | Next::Keyframe(_) => false,
                    Next::Number(number) => log
                        .track(cursor.codec)
                        .is_some_and(|track| number < track.oldest().unwrap_or(track.end())),
                })
    }
}

impl Cursor {
    fn frame<'log>(&mut self, track: &'log Track) -> Option<(u64, &'log Frame)> {
        let number = match self.next {
            Next::Number(number) => number,
            Next::From(time) => track.at_or_after(time)?,
            Next::Keyframe(time) => track.keyframe_at_or_after(time)?,
        };
        self.next = Next::Number(number);
        Some((number, track.get(number)?))
    }
}

impl Origin {
    fn instant_of(self, time: MediaTime) -> Instant {
        let micros = time.micros_since(self.time);
        let distance = Duration::from_micros(micros.unsigned_abs());
        if micros >= 0 {
            self.at + distance
        } else {
            self.at.checked_sub(distance).unwrap_or(self.at)
        }
    }

    fn time_of(self, instant: Instant) -> MediaTime {
        let ahead = instant.saturating_duration_since(self.at).as_micros() as i64;
        self.time.plus_micros(ahead)
    }
}

fn is_late(due: Instant, now: Instant) -> bool {
    now.saturating_duration_since(due) > LATE
}

fn micros(duration: Duration) -> MediaTime {
    MediaTime(duration.as_micros() as i64)
}
