//! Which track a viewer is sent in each slot.

use std::sync::Arc;
use std::time::Instant;

use super::Viewer;
use timeline::playhead::Command;

impl Viewer {
    /// Pauses, seeks, changes tracks.
    pub(crate) fn apply(&mut self, mut command: Command, now: Instant) {
        command
            .tracks
            .retain(|(slot, track)| self.subscription.change(*slot, *track));
        let log = Arc::clone(self.subscription.log());
        // After a seek comes a keyframe; otherwise the rest of a picture is needed to decode those after it.
        if self.playhead.apply(&command, &*log, now) && command.seek.is_some() {
            self.current_frame = None;
            self.keyframes.on_seek();
        }
    }

    /// Goes on with the best layer, from its next keyframe on, when layers of a publisher have begun, or have begun again; and with what a
    /// publisher sends instead of what is encoded of it.
    pub(super) fn follow_offering(&mut self, now: Instant) {
        if !self.subscription.take_new_offering() {
            return;
        }
        for slot in 0..self.tracks.len() {
            if let Some(track) = self.subscription.change_to_best(slot) {
                self.playhead.change_track(slot, track);
            } else if self.subscription.may_leave_encoder(slot) {
                self.replace_track(slot, now);
            }
            if self.is_inset(slot) {
                let is_offered =
                    self.subscription.is_offered(slot) || self.replace_track(slot, now);
                self.set_idle(slot, !is_offered, now);
            }
        }
    }

    /// A second picture comes and goes while the stream goes on.
    pub(super) fn is_inset(&self, slot: usize) -> bool {
        let track = self.subscription.tracks().get(slot);
        track.is_some_and(|track| track.inset)
    }

    pub(super) fn set_idle(&mut self, slot: usize, idle: bool, now: Instant) {
        let log = Arc::clone(self.subscription.log());
        self.playhead.set_idle(slot, idle, &*log, now);
    }

    /// Goes on with the track that the stream offers in place of one it has withdrawn, when its codec was negotiated: the next packet has another payload
    /// type. False: there is none.
    pub(super) fn replace_track(&mut self, slot: usize, now: Instant) -> bool {
        let Some(gone) = self.playhead.track(slot) else {
            return false;
        };
        let track = self.subscription.replace(slot, gone);
        let (Some(track), Some(sender)) = (track, self.tracks.get_mut(slot)) else {
            return false;
        };
        let id = track.id;
        if !sender.change_codec(track.codec) {
            return false;
        }
        // Of the codec before.
        self.retransmissions.retain(|(other, _)| *other != slot);
        self.keyframes.on_replaced(slot);
        let log = Arc::clone(self.subscription.log());
        self.playhead.replace(slot, id, &*log, now);
        true
    }
}
