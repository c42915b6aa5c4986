//! A browser's statistics, sampled ten times a second.

use std::fmt;

use serde::Deserialize;

/// Seconds over which a frame rate is measured; over less, the load of the machine dominates.
const RATE_OVER: f64 = 1.0;
/// Samples of Opus a second, as browsers play it (RFC 7587 4.1).
const SAMPLE_RATE: f64 = 48_000.0;
/// The share of frames that counts as all of them on a busy machine.
const ALL: f64 = 0.9;

/// Totals from the start up to one time, over all connections.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Sample {
    /// Seconds, on a clock of the page.
    pub(crate) at: f64,
    /// Connections so far; more than one means that the page reconnected.
    pub(crate) connections: u32,
    /// Seconds.
    pub(crate) rtt: Option<f64>,
    /// The page's player state.
    pub(crate) state: String,
    /// Decoded frames.
    pub(crate) frames: f64,
    /// Chromium's `freezeCount`: two frames were apart by more than three times the average, and by 150 ms more than it.
    pub(crate) freezes: u32,
    /// Seconds in freezes.
    pub(crate) frozen: f64,
    pub(crate) nacks: i64,
    pub(crate) plis: i64,
    /// Video packets that never arrived.
    pub(crate) lost: i64,
    /// Video packets that were retransmitted.
    pub(crate) repaired: i64,
    /// Audio samples that were played.
    pub(crate) played: f64,
    /// Audio samples among them that the browser made up in place of missing ones.
    pub(crate) concealed: f64,
    /// Bytes of RTP payload.
    pub(crate) bytes: f64,
}

/// The samples of one viewer, oldest first.
#[derive(Debug)]
pub(crate) struct Samples(Vec<Sample>);

/// The difference between two times.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) seconds: f64,
    /// Frames a second.
    pub(crate) rate: f64,
    pub(crate) freezes: u32,
    /// Seconds.
    pub(crate) frozen: f64,
    /// The longest time without a new frame, in seconds.
    pub(crate) gap: f64,
    pub(crate) nacks: i64,
    pub(crate) plis: i64,
    pub(crate) lost: i64,
    pub(crate) repaired: i64,
    /// Seconds of audio that were played, concealed ones included.
    pub(crate) audio: f64,
    /// The share of concealed audio, of 1.0.
    pub(crate) concealed: f64,
    /// RTP payload in bits a second.
    pub(crate) bits: f64,
    /// The longest round trip, in seconds.
    pub(crate) rtt: f64,
    /// New connections.
    pub(crate) reconnects: u32,
    /// The page's player states, in order.
    pub(crate) states: String,
}

impl Samples {
    pub(crate) fn new(samples: Vec<Sample>) -> Self {
        Self(samples)
    }

    /// What changed between two times.
    pub(crate) fn span(&self, from: f64, to: f64) -> Span {
        let (first, last) = (self.sample(from), self.sample(to));
        let seconds = to - from;
        let within = || self.0.iter().filter(|one| one.at > from && one.at <= to);
        let (mut gap, mut since, mut frames) = (0.0_f64, from, first.frames);
        let mut states: Vec<&str> = vec![&first.state];
        for sample in within() {
            if sample.frames > frames {
                gap = gap.max(sample.at - since);
                (since, frames) = (sample.at, sample.frames);
            }
            if states.last() != Some(&sample.state.as_str()) {
                states.push(&sample.state);
            }
        }
        Span {
            seconds,
            rate: (self.frames(to) - self.frames(from)) / seconds,
            freezes: last.freezes - first.freezes,
            frozen: last.frozen - first.frozen,
            gap: gap.max(to - since),
            nacks: last.nacks - first.nacks,
            plis: last.plis - first.plis,
            lost: last.lost - first.lost,
            repaired: last.repaired - first.repaired,
            audio: (last.played - first.played) / SAMPLE_RATE,
            concealed: (last.concealed - first.concealed) / (last.played - first.played).max(1.0),
            bits: (last.bytes - first.bytes) * 8.0 / seconds,
            rtt: within().filter_map(|one| one.rtt).fold(0.0, f64::max),
            reconnects: last.connections - first.connections,
            states: states.join(" "),
        }
    }

    /// Seconds from `after` until frames arrive at the video's rate for a second.
    pub(crate) fn recovery(&self, after: f64, frame_rate: f64) -> Option<f64> {
        let end = self.0.last()?.at - RATE_OVER;
        let mut from = after;
        while from <= end {
            let came = self.frames(from + RATE_OVER) - self.frames(from);
            if came >= ALL * frame_rate * RATE_OVER && self.is_steady(from) {
                return Some(from - after);
            }
            from += 0.05;
        }
        None
    }

    /// Frames arrive in every quarter of the second: a burst at its end would give the same rate.
    fn is_steady(&self, from: f64) -> bool {
        let parts = (0..4).map(|part| from + RATE_OVER * f64::from(part) / 4.0);
        parts
            .into_iter()
            .all(|part| self.frames(part + RATE_OVER / 4.0) > self.frames(part))
    }

    /// The newest sample at a time.
    fn sample(&self, at: f64) -> &Sample {
        let next = self.0.partition_point(|sample| sample.at <= at);
        &self.0[next.saturating_sub(1)]
    }

    /// Frames up to a time, interpolated between samples.
    fn frames(&self, at: f64) -> f64 {
        let next = self.0.partition_point(|sample| sample.at <= at);
        let before = &self.0[next.saturating_sub(1)];
        let Some(after) = self.0.get(next) else {
            return before.frames;
        };
        let share = (at - before.at) / (after.at - before.at).max(f64::EPSILON);
        before.frames + (after.frames - before.frames) * share.clamp(0.0, 1.0)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:4.1} s: {:4.1} frames/s, {} freezes of {:.2} s, longest gap {:.2} s, {} NACK, {} PLI, {} lost, {} repaired, \
             {:.1} s of audio, {:.1} % of it concealed, {:.0} kbit/s, round trip {:.0} ms, {} reconnects, {}",
            self.seconds,
            self.rate,
            self.freezes,
            self.frozen,
            self.gap,
            self.nacks,
            self.plis,
            self.lost,
            self.repaired,
            self.audio,
            self.concealed * 100.0,
            self.bits / 1000.0,
            self.rtt * 1000.0,
            self.reconnects,
            self.states
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten samples a second. `shown`: whether all frames of the tenth of a second that starts then are presented.
    fn samples(seconds: f64, shown: impl Fn(f64) -> bool) -> Samples {
        let mut frames = 0.0;
        let mut samples = Vec::new();
        for tenth in 0..=(seconds * 10.0) as u32 {
            let at = f64::from(tenth) / 10.0;
            let sample = serde_json::json!({
                "at": at, "connections": 1, "rtt": null, "state": "playing", "frames": frames, "freezes": 0, "frozen": 0.0,
                "nacks": 0, "plis": 0, "lost": 0, "repaired": 0, "played": 0.0, "concealed": 0.0, "bytes": 0.0,
            });
            samples.push(serde_json::from_value(sample).unwrap());
            if shown(at) {
                frames += 2.5;
            }
        }
        Samples::new(samples)
    }

    #[test]
    fn a_recovery_begins_with_the_first_whole_second_of_frames() {
        // A burst at 5.0 s, and all of them from 6.5 s on.
        let samples = samples(10.0, |at| at < 3.0 || (5.0..5.3).contains(&at) || at >= 6.5);
        let recovery = samples.recovery(4.0, 25.0).unwrap();
        assert!((2.3..=2.5).contains(&recovery), "{recovery}");
        assert_eq!(samples.recovery(0.0, 25.0), Some(0.0));
    }

    #[test]
    fn without_a_whole_second_of_frames_there_is_no_recovery() {
        assert_eq!(samples(10.0, |at| at < 3.0).recovery(4.0, 25.0), None);
        assert_eq!(samples(4.5, |at| at >= 4.0).recovery(3.0, 25.0), None);
    }

    #[test]
    fn a_gap_lasts_to_the_end_when_nothing_comes_any_more() {
        let span = samples(10.0, |at| at < 3.0).span(2.0, 9.0);
        assert!((5.9..=6.1).contains(&span.gap), "{span}");
    }
}
