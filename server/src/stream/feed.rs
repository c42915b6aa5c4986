//! The log of a running source, shared between the thread that fills it and the viewers that read it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use shared::api::Codec;
use tokio::sync::Notify;

use super::Stream;
use super::meter::Measure;
use crate::media::frame::{AccessUnit, MediaTime};
use crate::media::packetize::Packetizer;
use crate::media::probe::Probe;
use crate::media::source::Sink;
use crate::timeline::gop::Frame;
use crate::timeline::log::Log;

/// A log, and the bell that rings when something was appended.
#[derive(Debug, Default)]
pub struct Feed {
    log: Mutex<Log>,
    appended: Notify,
    dropped: AtomicU64,
}

impl Feed {
    /// Held for a look only, never across an await.
    pub fn log(&self) -> MutexGuard<'_, Log> {
        // The log is whole between two calls of its methods, so a panic elsewhere cannot have torn it.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rings for those who wait at the end of the log. Enable it, look at the log again, then await it.
    pub fn appended(&self) -> tokio::sync::futures::Notified<'_> {
        self.appended.notified()
    }

    pub fn finish(&self) {
        self.log().finish();
        self.appended.notify_waiters();
    }

    pub fn is_over(&self) -> bool {
        self.log().is_over()
    }

    /// Pictures that were left out because an encoder could not keep up.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// The end of a feed that belongs to the source's thread: packetizes once, for everybody.
#[derive(Debug)]
pub(super) struct FeedSink {
    feed: Arc<Feed>,
    stream: Weak<Stream>,
    renditions: BTreeMap<Codec, Rendition>,
}

#[derive(Debug)]
struct Rendition {
    packetizer: Packetizer,
    measure: Measure,
}

impl FeedSink {
    pub(super) fn new(feed: Arc<Feed>, stream: Weak<Stream>) -> Self {
        Self {
            feed,
            stream,
            renditions: BTreeMap::new(),
        }
    }

    pub(super) fn finish(&self) {
        self.feed.finish();
    }
}

impl Sink for FeedSink {
    fn anchor(&mut self, time: MediaTime, at: Instant) {
        self.feed.log().set_anchor(time, at);
    }

    fn append(&mut self, unit: AccessUnit) {
        let rendition = self.renditions.entry(unit.codec).or_insert_with(|| {
            // Nobody reads the meter of a stream that is gone.
            let meter = self.stream.upgrade().map(|stream| stream.meter(unit.codec));
            Rendition {
                packetizer: Packetizer::new(unit.codec),
                measure: Measure::new(meter.unwrap_or_default()),
            }
        });
        let payloads: Arc<[_]> = match rendition.packetizer.packetize(&unit) {
            Ok(payloads) if payloads.is_empty() => return,
            Ok(payloads) => payloads.into(),
            Err(error) => {
                tracing::debug!(codec = ?unit.codec, "an access unit was left out: {error}");
                return;
            }
        };
        let frame = Frame {
            time: unit.time,
            keyframe: unit.keyframe,
            payloads,
        };
        rendition
            .measure
            .add(frame.time, frame.payloads.len(), frame.bytes());
        if self.feed.log().append(unit.codec, frame, Instant::now()) {
            self.feed.appended.notify_waiters();
        }
    }

    fn replanned(&mut self, probe: &Probe) {
        if let Some(stream) = self.stream.upgrade() {
            tracing::info!(
                stream = stream.name(),
                "the source is sent in another way than planned"
            );
            stream.replanned(probe.clone());
        }
    }

    fn dropped(&mut self, pictures: u64) {
        self.feed.dropped.fetch_add(pictures, Ordering::Relaxed);
    }
}
