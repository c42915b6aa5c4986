//! The log of one running stream.

use std::collections::BTreeMap;
use std::time::Instant;

use shared::api::Codec;

use super::frame::Frame;
use super::track::Track;
use media::time::MediaTime;

/// What a running source has appended, by codec, and the mapping from its clock to the wall clock.
#[derive(Debug, Default)]
pub struct Log {
    tracks: BTreeMap<Codec, Track>,
    anchor: Option<Anchor>,
    over: bool,
}

/// `time` is live at the instant `at`.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    time: MediaTime,
    at: Instant,
}

/// In microseconds, the time that is kept in addition to two GOPs, for viewers that are a little late.
const SLACK: i64 = 2_000_000;
/// The maximum size of a track, apart from its newest GOP.
const MAX_TRACK_BYTES: usize = 64 << 20;

impl Log {
    /// Sets the mapping to the wall clock: `time` is live at `at`.
    pub fn set_anchor(&mut self, time: MediaTime, at: Instant) {
        self.anchor = Some(Anchor { time, at });
    }

    /// The media time that is live at `now`. Sources append ahead of it.
    pub fn live(&self, now: Instant) -> MediaTime {
        let Some(Anchor { time, at }) = self.anchor else {
            return MediaTime::ZERO;
        };
        let ahead = now.saturating_duration_since(at).as_micros() as i64;
        let behind = at.saturating_duration_since(now).as_micros() as i64;
        time.plus_micros(ahead - behind)
    }

    /// Appends a frame, and drops frames that no viewer can need. False: the frame was refused (see [`Track::append`]).
    pub fn append(&mut self, codec: Codec, frame: Frame, now: Instant) -> bool {
        let appended = self.tracks.entry(codec).or_default().append(frame);
        let live = self.live(now);
        // A viewer is at most one GOP behind when it joins, and another when it restarts at a keyframe.
        let longest = self
            .tracks
            .values()
            .map(Track::longest_gop)
            .max()
            .unwrap_or(0);
        let horizon = live.plus_micros(-(2 * longest + SLACK));
        if let Some(track) = self.tracks.get_mut(&codec) {
            track.trim(horizon, live, MAX_TRACK_BYTES);
        }
        appended
    }

    pub fn track(&self, codec: Codec) -> Option<&Track> {
        self.tracks.get(&codec)
    }

    /// Drops the frames of a codec that is no longer encoded, so that no viewer joins on an old one.
    pub fn clear(&mut self, codec: Codec) {
        if let Some(track) = self.tracks.get_mut(&codec) {
            track.clear();
        }
    }

    /// Marks the end of the stream.
    pub fn finish(&mut self) {
        self.over = true;
    }

    pub fn is_over(&self) -> bool {
        self.over
    }
}
