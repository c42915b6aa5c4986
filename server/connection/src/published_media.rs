//! The units of a publisher, on their way into the log of its stream.

use std::time::Instant;

use ingest::connection_receiver::LineUnit;
use ingest::decode_times::DecodeTimes;
use ingest::unit::ReceivedUnit;
use media::access_unit::AccessUnit;
use media::time::MediaTime;
use media::track::{OfferedTrack, Offering, TrackId, TrackKind};
use shared::api::{AudioTrack, Codec, Delivery, VideoTrack};
use stream::publication::Publication;

/// The bit rates that are expected of a track until they are measured: those of browsers.
const VIDEO_BIT_RATE: u64 = 2_500_000;
const AUDIO_BIT_RATE: u64 = 64_000;

/// Appends what one publisher sends. The stream offers what comes: a track for each m-line, and another one when its codec changes.
#[derive(Debug)]
pub(super) struct PublishedMedia {
    publication: Publication,
    /// What has time zero.
    start: Option<Instant>,
    tracks: Vec<Track>,
    next_id: u16,
    closed: bool,
}

#[derive(Debug)]
struct Track {
    line: usize,
    offered: OfferedTrack,
    decode_times: DecodeTimes,
}

impl PublishedMedia {
    pub(super) fn new(publication: Publication) -> Self {
        Self {
            publication,
            start: None,
            tracks: Vec::new(),
            next_id: 0,
            closed: false,
        }
    }

    pub(super) fn append(&mut self, unit: LineUnit) {
        let LineUnit {
            line, time, unit, ..
        } = unit;
        let start = *self.start.get_or_insert_with(|| {
            self.publication.appender.anchor(MediaTime::ZERO, time);
            time
        });
        let same = |track: &Track| track.line == line && track.offered.codec == unit.codec;
        let track = match self.tracks.iter().position(same) {
            Some(index) => &mut self.tracks[index],
            None if unit.keyframe => self.begin(line, &unit),
            None => return,
        };
        // A unit of another track may have been taken before the first one.
        let since = |time: Instant| {
            let micros = |duration: std::time::Duration| duration.as_micros() as i64;
            match time.checked_duration_since(start) {
                Some(after) => MediaTime(micros(after)),
                None => MediaTime(-micros(start.duration_since(time))),
            }
        };
        let decode = track.decode_times.next(time);
        let id = track.offered.id;
        let unit = AccessUnit {
            codec: unit.codec,
            dts: since(decode),
            time: since(time.max(decode)),
            keyframe: unit.keyframe,
            data: unit.data,
        };
        // One that the log refuses is before its first keyframe.
        self.publication.appender.append(id, unit);
    }

    /// A track begins, instead of the one that the m-line had.
    fn begin(&mut self, line: usize, first: &ReceivedUnit) -> &mut Track {
        self.tracks.retain(|track| track.line != line);
        let size = first.sps.as_ref().map(|sps| (sps.width, sps.height));
        let codec = first.codec;
        let offered = OfferedTrack {
            id: TrackId(self.next_id),
            codec,
            size,
            frame_rate: None,
            bit_rate: match codec.is_video() {
                true => VIDEO_BIT_RATE,
                false => AUDIO_BIT_RATE,
            },
            encoded: false,
        };
        self.next_id = self.next_id.wrapping_add(1);
        self.tracks.push(Track {
            line,
            offered,
            decode_times: DecodeTimes::default(),
        });
        let offered = self.tracks.iter().map(|track| track.offered.clone());
        self.publication
            .appender
            .set_offering(offering(offered.collect()));
        let last = self.tracks.len() - 1;
        &mut self.tracks[last]
    }

    /// The m-lines of which viewers want a keyframe.
    pub(super) fn take_keyframe_requests(&mut self) -> Vec<usize> {
        let requests = self.publication.requests.take_requests();
        self.closed |= requests.stop;
        let wanted = self.tracks.iter();
        let wanted = wanted.filter(|track| requests.keyframes.contains(&track.offered.id));
        wanted.map(|track| track.line).collect()
    }

    /// The stream was unpublished.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }
}

fn offering(tracks: Vec<OfferedTrack>) -> Offering {
    let of = |kind| tracks.iter().find(|track| track.kind() == kind);
    let video = of(TrackKind::Video).map(|track| VideoTrack {
        codec: name(track.codec),
        profile: None,
        width: track.size.map_or(0, |(width, _)| width),
        height: track.size.map_or(0, |(_, height)| height),
        encoded_size: None,
        fps: None,
        delivery: Delivery::Passthrough,
    });
    let audio = of(TrackKind::Audio).map(|track| AudioTrack {
        codec: name(track.codec),
        channels: 2,
        sample_rate: 48_000,
        delivery: Delivery::Passthrough,
    });
    Offering {
        duration: None,
        video,
        audio,
        tracks,
    }
}

fn name(codec: Codec) -> String {
    codec.rtpmap_name().to_lowercase()
}
