//! The tracks that a publisher's m-lines are in its stream. Pure.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use bitstream::sps::is_common_profile;
use bitstream::{av1, vp8, vp9};
use ingest::connection_receiver::LineUnit;
use ingest::decode_times::DecodeTimes;
use ingest::unit::ReceivedUnit;
use media::access_unit::AccessUnit;
use media::time::MediaTime;
use media::track::{OfferedTrack, Offering, TrackId, TrackKind};
use shared::api::{AudioTrack, Codec, Delivery, VideoTrack};
use stream::publication;

/// A track for each m-line; each codec has its own. When a publisher changes to another codec, another track takes its place.
#[derive(Debug)]
pub(super) struct PublishedTracks {
    /// The number of m-lines that send.
    lines: usize,
    /// What has the media time zero.
    start: Option<Instant>,
    /// In the order of the m-lines.
    tracks: Vec<PublishedTrack>,
    /// The offering that was published is not that of the tracks any more.
    has_changed: bool,
    unplayable: Option<Unplayable>,
}

/// Why a publisher's video cannot be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unplayable {
    /// Not every browser decodes it.
    Profile,
    /// Its pictures are larger than [`MAX_SIDE`].
    Size,
}

#[derive(Debug)]
struct PublishedTrack {
    line: usize,
    offered: OfferedTrack,
    decode_times: DecodeTimes,
}

/// A unit, and what its publication needs before it.
#[derive(Debug)]
pub(super) struct Published {
    /// A run begins: media time zero is this instant.
    pub(super) begins_run: Option<Instant>,
    /// What the stream offers from now on.
    pub(super) offering: Option<Offering>,
    pub(super) track: TrackId,
    pub(super) unit: AccessUnit,
}

/// The first m-lines are not offered before the others have begun, or this has passed: a viewer would get sound alone, and keep that.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// Of a picture, in pixels: decoders of 8K take no more.
pub(super) const MAX_SIDE: u32 = 8192;

impl PublishedTracks {
    pub(super) fn new(lines: usize) -> Self {
        Self {
            lines,
            start: None,
            tracks: Vec::new(),
            has_changed: false,
            unplayable: None,
        }
    }

    /// Why nothing is passed on any more.
    pub(super) fn unplayable(&self) -> Option<Unplayable> {
        self.unplayable
    }

    /// The m-line of a track.
    pub(super) fn line(&self, track: TrackId) -> Option<usize> {
        let mut tracks = self.tracks.iter();
        let track = tracks.find(|other| other.offered.id == track)?;
        Some(track.line)
    }

    /// `None`: there is no keyframe yet to decode it from, or it cannot be passed on.
    pub(super) fn publish(&mut self, received: LineUnit) -> Option<Published> {
        let LineUnit {
            line, time, unit, ..
        } = received;
        if unit.keyframe {
            self.unplayable = self.unplayable.or_else(|| unplayable(&unit));
        }
        if self.unplayable.is_some() {
            return None;
        }
        let is_same =
            |track: &PublishedTrack| track.line == line && track.offered.codec == unit.codec;
        let known = self.tracks.iter().position(is_same);
        let index = match known {
            Some(index) => index,
            None if unit.keyframe => self.begin(line, unit.codec),
            None => return None,
        };
        let begins_run = self.start.is_none().then_some(time);
        let start = *self.start.get_or_insert(time);
        let track = &mut self.tracks[index];
        if let size @ Some(_) = size(&unit)
            && track.offered.size != size
        {
            track.offered.size = size;
            self.has_changed = true;
        }
        let decoded = track.decode_times.next(time);
        let track = track.offered.id;
        Some(Published {
            begins_run,
            offering: self.take_offering(time),
            track,
            unit: AccessUnit {
                codec: unit.codec,
                dts: media_time(start, decoded),
                time: media_time(start, time.max(decoded)),
                keyframe: unit.keyframe,
                data: unit.data,
            },
        })
    }

    /// Returns the index of the new track.
    fn begin(&mut self, line: usize, codec: Codec) -> usize {
        self.tracks.retain(|track| track.line != line);
        let track = PublishedTrack {
            line,
            offered: publication::track(codec),
            decode_times: DecodeTimes::default(),
        };
        self.has_changed = true;
        let index = self.tracks.partition_point(|track| track.line < line);
        self.tracks.insert(index, track);
        index
    }

    /// The offering, when it is to be published anew.
    fn take_offering(&mut self, now: Instant) -> Option<Offering> {
        let is_complete = self.tracks.len() >= self.lines;
        let has_waited = self.start.is_some_and(|start| start + MAX_WAIT <= now);
        if !self.has_changed || !(is_complete || has_waited) {
            return None;
        }
        self.has_changed = false;
        let tracks = self.tracks.iter().map(|track| track.offered.clone());
        let mut offering = Offering {
            tracks: tracks.collect(),
            ..Offering::default()
        };
        let video = offering.of(TrackKind::Video).next().map(video_track);
        let audio = offering.of(TrackKind::Audio).next().map(audio_track);
        (offering.video, offering.audio) = (video, audio);
        Some(offering)
    }
}

fn unplayable(keyframe: &ReceivedUnit) -> Option<Unplayable> {
    let is_large = |(width, height): (u32, u32)| width.max(height) > MAX_SIDE;
    match size(keyframe).is_some_and(is_large) {
        true => Some(Unplayable::Size),
        false => (!is_common(keyframe)).then_some(Unplayable::Profile),
    }
}

/// Every browser that decodes the codec decodes the profile of this keyframe, as far as its header tells: what files are passed through by.
fn is_common(unit: &ReceivedUnit) -> bool {
    match unit.codec {
        // Not the order of slices: it is what is left of a picture after losses, too.
        Codec::H264 => unit.sps.is_none_or(|sps| {
            is_common_profile(sps.profile, sps.level) && sps.chroma == 1 && sps.bits == 8
        }),
        Codec::Vp9 => vp9::profile(&unit.data).is_none_or(|profile| profile == 0),
        Codec::Av1 => av1::profile(&unit.data).is_none_or(|profile| profile == 0),
        Codec::Vp8 | Codec::Opus => true,
    }
}

/// Of a keyframe, as far as its header tells.
fn size(unit: &ReceivedUnit) -> Option<(u32, u32)> {
    match unit.codec {
        Codec::H264 => unit.sps.map(|sps| (sps.width, sps.height)),
        Codec::Vp8 => vp8::keyframe_size(&unit.data),
        Codec::Vp9 => vp9::keyframe_size(&unit.data),
        Codec::Av1 | Codec::Opus => None,
    }
}

fn video_track(track: &OfferedTrack) -> VideoTrack {
    let (width, height) = track.size.unwrap_or_default();
    VideoTrack {
        codec: track.codec.rtpmap_name().to_lowercase(),
        profile: None,
        width,
        height,
        encoded_size: None,
        fps: track.frame_rate,
        delivery: Delivery::Passthrough,
    }
}

/// RFC 7587 4.1: Opus is always 48 kHz and two channels in RTP.
fn audio_track(_: &OfferedTrack) -> AudioTrack {
    AudioTrack {
        codec: "opus".to_owned(),
        channels: 2,
        sample_rate: 48_000,
        delivery: Delivery::Passthrough,
    }
}

fn media_time(start: Instant, at: Instant) -> MediaTime {
    let after = at.saturating_duration_since(start).as_micros() as i64;
    let before = start.saturating_duration_since(at).as_micros() as i64;
    MediaTime(after - before)
}
