//! A publisher: packets of access units, and retransmissions of them.

use std::collections::HashMap;

use bytes::Bytes;
use ingest::receiver::{Format, Receiver, ReceiverParams};
use media::access_unit::AccessUnit;
use media::packetize::packetize;
use shared::api::Codec;

const SSRC: u32 = 0x0102_0304;
const RTX_SSRC: u32 = 0x0506_0708;
const PAYLOAD_TYPE: u8 = 96;
const RTX_PAYLOAD_TYPE: u8 = 97;

pub(crate) struct Sender {
    next: u16,
    next_rtx: u16,
    /// Of the first unit.
    first_timestamp: u32,
    history: HashMap<u16, Vec<u8>>,
}

impl Sender {
    /// Both numbers wrap soon.
    pub(crate) fn new() -> Self {
        Self {
            next: 65_500,
            next_rtx: 65_534,
            first_timestamp: u32::MAX - 90_000,
            history: HashMap::new(),
        }
    }

    pub(crate) fn timestamp(&self, unit: &AccessUnit) -> u32 {
        let ticks = unit.time.to_clock(unit.codec.clock_rate());
        self.first_timestamp.wrapping_add(ticks as u32)
    }

    /// The packets of a unit, in order.
    pub(crate) fn send(&mut self, unit: &AccessUnit) -> Vec<Vec<u8>> {
        let payloads = packetize(unit).expect("a unit of FFmpeg can be sent");
        let timestamp = self.timestamp(unit);
        let mut packets = Vec::new();
        for (n, payload) in payloads.iter().enumerate() {
            let marker = n + 1 == payloads.len() && unit.codec.is_video();
            let kind = PAYLOAD_TYPE | u8::from(marker) << 7;
            let packet = packet(kind, self.next, timestamp, SSRC, &payload.to_bytes());
            self.history.insert(self.next, packet.clone());
            self.next = self.next.wrapping_add(1);
            packets.push(packet);
        }
        packets
    }

    /// A retransmission (RFC 4588).
    pub(crate) fn resend(&mut self, number: u16) -> Vec<u8> {
        let original = &self.history[&number];
        let kind = RTX_PAYLOAD_TYPE | original[1] & 0x80;
        let timestamp = u32::from_be_bytes([original[4], original[5], original[6], original[7]]);
        let payload = [&number.to_be_bytes(), &original[12..]].concat();
        self.next_rtx = self.next_rtx.wrapping_add(1);
        packet(kind, self.next_rtx, timestamp, RTX_SSRC, &payload)
    }
}

fn packet(kind: u8, number: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, kind];
    packet.extend(number.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// A receiver of what a [`Sender`] sends.
pub(crate) fn receiver(codec: Codec) -> Receiver {
    let format = Format {
        payload_type: PAYLOAD_TYPE,
        codec,
        rtx: Some(RTX_PAYLOAD_TYPE),
        parameter_sets: Bytes::new(),
    };
    let params = ReceiverParams {
        ssrc: SSRC,
        rtx_ssrc: Some(RTX_SSRC),
        formats: vec![format],
        nack: true,
        pli: true,
    };
    Receiver::new(params).expect("there is a format")
}
