//! Files are probed before anybody watches them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::Inner;
use crate::lock;
use crate::scanner::SCAN_INTERVAL;

/// The next stream is probed after this time, while fewer than [`MAX_PENDING_PROBES`] are waited for.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);
/// The same with more of them: the disk is slow, and more probes at once would make it slower.
const LONG_PROBE_PATIENCE: Duration = Duration::from_secs(30);
const MAX_PENDING_PROBES: usize = 4;
/// A file whose disk did not answer is probed again after this time.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// Probes the streams one after the other, so that a large folder does not overload the machine. The next one begins when a probe takes long: its
/// file may block for ever. Each pass goes on after the last stream of the one before, so that files that block do not keep others from their turn.
pub(super) async fn probe_streams(registry: Weak<Inner>) {
    let mut pending: BTreeMap<String, JoinHandle<()>> = BTreeMap::new();
    let retry_at: Arc<Mutex<BTreeMap<String, Instant>>> = Arc::default();
    let mut last = String::new();
    loop {
        let deadline = Instant::now() + SCAN_INTERVAL;
        let Some(mut streams) = registry.upgrade().map(|inner| inner.streams()) else {
            return;
        };
        lock(&retry_at).retain(|_, at| Instant::now() < *at);
        if let Some(at) = streams.iter().position(|stream| *stream.name() == *last) {
            streams.rotate_left(at + 1);
        }
        for stream in streams {
            pending.retain(|_, probe| !probe.is_finished());
            let waits = |at: &Instant| Instant::now() < *at;
            let later = lock(&retry_at).get(stream.name()).is_some_and(waits);
            if later || pending.contains_key(stream.name()) {
                continue;
            }
            last = stream.name().to_owned();
            let patience = match pending.len() < MAX_PENDING_PROBES {
                true => PROBE_PATIENCE,
                false => LONG_PROBE_PATIENCE,
            };
            let (name, later) = (last.clone(), Arc::clone(&retry_at));
            let mut probe = Box::pin(async move {
                // `Stream::info` reports the error.
                let read = stream.offering().await;
                stream.end_if_replaced().await;
                if read.is_err_and(|error| error.is_temporary()) {
                    let at = Instant::now() + RETRY_INTERVAL;
                    lock(&later).insert(stream.name().to_owned(), at);
                }
            });
            if tokio::time::timeout(patience, &mut probe).await.is_err() {
                pending.insert(name, tokio::spawn(probe));
            }
            // The list may have changed.
            if Instant::now() > deadline {
                break;
            }
        }
        tokio::time::sleep(SCAN_INTERVAL).await;
    }
}
