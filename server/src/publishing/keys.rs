//! The keys that permit to publish: of the command line, and of the state folder as it changes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use access::store::Version;
use access::{Action, Denial, Grant, Key, KeyRecord, Store, StoreError, StreamName, decide};
use limits::{CountedAddress, Failures};

use crate::config::PublishFlags;

/// All keys of the server.
#[derive(Debug)]
pub struct Keys {
    /// Streams of the command line.
    declared: Vec<StreamName>,
    /// Keys of the command line.
    fixed: Vec<KeyRecord>,
    store: Option<Store>,
    stored: Mutex<Stored>,
    failures: Mutex<Failures>,
}

/// The state folder when it was read last.
#[derive(Debug, Default)]
struct Stored {
    version: Option<Version>,
    /// With those of the command line.
    keys: Vec<KeyRecord>,
}

/// Why nobody may publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    Denied(Denial),
    /// Too many wrong keys from this address: not before this time has passed.
    TooManyFailures(Duration),
}

impl Keys {
    /// # Errors
    /// The keys in the state folder cannot be read.
    pub fn open(flags: &PublishFlags) -> Result<Self, StoreError> {
        let now = SystemTime::now();
        let fixed = flags.streams.iter().filter_map(|stream| {
            let key = stream.key.as_ref()?;
            Some(KeyRecord::new(key, stream.name.clone(), None, now, None))
        });
        let fixed: Vec<_> = fixed.collect();
        let store = flags.state.store();
        let stored = match &store {
            Some(store) => Stored::read(store, &fixed)?,
            None => Stored {
                version: None,
                keys: fixed.clone(),
            },
        };
        Ok(Self {
            declared: flags
                .streams
                .iter()
                .map(|stream| stream.name.clone())
                .collect(),
            fixed,
            store,
            stored: Mutex::new(stored),
            failures: Mutex::default(),
        })
    }

    /// The streams of the command line that nobody can publish to, since no key is valid for them.
    pub fn without_key(&self) -> Vec<StreamName> {
        let now = SystemTime::now();
        let stored = lock(&self.stored);
        let has_key = |name: &StreamName| {
            let mut keys = stored.keys.iter();
            keys.any(|key| key.stream == *name && !key.is_expired(now))
        };
        let names = self.declared.iter().filter(|name| !has_key(name));
        names.cloned().collect()
    }

    pub(super) fn is_declared(&self, name: &StreamName) -> bool {
        let stored = lock(&self.stored);
        self.declared.contains(name) || stored.keys.iter().any(|key| key.stream == *name)
    }

    /// The stream that the holder of a key may publish to: `stream`, or the one that the key names. `presented`: what the client calls its key. A client that
    /// presents none has not failed: some ask in this way whether they need one.
    pub(super) fn authorize(
        &self,
        address: Option<CountedAddress>,
        presented: Option<&str>,
        stream: Option<&StreamName>,
    ) -> Result<Grant, KeyError> {
        let now = Instant::now();
        let mut failures = lock(&self.failures);
        failures
            .check(address, now)
            .map_err(KeyError::TooManyFailures)?;
        // What cannot be a key is an unknown one.
        let who = presented.map(|text| text.parse::<Key>().map(|key| key.hash()));
        let denial = match who.transpose() {
            Ok(who) => match self.decide(who, stream.map(StreamName::as_str)) {
                Ok(grant) => return Ok(grant),
                Err(denial) => denial,
            },
            Err(_) => Denial::UnknownKey,
        };
        if denial != Denial::NoKey {
            failures.add(address, now);
        }
        Err(KeyError::Denied(denial))
    }

    /// Whether what was granted is still permitted.
    pub(super) fn permits(&self, grant: &Grant) -> bool {
        self.decide(Some(grant.key), Some(&grant.stream)).is_ok()
    }

    /// Reads the state folder again when it has changed. Blocks.
    pub(super) fn reload(&self) {
        let Some(store) = &self.store else { return };
        let version = store.version();
        if version == lock(&self.stored).version {
            return;
        }
        match Stored::read(store, &self.fixed) {
            Ok(stored) => {
                tracing::info!(keys = stored.keys.len(), "the keys have changed");
                *lock(&self.stored) = stored;
            }
            Err(error) => {
                tracing::error!("the keys are used as they were before: {error}");
                lock(&self.stored).version = version;
            }
        }
    }

    fn decide(&self, who: Option<access::KeyHash>, stream: Option<&str>) -> Result<Grant, Denial> {
        let stored = lock(&self.stored);
        decide(
            &stored.keys,
            who,
            Action::Publish(stream),
            SystemTime::now(),
        )
    }
}

impl Stored {
    fn read(store: &Store, fixed: &[KeyRecord]) -> Result<Self, StoreError> {
        // First: what is written meanwhile is read again.
        let version = store.version();
        let mut keys = store.read()?;
        keys.extend_from_slice(fixed);
        Ok(Self { version, keys })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
