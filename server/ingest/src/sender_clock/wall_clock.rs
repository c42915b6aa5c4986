//! The sender's wall clock, as the sender reports of one track tell it (RFC 3550 6.4.1).

use crate::reception::ReceivedSenderReport;
use crate::rtcp::SenderInfo;

/// Two reports may differ by this much in microseconds, and by a fiftieth of the time between them.
const TOLERANCE: i64 = 100_000;
/// Microseconds. After this a report does not count any more: a sound card and a wall clock drift apart.
const LIFETIME: i64 = 60_000_000;

/// From RTP time to the sender's NTP time.
#[derive(Debug, Default)]
pub(super) struct WallClock {
    newest: Option<(SenderInfo, Mapping)>,
    /// False: the newest report contradicts the one before.
    is_consistent: bool,
}

/// NTP time minus RTP time, and when the report came, in microseconds.
#[derive(Clone, Copy, Debug)]
struct Mapping {
    ahead: i64,
    arrived: i64,
}

impl WallClock {
    /// The newest sender report; may be called with the same one again. `arrived`: when it came. `rtp`: its RTP timestamp, extended, in microseconds.
    pub(super) fn set_report(&mut self, report: ReceivedSenderReport, arrived: i64, rtp: i64) {
        let info = report.info;
        // A sender without a wall clock may send 0.
        if info.ntp == 0 || self.newest.is_some_and(|(newest, _)| newest == info) {
            return;
        }
        let mapping = Mapping {
            ahead: ntp_micros(info.ntp) - rtp,
            arrived,
        };
        self.is_consistent = self.newest.is_none_or(|(_, before)| {
            let elapsed = mapping.arrived - before.arrived;
            (mapping.ahead - before.ahead).abs() <= TOLERANCE + elapsed / 50
        });
        self.newest = Some((info, mapping));
    }

    /// NTP time minus RTP time, in microseconds. `None`: unknown, or not to be relied on.
    pub(super) fn ahead(&self, now: i64) -> Option<i64> {
        let (_, mapping) = self.newest.filter(|_| self.is_consistent)?;
        (now - mapping.arrived <= LIFETIME).then_some(mapping.ahead)
    }
}

/// Since 1900 (RFC 3550 4): 32.32 bits of seconds.
fn ntp_micros(ntp: u64) -> i64 {
    ((u128::from(ntp) * 1_000_000) >> 32) as i64
}
