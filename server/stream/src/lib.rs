//! Streams: each has a named source, the log that the source fills while it runs, and the viewers that keep it running.
//!
//! | module | content |
//! |---|---|
//! | [`stream`] | one named stream: its source and its viewers |
//! | `reading`, `renditions`, `info` | what it offers; its tracks with viewers; its description for the API |
//! | `idle` | what of it runs without viewers |
//! | [`publication`] | streams that are appended to from outside |
//! | `published_state`, `broadcast`, `append_times` | their state, across publishers; as a machine (pure); when a log has grown |
//! | [`registry`] | all streams of this server by name, as their files come and go |
//! | [`source_config`] | a source of the command line |
//! | `scanner`, `folder`, `known_files`, `link_resolver` | scans for changed files; the media files of a folder; which of them are gone; symbolic links |
//! | `names` | names of streams (pure) |
//! | `file_reads` | probes and posters, on threads of their own |
//! | [`helper`] | processes in which FFmpeg reads files for probes and posters |
//! | [`subscription`] | a viewer's subscription to a stream |
//! | [`admission`], `encoders` | limits on viewers, bit rate and encoders; the places of encoders |
//! | `egress_meter` | how much more is sent than the renditions of the viewers have (pure) |
//! | [`source`], `active_source` | what fills a stream's log; a running one |
//! | `live_encoder` | encodes a published stream again |
//! | [`shared_log`], [`appender`] | the log of a running source: the viewers' end and the source's end |
//! | [`shard_waker`] | wakes a shard when a log has grown |
//! | [`bitrate`] | the bit rate of a rendition |
//! | [`counters`] | counters of a stream, a shard or a viewer |
//! | [`error`] | why a stream cannot be watched |

mod active_source;
pub mod admission;
mod append_times;
pub mod appender;
pub mod bitrate;
mod broadcast;
pub mod counters;
mod egress_meter;
mod encoders;
pub mod error;
mod file_reads;
mod folder;
pub mod helper;
mod idle;
mod info;
mod known_files;
mod link_resolver;
mod live_encoder;
mod names;
pub mod publication;
mod published_state;
mod reading;
pub mod registry;
mod renditions;
mod scanner;
pub mod shard_waker;
pub mod shared_log;
pub mod source;
pub mod source_config;
pub mod stream;
pub mod subscription;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use self::appender::Appender;
pub use self::error::StreamError;
pub use self::source::Source;
pub use self::stream::Stream;
pub use self::subscription::{KeyframeRequest, Subscription, WantedTrack};

/// Locks `mutex` even when it is poisoned: the data under these locks is consistent after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
