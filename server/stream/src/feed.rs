//! The log of a running source, shared between the thread that fills it and the viewers that read it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use shared::api::Codec;
use tokio::sync::Notify;

use super::Stream;
use super::meter::Measure;
use media::frame::{AccessUnit, MediaTime};
use media::packetize::Packetizer;
use media::probe::Probe;
use media::source::Sink;
use timeline::gop::Frame;
use timeline::log::Log;

/// A log, and the bells that ring when something was appended.
#[derive(Debug, Default)]
pub struct Feed {
    log: Mutex<Log>,
    appended: Notify,
    bells: Mutex<Vec<Weak<Bell>>>,
    dropped: AtomicU64,
}

/// Wakes one shard, once, after it was set: many viewers of it may wait at the end of a log.
#[derive(Debug)]
pub struct Bell {
    set: AtomicBool,
    rung: AtomicBool,
    wakes: Arc<Notify>,
}

impl Bell {
    pub fn new(wakes: Arc<Notify>) -> Self {
        Self {
            set: AtomicBool::new(false),
            rung: AtomicBool::new(false),
            wakes,
        }
    }

    /// The next append rings. Set it while the log is held, so that none is missed.
    pub fn set(&self) {
        self.set.store(true, Ordering::Release);
    }

    /// Whether it has rung since this was last asked.
    pub fn take_rung(&self) -> bool {
        self.rung.swap(false, Ordering::AcqRel)
    }

    fn ring(&self) {
        if self.set.swap(false, Ordering::AcqRel) {
            self.rung.store(true, Ordering::Release);
            self.wakes.notify_one();
        }
    }
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

    /// `bell` rings as long as somebody else holds it.
    pub fn hang(&self, bell: &Arc<Bell>) {
        let mut bells = self.bells();
        bells.retain(|bell| bell.strong_count() > 0);
        bells.push(Arc::downgrade(bell));
    }

    pub fn finish(&self) {
        self.log().finish();
        self.ring();
    }

    fn ring(&self) {
        self.appended.notify_waiters();
        for bell in self.bells().iter().filter_map(Weak::upgrade) {
            bell.ring();
        }
    }

    fn bells(&self) -> MutexGuard<'_, Vec<Weak<Bell>>> {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
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
        let now = Instant::now();
        let frame = Frame {
            time: unit.time,
            keyframe: unit.keyframe,
            appended: now,
            payloads,
        };
        rendition
            .measure
            .add(frame.time, frame.payloads.len(), frame.bytes());
        if self.feed.log().append(unit.codec, frame, now) {
            self.feed.ring();
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
