//! Arrival times of a connection's packets, reported by transport-wide sequence number
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).

mod encoder;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use self::encoder::FeedbackBody;
use crate::rtcp::put_transport_feedback;
use crate::sequence::SequenceExtender;

/// From the first packet that is not reported to the report.
const INTERVAL: Duration = Duration::from_millis(50);
/// As many packets are reported at once.
const MAX_UNREPORTED: usize = 200;
/// Arrivals that are kept, so that a report that begins before the one before can repeat them.
const MAX_KEPT: usize = 2048;
const KEPT: Duration = Duration::from_millis(500);

/// Records the arrivals at one connection, over all of its streams.
#[derive(Debug)]
pub struct TwccRecorder {
    /// The reference of all arrival times.
    start: Instant,
    sequence: SequenceExtender,
    arrivals: BTreeMap<u64, Instant>,
    /// The first number that no report has.
    next: Option<u64>,
    /// The packets that no report has: the lowest and the highest number, and how many there are.
    unreported: Option<RangeInclusive<u64>>,
    unreported_count: usize,
    due: Option<Instant>,
    feedback_count: u8,
}

impl TwccRecorder {
    pub fn new(now: Instant) -> Self {
        Self {
            start: now,
            sequence: SequenceExtender::default(),
            arrivals: BTreeMap::new(),
            next: None,
            unreported: None,
            unreported_count: 0,
            due: None,
            feedback_count: 0,
        }
    }

    /// A packet with this transport-wide sequence number has come.
    pub fn record(&mut self, now: Instant, sequence_number: u16) {
        let Some(extended) = self.sequence.extend(sequence_number) else {
            return;
        };
        let number = extended.number;
        if extended.restarted {
            self.arrivals.clear();
            self.next = None;
            self.unreported = None;
        }
        if self.arrivals.contains_key(&number) {
            return;
        }
        self.arrivals.insert(number, now);
        while self.arrivals.len() > MAX_KEPT {
            self.arrivals.pop_first();
        }
        self.unreported_count += 1;
        let (low, high) = match &self.unreported {
            Some(range) => (number.min(*range.start()), number.max(*range.end())),
            None => (number, number),
        };
        self.unreported = Some(low..=high);
        let due = *self.due.get_or_insert(now + INTERVAL);
        if self.unreported_count >= MAX_UNREPORTED {
            self.due = Some(due.min(now));
        }
    }

    /// Adds the reports that are due to an RTCP packet. `sender`: our SSRC; `media`: one of the peer's. Each report has at most about 1,100 bytes and stands
    /// in a `BytesMut` of its own.
    pub fn poll(&mut self, now: Instant, sender: u32, media: u32) -> Vec<BytesMut> {
        let mut reports = Vec::new();
        if self.due.is_none_or(|due| now < due) {
            return reports;
        }
        self.due = None;
        self.unreported_count = 0;
        let Some(unreported) = self.unreported.take() else {
            return reports;
        };
        let mut from = self
            .next
            .map_or(*unreported.start(), |next| next.min(*unreported.start()));
        let end = *unreported.end();
        while let Some((&first, _)) = self.arrivals.range(from..end + 1).next() {
            // Senders forget what is long ago; a report must not begin with thousands of losses.
            from = from.max(first.saturating_sub(u64::from(encoder::MAX_PACKETS) / 2));
            let mut body = FeedbackBody::new(self.start, from);
            for (number, arrived) in self.arrivals.range(from..=end) {
                if !body.push(*number, *arrived) {
                    break;
                }
            }
            let mut report = BytesMut::new();
            from = body.end();
            put_transport_feedback(
                &mut report,
                sender,
                media,
                &body.finish(self.feedback_count),
            );
            self.feedback_count = self.feedback_count.wrapping_add(1);
            reports.push(report);
        }
        self.next = Some(self.next.map_or(end + 1, |next| next.max(end + 1)));
        self.forget(now);
        reports
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Arrivals that are reported and old.
    fn forget(&mut self, now: Instant) {
        while let Some(entry) = self.arrivals.first_entry() {
            if now.saturating_duration_since(*entry.get()) <= KEPT {
                return;
            }
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests;
