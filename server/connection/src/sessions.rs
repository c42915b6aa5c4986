//! The sessions of all viewers, by their secrets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use super::session::Session;

/// Sessions by secret. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    by_secret: Mutex<HashMap<String, Arc<Session>>>,
    removed: Notify,
}

/// A session's place, until it is dropped at the end of the session.
#[derive(Debug)]
pub(super) struct Registration {
    sessions: Sessions,
    secret: String,
    /// Dropped at the end, which [`Session::delete`] waits for.
    _ended: watch::Sender<()>,
}

impl Sessions {
    pub(super) fn add(
        &self,
        secret: &str,
        session: Arc<Session>,
        ended: watch::Sender<()>,
    ) -> Registration {
        self.lock().insert(secret.to_owned(), session);
        Registration {
            sessions: self.clone(),
            secret: secret.to_owned(),
            _ended: ended,
        }
    }

    pub(super) fn get(&self, secret: &str) -> Option<Arc<Session>> {
        self.lock().get(secret).cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<Session>> {
        self.lock().values().cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(super) async fn wait_until_empty(&self) {
        loop {
            let removed = self.0.removed.notified();
            tokio::pin!(removed);
            removed.as_mut().enable();
            if self.len() == 0 {
                return;
            }
            removed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        // Poisoning is harmless: the map is consistent between any two statements.
        let by_secret = self.0.by_secret.lock();
        by_secret.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.sessions.lock().remove(&self.secret);
        self.sessions.0.removed.notify_waiters();
    }
}
