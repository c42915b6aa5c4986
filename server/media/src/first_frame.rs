//! What only a decoded frame says about a track.

use ffmpeg_next as ffmpeg;

use super::decoder;
use super::input_track::InputTrack;

/// Packets that are decoded at most to get a frame.
const MAX_PACKETS: u32 = 32;

/// Decodes the first frame of a track.
pub(super) struct FirstFrame {
    /// `None` when the frame has been decoded, or cannot be.
    decoder: Option<ffmpeg::decoder::Video>,
    packets: u32,
    /// The frame consists of two fields.
    pub interlaced: bool,
}

impl FirstFrame {
    pub(super) fn new(track: &InputTrack) -> Self {
        Self {
            decoder: decoder::open_video(&track.parameters, 1).ok(),
            packets: 0,
            interlaced: false,
        }
    }

    /// Decodes the next packet of the track, until there is a frame.
    pub(super) fn push(&mut self, packet: &ffmpeg::Packet) {
        let Some(decoder) = &mut self.decoder else {
            return;
        };
        self.packets += 1;
        // A packet that cannot be decoded has no frame; the next one may.
        let _ = decoder.send_packet(packet);
        let mut frame = ffmpeg::frame::Video::empty();
        let decoded = decoder.receive_frame(&mut frame).is_ok();
        if decoded {
            self.interlaced = frame.is_interlaced();
        }
        if decoded || self.packets == MAX_PACKETS {
            self.decoder = None;
        }
    }
}
