//! How many packets each track of a file has, where the choice of a track depends on it.

use ffmpeg_next as ffmpeg;

use super::input_track::is_candidate;

/// How much is read at most: packets and bytes.
const MAX_PACKETS: u32 = 4000;
const MAX_BYTES: usize = 24 << 20;
/// A track with this many times fewer packets than another of its kind is stills, thumbnails or empty.
const FEW: u32 = 8;
/// The same of pictures in a format for stills: thumbnails may be many.
const FEW_STILLS: u32 = 2;

/// The packets of each stream at the beginning of a file. Empty: there is nothing to choose from.
#[derive(Debug, Default)]
pub(super) struct PacketCounts(Vec<StreamCount>);

#[derive(Clone, Copy, Debug, Default)]
struct StreamCount {
    packets: u32,
    /// Of pictures in a format for stills.
    stills: bool,
}

impl PacketCounts {
    /// Reads the beginning of the file if it has several tracks of one kind; else `None`, and nothing is read.
    pub(super) fn of(input: &mut ffmpeg::format::context::Input) -> Option<Self> {
        let several = |kind| {
            input
                .streams()
                .filter(|stream| is_candidate(stream, kind))
                .count()
                > 1
        };
        if !several(ffmpeg::media::Type::Video) && !several(ffmpeg::media::Type::Audio) {
            return None;
        }
        let counts = input.streams().map(|stream| StreamCount {
            packets: 0,
            stills: is_still_format(stream.parameters().id()),
        });
        let mut counts: Vec<_> = counts.collect();
        let mut bytes = 0;
        for _ in 0..MAX_PACKETS {
            let mut packet = ffmpeg::Packet::empty();
            match packet.read(input) {
                Ok(()) => {}
                Err(ffmpeg::Error::InvalidData) => continue,
                Err(_) => break,
            }
            if let Some(count) = counts.get_mut(packet.stream()) {
                count.packets += 1;
            }
            bytes += packet.size();
            if bytes > MAX_BYTES {
                break;
            }
        }
        Some(Self(counts))
    }

    /// Of these streams, those that do not have far fewer packets than another of them.
    pub(super) fn full(&self, streams: Vec<usize>) -> Vec<usize> {
        let count = |stream: &usize| self.0.get(*stream).copied().unwrap_or_default();
        let most = streams.iter().map(|stream| count(stream).packets).max();
        let most = most.unwrap_or(0);
        let is_full = |stream: &usize| {
            let StreamCount { packets, stills } = count(stream);
            let few = if stills { FEW_STILLS } else { FEW };
            packets.saturating_mul(few) > most || most == 0
        };
        streams.into_iter().filter(is_full).collect()
    }
}

fn is_still_format(codec: ffmpeg::codec::Id) -> bool {
    use ffmpeg::codec::Id;
    matches!(
        codec,
        Id::MJPEG | Id::PNG | Id::BMP | Id::TIFF | Id::WEBP | Id::JPEG2000
    )
}
