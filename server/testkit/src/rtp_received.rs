//! RTP packets of one payload type, counted.

use std::time::Instant;

/// Counters of one payload type.
#[derive(Clone, Debug, Default)]
pub struct RtpReceived {
    pub packets: u64,
    /// Packets with the marker bit: one for each video frame.
    pub markers: u64,
    /// The payload of the first packet.
    pub first: Vec<u8>,
    /// Jumps of the sequence number.
    pub gaps: u64,
    /// Timestamps that went backwards.
    pub backwards: u64,
    /// From the first to the last packet, in units of the RTP clock.
    pub span: u32,
    pub first_timestamp: u32,
    pub last_at: Option<Instant>,
    /// H.264: packets that begin with an SPS, alone (NAL unit type 7) or in a STAP-A (24), so that a keyframe begins.
    pub keyframes: u64,
    /// Sequence numbers that were received before: retransmissions.
    pub repeated: Vec<u16>,
    pub ssrc: u32,
    last: Option<(u16, u32)>,
}

impl RtpReceived {
    /// The newest sequence number.
    pub fn newest(&self) -> u16 {
        self.last.expect("a packet was received").0
    }

    pub(crate) fn count(&mut self, packet: &rtc::rtp::Packet) {
        let (sequence, timestamp) = (packet.header.sequence_number, packet.header.timestamp);
        match self.last {
            None => {
                self.first = packet.payload.to_vec();
                self.first_timestamp = timestamp;
                self.ssrc = packet.header.ssrc;
            }
            Some((last_sequence, _)) if last_sequence.wrapping_sub(sequence) < 1000 => {
                self.repeated.push(sequence);
                return;
            }
            Some((last_sequence, last_timestamp)) => {
                self.gaps += u64::from(sequence != last_sequence.wrapping_add(1));
                self.backwards += u64::from(timestamp.wrapping_sub(last_timestamp) > u32::MAX / 2);
            }
        }
        self.last = Some((sequence, timestamp));
        self.span = timestamp.wrapping_sub(self.first_timestamp);
        self.packets += 1;
        let unit = packet.payload.first().map(|byte| byte & 0x1F);
        self.keyframes += u64::from(matches!(unit, Some(7 | 24)));
        self.markers += u64::from(packet.header.marker);
        self.last_at = Some(Instant::now());
    }
}
