//! Where a viewer's packets go.

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use shared::api::Codec;

use crate::media::frame::MediaTime;

/// One RTP packet (RFC 3550 5.1), but for its payload type and SSRC, which the peer knows.
#[derive(Clone, Debug)]
pub struct Packet {
    pub codec: Codec,
    pub sequence: u16,
    /// In units of [`Codec::clock_rate`].
    pub timestamp: u32,
    /// The last packet of a picture; for sound, the first after a silence (RFC 7587 4.1: Weir sends none).
    pub marker: bool,
    pub payload: Bytes,
}

/// What an RTCP sender report says (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug)]
pub struct Report {
    pub codec: Codec,
    /// Seconds since 1900 in the upper 32 bits, fractions of a second in the lower.
    pub ntp: u64,
    /// The same instant on the clock of the codec.
    pub timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// The viewer is not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// Where a viewer's packets go: a peer connection, or a test.
pub trait Outlet: Send {
    fn send(&mut self, packet: Packet) -> impl Future<Output = Result<(), Gone>> + Send;
    fn report(&mut self, report: Report) -> impl Future<Output = Result<(), Gone>> + Send;
}

/// The numbers of one RTP stream towards one viewer.
#[derive(Debug)]
pub(super) struct RtpStream {
    codec: Codec,
    sequence: u16,
    /// The timestamp of the viewer's time zero. Random, as the first sequence number (RFC 3550 5.1).
    offset: u32,
    packets: u32,
    octets: u32,
}

/// From 1900, where NTP counts from, to 1970.
const NTP_TO_UNIX: u64 = 2_208_988_800;

impl RtpStream {
    pub(super) fn new(codec: Codec) -> Self {
        // Without a source of randomness DTLS would not work either; zero is then as good as any number.
        let random = getrandom::u64().unwrap_or(0);
        // The first number is small, so that the roll-over counter of SRTP begins unambiguously (RFC 3711 3.3.1).
        Self {
            codec,
            sequence: random as u16 >> 1,
            offset: (random >> 32) as u32,
            packets: 0,
            octets: 0,
        }
    }

    pub(super) fn codec(&self) -> Codec {
        self.codec
    }

    /// `at`: on the viewer's clock.
    pub(super) fn timestamp(&self, at: MediaTime) -> u32 {
        self.offset
            .wrapping_add(at.to_clock(self.codec.clock_rate()) as u32)
    }

    pub(super) fn packet(&mut self, at: MediaTime, marker: bool, payload: Bytes) -> Packet {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
        Packet {
            codec: self.codec,
            sequence,
            timestamp: self.timestamp(at),
            marker,
            payload,
        }
    }

    /// `at` on the viewer's clock and `wall` are the same instant. `None` before the first packet.
    pub(super) fn report(&self, at: MediaTime, wall: SystemTime) -> Option<Report> {
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let seconds = since.as_secs() + NTP_TO_UNIX;
        let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        (self.packets > 0).then(|| Report {
            codec: self.codec,
            ntp: seconds << 32 | fraction,
            timestamp: self.timestamp(at),
            packets: self.packets,
            octets: self.octets,
        })
    }
}
