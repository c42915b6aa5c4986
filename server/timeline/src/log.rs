//! The tracks of one running stream.

use std::collections::BTreeMap;
use std::time::Instant;

use shared::api::Codec;

use super::frame::Frame;
use super::track::Track;
use media::time::MediaTime;

/// What a running source has appended, by codec, and the clock that maps it to wall time.
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

/// Kept beyond what late joiners need, for cursors that are a little behind; in microseconds.
const SLACK: i64 = 2_000_000;
/// A track never holds more than this beyond its newest GOP, however long its GOPs are.
const MAX_TRACK_BYTES: usize = 64 << 20;

impl Log {
    /// From now on `time` is live at `at`.
    pub fn set_anchor(&mut self, time: MediaTime, at: Instant) {
        self.anchor = Some(Anchor { time, at });
    }

    /// The time that is live at `now`: what someone sees who lags by nothing. Sources append ahead of it.
    pub fn live(&self, now: Instant) -> MediaTime {
        let Some(Anchor { time, at }) = self.anchor else {
            return MediaTime::ZERO;
        };
        let ahead = now.saturating_duration_since(at).as_micros() as i64;
        let behind = at.saturating_duration_since(now).as_micros() as i64;
        time.plus_micros(ahead - behind)
    }

    /// Appends a frame and drops what nobody can still need. False: not taken (see [`Track::append`]).
    pub fn append(&mut self, codec: Codec, frame: Frame, now: Instant) -> bool {
        let taken = self.tracks.entry(codec).or_default().append(frame);
        let live = self.live(now);
        // A viewer lags by a GOP at most when it joins, and by another when it has to begin again.
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
        taken
    }

    pub fn track(&self, codec: Codec) -> Option<&Track> {
        self.tracks.get(&codec)
    }

    /// Forgets the frames of a codec that is no longer made, so that nobody joins on an old one.
    pub fn clear(&mut self, codec: Codec) {
        if let Some(track) = self.tracks.get_mut(&codec) {
            track.clear();
        }
    }

    /// Nothing will be appended any more.
    pub fn finish(&mut self) {
        self.over = true;
    }

    pub fn is_over(&self) -> bool {
        self.over
    }
}
