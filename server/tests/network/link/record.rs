//! What a browser has counted while it watched, ten times a second.

use std::fmt;

use serde::Deserialize;

/// A rate is measured over so many seconds: over less, a busy machine shows rather than the line.
const RATE_OVER: f64 = 1.0;
/// Samples of Opus a second, as browsers play it (RFC 7587 4.1).
const SAMPLE_RATE: f64 = 48_000.0;
/// This share of the film's pictures is all of them, on a machine that is busy.
const ALL: f64 = 0.9;

/// What was counted from the beginning up to a moment, over all connections.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Sample {
    /// Seconds, on a clock of the page.
    pub(crate) at: f64,
    /// How many there were; the second is a start from anew.
    pub(crate) connections: u32,
    /// Seconds.
    pub(crate) rtt: Option<f64>,
    /// What the page says of its player.
    pub(crate) state: String,
    /// Pictures that were decoded.
    pub(crate) pictures: f64,
    /// Chromium's `freezeCount`: the distance of two pictures was three times the usual one, and 150 ms more than that.
    pub(crate) freezes: u32,
    /// Seconds in freezes.
    pub(crate) frozen: f64,
    pub(crate) nacks: i64,
    pub(crate) plis: i64,
    /// Packets of pictures that never came.
    pub(crate) lost: i64,
    /// Packets of pictures that came again.
    pub(crate) repaired: i64,
    /// Samples of sound that were played.
    pub(crate) heard: f64,
    /// ...and those of them that were made up, for want of better.
    pub(crate) concealed: f64,
    /// RTP payload.
    pub(crate) bytes: f64,
}

/// The samples of one viewer, oldest first.
#[derive(Debug)]
pub(crate) struct Record(Vec<Sample>);

/// What came in some time.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) seconds: f64,
    /// Pictures a second.
    pub(crate) rate: f64,
    pub(crate) freezes: u32,
    /// Seconds.
    pub(crate) frozen: f64,
    /// The longest time without a picture, in seconds.
    pub(crate) gap: f64,
    pub(crate) nacks: i64,
    pub(crate) plis: i64,
    pub(crate) lost: i64,
    pub(crate) repaired: i64,
    /// Seconds of audio that were played, what was made up among them.
    pub(crate) audio: f64,
    /// The share of the audio that was made up, of 1.0.
    pub(crate) concealed: f64,
    /// Bits a second of RTP payload.
    pub(crate) bits: f64,
    /// The longest round trip, in seconds.
    pub(crate) rtt: f64,
    /// Connections that were begun.
    pub(crate) anew: u32,
    /// What the page said of its player, in turn.
    pub(crate) states: String,
}

impl Record {
    pub(crate) fn new(samples: Vec<Sample>) -> Self {
        Self(samples)
    }

    /// What came between two moments.
    pub(crate) fn span(&self, from: f64, to: f64) -> Span {
        let (first, last) = (self.sample(from), self.sample(to));
        let seconds = to - from;
        let within = || self.0.iter().filter(|one| one.at > from && one.at <= to);
        let (mut gap, mut since, mut pictures) = (0.0_f64, from, first.pictures);
        let mut states: Vec<&str> = vec![&first.state];
        for sample in within() {
            if sample.pictures > pictures {
                gap = gap.max(sample.at - since);
                (since, pictures) = (sample.at, sample.pictures);
            }
            if states.last() != Some(&sample.state.as_str()) {
                states.push(&sample.state);
            }
        }
        Span {
            seconds,
            rate: (self.pictures(to) - self.pictures(from)) / seconds,
            freezes: last.freezes - first.freezes,
            frozen: last.frozen - first.frozen,
            gap: gap.max(to - since),
            nacks: last.nacks - first.nacks,
            plis: last.plis - first.plis,
            lost: last.lost - first.lost,
            repaired: last.repaired - first.repaired,
            audio: (last.heard - first.heard) / SAMPLE_RATE,
            concealed: (last.concealed - first.concealed) / (last.heard - first.heard).max(1.0),
            bits: (last.bytes - first.bytes) * 8.0 / seconds,
            rtt: within().filter_map(|one| one.rtt).fold(0.0, f64::max),
            anew: last.connections - first.connections,
            states: states.join(" "),
        }
    }

    /// How long after a moment pictures came at the film's rate again, and kept to it for a second.
    pub(crate) fn recovery(&self, after: f64, film_rate: f64) -> Option<f64> {
        let end = self.0.last()?.at - RATE_OVER;
        let mut from = after;
        while from <= end {
            let came = self.pictures(from + RATE_OVER) - self.pictures(from);
            if came >= ALL * film_rate * RATE_OVER && self.is_steady(from) {
                return Some(from - after);
            }
            from += 0.05;
        }
        None
    }

    /// Pictures come in every part of the second that follows: a few at its end, fast, would also be as many.
    fn is_steady(&self, from: f64) -> bool {
        let parts = (0..4).map(|part| from + RATE_OVER * f64::from(part) / 4.0);
        parts
            .into_iter()
            .all(|part| self.pictures(part + RATE_OVER / 4.0) > self.pictures(part))
    }

    /// The newest sample at a moment.
    fn sample(&self, at: f64) -> &Sample {
        let next = self.0.partition_point(|sample| sample.at <= at);
        &self.0[next.saturating_sub(1)]
    }

    /// Pictures up to a moment, on a straight line between samples.
    fn pictures(&self, at: f64) -> f64 {
        let next = self.0.partition_point(|sample| sample.at <= at);
        let before = &self.0[next.saturating_sub(1)];
        let Some(after) = self.0.get(next) else {
            return before.pictures;
        };
        let share = (at - before.at) / (after.at - before.at).max(f64::EPSILON);
        before.pictures + (after.pictures - before.pictures) * share.clamp(0.0, 1.0)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:4.1} s: {:4.1} pictures/s, {} freezes of {:.2} s, longest gap {:.2} s, {} NACK, {} PLI, {} lost, {} repaired, \
             {:.1} s of audio, {:.1} % of it made up, {:.0} kbit/s, round trip {:.0} ms, {} new connections, {}",
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
            self.anew,
            self.states
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten samples a second; `shown` tells whether the tenth of a second that begins then has its pictures.
    fn record(seconds: f64, shown: impl Fn(f64) -> bool) -> Record {
        let mut pictures = 0.0;
        let mut samples = Vec::new();
        for tenth in 0..=(seconds * 10.0) as u32 {
            let at = f64::from(tenth) / 10.0;
            let sample = serde_json::json!({
                "at": at, "connections": 1, "rtt": null, "state": "playing", "pictures": pictures, "freezes": 0, "frozen": 0.0,
                "nacks": 0, "plis": 0, "lost": 0, "repaired": 0, "heard": 0.0, "concealed": 0.0, "bytes": 0.0,
            });
            samples.push(serde_json::from_value(sample).unwrap());
            if shown(at) {
                pictures += 2.5;
            }
        }
        Record::new(samples)
    }

    #[test]
    fn a_recovery_begins_with_the_first_whole_second_of_pictures() {
        // A burst at 5.0 s, and all of them from 6.5 s on.
        let record = record(10.0, |at| at < 3.0 || (5.0..5.3).contains(&at) || at >= 6.5);
        let recovery = record.recovery(4.0, 25.0).unwrap();
        assert!((2.3..=2.5).contains(&recovery), "{recovery}");
        assert_eq!(record.recovery(0.0, 25.0), Some(0.0));
    }

    #[test]
    fn without_a_whole_second_of_pictures_there_is_no_recovery() {
        assert_eq!(record(10.0, |at| at < 3.0).recovery(4.0, 25.0), None);
        assert_eq!(record(4.5, |at| at >= 4.0).recovery(3.0, 25.0), None);
    }

    #[test]
    fn a_gap_lasts_to_the_end_when_nothing_comes_any_more() {
        let span = record(10.0, |at| at < 3.0).span(2.0, 9.0);
        assert!((5.9..=6.1).contains(&span.gap), "{span}");
    }
}
