//! The streams of a registry that publishers may publish: there before their publishers, and after.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::{Entry, Inner, Registry};
use crate::published_state::PublishedState;
use crate::{Stream, lock};

/// Between two looks at whether publishers send.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(250);

impl Registry {
    /// These streams, and no others, exist while nobody publishes them. A name that a file has is that of the file, until there is a publisher.
    pub fn declare(&self, names: Vec<String>) {
        {
            let mut declared = lock(&self.0.declared);
            if *declared == names {
                return;
            }
            *declared = names;
        }
        self.remove_undeclared();
        self.0.add_declared(&mut lock(&self.0.entries));
    }

    /// Completes when the state of a published stream has changed since. For one caller.
    pub async fn state_changed(&self) {
        self.0.changes.notified().await;
    }

    /// Hands the stream of this name to `begin`; a new one, if there is none.
    pub(crate) fn with_published<T>(&self, name: &str, begin: impl FnOnce(&Arc<Stream>) -> T) -> T {
        let mut entries = lock(&self.0.entries);
        let known = entries.iter().find(|entry| entry.stream.name() == name);
        let stream = match known {
            Some(entry) => Arc::clone(&entry.stream),
            None => self.0.add_published(&mut entries, name),
        };
        begin(&stream)
    }

    /// Removes streams that are neither published nor declared.
    pub(crate) fn remove_undeclared(&self) {
        let mut entries = lock(&self.0.entries);
        let declared = lock(&self.0.declared);
        entries.retain(|entry| {
            let stream = &entry.stream;
            let stays = stream.input().is_some()
                || stream.is_published()
                || declared.iter().any(|name| name == stream.name());
            if !stays {
                stream.remove();
            }
            stays
        });
    }
}

impl Inner {
    /// Adds the declared streams whose names are free.
    pub(super) fn add_declared(&self, entries: &mut Vec<Entry>) {
        for name in lock(&self.declared).iter() {
            if !entries.iter().any(|entry| entry.stream.name() == name) {
                self.add_published(entries, name);
            }
        }
    }

    fn add_published(&self, entries: &mut Vec<Entry>, name: &str) -> Arc<Stream> {
        let state = PublishedState::new(Arc::clone(&self.changes));
        let encoders = self.admission.encoder_places().clone();
        let stream = Stream::published(name.to_owned(), state, self.grace, encoders);
        entries.push(Entry::new(Arc::clone(&stream)));
        stream
    }
}

/// Removes a stream of this name that waits for its publisher. False: it has one.
pub(super) fn make_room(published: &mut Vec<Entry>, name: &str) -> bool {
    let Some(at) = published
        .iter()
        .position(|entry| entry.stream.name() == name)
    else {
        return true;
    };
    let is_free = !published[at].stream.is_published();
    if is_free {
        published.remove(at).stream.remove();
    }
    is_free
}

pub(super) async fn follow_publishers(registry: Weak<Inner>) {
    loop {
        tokio::time::sleep(FOLLOW_INTERVAL).await;
        let Some(inner) = registry.upgrade() else {
            return;
        };
        let now = Instant::now();
        for entry in lock(&inner.entries).iter() {
            entry.stream.follow_publisher(now);
        }
    }
}
