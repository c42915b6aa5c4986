//! The publisher of each stream: one at a time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use access::Grant;
use connection::PublisherSession;
use tokio::sync::watch;

/// The slots of all streams. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct PublisherSlots(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// By stream. `None`: the session is being opened.
    taken: HashMap<String, Option<Published>>,
    /// By stream.
    absent: HashMap<String, Absence>,
    absences: u64,
}

/// A stream whose publisher has lost its connection, and may come back.
#[derive(Clone)]
pub(super) struct Absence {
    pub(super) number: u64,
    pub(super) grant: Grant,
    /// Of the session that has ended.
    pub(super) secret: String,
}

/// A stream's publisher.
#[derive(Clone)]
pub(super) struct Published {
    pub(super) grant: Grant,
    pub(super) session: Arc<PublisherSession>,
    pub(super) secret: String,
    received: Arc<Mutex<LastReceived>>,
    /// Closed when the next publisher may come.
    freed: watch::Receiver<()>,
}

/// Datagrams of a publisher, and when they were counted first.
#[derive(Clone, Copy, Debug)]
struct LastReceived {
    datagrams: u64,
    at: Instant,
}

/// Why a slot is not available.
#[derive(Debug)]
pub(super) enum Unavailable {
    /// Another publisher is connecting.
    Opening,
    Taken(Box<Published>),
    Full,
}

/// The slot of a stream's publisher. Dropping it frees the slot.
#[derive(Debug)]
pub(super) struct PublisherSlot {
    slots: PublisherSlots,
    stream: String,
    freed: watch::Sender<()>,
}

impl PublisherSlots {
    pub(super) fn reserve(&self, stream: &str, limit: u32) -> Result<PublisherSlot, Unavailable> {
        let mut state = self.lock();
        match state.taken.get(stream) {
            Some(Some(published)) => return Err(Unavailable::Taken(Box::new(published.clone()))),
            Some(None) => return Err(Unavailable::Opening),
            None if state.taken.len() >= limit as usize => return Err(Unavailable::Full),
            None => {}
        }
        state.taken.insert(stream.to_owned(), None);
        Ok(PublisherSlot {
            slots: self.clone(),
            stream: stream.to_owned(),
            freed: watch::channel(()).0,
        })
    }

    pub(super) fn get(&self, stream: &str) -> Option<Published> {
        self.lock().taken.get(stream)?.clone()
    }

    pub(super) fn all(&self) -> Vec<Published> {
        self.lock().taken.values().flatten().cloned().collect()
    }

    /// Notes that the publisher of a stream has lost its connection. `None`: the stream has no publisher.
    pub(super) fn begin_absence(&self, stream: &str) -> Option<Absence> {
        let mut state = self.lock();
        let published = state.taken.get(stream)?.clone()?;
        state.absences += 1;
        let absence = Absence {
            number: state.absences,
            grant: published.grant,
            secret: published.secret,
        };
        state.absent.insert(stream.to_owned(), absence.clone());
        Some(absence)
    }

    pub(super) fn absences(&self) -> Vec<Absence> {
        self.lock().absent.values().cloned().collect()
    }

    /// Ends the absence of whichever publisher the stream had.
    pub(super) fn forget_absence(&self, stream: &str) {
        self.lock().absent.remove(stream);
    }

    /// Whether no other publisher has come since. Ends the absence.
    pub(super) fn end_absence(&self, absence: &Absence) -> bool {
        let mut state = self.lock();
        let stream = &absence.grant.stream;
        let current = state.absent.get(stream);
        let lasts = current.is_some_and(|current| current.number == absence.number);
        if lasts {
            state.absent.remove(stream);
        }
        lasts
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PublisherSlot {
    /// `secret`: of the session.
    pub(super) fn fill(&self, grant: Grant, session: Arc<PublisherSession>, secret: String) {
        let published = Published {
            grant,
            session,
            secret,
            received: Arc::new(Mutex::new(LastReceived {
                datagrams: 0,
                at: Instant::now(),
            })),
            freed: self.freed.subscribe(),
        };
        let mut state = self.slots.lock();
        state.absent.remove(&self.stream);
        state.taken.insert(self.stream.clone(), Some(published));
    }
}

/// Without the secret.
impl fmt::Debug for Published {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut published = formatter.debug_struct("Published");
        published
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Absence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut absence = formatter.debug_struct("Absence");
        absence.field("grant", &self.grant).finish_non_exhaustive()
    }
}

impl Drop for PublisherSlot {
    fn drop(&mut self) {
        self.slots.lock().taken.remove(&self.stream);
    }
}

impl Published {
    /// For how long nothing has come from it, as far as it was asked: to be asked several times a second.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        let datagrams = self.session.stats().datagrams;
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        if received.datagrams != datagrams {
            *received = LastReceived { datagrams, at: now };
        }
        now.saturating_duration_since(received.at)
    }

    /// Ends the session, and returns when the next publisher may come.
    pub(super) async fn end(mut self) {
        self.session.delete().await;
        while self.freed.changed().await.is_ok() {}
    }
}
