//! What a viewer tells: losses, lost keyframes, the state of its network.

use std::time::{Duration, Instant, SystemTime};

use super::{Heard, MAX_REPAIRS, SHORT_SILENCE, SILENT, Viewer};
use crate::counters::ShardCounters;
use crate::outlet::ntp;
use congestion::rtcp::{self, Item};
use net::routes::Remote;

impl Viewer {
    /// Takes one SRTCP datagram.
    pub(crate) fn feedback(
        &mut self,
        now: Instant,
        from: Remote,
        datagram: &[u8],
        shard: &ShardCounters,
    ) -> Heard {
        let Some(compound) = self.opener.open(datagram) else {
            // Not from the viewer, or a copy.
            return Heard::Nothing;
        };
        shard.feedback.add(1);
        let moved = from != self.path.remote;
        if moved {
            self.route.adopt(from);
        }
        let silence = now.saturating_duration_since(self.heard);
        if silence > self.cut_off || moved && silence > SILENT {
            self.begin_anew();
        }
        self.heard = now;
        let waiting = self.repairs.len();
        rtcp::read(&compound, |item| match item {
            Item::Nack { media, lost } => self.lost(now, media, lost, shard),
            Item::Pli { .. } | Item::Fir { .. } => {
                self.keyframe_needed = true;
                self.count(shard, |counters| counters.plis.add(1));
            }
            Item::Remb { bitrate } => self.estimate.on_remb(now, bitrate),
            Item::Report(report) => self.reported(now, &report),
            Item::Transport(feedback) => {
                self.cut_off = SHORT_SILENCE;
                let reports = self.history.feedback(now, &feedback);
                self.estimate.on_feedback(now, reports);
            }
        });
        if let Some(estimate) = self.estimate.bitrate(now) {
            self.counters.set_estimate(estimate);
        }
        if self.keyframe_needed || self.repairs.len() > waiting {
            Heard::Urgent
        } else {
            Heard::Feedback
        }
    }

    fn lost(
        &mut self,
        now: Instant,
        media: u32,
        lost: impl Iterator<Item = u16>,
        shard: &ShardCounters,
    ) {
        let Some(index) = self.tracks.iter().position(|track| track.ssrc() == media) else {
            return;
        };
        let rtt = self.estimate.rtt().unwrap_or(UNKNOWN_RTT);
        let track = &mut self.tracks[index];
        let mut asked = 0;
        // Nobody can miss more than is kept; who says so is not believed.
        for sequence in lost.take(MAX_REPAIRS) {
            asked += 1;
            if let Some(sent) = track.sent()
                && self.repairs.len() < MAX_REPAIRS
                && sent.may_repeat(sequence, now, rtt)
            {
                self.repairs.push_back((index, sequence));
            }
        }
        self.count(shard, |counters| counters.nacks.add(asked));
    }

    /// The round trip is the time since our report that it had last, less the time that it held it (RFC 3550 6.4.1).
    fn reported(&mut self, now: Instant, report: &rtcp::Report) {
        let arrived = (ntp(SystemTime::now()) >> 16) as u32;
        let away = arrived
            .wrapping_sub(report.last_report)
            .wrapping_sub(report.delay);
        // A viewer whose clock is a little fast makes it negative.
        let rtt = (report.last_report != 0 && away < LONGEST_RTT)
            .then(|| Duration::from_secs_f64(f64::from(away) / 65536.0));
        let picture = self
            .tracks
            .iter()
            .find(|track| track.ssrc() == report.source);
        if picture.is_some_and(|track| track.codec().is_video()) || self.tracks.len() == 1 {
            self.estimate.on_report(now, report.fraction_lost, rtt);
        }
        if let Some(rtt) = self.estimate.rtt() {
            self.counters.set_rtt(rtt);
        }
    }
}

/// Until the first report has come back.
const UNKNOWN_RTT: Duration = Duration::from_millis(100);
/// In 1/65536 s; more is no round trip but nonsense.
const LONGEST_RTT: u32 = 10 << 16;
