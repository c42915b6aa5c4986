//! The source's end of a shared log.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use media::access_unit::AccessUnit;
use media::packetize::Packetizer;
use media::probe::Probe;
use media::source::Sink;
use media::time::MediaTime;
use shared::api::Codec;
use timeline::frame::Frame;

use super::Stream;
use super::bitrate::BitrateMeter;
use super::shared_log::SharedLog;

/// Packetizes each access unit once for all viewers, and appends it. Owned by the source's thread.
#[derive(Debug)]
pub(super) struct Appender {
    log: Arc<SharedLog>,
    stream: Weak<Stream>,
    renditions: BTreeMap<Codec, RenditionWriter>,
}

#[derive(Debug)]
struct RenditionWriter {
    packetizer: Packetizer,
    bitrate: BitrateMeter,
}

impl Appender {
    pub(super) fn new(log: Arc<SharedLog>, stream: Weak<Stream>) -> Self {
        Self {
            log,
            stream,
            renditions: BTreeMap::new(),
        }
    }

    pub(super) fn finish(&self) {
        self.log.finish();
    }
}

impl Sink for Appender {
    fn anchor(&mut self, time: MediaTime, at: Instant) {
        self.log.lock().set_anchor(time, at);
    }

    fn append(&mut self, unit: AccessUnit) {
        let rendition = self.renditions.entry(unit.codec).or_insert_with(|| {
            // The bit rate of a stream that has been removed is not read.
            let bitrate = self
                .stream
                .upgrade()
                .map(|stream| stream.bitrate(unit.codec));
            RenditionWriter {
                packetizer: Packetizer::new(unit.codec),
                bitrate: BitrateMeter::new(bitrate.unwrap_or_default()),
            }
        });
        let payloads: Arc<[_]> = match rendition.packetizer.packetize(&unit) {
            Ok(payloads) if payloads.is_empty() => return,
            Ok(payloads) => payloads.into(),
            Err(error) => {
                tracing::debug!(codec = ?unit.codec, "an access unit was dropped: {error}");
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
            .bitrate
            .add(frame.time, frame.payloads.len(), frame.bytes());
        self.log.append(unit.codec, frame, now);
    }

    fn replanned(&mut self, probe: &Probe) {
        if let Some(stream) = self.stream.upgrade() {
            tracing::info!(
                stream = stream.name(),
                "the delivery of the source has changed"
            );
            stream.replanned(probe.clone());
        }
    }

    fn dropped(&mut self, frames: u64) {
        self.log.add_dropped(frames);
    }
}
