//! The pictures that a viewer has received, put together from RTP packets.

use std::time::Instant;

/// An RTP packet.
#[derive(Clone, Debug)]
pub struct RecordedPacket {
    pub at: Instant,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub payload: Vec<u8>,
}

/// The packets of one timestamp: a picture, or a packet of sound.
#[derive(Clone, Debug)]
pub struct Picture {
    /// When its first packet came.
    pub first_at: Instant,
    /// When its last packet came.
    pub at: Instant,
    pub timestamp: u32,
    pub payloads: Vec<Vec<u8>>,
}

impl RecordedPacket {
    pub(crate) fn of(packet: &rtc::rtp::Packet) -> Self {
        Self {
            at: Instant::now(),
            payload_type: packet.header.payload_type,
            sequence: packet.header.sequence_number,
            timestamp: packet.header.timestamp,
            payload: packet.payload.to_vec(),
        }
    }
}

/// The pictures of one payload type, in the order of their sequence numbers, as far as they are complete. The last one is left out, because packets of it may
/// be on their way. Of video, so are those from the first packet on that is missing: it may come again. Each packet of sound is complete.
pub(crate) fn pictures(packets: &[RecordedPacket], payload_type: u8, video: bool) -> Vec<Picture> {
    let mut packets: Vec<_> = packets
        .iter()
        .filter(|packet| packet.payload_type == payload_type)
        .collect();
    let Some(first) = packets.first().map(|packet| packet.sequence) else {
        return Vec::new();
    };
    packets.sort_by_key(|packet| packet.sequence.wrapping_sub(first) as i16);
    packets.dedup_by_key(|packet| packet.sequence);
    let unbroken = packets
        .windows(2)
        .position(|pair| pair[1].sequence != pair[0].sequence.wrapping_add(1));
    if let Some(last) = unbroken.filter(|_| video) {
        packets.truncate(last + 1);
    }
    let mut pictures: Vec<Picture> = Vec::new();
    for packet in packets {
        match pictures.last_mut() {
            Some(picture) if picture.timestamp == packet.timestamp => {
                picture.at = picture.at.max(packet.at);
                picture.payloads.push(packet.payload.clone());
            }
            _ => pictures.push(Picture {
                first_at: packet.at,
                at: packet.at,
                timestamp: packet.timestamp,
                payloads: vec![packet.payload.clone()],
            }),
        }
    }
    pictures.pop();
    pictures
}
