//! The log of a running source, shared between the thread that fills it and the viewers that read it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use shared::api::Codec;
use tokio::sync::Notify;

use super::Stream;
use super::bitrate::BitrateMeter;
use media::access_unit::AccessUnit;
use media::packetize::Packetizer;
use media::probe::Probe;
use media::source::Sink;
use media::time::MediaTime;
use timeline::frame::Frame;
use timeline::log::Log;

/// A log, and the wakers that ring when something was appended.
#[derive(Debug, Default)]
pub struct SharedLog {
    log: Mutex<Log>,
    appended: Notify,
    wakers: Mutex<Vec<Weak<ShardWaker>>>,
    dropped: AtomicU64,
}

/// Wakes one shard, once, after it was armed: many viewers of it may wait at the end of a log.
#[derive(Debug)]
pub struct ShardWaker {
    armed: AtomicBool,
    woken: AtomicBool,
    wakes: Arc<Notify>,
}

impl ShardWaker {
    pub fn new(wakes: Arc<Notify>) -> Self {
        Self {
            armed: AtomicBool::new(false),
            woken: AtomicBool::new(false),
            wakes,
        }
    }

    /// The next append rings. Set it while the log is held, so that none is missed.
    pub fn arm(&self) {
        self.armed.store(true, Ordering::Release);
    }

    /// Whether it has woken since this was last asked.
    pub fn take_woken(&self) -> bool {
        self.woken.swap(false, Ordering::AcqRel)
    }

    fn wake(&self) {
        if self.armed.swap(false, Ordering::AcqRel) {
            self.woken.store(true, Ordering::Release);
            self.wakes.notify_one();
        }
    }
}

impl SharedLog {
    /// Held for a look only, never across an await.
    pub fn lock(&self) -> MutexGuard<'_, Log> {
        // The log is whole between two calls of its methods, so a panic elsewhere cannot have torn it.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rings for those who wait at the end of the log. Enable it, look at the log again, then await it.
    pub fn appended(&self) -> tokio::sync::futures::Notified<'_> {
        self.appended.notified()
    }

    /// `waker` rings as long as somebody else holds it.
    pub fn subscribe(&self, waker: &Arc<ShardWaker>) {
        let mut wakers = self.wakers();
        wakers.retain(|waker| waker.strong_count() > 0);
        wakers.push(Arc::downgrade(waker));
    }

    /// Appends a frame and wakes the waiting viewers, unless the track refuses the frame (see [`Log::append`]).
    pub fn append(&self, codec: Codec, frame: Frame, now: Instant) {
        if self.lock().append(codec, frame, now) {
            self.wake();
        }
    }

    pub fn finish(&self) {
        self.lock().finish();
        self.wake();
    }

    fn wake(&self) {
        self.appended.notify_waiters();
        for waker in self.wakers().iter().filter_map(Weak::upgrade) {
            waker.wake();
        }
    }

    fn wakers(&self) -> MutexGuard<'_, Vec<Weak<ShardWaker>>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_over(&self) -> bool {
        self.lock().is_over()
    }

    /// Pictures that were left out because an encoder could not keep up.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// The end of a shared_log that belongs to the source's thread: packetizes once, for everybody.
#[derive(Debug)]
pub(super) struct Appender {
    shared_log: Arc<SharedLog>,
    stream: Weak<Stream>,
    renditions: BTreeMap<Codec, Rendition>,
}

#[derive(Debug)]
struct Rendition {
    packetizer: Packetizer,
    measure: BitrateMeter,
}

impl Appender {
    pub(super) fn new(shared_log: Arc<SharedLog>, stream: Weak<Stream>) -> Self {
        Self {
            shared_log,
            stream,
            renditions: BTreeMap::new(),
        }
    }

    pub(super) fn finish(&self) {
        self.shared_log.finish();
    }
}

impl Sink for Appender {
    fn anchor(&mut self, time: MediaTime, at: Instant) {
        self.shared_log.lock().set_anchor(time, at);
    }

    fn append(&mut self, unit: AccessUnit) {
        let rendition = self.renditions.entry(unit.codec).or_insert_with(|| {
            // Nobody reads the meter of a stream that is gone.
            let meter = self.stream.upgrade().map(|stream| stream.meter(unit.codec));
            Rendition {
                packetizer: Packetizer::new(unit.codec),
                measure: BitrateMeter::new(meter.unwrap_or_default()),
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
        self.shared_log.append(unit.codec, frame, now);
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
        self.shared_log
            .dropped
            .fetch_add(pictures, Ordering::Relaxed);
    }
}
