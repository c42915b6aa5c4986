//! Streams: each has a named source, the log that the source fills while it runs, and the viewers that keep it running.
//!
//! | module | content |
//! |---|---|
//! | [`stream`] | one named stream: probe, poster, viewers |
//! | [`registry`] | all streams of this server by name; watched folders |
//! | [`subscription`] | a viewer's subscription to a stream |
//! | [`admission`] | limits on viewers and bit rate |
//! | `active_source` | a running source: its thread, log and control |
//! | [`shared_log`], `appender` | the log of a running source: the viewers' end and the source's end |
//! | [`shard_waker`] | wakes a shard when a log has grown |
//! | [`bitrate`] | the bit rate of a rendition |
//! | [`counters`] | counters of a stream, a shard or a viewer |
//! | [`error`] | why a stream cannot be watched |

mod active_source;
pub mod admission;
mod appender;
pub mod bitrate;
pub mod counters;
pub mod error;
pub mod registry;
pub mod shard_waker;
pub mod shared_log;
pub mod stream;
pub mod subscription;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use self::error::StreamError;
pub use self::stream::Stream;
pub use self::subscription::Subscription;

/// Locks `mutex` even when it is poisoned: the data under these locks is consistent after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
