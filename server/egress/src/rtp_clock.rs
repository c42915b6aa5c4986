//! The RTP clock of one track towards one viewer, and the counts for its sender reports.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rtc_rtcp::sender_report::SenderReport;
use shared::api::Codec;

use media::time::MediaTime;

/// The wall clock of sender reports: read once, and advanced by the monotonic clock, because a step of the system's clock would change the measured
/// round trip, and the synchronization of audio and video.
#[derive(Clone, Copy, Debug)]
pub(super) struct WallClock {
    started: Instant,
    at_start: SystemTime,
}

impl WallClock {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            started: now,
            at_start: SystemTime::now(),
        }
    }

    pub(super) fn at(&self, now: Instant) -> SystemTime {
        self.at_start + now.saturating_duration_since(self.started)
    }
}

/// Maps media time to RTP timestamps, and counts the packets and octets sent.
#[derive(Debug)]
pub(super) struct RtpClock {
    codec: Codec,
    /// The RTP timestamp of media time zero. Random, like the first sequence number (RFC 3550 5.1).
    offset: u32,
    packets: u32,
    octets: u32,
}

/// Seconds from the NTP epoch (1900) to the Unix epoch (1970).
const NTP_TO_UNIX: u64 = 2_208_988_800;

impl RtpClock {
    /// The clock and the first sequence number, which is below 2^15: when the first packets are lost, the receiver
    /// still guesses the SRTP roll-over counter right (RFC 3711 3.3.1).
    pub(super) fn new(codec: Codec) -> (Self, u16) {
        // Without randomness DTLS fails too, so the value does not matter then.
        let random = getrandom::u64().unwrap_or(0);
        let clock = Self {
            codec,
            offset: (random >> 32) as u32,
            packets: 0,
            octets: 0,
        };
        (clock, random as u16 >> 1)
    }

    /// Another codec with the same clock rate.
    pub(super) fn set_codec(&mut self, codec: Codec) {
        debug_assert_eq!(codec.clock_rate(), self.codec.clock_rate());
        self.codec = codec;
    }

    pub(super) fn codec(&self) -> Codec {
        self.codec
    }

    /// `at`: on the viewer's media clock.
    pub(super) fn timestamp(&self, at: MediaTime) -> u32 {
        self.offset
            .wrapping_add(at.to_clock(self.codec.clock_rate()) as u32)
    }

    /// Counts one packet with `octets` of payload.
    pub(super) fn count(&mut self, octets: usize) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(octets as u32);
    }

    /// A report of stream `ssrc` for the instant that is `at` on the viewer's media clock and `wall` on the system clock.
    pub(super) fn sender_report(&self, ssrc: u32, at: MediaTime, wall: SystemTime) -> SenderReport {
        SenderReport {
            ssrc,
            ntp_time: ntp(wall),
            rtp_time: self.timestamp(at),
            packet_count: self.packets,
            octet_count: self.octets,
            ..Default::default()
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
