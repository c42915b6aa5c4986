//! One viewer of a shard: a playhead, and everything between it and the wire.
//!
//! | module | noun |
//! |---|---|
//! | `sending` | what is due, in its order, sealed into batches |
//! | `feedback` | what the viewer tells: losses, lost keyframes, the state of its network |

mod feedback;
mod sending;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use shared::api::Codec;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::counters::{Counters, ShardCounters, ViewerCounters};
use super::packet_sink::Disconnected;
use super::rtp_clock::SenderInfo;
use super::srtp::{SrtcpReceiver, SrtpSender};
use super::track::{TrackParams, TrackSender};
use congestion::estimator::BandwidthEstimator;
use congestion::pacer::Pacer;
use congestion::rtx_history::RtxBudget;
use congestion::twcc_history::TwccHistory;
use net::batch::{Batch, FlushOutcome};
use net::{Path, Route};
use stream::Subscription;
use stream::shared_log::ShardWaker;
use timeline::frame::Frame;
use timeline::playhead::{DueFrame, Playhead};

/// What a shard is given of a viewer.
#[derive(Debug)]
pub struct ViewerParams {
    pub subscription: Subscription,
    pub route: Arc<Route>,
    pub tracks: Vec<TrackParams>,
    pub srtp: SrtpSender,
    pub srtcp: SrtcpReceiver,
    /// Sender reports go through the peer connection, which numbers and seals RTCP. One set waits at most.
    pub reports: mpsc::Sender<Vec<SenderInfo>>,
    pub counters: Arc<ViewerCounters>,
}

/// When a viewer is to be looked at again.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    At(Instant),
    /// When something is appended to its stream.
    Appended,
    /// Its batch waits for room in the socket's buffer; then at once.
    Full,
    Over,
    Gone,
}

/// What a datagram was to a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FeedbackOutcome {
    /// Not of this viewer, or a copy.
    Nothing,
    Feedback,
    /// Something is to be sent at once.
    Urgent,
}

/// A picture on its way out.
#[derive(Debug)]
struct Picture {
    frame: Frame,
    number: u64,
    timestamp: u32,
    /// Packets that have been sent.
    done: usize,
}

#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) subscription: Subscription,
    route: Arc<Route>,
    path: Path,
    path_version: u64,
    /// Packets that may leave as one on this path.
    segments: usize,
    waker: Arc<ShardWaker>,
    playhead: Playhead,
    /// At most one of pictures and one of sound.
    tracks: Vec<TrackSender>,
    srtp: SrtpSender,
    srtcp: SrtcpReceiver,
    history: TwccHistory,
    estimator: BandwidthEstimator,
    pacer: Pacer,
    picture: Option<Picture>,
    /// Sound that found the socket's buffer full.
    sound: Option<DueFrame>,
    /// Sequence numbers that are to be sent again, and which track's.
    repairs: VecDeque<(usize, u16)>,
    rtx_budget: RtxBudget,
    /// Repairs in the batch.
    repaired: u64,
    reports: mpsc::Sender<Vec<SenderInfo>>,
    next_report: Instant,
    restarted: Option<Instant>,
    keyframe_needed: bool,
    /// When it was last heard, and after how long a silence it was cut off.
    heard: Instant,
    cut_off: Duration,
    counters: Arc<ViewerCounters>,
}

/// What a viewer sends into, for the time of one look at it.
pub(super) struct SendContext<'a> {
    pub(super) batch: &'a mut Batch,
    pub(super) counters: &'a ShardCounters,
}

impl SendContext<'_> {
    /// A frame leaves that could have left at `ready`.
    fn note_late(&self, now: Instant, ready: Instant) {
        self.counters
            .lateness
            .add(now.saturating_duration_since(ready));
    }
}

const REPORT_EVERY: Duration = Duration::from_secs(3);
/// The first report follows the first packets soon, for lips to match early.
const FIRST_REPORT: Duration = Duration::from_millis(60);
/// A viewer goes back to a keyframe this often at most.
const RESTART_EVERY: Duration = Duration::from_secs(1);
/// A keyframe of the log no older than this is as good as one that is asked for, in microseconds.
const FRESH: i64 = 1_000_000;
/// Browsers report on what they receive several times a second.
const SILENT: Duration = Duration::from_millis(250);
/// Who reports when each packet arrives is not silent for so long, unless nothing arrives...
const SHORT_SILENCE: Duration = Duration::from_secs(1);
/// ...and others report every few seconds.
const LONG_SILENCE: Duration = Duration::from_secs(6);
/// Repairs that may wait; what is asked for beyond that is asked for again.
const MAX_REPAIRS: usize = 512;

impl Viewer {
    /// `None`: it has left before it began.
    pub(super) fn new(watch: ViewerParams, waker: Arc<ShardWaker>, now: Instant) -> Option<Self> {
        let ViewerParams {
            subscription,
            route,
            tracks,
            srtp,
            srtcp,
            reports,
            counters,
        } = watch;
        let path_version = route.path_version();
        let path = route.path()?;
        Some(Self {
            playhead: Playhead::new(subscription.video(), subscription.audio(), now),
            subscription,
            segments: path.segments(route.port()),
            path,
            path_version,
            waker,
            route,
            tracks: tracks
                .iter()
                .map(|track| TrackSender::new(track, now))
                .collect(),
            srtp,
            srtcp,
            history: TwccHistory::new(now),
            estimator: BandwidthEstimator::new(now),
            pacer: Pacer::new(now),
            picture: None,
            sound: None,
            repairs: VecDeque::new(),
            rtx_budget: RtxBudget::new(),
            repaired: 0,
            reports,
            next_report: now + FIRST_REPORT,
            restarted: None,
            keyframe_needed: false,
            heard: now,
            cut_off: LONG_SILENCE,
            counters,
        })
    }

    /// True when its feedback, which comes some times a second, is overdue.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard) > SILENT
    }

    /// Where the viewer's packets go.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Sends what is due into `out`, and through it.
    pub(super) fn poll(&mut self, now: Instant, context: &mut SendContext<'_>) -> Next {
        if self.route.path_version() != self.path_version {
            self.path_version = self.route.path_version();
            if let Some(path) = self.route.path() {
                self.segments = path.segments(self.route.port());
                self.path = path;
            }
        }
        self.pacer.set_rate(now, self.estimator.bitrate_bps(now));
        let next = match self.fill(now, context) {
            Ok(next) => next,
            Err(sending::Full) => return Next::Full,
        };
        if self.flush(context) == FlushOutcome::Full {
            return Next::Full;
        }
        if self.report(now).is_err() {
            return Next::Gone;
        }
        match next {
            Next::At(at) => Next::At(at.min(self.next_report)),
            other => other,
        }
    }

    /// It is heard again after having been cut off: what was lost meanwhile is of no use any more.
    fn begin_anew(&mut self) {
        self.repairs.clear();
        for sent in self.tracks.iter_mut().filter_map(TrackSender::sent) {
            sent.clear();
        }
        self.restarted = None;
        self.keyframe_needed = true;
    }

    /// Asks for a keyframe, or goes back to one: the decoder of the viewer has lost what it needs to go on.
    fn find_keyframe(&mut self, now: Instant) {
        let lately = |last| now.saturating_duration_since(last) < RESTART_EVERY;
        let Some(codec) = self.subscription.video() else {
            return;
        };
        if self.restarted.is_some_and(lately) {
            return;
        }
        self.restarted = Some(now);
        self.picture = None;
        let shared_log = self.subscription.log();
        let newest = {
            let log = shared_log.lock();
            let newest = log.track(codec).and_then(|track| track.newest_keyframe());
            newest.map(|(_, time)| log.live(now).micros_since(time))
        };
        // The log is not held here: whoever holds the stream may be waiting for it.
        if newest.is_none_or(|age| age > FRESH) && self.subscription.request_keyframe(now) {
            self.playhead.await_keyframe(&shared_log.lock(), now);
        } else {
            self.playhead.rewind_video(&shared_log.lock(), now);
        }
    }

    /// When it is to be looked at even when nothing is due.
    pub(super) fn next_report(&self) -> Instant {
        self.next_report
    }

    fn track_of(&self, codec: Codec) -> Option<usize> {
        self.tracks.iter().position(|track| track.codec() == codec)
    }

    /// Counts something for this viewer, its shard and its stream.
    fn count(&self, shard: &ShardCounters, add: impl Fn(&Counters)) {
        add(&self.counters.sent);
        add(&shard.sent);
        add(self.subscription.stream().counters());
    }

    fn report(&mut self, now: Instant) -> Result<(), Disconnected> {
        if now < self.next_report {
            return Ok(());
        }
        self.next_report = now + REPORT_EVERY;
        let (at, wall) = (self.playhead.clock(now), SystemTime::now());
        let reports = self.tracks.iter();
        let reports = reports.map(|track| track.clock.report(at, wall)).collect();
        match self.reports.try_send(reports) {
            // The connection has not taken the last ones yet; the next ones say the same.
            Ok(()) | Err(TrySendError::Full(_)) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(Disconnected),
        }
    }
}
