//! Properties of every log and every playhead, for any input and any timing.

mod any_source;
mod keyframes;
mod layers;
mod live;
mod looped;
mod memory;

use std::time::Instant;

use media::access_unit::AccessUnit;
use media::packetize::packetize;
use media::time::MediaTime;
use media::track::{TrackId, TrackKind};
use shared::api::Codec;

use super::chunk::UnitRef;
use super::playhead::Playhead;
use super::unit::Unit;

pub(super) const VIDEO: TrackId = TrackId(0);
pub(super) const AUDIO: TrackId = TrackId(1);

/// A unit with `mark` as its data, on one packet.
pub(super) fn unit(dts: i64, keyframe: bool, mark: u32) -> Unit {
    let time = MediaTime(dts);
    let access_unit = AccessUnit {
        codec: Codec::Opus,
        dts: time,
        time,
        keyframe,
        data: mark.to_be_bytes().to_vec().into(),
    };
    Unit {
        dts: time,
        pts: time,
        keyframe,
        appended: Instant::now(),
        payloads: packetize(&access_unit).expect("one packet"),
    }
}

pub(super) fn mark(unit: &UnitRef) -> u32 {
    let data = unit.unit().payloads.unit();
    u32::from_be_bytes(data[..].try_into().expect("four bytes"))
}

pub(super) fn both(now: Instant) -> Playhead {
    let tracks = [(VIDEO, TrackKind::Video), (AUDIO, TrackKind::Audio)];
    Playhead::new(tracks, now)
}

pub(super) fn video_only(now: Instant) -> Playhead {
    Playhead::new([(VIDEO, TrackKind::Video)], now)
}
