//! The list of streams for all readers of `GET /api/events`: polled twice a second while there are any, and serialized once for those who
//! have the same version.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use limits::{CountedAddress, Counts, Exceeded, Quota};
use stream::registry::Registry;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::journal::Journal;

/// Changes within this time are one event.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// A comment is sent after so much silence, so that proxies keep the connection and clients notice that it is dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
const QUOTA: Quota = Quota {
    total: 1_024,
    per_address: 64,
};

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct EventHub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    /// Of this run of the server: an id of another run is none of this one.
    run: u64,
    state: Mutex<State>,
    /// Woken with each new version.
    changes: watch::Sender<Now>,
}

#[derive(Debug, Default)]
struct State {
    journal: Journal,
    readers: Counts,
    /// A task polls the list.
    polling: bool,
    /// The last event that was written, for readers that had the version before it.
    written: Option<(Option<u64>, u64, Bytes)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Now {
    Version(u64),
    Closed,
}

impl EventHub {
    pub fn new(registry: Registry) -> Self {
        Self(Arc::new(Inner {
            registry,
            // Without random bytes, ids of an earlier run may pass for ids of this one.
            run: getrandom::u64().unwrap_or(0),
            state: Mutex::default(),
            changes: watch::Sender::new(Now::Version(0)),
        }))
    }

    /// The number of readers.
    pub fn readers(&self) -> u32 {
        self.0.lock().readers.total()
    }

    /// Ends all readers.
    pub fn close(&self) {
        self.0.changes.send_replace(Now::Closed);
    }

    /// `last`: the `Last-Event-ID` of the request.
    pub(super) fn open(
        &self,
        address: Option<CountedAddress>,
        last: Option<&str>,
    ) -> Result<Reader, Exceeded> {
        let inner = &self.0;
        let start = {
            let mut state = inner.lock();
            state.readers.check(address, QUOTA)?;
            state.readers.add(address);
            !std::mem::replace(&mut state.polling, true)
        };
        let reader = Reader {
            version: last.and_then(|last| inner.version_of(last)),
            begun: false,
            hub: Arc::clone(inner),
            address,
            changes: inner.changes.subscribe(),
        };
        // Its snapshot is of this moment.
        inner.poll();
        if start {
            tokio::spawn(keep_polling(Arc::clone(inner)));
        }
        Ok(reader)
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll(&self) {
        let list = self.registry.list();
        let version = {
            let mut state = self.lock();
            if !state.journal.update(list) {
                return;
            }
            state.journal.version()
        };
        self.changes.send_if_modified(|now| {
            let open = *now != Now::Closed;
            if open {
                *now = Now::Version(version);
            }
            open
        });
    }

    /// The version in an id, `RUN-VERSION`; `None`: the id is of another run, or no id of this server.
    fn version_of(&self, id: &str) -> Option<u64> {
        let (run, version) = id.split_once('-')?;
        let run = u64::from_str_radix(run, 16).ok()?;
        version.parse().ok().filter(|_| run == self.run)
    }

    /// The event for a reader that has this version, and the version after it.
    fn event(&self, from: Option<u64>) -> Option<(u64, Bytes)> {
        let mut state = self.lock();
        let to = state.journal.version();
        if let Some((_, _, text)) = state
            .written
            .as_ref()
            .filter(|written| (written.0, written.1) == (from, to))
        {
            return Some((to, text.clone()));
        }
        let event = state.journal.since(from)?;
        // It has no map with keys that are not text, so that it can be written.
        let data = serde_json::to_string(&event).ok()?;
        let text = Bytes::from(format!("id: {:x}-{to}\ndata: {data}\n\n", self.run));
        state.written = Some((from, to, text.clone()));
        Some((to, text))
    }
}

/// Ends with the last reader.
async fn keep_polling(hub: Arc<Inner>) {
    loop {
        tokio::select! {
            () = sleep(POLL_INTERVAL) => {}
            () = hub.registry.state_changed() => {}
        }
        {
            let mut state = hub.lock();
            if state.readers.total() == 0 {
                state.polling = false;
                return;
            }
        }
        hub.poll();
    }
}

/// One reader. It holds a version, and no events: what happens while it does not read becomes one delta.
#[derive(Debug)]
pub(super) struct Reader {
    hub: Arc<Inner>,
    address: Option<CountedAddress>,
    version: Option<u64>,
    begun: bool,
    changes: watch::Receiver<Now>,
}

impl Reader {
    /// The next bytes of the response, the first at once; `None`: the server shuts down.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        let quiet = if self.begun {
            HEARTBEAT
        } else {
            Duration::ZERO
        };
        self.begun = true;
        let heartbeat = Instant::now() + quiet;
        loop {
            if *self.changes.borrow_and_update() == Now::Closed {
                return None;
            }
            if let Some((version, text)) = self.hub.event(self.version) {
                self.version = Some(version);
                return Some(text);
            }
            tokio::select! {
                changed = self.changes.changed() => changed.ok()?,
                () = sleep_until(heartbeat) => return Some(Bytes::from_static(b":\n\n")),
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.hub.lock().readers.remove(self.address);
    }
}
