//! The figures of the statistics panel, from the browser's counters (W3C "Identifiers for WebRTC's Statistics API").
//!
//! A [`StatsSample`] holds the counters at one moment, mostly totals since the start. [`Figures`] are the rates between two
//! samples. A [`PlotHistory`] keeps the last minute of one figure.

use std::collections::VecDeque;

use super::decimal::decimal;

/// Points of a plot, one per second.
pub const PLOT_POINTS: usize = 60;

/// `inbound-rtp` of one track. Totals since the start; times in seconds. A counter that the browser does not report is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InboundStats {
    pub bytes: Option<f64>,
    pub packets: Option<f64>,
    pub lost: Option<f64>,
    /// Interarrival jitter (RFC 3550 6.4.1).
    pub jitter: Option<f64>,
    pub frames_decoded: Option<f64>,
    pub freezes: Option<f64>,
    pub jitter_buffer_delay: Option<f64>,
    pub jitter_buffer_emitted: Option<f64>,
    /// Total decode time of all frames.
    pub decode_time: Option<f64>,
    pub retransmitted: Option<f64>,
    pub width: Option<f64>,
    pub height: Option<f64>,
    /// For example `H264 42e01f` or `opus`.
    pub codec: Option<String>,
}

/// The selected `candidate-pair`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PairStats {
    /// Seconds.
    pub round_trip: Option<f64>,
    /// `host`, `srflx`, `prflx`, `relay`.
    pub local_kind: Option<String>,
    pub remote_kind: Option<String>,
    /// `udp` or `tcp`.
    pub protocol: Option<String>,
    /// Address and port of the server's side.
    pub remote: Option<String>,
}

/// One report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatsSample {
    /// Milliseconds of a monotonic clock.
    pub at: f64,
    pub video: Option<InboundStats>,
    pub audio: Option<InboundStats>,
    pub pair: Option<PairStats>,
    /// Frames of the second picture that were decoded.
    pub inset_frames: Option<f64>,
    /// Bytes received on all paths: the server may send on another than the selected one.
    pub bytes: Option<f64>,
}

/// Figures between two samples; totals since the start where the name says so.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    pub bitrate_bps: Option<f64>,
    pub fps: Option<f64>,
    pub round_trip_ms: Option<f64>,
    pub jitter_ms: Option<f64>,
    pub loss_percent: Option<f64>,
    pub freezes_total: Option<f64>,
    pub freezes: Option<f64>,
    pub jitter_buffer_ms: Option<f64>,
    /// The age of the frame on the screen: half a round trip, the jitter buffer and the decoding.
    pub latency_ms: Option<f64>,
    pub retransmitted_total: Option<f64>,
    pub lost_total: Option<f64>,
    pub size: Option<(u32, u32)>,
    pub video_codec: Option<String>,
    pub audio_codec: Option<String>,
    pub pair: Option<PairStats>,
    /// Bytes of any kind that arrived between the two samples.
    pub arrived: Option<f64>,
}

impl Figures {
    pub fn between(before: &StatsSample, after: &StatsSample) -> Self {
        let seconds = (after.at - before.at) / 1_000.0;
        let grown = |read: fn(&InboundStats) -> Option<f64>| -> Option<f64> {
            sum(
                delta(
                    before.video.as_ref().and_then(read),
                    after.video.as_ref().and_then(read),
                ),
                delta(
                    before.audio.as_ref().and_then(read),
                    after.audio.as_ref().and_then(read),
                ),
            )
        };
        let total = |read: fn(&InboundStats) -> Option<f64>| -> Option<f64> {
            sum(
                after.video.as_ref().and_then(read),
                after.audio.as_ref().and_then(read),
            )
        };
        let rate =
            |grown: Option<f64>| grown.filter(|_| seconds > 0.0).map(|value| value / seconds);
        // A stream without video is measured by its audio.
        let (old, new) = match (&before.video, &after.video) {
            (_, None) => (before.audio.as_ref(), after.audio.as_ref()),
            (old, Some(new)) => (old.as_ref(), Some(new)),
        };
        let mean = |total: fn(&InboundStats) -> Option<f64>,
                    count: fn(&InboundStats) -> Option<f64>|
         -> Option<f64> {
            let total = delta(old.and_then(total), new.and_then(total))?;
            let count = delta(old.and_then(count), new.and_then(count))?;
            (count > 0.0).then(|| total / count * 1_000.0)
        };
        let lost = grown(|track| track.lost);
        let packets = grown(|track| track.packets);
        let round_trip_ms = after
            .pair
            .as_ref()
            .and_then(|pair| pair.round_trip)
            .map(|rtt| rtt * 1_000.0);
        let jitter_buffer_ms = mean(
            |track| track.jitter_buffer_delay,
            |track| track.jitter_buffer_emitted,
        );
        let decoding = mean(|track| track.decode_time, |track| track.frames_decoded);
        let video = after.video.as_ref();
        Self {
            bitrate_bps: rate(grown(|track| track.bytes)).map(|bytes| bytes * 8.0),
            fps: rate(video.and(delta(
                before.video.as_ref().and_then(|track| track.frames_decoded),
                video.and_then(|track| track.frames_decoded),
            ))),
            round_trip_ms,
            jitter_ms: new
                .and_then(|track| track.jitter)
                .map(|jitter| jitter * 1_000.0),
            loss_percent: lost.zip(packets).and_then(|(lost, packets)| {
                let sent = lost + packets;
                (sent > 0.0).then(|| lost / sent * 100.0)
            }),
            freezes_total: video.and_then(|track| track.freezes),
            freezes: video.and(delta(
                before.video.as_ref().and_then(|track| track.freezes),
                video.and_then(|track| track.freezes),
            )),
            jitter_buffer_ms,
            latency_ms: jitter_buffer_ms.map(|buffer| {
                round_trip_ms.unwrap_or(0.0) / 2.0 + buffer + decoding.unwrap_or(0.0)
            }),
            retransmitted_total: total(|track| track.retransmitted),
            lost_total: total(|track| track.lost),
            size: video.and_then(|track| {
                let (width, height) = track.width.zip(track.height)?;
                // The cast saturates.
                (width > 0.0).then_some((width as u32, height as u32))
            }),
            video_codec: video.and_then(|track| track.codec.clone()),
            audio_codec: after.audio.as_ref().and_then(|track| track.codec.clone()),
            pair: after.pair.clone(),
            arrived: delta(before.bytes, after.bytes),
        }
    }
}

/// The increase of a total. `None` when it shrank: it belongs to a new session.
fn delta(before: Option<f64>, after: Option<f64>) -> Option<f64> {
    let grown = after? - before?;
    (grown >= 0.0).then_some(grown)
}

fn sum(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (None, None) => None,
        (one, other) => Some(one.unwrap_or(0.0) + other.unwrap_or(0.0)),
    }
}

/// The last minute of one figure, oldest first. A second without a figure is a gap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlotHistory(VecDeque<Option<f64>>);

impl PlotHistory {
    pub fn push(&mut self, value: Option<f64>) {
        if self.0.len() == PLOT_POINTS {
            self.0.pop_front();
        }
        self.0.push_back(value.filter(|value| value.is_finite()));
    }

    /// The lowest and the highest value.
    pub fn range(&self) -> Option<(f64, f64)> {
        self.0
            .iter()
            .flatten()
            .fold(None, |range, &value| match range {
                None => Some((value, value)),
                Some((low, high)) => Some((low.min(value), high.max(value))),
            })
    }

    /// An SVG path in a box of `width` by `height`, the newest point at the right edge. The scale is from zero to the highest
    /// value, at least to `least`, so that noise around a constant stays small.
    pub fn path(&self, width: f64, height: f64, least: f64) -> String {
        let top = self
            .range()
            .map_or(least, |(_, high)| high.max(least))
            .max(f64::MIN_POSITIVE);
        let step = width / (PLOT_POINTS - 1) as f64;
        let mut path = String::new();
        let mut pen_down = false;
        for (index, value) in self.0.iter().enumerate() {
            let Some(value) = value else {
                pen_down = false;
                continue;
            };
            let x = width - step * (self.0.len() - 1 - index) as f64;
            let y = 1.0 + (height - 2.0) * (1.0 - value.max(0.0) / top);
            path.push(if pen_down { 'L' } else { 'M' });
            path.push_str(&format!("{} {}", decimal(x, 1), decimal(y, 1)));
            pen_down = true;
        }
        path
    }
}

/// The plotted figures, in the order of the panel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plots {
    pub bitrate: PlotHistory,
    pub fps: PlotHistory,
    pub round_trip: PlotHistory,
    pub jitter: PlotHistory,
    pub loss: PlotHistory,
    pub freezes: PlotHistory,
}

impl Plots {
    pub fn push(&mut self, figures: &Figures) {
        self.bitrate.push(figures.bitrate_bps);
        self.fps.push(figures.fps);
        self.round_trip.push(figures.round_trip_ms);
        self.jitter.push(figures.jitter_ms);
        self.loss.push(figures.loss_percent);
        self.freezes.push(figures.freezes);
    }
}

#[cfg(test)]
mod tests;
