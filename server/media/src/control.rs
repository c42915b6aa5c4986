//! Requests to a running source, shared between the viewers' side and the source's thread.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::track::TrackId;

/// The requests to one running source. Viewers' threads write them; the source's thread reads them between two
/// packets, and waits on them while it is ahead of time.
#[derive(Debug, Default)]
pub struct Control {
    requests: Mutex<Requests>,
    changed: Condvar,
}

/// A snapshot of the requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// True: end the run soon.
    pub stop: bool,
    /// True: open the input, and wait before the first unit.
    pub hold: bool,
    /// Video tracks that have viewers. A track that is passed through is always appended; every other one costs an encoder and is produced only
    /// while it is in this set.
    pub tracks: BTreeSet<TrackId>,
    /// Tracks whose encoder is to begin a new GOP at once.
    pub keyframes: BTreeSet<TrackId>,
}

impl Control {
    pub fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }

    /// The run begins when [`Control::resume`] is called.
    pub fn hold(&self) {
        self.lock().hold = true;
    }

    pub fn resume(&self) {
        self.lock().hold = false;
        self.changed.notify_all();
    }

    pub fn request_track(&self, track: TrackId) {
        self.lock().tracks.insert(track);
        self.changed.notify_all();
    }

    pub fn release_track(&self, track: TrackId) {
        self.lock().tracks.remove(&track);
        self.changed.notify_all();
    }

    /// Asks for a keyframe of `track`. A file that is passed through cannot make one.
    pub fn request_keyframe(&self, track: TrackId) {
        self.lock().keyframes.insert(track);
        self.changed.notify_all();
    }

    /// The current requests. Keyframe requests are removed: each is returned once.
    pub fn take_requests(&self) -> Requests {
        let mut requests = self.lock();
        let taken = requests.clone();
        requests.keyframes.clear();
        taken
    }

    /// Sleeps while the run is held.
    pub fn wait_while_held(&self) {
        let held = |requests: &mut Requests| requests.hold && !requests.stop;
        drop(
            self.changed
                .wait_while(self.lock(), held)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Sleeps while no track is requested.
    pub fn wait_for_tracks(&self) {
        let unused = |requests: &mut Requests| requests.tracks.is_empty() && !requests.stop;
        drop(
            self.changed
                .wait_while(self.lock(), unused)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Sleeps until `deadline`, or until the requests change.
    pub fn sleep_until(&self, deadline: Instant) {
        let wait = deadline.saturating_duration_since(Instant::now());
        if wait > Duration::ZERO {
            let requests = self.lock();
            if !requests.stop {
                drop(
                    self.changed
                        .wait_timeout(requests, wait)
                        .unwrap_or_else(PoisonError::into_inner),
                );
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Requests> {
        // The requests are consistent after every statement above, so a poisoned lock is usable.
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
