//! What a viewer tells: losses, lost keyframes, the state of its network.

use std::time::{Duration, Instant, SystemTime};

use super::{FeedbackOutcome, MAX_REPAIRS, SHORT_SILENCE, SILENT, Viewer};
use crate::counters::ShardCounters;
use crate::rtp_clock::ntp;
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
    ) -> FeedbackOutcome {
        let Some(compound) = self.srtcp.unprotect(datagram) else {
            // Not from the viewer, or a copy.
            return FeedbackOutcome::Nothing;
        };
        shard.feedback.add(1);
        let moved = from != self.path.remote;
        if moved {
            self.route.migrate(from);
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
            Item::Remb { bitrate } => self.estimator.on_remb(now, bitrate),
            Item::Report(block) => self.on_report_block(now, &block),
            Item::Twcc(feedback) => {
                self.cut_off = SHORT_SILENCE;
                let reports = self.history.match_feedback(now, &feedback);
                self.estimator.on_feedback(now, reports);
            }
        });
        if let Some(estimate) = self.estimator.bitrate_bps(now) {
            self.counters.set_estimate_bps(estimate);
        }
        if self.keyframe_needed || self.repairs.len() > waiting {
            FeedbackOutcome::Urgent
        } else {
            FeedbackOutcome::Feedback
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
        let rtt = self.estimator.rtt().unwrap_or(UNKNOWN_RTT);
        let track = &mut self.tracks[index];
        let mut asked = 0;
        // Nobody can miss more than is kept; who says so is not believed.
        for sequence in lost.take(MAX_REPAIRS) {
            asked += 1;
            if let Some(sent) = track.sent()
                && self.repairs.len() < MAX_REPAIRS
                && sent.may_retransmit(sequence, now, rtt)
            {
                self.repairs.push_back((index, sequence));
            }
        }
        self.count(shard, |counters| counters.nacks.add(asked));
    }

    /// The round rtt is the time since our report that it had last, less the time that it held it (RFC 3550 6.4.1).
    fn on_report_block(&mut self, now: Instant, block: &rtcp::ReportBlock) {
        let arrived = (ntp(SystemTime::now()) >> 16) as u32;
        let away = arrived
            .wrapping_sub(block.last_report)
            .wrapping_sub(block.delay);
        // A viewer whose clock is a little fast makes it negative.
        let rtt = (block.last_report != 0 && away < LONGEST_RTT)
            .then(|| Duration::from_secs_f64(f64::from(away) / 65536.0));
        let picture = self
            .tracks
            .iter()
            .find(|track| track.ssrc() == block.source);
        if picture.is_some_and(|track| track.codec().is_video()) || self.tracks.len() == 1 {
            self.estimator.on_report(now, block.fraction_lost, rtt);
        }
        if let Some(rtt) = self.estimator.rtt() {
            self.counters.set_rtt(rtt);
        }
    }
}

/// Until the first report has come back.
const UNKNOWN_RTT: Duration = Duration::from_millis(100);
/// In 1/65536 s; more is no round rtt but nonsense.
const LONGEST_RTT: u32 = 10 << 16;
