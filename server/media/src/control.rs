//! What a running source is asked for, shared between the viewers' side and the source's thread.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use shared::api::Codec;

/// The orders to one running source. The viewers' side writes them, the source's thread reads them
/// between two packets and sleeps on them while it is ahead of time.
#[derive(Debug, Default)]
pub struct Control {
    orders: Mutex<Orders>,
    changed: Condvar,
}

/// A snapshot of what is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// True: end the run soon.
    pub stop: bool,
    /// Codecs of pictures that somebody watches. What is passed through is always appended; the
    /// others cost an encoder each and are made only while they are here.
    pub wanted: BTreeSet<Codec>,
    /// Codecs whose encoder is asked to begin a new GOP at once.
    pub keyframes: BTreeSet<Codec>,
}

impl Control {
    pub fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }

    pub fn want(&self, codec: Codec) {
        self.lock().wanted.insert(codec);
        self.changed.notify_all();
    }

    pub fn unwant(&self, codec: Codec) {
        self.lock().wanted.remove(&codec);
        self.changed.notify_all();
    }

    /// Asks the encoder of `codec` for a keyframe. Nothing to ask of a codec that is passed through.
    pub fn request_keyframe(&self, codec: Codec) {
        self.lock().keyframes.insert(codec);
        self.changed.notify_all();
    }

    /// The orders now. Requests for keyframes are taken out: each is seen once.
    pub fn take(&self) -> Orders {
        let mut orders = self.lock();
        let taken = orders.clone();
        orders.keyframes.clear();
        taken
    }

    /// Sleeps until `deadline`, or less when the orders change.
    pub fn sleep_until(&self, deadline: Instant) {
        let wait = deadline.saturating_duration_since(Instant::now());
        if wait > Duration::ZERO {
            let orders = self.lock();
            if !orders.stop {
                drop(
                    self.changed
                        .wait_timeout(orders, wait)
                        .unwrap_or_else(std::sync::PoisonError::into_inner),
                );
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Orders> {
        // Orders are whole after every statement above, so a panic elsewhere cannot have torn them.
        self.orders
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
