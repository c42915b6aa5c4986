//! Keyframes for a viewer whose decoder needs one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Viewer;
use crate::track::TrackSender;
use congestion::backoff::Backoff;
use congestion::replay_budget::ReplayBudget;
use stream::KeyframeRequest;
use timeline::chunk::UnitRef;
use timeline::place::Place;

/// Requests of a viewer, and what their answers cost.
#[derive(Debug)]
pub(super) struct KeyframeRequests {
    pub(super) needed: bool,
    /// The decoder asked for a keyframe although it misses nothing: the next picture answers.
    pub(super) held: bool,
    /// When the video last restarted at a keyframe.
    restarted: Option<Instant>,
    /// When the source was last asked for a keyframe for this viewer.
    requested: Option<Instant>,
    /// When it may be asked for one that it was too early for.
    pub(super) due: Option<Instant>,
    /// A keyframe that the source makes for this viewer goes to all viewers of the track.
    source_backoff: Backoff,
    /// The same for the inset.
    inset_backoff: Backoff,
    budget: ReplayBudget,
    /// By the playhead's slots.
    sent: Vec<SentVideo>,
}

/// What was sent of one video track.
#[derive(Clone, Debug, Default)]
struct SentVideo {
    /// The newest picture.
    newest: Option<Place>,
    /// Bytes from the last keyframe to that picture: what a replay costs.
    since_keyframe: usize,
}

/// The shortest time between two restarts at a keyframe.
const RESTART_INTERVAL: Duration = Duration::from_secs(1);
/// A keyframe in the log that is no older than this is used instead of a new one.
const FRESH_KEYFRAME: Duration = Duration::from_secs(1);
/// The shortest time between two requests to the source for one viewer.
const REQUEST_INTERVAL: Duration = Duration::from_millis(250);
/// After this long without a report of a loss nothing is missing: Chromium waits 3 s for a picture before it requests a keyframe.
const LOSS_MEMORY: Duration = Duration::from_secs(4);
/// A viewer whose packets have gone unanswered for longer may miss all of them.
const MAX_UNANSWERED: Duration = Duration::from_secs(4);

impl KeyframeRequests {
    /// `slots`: of the playhead.
    pub(super) fn new(slots: usize) -> Self {
        Self {
            needed: false,
            held: false,
            restarted: None,
            requested: None,
            due: None,
            source_backoff: Backoff::default(),
            inset_backoff: Backoff::default(),
            budget: ReplayBudget::new(),
            sent: vec![SentVideo::default(); slots],
        }
    }

    /// Counts a picture that is sent now.
    pub(super) fn on_picture(&mut self, slot: usize, picture: &UnitRef) {
        let (place, unit) = (picture.place(), picture.unit());
        let bytes = unit.payloads.unit().len();
        let Some(sent) = self.sent.get_mut(slot) else {
            return;
        };
        if sent.newest.is_some_and(|newest| place <= newest) {
            self.budget.spend(bytes);
            return;
        }
        sent.newest = Some(place);
        if unit.keyframe {
            sent.since_keyframe = 0;
        }
        sent.since_keyframe += bytes;
        self.budget.earn(bytes);
    }

    /// After a seek, pictures may come that were sent before.
    pub(super) fn on_seek(&mut self) {
        self.sent.fill(SentVideo::default());
    }

    /// The decoder begins with another track.
    pub(super) fn on_replaced(&mut self, slot: usize) {
        if let Some(sent) = self.sent.get_mut(slot) {
            *sent = SentVideo::default();
        }
    }

    /// Bytes that a replay of a video track sends again.
    fn cost(&self, slot: usize) -> usize {
        self.sent.get(slot).map_or(0, |sent| sent.since_keyframe)
    }
}

impl Viewer {
    /// Restarts at a keyframe after the path was cut: retransmissions of the packets lost meanwhile would arrive too late.
    pub(super) fn recover_from_cut(&mut self) {
        self.retransmissions.clear();
        for history in self.tracks.iter_mut().filter_map(TrackSender::rtx_history) {
            history.clear();
        }
        self.keyframes.restarted = None;
        self.keyframes.needed = true;
    }

    /// The decoder of the stream with this SSRC asks for a keyframe. For an inset the publisher is asked; what was sent is not replayed.
    pub(super) fn on_keyframe_request(&mut self, now: Instant, media: u32) {
        let slot = self.tracks.iter().position(|track| track.ssrc() == media);
        let Some(slot) = slot.filter(|slot| self.is_inset(*slot)) else {
            self.keyframes.needed = true;
            return;
        };
        let backoff = &mut self.keyframes.inset_backoff;
        backoff.on_request(now);
        if let Some(track) = self.playhead.track(slot)
            && backoff.may_answer(now)
            // Who asks too early asks again.
            && self.subscription.request_keyframe(track, now) == KeyframeRequest::Asked
        {
            backoff.on_answer(now);
        }
    }

    /// A decoder that has the newest picture and misses nothing asks, too: browsers do after some seconds without a picture. Its request waits for the next
    /// picture, so that a pause of the source is not filled with an old GOP; but a decoder that was reset must not stay without.
    pub(super) fn answer_keyframe_request(&mut self, now: Instant) {
        let complete = self.current_frame.is_none()
            && self.retransmissions.is_empty()
            && !within(self.loss, LOSS_MEMORY, now)
            && self.silence(now) < MAX_UNANSWERED;
        let log = Arc::clone(self.subscription.log());
        if complete && !self.playhead.has_due_video(&*log, now) {
            self.keyframes.held = true;
        } else {
            self.find_keyframe(now);
        }
    }

    /// Requests a keyframe from the encoder or the publisher, or moves back to a keyframe in the log, for a decoder that needs one. The second is also the
    /// answer for a viewer that goes on asking; if what it sends again is not within the budget, the decoder has to wait for the next keyframe.
    pub(super) fn find_keyframe(&mut self, now: Instant) {
        // An inset comes after the picture.
        let slot = self
            .tracks
            .iter()
            .position(|track| track.codec().is_video());
        let Some((slot, track)) = slot.and_then(|slot| Some((slot, self.playhead.track(slot)?)))
        else {
            return;
        };
        if within(self.keyframes.restarted, RESTART_INTERVAL, now) {
            return;
        }
        let log = Arc::clone(self.subscription.log());
        let age = self.playhead.keyframe_age(track, &*log, now);
        let cost = self.keyframes.cost(slot);
        self.keyframes.source_backoff.on_request(now);
        if self.playhead.skip_to_newest_keyframe(&*log, now) {
            // Costs neither the source nor a replay.
        } else if age.is_none_or(|age| age > FRESH_KEYFRAME)
            && self.keyframes.source_backoff.may_answer(now)
            && self.subscription.request_keyframe(track, now) != KeyframeRequest::Impossible
        {
            self.keyframes.source_backoff.on_answer(now);
            self.playhead.await_keyframe(&*log, now);
        } else if self.keyframes.budget.try_replay(now, cost) {
            self.playhead.rewind_video(now);
        } else {
            return;
        }
        self.keyframes.restarted = Some(now);
        self.current_frame.take_if(|current| current.slot == slot);
    }

    /// Asks the source for the keyframes that the playhead waits for. When it is too early for one of them, the playhead, which says at each step what it waits
    /// for, is to be asked again later.
    pub(super) fn request_keyframes(&mut self, now: Instant) {
        let next = self.keyframes.requested.map(|at| at + REQUEST_INTERVAL);
        let early = next.filter(|next| *next > now);
        while let Some(track) = self.playhead.take_keyframe_wanted() {
            let request = match early {
                Some(next) => KeyframeRequest::Early(next),
                None => {
                    self.keyframes.requested = Some(now);
                    self.subscription.request_keyframe(track, now)
                }
            };
            if let KeyframeRequest::Early(next) = request {
                let due = self.keyframes.due;
                self.keyframes.due = Some(due.map_or(next, |due| due.min(next)));
            }
        }
    }
}

/// Whether `then` is less than `limit` ago.
fn within(then: Option<Instant>, limit: Duration, now: Instant) -> bool {
    then.is_some_and(|then| now.saturating_duration_since(then) < limit)
}
