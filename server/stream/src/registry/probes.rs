//! Files are probed before anybody watches them.

use std::collections::BTreeMap;
use std::sync::Weak;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::Inner;
use crate::scanner::SCAN_INTERVAL;

/// The next stream is probed after this time, while fewer than [`MAX_PENDING_PROBES`] are waited for.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);
/// The same with more of them: the disk is slow, and more probes at once would make it slower.
const LONG_PROBE_PATIENCE: Duration = Duration::from_secs(30);
const MAX_PENDING_PROBES: usize = 4;
/// A file whose disk did not answer is probed again after this time.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// Probes the streams one after the other, so that a large folder does not overload the machine. The next one begins when a probe takes long: its
/// file may block for ever.
pub(super) async fn probe_streams(registry: Weak<Inner>) {
    let mut pending: BTreeMap<String, JoinHandle<()>> = BTreeMap::new();
    loop {
        let deadline = Instant::now() + SCAN_INTERVAL;
        let Some(streams) = registry.upgrade().map(|inner| inner.streams()) else {
            return;
        };
        for stream in streams {
            pending.retain(|_, probe| !probe.is_finished());
            if pending.contains_key(stream.name()) {
                continue;
            }
            let patience = match pending.len() < MAX_PENDING_PROBES {
                true => PROBE_PATIENCE,
                false => LONG_PROBE_PATIENCE,
            };
            let name = stream.name().to_owned();
            let mut probe = Box::pin(async move {
                // `Stream::info` reports the error.
                let read = stream.offering().await;
                stream.end_if_replaced().await;
                if read.is_err_and(|error| error.is_temporary()) {
                    tokio::time::sleep(RETRY_INTERVAL).await;
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
