//! One viewer of a shard: playhead, tracks, pacing, bandwidth estimation and SRTP.
//!
//! | module | noun |
//! |---|---|
//! | `sending` | due frames and retransmissions, encrypted into batches |
//! | `keyframes` | keyframes for a decoder that needs one |
//! | `renditions` | which tracks are sent: commands, simulcast layers, other codecs |
//! | `reports` | sender reports |
//! | `feedback` | SRTCP from the viewer: losses, keyframe requests, congestion feedback |

mod feedback;
mod keyframes;
mod renditions;
mod reports;
mod sending;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::keyframes::KeyframeRequests;
use self::reports::SenderReports;
use self::sending::Full;
use super::counters::ViewerCounters;
use super::end_reason::{EndReason, EndReport};
use super::tally::{ShardTally, Tally};
use super::track::{TrackParams, TrackSender, have_distinct_ssrcs};
use congestion::estimator::BandwidthEstimator;
use congestion::pacer::Pacer;
use congestion::rtx_budget::RtxBudget;
use congestion::twcc_history::TwccHistory;
use limits::RateLimit;
use net::batch::{Batch, FlushOutcome};
use net::routes::RouteId;
use net::{Path, Route};
use srtp::{SrtcpReceiver, SrtcpSender, SrtpSender};
use stream::Subscription;
use stream::shard_waker::ShardWaker;
use timeline::chunk::UnitRef;
use timeline::index::{Index, Pace};
use timeline::place::Wait;
use timeline::playhead::{DueUnit, Playhead};

/// The parameters of [`Shard::add_viewer`](crate::shard::Shard::add_viewer).
#[derive(Debug)]
pub struct ViewerParams {
    pub subscription: Subscription,
    pub route: Arc<Route>,
    /// In the order of the subscription's. Every SSRC differs.
    pub tracks: Vec<TrackParams>,
    pub srtp: SrtpSender,
    /// Nothing else encrypts RTCP with its key.
    pub srtcp_sender: SrtcpSender,
    pub srtcp: SrtcpReceiver,
    /// Names the source of all tracks in sender reports (RFC 3550 6.5.1): the `cname` of the answer. At most 255 bytes.
    pub cname: String,
    pub counters: Arc<ViewerCounters>,
    pub ended: EndReport,
}

/// When a viewer is polled again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextPoll {
    At(Instant),
    /// When the viewer's log has grown.
    OnAppend,
    /// When the socket's buffer has room and the batch has been sent.
    OnWritable,
    Never(EndReason),
}

/// The effect of a datagram on a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FeedbackOutcome {
    /// Not from this viewer, or a replay.
    Rejected,
    Accepted,
    /// The viewer needs packets: poll it now.
    Urgent,
}

/// A video frame that has been sent in part.
#[derive(Debug)]
struct CurrentFrame {
    unit: UnitRef,
    slot: usize,
    /// Its RTP timestamp.
    timestamp: u32,
    packets_sent: usize,
}

#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) subscription: Subscription,
    route: Arc<Route>,
    path: Path,
    path_version: u64,
    /// Packets of one size that may leave in one system call on this path.
    segments: usize,
    waker: Arc<ShardWaker>,
    playhead: Playhead,
    /// By the playhead's slots.
    tracks: Vec<TrackSender>,
    srtp: SrtpSender,
    srtcp: SrtcpReceiver,
    /// `None`: transport-wide sequence numbers were not negotiated.
    history: Option<TwccHistory>,
    estimator: BandwidthEstimator,
    pacer: Pacer,
    current_frame: Option<CurrentFrame>,
    /// An audio frame that found the socket's buffer full.
    blocked_audio: Option<DueUnit>,
    /// Packets to retransmit: slot of the track, sequence number.
    retransmissions: VecDeque<(usize, u16)>,
    rtx_budget: RtxBudget,
    /// What was done in this poll.
    tally: Tally,
    /// Bytes encrypted in this poll.
    encrypted: usize,
    reports: SenderReports,
    keyframes: KeyframeRequests,
    /// When the viewer last reported a loss.
    loss: Option<Instant>,
    /// When the first packet was sent after the last feedback. A viewer that is sent nothing has nothing to report.
    unanswered_since: Option<Instant>,
    /// After this long without feedback the path counts as cut.
    cut_after: Duration,
    /// Feedback came from another address after a silence: the viewer missed what was sent, and its path changes soon.
    moving: bool,
    feedback_meter: RateLimit<FEEDBACK_PER_SECOND>,
    /// For datagrams that [`SrtcpReceiver::is_expected`] does not expect.
    unexpected_meter: RateLimit<UNEXPECTED_PER_SECOND>,
    counters: Arc<ViewerCounters>,
}

/// The shard's batch and counters, lent to a viewer for one poll.
pub(super) struct SendContext<'a> {
    pub(super) batch: &'a mut Batch,
    pub(super) tally: &'a mut ShardTally,
}

impl SendContext<'_> {
    /// Counts a frame that is sent now and could have been sent at `ready`.
    fn count_lateness(&self, now: Instant, ready: Instant) {
        let lateness = &self.tally.counters.lateness;
        lateness.add(now.saturating_duration_since(ready));
    }
}

/// A viewer that joins a live stream is sent up to 10 s of it within a second, and what is appended meanwhile.
const CATCH_UP_FACTOR: u64 = 12;
/// A viewer without feedback for this long is silent: browsers send feedback several times a second.
const SILENT: Duration = Duration::from_millis(250);
/// A viewer that sends transport-wide feedback is silent for this long only when the path is cut.
const CUT_WITH_TWCC: Duration = Duration::from_secs(1);
/// The same for viewers without transport-wide feedback, which send a report every few seconds.
const CUT_WITHOUT_TWCC: Duration = Duration::from_secs(6);
/// The round trip until it has been measured.
const UNKNOWN_RTT: Duration = Duration::from_millis(100);
/// Browsers send transport-wide feedback 20 times a second, and other RTCP less often.
const FEEDBACK_PER_SECOND: u32 = 200;
/// A viewer's RTCP is unexpected at its beginning, and after a minute in which all of it was lost.
const UNEXPECTED_PER_SECOND: u32 = 10;
/// Retransmissions that may wait; the viewer asks again for those beyond.
const MAX_RETRANSMISSIONS: usize = 512;

impl Viewer {
    /// With the report of its end. `None`: ICE has not selected a path yet, or a track has no format.
    pub(super) fn new(
        params: ViewerParams,
        waker: Arc<ShardWaker>,
        now: Instant,
    ) -> Option<(Self, EndReport)> {
        let ViewerParams {
            subscription,
            route,
            tracks,
            srtp,
            srtcp_sender,
            srtcp,
            cname,
            counters,
            ended,
        } = params;
        // Two streams of one SSRC would use a nonce twice; SrtpSender refuses the second.
        debug_assert!(have_distinct_ssrcs(&tracks), "{tracks:?}");
        let path_version = route.path_version();
        let path = route.path()?;
        let mut pacer = Pacer::new(now);
        if subscription.log().pace() == Pace::Edge {
            let bitrates = subscription.stream().bitrates(subscription.tracks());
            let bitrate: u64 = bitrates.iter().map(|bitrate| bitrate.rate()).sum();
            pacer.raise_initial_rate(CATCH_UP_FACTOR * bitrate);
        }
        let has_twcc = tracks.iter().any(|track| track.twcc_id.is_some());
        let codecs: Vec<_> = subscription.codecs().collect();
        let senders = tracks.into_iter().zip(codecs);
        let senders = senders.map(|(track, codec)| TrackSender::new(track, codec, now));
        let tracks: Vec<_> = senders.collect::<Option<_>>()?;
        let viewer = Self {
            playhead: Playhead::new(subscription.slots(), now),
            subscription,
            segments: path.segments(),
            path,
            path_version,
            waker,
            route,
            srtp,
            srtcp,
            history: has_twcc.then(|| TwccHistory::new(now)),
            estimator: BandwidthEstimator::new(now),
            pacer,
            current_frame: None,
            blocked_audio: None,
            retransmissions: VecDeque::new(),
            rtx_budget: RtxBudget::new(),
            tally: Tally::default(),
            encrypted: 0,
            reports: SenderReports::new(srtcp_sender, cname, now),
            keyframes: KeyframeRequests::new(tracks.len()),
            tracks,
            loss: None,
            unanswered_since: Some(now),
            cut_after: CUT_WITHOUT_TWCC,
            moving: false,
            feedback_meter: RateLimit::new(now),
            unexpected_meter: RateLimit::new(now),
            counters,
        };
        Some((viewer, ended))
    }

    pub(super) fn route_id(&self) -> RouteId {
        self.route.id()
    }

    /// How long packets have gone unanswered.
    fn silence(&self, now: Instant) -> Duration {
        self.unanswered_since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// What it waits for after [`NextPoll::OnAppend`].
    pub(super) fn waits(&self) -> impl Iterator<Item = Wait> {
        self.playhead.waits()
    }

    /// Where the viewer's packets go.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Sends due packets: fills the batch of `context`, and flushes it.
    pub(super) fn poll(&mut self, now: Instant, context: &mut SendContext<'_>) -> NextPoll {
        self.follow_path(now);
        self.follow_offering(now);
        self.keyframes.due.take_if(|due| *due <= now);
        self.pacer.set_rate(now, self.estimator.bitrate_bps(now));
        let next = self.send(now, context);
        let encrypted = std::mem::take(&mut self.encrypted);
        if encrypted > 0 {
            self.unanswered_since.get_or_insert(now);
            self.estimator.on_packets_sent(now, encrypted);
        }
        self.settle(context.tally);
        match next {
            Ok(NextPoll::At(at)) => NextPoll::At(at.min(self.next_timeout())),
            Ok(other) => other,
            Err(Full) => NextPoll::OnWritable,
        }
    }

    fn send(&mut self, now: Instant, context: &mut SendContext<'_>) -> Result<NextPoll, Full> {
        let next = self.fill(now, context)?;
        self.report(now, context)?;
        match self.flush(context) {
            FlushOutcome::Full => Err(Full),
            _ => Ok(next),
        }
    }

    /// The viewer is polled by then, even when no frame is due and nothing is appended.
    pub(super) fn next_timeout(&self) -> Instant {
        let report = self.next_report();
        self.keyframes.due.map_or(report, |due| due.min(report))
    }

    /// Takes over the path that ICE has selected.
    fn follow_path(&mut self, now: Instant) {
        let version = self.route.path_version();
        if version == self.path_version {
            return;
        }
        self.path_version = version;
        let Some(path) = self.route.path() else {
            return;
        };
        let before = std::mem::replace(&mut self.path, path);
        self.segments = self.path.segments();
        // ICE may select the same path again.
        let moved = before.remote() != self.path.remote();
        if moved && (std::mem::take(&mut self.moving) || self.silence(now) > SILENT) {
            self.recover_from_cut();
        }
    }

    /// Lets go of sent units that nobody asks for any more.
    fn expire_sent(&mut self, now: Instant) {
        let rtt = self.estimator.rtt().unwrap_or(UNKNOWN_RTT);
        for history in self.tracks.iter_mut().filter_map(TrackSender::rtx_history) {
            history.expire(now, rtt);
        }
    }

    /// Adds what was done to the counters of the viewer, and to those of its shard and of its stream at the end of the shard's poll.
    pub(super) fn settle(&mut self, shard: &mut ShardTally) {
        let tally = std::mem::take(&mut self.tally);
        if tally != Tally::default() {
            tally.add_to_own(&self.counters.sent);
            shard.add(self.subscription.stream().counters(), &tally);
        }
    }
}

#[cfg(test)]
mod tests;
