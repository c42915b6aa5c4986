//! Sessions by their secrets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

/// Sessions of one kind, by secret. Clones share them.
#[derive(Debug)]
pub(super) struct Sessions<T>(Arc<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    by_secret: Mutex<HashMap<String, Arc<T>>>,
    removed: Notify,
}

/// A session's place, until it is dropped at the end of the session.
#[derive(Debug)]
pub(super) struct Registration<T> {
    sessions: Sessions<T>,
    secret: String,
    /// Dropped at the end, which [`SessionControl::ended`](super::session_control::SessionControl::ended) waits for.
    _ended: watch::Sender<()>,
}

impl<T> Default for Sessions<T> {
    fn default() -> Self {
        Self(Arc::new(Inner {
            by_secret: Mutex::default(),
            removed: Notify::new(),
        }))
    }
}

impl<T> Clone for Sessions<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Sessions<T> {
    pub(super) fn add(
        &self,
        secret: &str,
        session: Arc<T>,
        ended: watch::Sender<()>,
    ) -> Registration<T> {
        self.lock().insert(secret.to_owned(), session);
        Registration {
            sessions: self.clone(),
            secret: secret.to_owned(),
            _ended: ended,
        }
    }

    pub(super) fn get(&self, secret: &str) -> Option<Arc<T>> {
        self.lock().get(secret).cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<T>> {
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

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<T>>> {
        // Poisoning is harmless: the map is consistent between any two statements.
        let by_secret = self.0.by_secret.lock();
        by_secret.unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Registration<T> {
    fn drop(&mut self) {
        self.sessions.lock().remove(&self.secret);
        self.sessions.0.removed.notify_waiters();
    }
}
