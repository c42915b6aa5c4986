//! The keys that permit to publish: of the command line, and of the state folder as it changes.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use access::state_folder::Version;
use access::{Action, Denial, Grant, Key, KeyRecord, Store, StoreError, StreamName, decide};
use limits::{CountedAddress, Failures};

use crate::config::PublishedStream;

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
    /// Logged already.
    error: Option<String>,
    /// With those of the command line.
    keys: Vec<KeyRecord>,
}

/// Why a client may not publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    Denied(Denial),
    /// Too many wrong keys from this address: not before this time has passed.
    TooManyFailures(Duration),
}

impl Keys {
    /// `streams`: of the command line. When the state folder cannot be read, only their keys are valid until it can: others keep watching.
    pub fn open(streams: Vec<PublishedStream>, store: Option<Store>) -> Self {
        let now = SystemTime::now();
        let fixed = streams.iter().filter_map(|stream| {
            let key = stream.key.as_ref()?;
            Some(KeyRecord::new(key, stream.name.clone(), None, now, None))
        });
        let fixed: Vec<_> = fixed.collect();
        let keys = Self {
            stored: Mutex::new(Stored {
                keys: fixed.clone(),
                ..Stored::default()
            }),
            declared: streams.into_iter().map(|stream| stream.name).collect(),
            fixed,
            store,
            failures: Mutex::default(),
        };
        keys.reload();
        keys
    }

    /// The streams of the command line without a valid key.
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

    /// The streams that may be published.
    pub(super) fn streams(&self) -> Vec<String> {
        let stored = lock(&self.stored);
        let keyed = stored.keys.iter().map(|key| &key.stream);
        let names: BTreeSet<_> = self
            .declared
            .iter()
            .chain(keyed)
            .map(StreamName::as_str)
            .collect();
        names.into_iter().map(str::to_owned).collect()
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
        // Clients that share a limit must not lock each other out: there, right keys pass.
        let permitted = failures.check(address, now);
        if let Err(wait) = permitted
            && failures.counts_alone(address)
        {
            return Err(KeyError::TooManyFailures(wait));
        }
        // What cannot be a key is an unknown one.
        let hash = presented.map(|text| text.parse::<Key>().map(|key| key.hash()));
        let denial = match hash.transpose() {
            Ok(hash) => match self.decide(hash, stream.map(StreamName::as_str)) {
                Ok(grant) => return Ok(grant),
                Err(denial) => denial,
            },
            Err(_) => Denial::UnknownKey,
        };
        permitted.map_err(KeyError::TooManyFailures)?;
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
    pub fn reload(&self) {
        let Some(store) = &self.store else { return };
        let version = store.version();
        if version == lock(&self.stored).version {
            return;
        }
        match Stored::read(store, &self.fixed) {
            Ok(stored) => {
                tracing::info!(keys = stored.keys.len(), "keys loaded");
                *lock(&self.stored) = stored;
            }
            Err(error) => {
                let mut stored = lock(&self.stored);
                // Other errors may pass, and the file is read again: a revocation in it must not be lost.
                if let StoreError::Damaged { .. } | StoreError::TooLarge { .. } = error {
                    stored.version = version;
                }
                let error = error.to_string();
                if stored.error.as_ref() != Some(&error) {
                    tracing::error!("the keys loaded before stay valid, and no others: {error}");
                    stored.error = Some(error);
                }
            }
        }
    }

    fn decide(&self, hash: Option<access::KeyHash>, stream: Option<&str>) -> Result<Grant, Denial> {
        let stored = lock(&self.stored);
        decide(
            &stored.keys,
            hash,
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
        Ok(Self {
            version,
            error: None,
            keys,
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const KEY: &str = "0123456789abcdef";
    const WRONG: &str = "fedcba9876543210";

    fn keys(store: Option<Store>) -> Keys {
        let stream = PublishedStream {
            name: "cam".parse().unwrap(),
            key: Some(KEY.parse().unwrap()),
        };
        Keys::open(vec![stream], store)
    }

    #[test]
    fn wrong_keys_of_clients_that_share_a_limit_do_not_lock_out_right_ones() {
        let keys = keys(None);
        let alone = Some(IpAddr::V4(Ipv4Addr::LOCALHOST).into());
        for (address, passes) in [(None, true), (alone, false)] {
            let mut refused = (0..1_000).map(|_| keys.authorize(address, Some(WRONG), None));
            let limited =
                refused.any(|refused| matches!(refused, Err(KeyError::TooManyFailures(_))));
            assert!(limited);
            let right = keys.authorize(address, Some(KEY), None);
            assert_eq!(right.is_ok(), passes, "{right:?}");
        }
    }

    #[test]
    fn keys_that_could_not_be_read_are_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().to_owned());
        let record = || {
            let key: Key = WRONG.parse().unwrap();
            KeyRecord::new(
                &key,
                "stage".parse().unwrap(),
                None,
                SystemTime::now(),
                None,
            )
        };
        store.add(record()).unwrap();
        let file = folder.path().join("keys.json");
        let aside = folder.path().join("aside");
        fs::rename(&file, &aside).unwrap();
        // A folder cannot be read as a file, for any user.
        fs::create_dir(&file).unwrap();
        let keys = keys(Some(store));
        assert!(keys.authorize(None, Some(KEY), None).is_ok());
        assert!(keys.authorize(None, Some(WRONG), None).is_err());
        assert_eq!(lock(&keys.stored).version, None);
        fs::remove_dir(&file).unwrap();
        fs::rename(&aside, &file).unwrap();
        keys.reload();
        assert!(keys.authorize(None, Some(WRONG), None).is_ok());
    }
}
