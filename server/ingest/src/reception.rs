//! What a report block says of one SSRC (RFC 3550 6.4.1, A.1, A.3, A.8), and what its sender reports say.

use std::time::{Duration, Instant};

use crate::rtcp::{ReportBlock, SenderInfo};

/// Reception statistics of one SSRC. Retransmissions in a stream of their own do not count.
#[derive(Clone, Debug)]
pub struct ReceptionStatistics {
    ssrc: u32,
    clock_rate: u32,
    /// The first number; none before it was expected.
    base: Option<u64>,
    highest: u64,
    received: u64,
    /// At the report before.
    expected_prior: u64,
    received_prior: u64,
    /// In units of the RTP clock, times 16 (A.8).
    jitter: u32,
    transit: Option<(Instant, u32)>,
    sender_report: Option<ReceivedSenderReport>,
}

/// The newest sender report of an SSRC: an NTP time and the RTP timestamp of the same instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceivedSenderReport {
    pub info: SenderInfo,
    pub arrived: Instant,
}

impl ReceptionStatistics {
    pub fn new(ssrc: u32, clock_rate: u32) -> Self {
        Self {
            ssrc,
            clock_rate,
            base: None,
            highest: 0,
            received: 0,
            expected_prior: 0,
            received_prior: 0,
            jitter: 0,
            transit: None,
            sender_report: None,
        }
    }

    /// A packet has come, be it a duplicate or late. `number`: its extended sequence number.
    pub fn received(&mut self, now: Instant, number: u64, timestamp: u32) {
        self.base.get_or_insert(number);
        self.highest = self.highest.max(number);
        self.received += 1;
        if let Some((before, timestamp_before)) = self.transit {
            let elapsed = now.saturating_duration_since(before).as_micros();
            let elapsed = (elapsed * u128::from(self.clock_rate) / 1_000_000) as u32;
            let difference = elapsed.wrapping_sub(timestamp.wrapping_sub(timestamp_before));
            let difference = (difference as i32).unsigned_abs();
            let decay = (self.jitter + 8) >> 4;
            self.jitter = self.jitter.saturating_add(difference).saturating_sub(decay);
        }
        self.transit = Some((now, timestamp));
    }

    /// The sender has restarted: the packets between were never sent.
    pub fn restart(&mut self) {
        let (ssrc, clock_rate) = (self.ssrc, self.clock_rate);
        *self = Self {
            sender_report: self.sender_report,
            ..Self::new(ssrc, clock_rate)
        };
    }

    /// Another codec may have another clock.
    pub fn set_clock_rate(&mut self, clock_rate: u32) {
        if self.clock_rate != clock_rate {
            self.clock_rate = clock_rate;
            self.transit = None;
            self.jitter = 0;
        }
    }

    pub fn sender_report(&self) -> Option<ReceivedSenderReport> {
        self.sender_report
    }

    pub fn set_sender_report(&mut self, now: Instant, info: SenderInfo) {
        self.sender_report = Some(ReceivedSenderReport { info, arrived: now });
    }

    /// Packets that were expected and have not come; negative after duplicates.
    pub fn lost(&self) -> i64 {
        self.expected() as i64 - self.received as i64
    }

    fn expected(&self) -> u64 {
        self.base.map_or(0, |base| self.highest - base + 1)
    }

    /// `None` before the first packet. The next one reports the loss since this one.
    pub fn report_block(&mut self, now: Instant) -> Option<ReportBlock> {
        self.base?;
        let expected = self.expected();
        let expected_now = expected - self.expected_prior;
        let lost_now = expected_now as i64 - (self.received - self.received_prior) as i64;
        (self.expected_prior, self.received_prior) = (expected, self.received);
        let fraction_lost = match u64::try_from(lost_now) {
            Ok(lost) if expected_now > 0 => (lost * 256 / expected_now).min(255) as u8,
            _ => 0,
        };
        let report = self.sender_report;
        Some(ReportBlock {
            ssrc: self.ssrc,
            fraction_lost,
            lost: self.lost().clamp(-0x80_0000, 0x7f_ffff) as i32,
            // The first cycle has the number 1 here.
            highest: self.highest.wrapping_sub(1 << 16) as u32,
            jitter: self.jitter >> 4,
            last_sender_report: report.map_or(0, |report| (report.info.ntp >> 16) as u32),
            delay: report.map_or(0, |report| {
                ntp_short(now.saturating_duration_since(report.arrived))
            }),
        })
    }
}

/// In units of 1/65536 s.
fn ntp_short(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros() * 65_536 / 1_000_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: u64 = (1 << 16) + 65_530;

    fn after(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn loss_is_counted_since_the_beginning_and_since_the_report_before() {
        let (mut statistics, start) = (ReceptionStatistics::new(7, 90_000), Instant::now());
        assert_eq!(statistics.report_block(start), None);
        for number in (0..20).filter(|number| number % 4 != 3) {
            statistics.received(start, FIRST + number, 0);
        }
        statistics.received(start, FIRST + 20, 0);
        let block = statistics.report_block(start).unwrap();
        assert_eq!((block.ssrc, block.lost), (7, 5));
        assert_eq!(block.fraction_lost, (5 * 256 / 21) as u8);
        assert_eq!(block.highest, 65_530 + 20);
        // A late one, and duplicates.
        for number in [19, 20, 20] {
            statistics.received(start, FIRST + number, 0);
        }
        let block = statistics.report_block(start).unwrap();
        assert_eq!((block.fraction_lost, block.lost), (0, 2));
        statistics.received(start, FIRST + 30, 0);
        let block = statistics.report_block(start).unwrap();
        assert_eq!((block.fraction_lost, block.lost), (230, 11));
        statistics.restart();
        statistics.received(start, FIRST + 40_000, 0);
        assert_eq!(statistics.report_block(start).unwrap().lost, 0);
    }

    #[test]
    fn jitter_is_zero_at_an_even_pace_and_approaches_the_mean_deviation() {
        let (mut statistics, start) = (ReceptionStatistics::new(7, 90_000), Instant::now());
        for number in 0..200 {
            statistics.received(
                after(start, 20 * number),
                FIRST + number,
                (1800 * number) as u32,
            );
        }
        assert_eq!(statistics.report_block(start).unwrap().jitter, 0);
        for number in 200..600 {
            let late = 10 * (number % 2);
            statistics.received(
                after(start, 20 * number + late),
                FIRST + number,
                (1800 * number) as u32,
            );
        }
        // 10 ms are 900 units.
        let jitter = statistics.report_block(start).unwrap().jitter;
        assert!((880..=900).contains(&jitter), "{jitter}");
    }

    #[test]
    fn a_report_block_names_the_newest_sender_report_and_its_age() {
        let (mut statistics, start) = (ReceptionStatistics::new(7, 90_000), Instant::now());
        statistics.received(start, FIRST, 0);
        let info = SenderInfo {
            ssrc: 7,
            ntp: 0x0123_4567_89ab_cdef,
            rtp: 5,
            packets: 1,
            octets: 2,
        };
        statistics.set_sender_report(after(start, 100), info);
        let block = statistics.report_block(after(start, 1600)).unwrap();
        assert_eq!(block.last_sender_report, 0x4567_89ab);
        assert_eq!(block.delay, 65_536 * 3 / 2);
    }
}
