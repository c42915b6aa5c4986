//! Where a viewer's packets go.

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use shared::api::Codec;

use media::time::MediaTime;

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

/// The clock of one track towards one viewer, and what has been sent of it.
#[derive(Debug)]
pub(super) struct Numbers {
    codec: Codec,
    /// The timestamp of the viewer's time zero. Random, as the first sequence number (RFC 3550 5.1).
    offset: u32,
    packets: u32,
    octets: u32,
}

/// From 1900, where NTP counts from, to 1970.
const NTP_TO_UNIX: u64 = 2_208_988_800;

impl Numbers {
    /// With them the first sequence number. It is small, so that the roll-over counter of SRTP begins
    /// unambiguously (RFC 3711 3.3.1).
    pub(super) fn new(codec: Codec) -> (Self, u16) {
        // Without a source of randomness DTLS would not work either; zero is then as good as any number.
        let random = getrandom::u64().unwrap_or(0);
        let numbers = Self {
            codec,
            offset: (random >> 32) as u32,
            packets: 0,
            octets: 0,
        };
        (numbers, random as u16 >> 1)
    }

    pub(super) fn codec(&self) -> Codec {
        self.codec
    }

    /// `at`: on the viewer's clock.
    pub(super) fn timestamp(&self, at: MediaTime) -> u32 {
        self.offset
            .wrapping_add(at.to_clock(self.codec.clock_rate()) as u32)
    }

    /// A packet with so many octets of payload is sent.
    pub(super) fn count(&mut self, octets: usize) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(octets as u32);
    }

    /// `at` on the viewer's clock and `wall` are the same instant.
    pub(super) fn report(&self, at: MediaTime, wall: SystemTime) -> Report {
        Report {
            codec: self.codec,
            ntp: ntp(wall),
            timestamp: self.timestamp(at),
            packets: self.packets,
            octets: self.octets,
        }
    }
}

/// NTP time (RFC 3550 4): seconds since 1900 in the upper 32 bits, fractions of a second in the lower.
pub(super) fn ntp(wall: SystemTime) -> u64 {
    let since = wall.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let seconds = since.as_secs() + NTP_TO_UNIX;
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    seconds << 32 | fraction
}
