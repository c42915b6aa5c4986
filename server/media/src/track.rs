//! Tracks, and what a source offers.

use std::time::Duration;

use shared::api::{AudioTrack, Codec, VideoTrack};

/// Identifies a track within its stream, for as long as the stream exists. Codec, size and rate are data of the track: they may change, and two
/// tracks may have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub u16);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackKind {
    Video,
    Audio,
    /// A second picture of a published stream, shown over the first: a camera over a screen.
    Inset,
}

impl TrackKind {
    pub fn is_picture(self) -> bool {
        self != Self::Audio
    }
}

/// A track that a viewer can follow.
#[derive(Clone, Debug, PartialEq)]
pub struct OfferedTrack {
    pub id: TrackId,
    pub codec: Codec,
    /// Size of the displayed frame in pixels; `None` for audio, or while it is unknown.
    pub size: Option<(u32, u32)>,
    /// Frames per second.
    pub frame_rate: Option<f64>,
    /// The expected bit rate, in bits per second.
    pub bit_rate: u64,
    /// False: the source's own coded data. True: made by an encoder, which runs while the track has viewers and makes keyframes on request.
    pub encoded: bool,
    /// H.264 for viewers in single NAL unit mode (RFC 6184 6.2): each packet is one NAL unit.
    pub single_nal: bool,
    /// [`TrackKind::Inset`]; else the codec tells the kind.
    pub inset: bool,
}

impl OfferedTrack {
    pub fn kind(&self) -> TrackKind {
        match self.inset {
            true => TrackKind::Inset,
            false => kind_of(self.codec),
        }
    }
}

pub fn kind_of(codec: Codec) -> TrackKind {
    if codec.is_video() {
        TrackKind::Video
    } else {
        TrackKind::Audio
    }
}

/// What a source offers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offering {
    /// Best first within each kind.
    pub tracks: Vec<OfferedTrack>,
    /// Length of one iteration of a file. `None` for a source without end.
    pub duration: Option<Duration>,
    /// The source's own tracks, as people are told of them.
    pub video: Option<VideoTrack>,
    pub audio: Option<AudioTrack>,
    pub inset: Option<VideoTrack>,
    /// Of a publisher: the track that encoders decode, whether viewers are sent it or not.
    pub encoded_from: Option<(TrackId, Codec)>,
}

impl Offering {
    pub fn track(&self, id: TrackId) -> Option<&OfferedTrack> {
        self.tracks.iter().find(|track| track.id == id)
    }

    /// The tracks of one kind, best first.
    pub fn of(&self, kind: TrackKind) -> impl Iterator<Item = &OfferedTrack> {
        self.tracks.iter().filter(move |track| track.kind() == kind)
    }

    /// The best track of a codec.
    pub fn with_codec(&self, codec: Codec) -> Option<&OfferedTrack> {
        self.rendition(codec, false)
    }

    /// The best track of a codec, H.264 for single NAL unit mode or for the others. No inset.
    pub fn rendition(&self, codec: Codec, single_nal: bool) -> Option<&OfferedTrack> {
        let mut tracks = self.of(kind_of(codec));
        tracks.find(|track| track.codec == codec && track.single_nal == single_nal)
    }

    /// The best inset of a codec.
    pub fn inset_with_codec(&self, codec: Codec) -> Option<&OfferedTrack> {
        let mut insets = self.of(TrackKind::Inset);
        insets.find(|track| track.codec == codec)
    }

    /// The tracks that somebody may read: viewers, or encoders.
    pub fn used(&self) -> impl Iterator<Item = TrackId> {
        let offered = self.tracks.iter().map(|track| track.id);
        offered.chain(self.encoded_from.map(|(track, _)| track))
    }

    pub fn has(&self, kind: TrackKind) -> bool {
        self.of(kind).next().is_some()
    }
}
