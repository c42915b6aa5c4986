//! SRTCP from the viewer: losses, keyframe requests, congestion feedback.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{CUT_WITH_TWCC, FeedbackOutcome, MAX_RETRANSMISSIONS, SILENT, UNKNOWN_RTT, Viewer};
use crate::rtp_clock::ntp;
use crate::tally::ShardTally;
use congestion::rtcp::{self, Item};
use net::routes::Remote;

impl Viewer {
    /// Handles one SRTCP datagram.
    pub(crate) fn on_srtcp(
        &mut self,
        now: Instant,
        from: Remote,
        datagram: &[u8],
        shard: &mut ShardTally,
    ) -> FeedbackOutcome {
        let Some(compound) = self.authenticate(now, datagram) else {
            shard.counters.feedback_dropped.add_alone(1);
            return FeedbackOutcome::Rejected;
        };
        shard.counters.feedback.add_alone(1);
        let silence = self.silence(now);
        // ICE decides where packets go. Until it has, the viewer gets none of them.
        self.moving |= from != self.path.remote() && silence > SILENT;
        if silence > self.cut_after {
            self.recover_from_cut();
        }
        self.unanswered_since = None;
        let waiting = self.retransmissions.len();
        rtcp::read(&compound, |item| match item {
            Item::Nack { media, lost } => self.on_nack(now, media, lost),
            Item::Pli { media } | Item::Fir { media, .. } => {
                self.on_keyframe_request(now, media);
                self.tally.plis += 1;
            }
            Item::Remb { bitrate_bps } => self.estimator.on_remb(now, bitrate_bps),
            Item::Report(block) => self.on_report_block(now, &block),
            Item::Twcc(feedback) => {
                let Some(history) = &mut self.history else {
                    return;
                };
                self.cut_after = CUT_WITH_TWCC;
                let loss = &mut self.loss;
                let results = history.match_feedback(now, &feedback).inspect(|result| {
                    if result.arrived_us.is_none() {
                        *loss = Some(now);
                    }
                });
                self.estimator.on_feedback(now, results);
            }
        });
        self.settle(shard);
        if let Some(estimate) = self.estimator.bitrate_bps(now) {
            self.counters.set_estimate_bps(estimate);
        }
        if self.keyframes.needed || self.retransmissions.len() > waiting {
            FeedbackOutcome::Urgent
        } else {
            FeedbackOutcome::Accepted
        }
    }

    /// The compound packet in a datagram. Datagrams that are probably not the viewer's use up a smaller limit, so that they do not displace its own.
    fn authenticate(&mut self, now: Instant, datagram: &[u8]) -> Option<Bytes> {
        let allowed = match self.srtcp.is_expected(datagram) {
            true => self.feedback_meter.try_acquire(now),
            false => self.unexpected_meter.try_acquire(now),
        };
        allowed.then(|| self.srtcp.unprotect(datagram))?
    }

    fn on_nack(&mut self, now: Instant, media: u32, lost: impl Iterator<Item = u16>) {
        let Some(index) = self.tracks.iter().position(|track| track.ssrc() == media) else {
            return;
        };
        let rtt = self.estimator.rtt().unwrap_or(UNKNOWN_RTT);
        let track = &mut self.tracks[index];
        let mut requested = 0;
        // A genuine NACK does not name more packets than that.
        for sequence in lost.take(MAX_RETRANSMISSIONS) {
            requested += 1;
            if let Some(history) = track.rtx_history()
                && self.retransmissions.len() < MAX_RETRANSMISSIONS
                && history.may_retransmit(sequence, now, rtt)
            {
                self.retransmissions.push_back((index, sequence));
            }
        }
        if requested > 0 {
            self.loss = Some(now);
        }
        self.tally.nacks += requested;
    }

    /// The round trip is the time since our sender report that the block names, less the viewer's delay between that report and this block (RFC 3550 6.4.1).
    fn on_report_block(&mut self, now: Instant, block: &rtcp::ReportBlock) {
        let arrived = (ntp(self.reports.wall_clock.at(now)) >> 16) as u32;
        let rtt = arrived
            .wrapping_sub(block.last_report)
            .wrapping_sub(block.delay);
        // Negative, and so huge here, when the viewer's clock runs a little fast.
        let rtt = (block.last_report != 0 && rtt < MAX_RTT)
            .then(|| Duration::from_secs_f64(f64::from(rtt) / 65536.0));
        if block.fraction_lost > 0 {
            self.loss = Some(now);
        }
        let reported = self
            .tracks
            .iter()
            .find(|track| track.ssrc() == block.source);
        if reported.is_some_and(|track| track.codec().is_video()) || self.tracks.len() == 1 {
            self.estimator.on_report(now, block.fraction_lost, rtt);
        }
        if let Some(rtt) = self.estimator.rtt() {
            self.counters.set_rtt(rtt);
        }
    }
}

/// In units of 1/65536 s.
const MAX_RTT: u32 = 10 << 16;
