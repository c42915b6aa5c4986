//! The source's end of a log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::{Instant, SystemTime};

use media::access_unit::AccessUnit;
use media::packetize::{packetize, packetize_single_nal};
use media::time::MediaTime;
use media::track::{Offering, TrackId};
use timeline::place::RunId;
use timeline::unit::Unit;

use super::Stream;
use super::bitrate::BitrateMeter;
use super::shared_log::SharedLog;

/// Packetizes each access unit once for all viewers, and appends it. Owned by the producer of the units.
#[derive(Debug)]
pub struct Appender {
    log: Arc<SharedLog>,
    stream: Weak<Stream>,
    tracks: BTreeMap<TrackId, AppendedTrack>,
}

#[derive(Debug)]
struct AppendedTrack {
    bitrate: BitrateMeter,
    /// [`OfferedTrack::single_nal`](media::track::OfferedTrack::single_nal).
    single_nal: bool,
}

impl Appender {
    pub(super) fn new(log: Arc<SharedLog>, stream: Weak<Stream>) -> Self {
        Self {
            log,
            stream,
            tracks: BTreeMap::new(),
        }
    }

    /// The current run's media time `time` is live at the instant `at`.
    pub fn anchor(&mut self, time: MediaTime, at: Instant) {
        self.log.lock().set_anchor(time, at);
    }

    /// Another run: decode times need not rise from the run before. `epoch`: when its time zero was, by the clock on the wall.
    pub fn begin_run(&mut self, epoch: Option<SystemTime>) {
        self.log.lock().begin_run(epoch);
    }

    /// Appends a unit, and wakes the viewers that wait for it. False: it was dropped, because it is malformed, because there is no keyframe yet to decode
    /// it from, or because its decode time does not rise.
    pub fn append(&mut self, track: TrackId, unit: AccessUnit) -> bool {
        let now = Instant::now();
        let unit = self.packetize(track, &unit, now);
        unit.is_some_and(|unit| self.log.append(track, unit, now))
    }

    /// As [`Self::append`]: what an encoder makes of a unit of this run, which may be over.
    pub(super) fn append_encoded(&mut self, run: RunId, track: TrackId, unit: AccessUnit) -> bool {
        let now = Instant::now();
        let unit = self.packetize(track, &unit, now);
        unit.is_some_and(|unit| self.log.append_encoded(run, track, unit, now))
    }

    fn packetize(&mut self, track: TrackId, unit: &AccessUnit, now: Instant) -> Option<Unit> {
        let appended = self.tracks.entry(track).or_insert_with(|| {
            // The bit rate of a stream that has been removed is not read.
            let stream = self.stream.upgrade();
            let bitrate = stream.as_ref().map(|stream| stream.bitrate(track));
            let offering = stream.and_then(|stream| stream.known_offering());
            let offered = offering.as_ref().and_then(|offering| offering.track(track));
            AppendedTrack {
                bitrate: BitrateMeter::new(bitrate.unwrap_or_default()),
                single_nal: offered.is_some_and(|offered| offered.single_nal),
            }
        });
        let payloads = match appended.single_nal {
            true => packetize_single_nal(unit),
            false => packetize(unit),
        };
        let payloads = match payloads {
            Ok(payloads) => payloads,
            Err(error) => {
                tracing::debug!(codec = ?unit.codec, "an access unit was dropped: {error}");
                return None;
            }
        };
        let bitrate = &mut appended.bitrate;
        bitrate.add(unit.dts, payloads.len(), payloads.bytes());
        Some(Unit {
            dts: unit.dts,
            pts: unit.time,
            keyframe: unit.keyframe,
            appended: now,
            payloads,
        })
    }

    /// Replaces what the source offers. Viewers of tracks that it does not offer any more end after the last unit.
    pub fn set_offering(&mut self, offering: Offering) {
        if let Some(stream) = self.stream.upgrade() {
            tracing::info!(stream = stream.name(), "what the source offers has changed");
            // First: nobody is to find a track that is offered withdrawn.
            self.log
                .restore(offering.tracks.iter().map(|track| track.id));
            let used: BTreeSet<_> = offering.used().collect();
            let gone = stream.set_offering(offering, &self.log);
            self.log.withdraw(gone);
            self.log.set_used(&used);
        }
    }

    /// Counts video frames that were dropped because an encoder could not keep up.
    pub fn add_dropped(&mut self, frames: u64) {
        self.log.add_dropped(frames);
    }

    /// Notes whether an encoder that viewers need could not be started.
    pub(super) fn set_encoder_failing(&mut self, failing: bool) {
        self.log.set_encoder_failing(failing);
    }

    pub(super) fn finish(&self) {
        self.log.finish();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use shared::api::Codec;
    use timeline::retention::Retention;

    use super::*;
    use crate::admission::Limits;
    use crate::publication::{MAX_LAYERS, hidden_layer, layer};
    use crate::registry::Registry;

    #[tokio::test]
    async fn a_publisher_that_changes_codec_and_layer_again_and_again_fills_a_limit_and_no_more() {
        const PICTURE: usize = 4 << 20;
        let registry = Registry::open(Vec::new(), Limits::default(), Duration::ZERO);
        // Also on a machine that takes long for it.
        let retention = Retention {
            unused: Duration::from_secs(3_600),
            ..Retention::default()
        };
        let publication = registry.publish("camera", Offering::default(), retention);
        let mut appender = publication.expect("the name is free").appender;
        let data = Bytes::from(vec![0; PICTURE]);
        let (mut time, mut most) = (MediaTime::ZERO, 0);
        for number in 0..MAX_LAYERS {
            for codec in [Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1] {
                let (sent, hidden) = (layer(codec, number), hidden_layer(codec, number));
                appender.set_offering(Offering {
                    encoded_from: Some((hidden.id, codec)),
                    tracks: vec![sent.clone()],
                    ..Offering::default()
                });
                for _ in 0..3 {
                    time = time.plus_micros(40_000);
                    for track in [sent.id, hidden.id] {
                        let unit = AccessUnit {
                            codec: Codec::Vp8,
                            dts: time,
                            time,
                            keyframe: true,
                            data: data.clone(),
                        };
                        assert!(appender.append(track, unit));
                    }
                    most = most.max(appender.log.lock().bytes());
                }
            }
        }
        // Without the limit 32 tracks have 3 pictures each.
        assert!(
            most > retention.total - PICTURE && most <= retention.total,
            "{most}"
        );
    }
}
