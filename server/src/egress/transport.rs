//! What one viewer was sent, by transport-wide number, until it says what became of it
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use std::time::{Duration, Instant};

use super::rtcp::TransportFeedback;

/// The last packets to one viewer, over all its streams: 6 kB.
#[derive(Debug)]
pub struct TransportLog {
    /// What departures count from.
    start: Instant,
    next: u16,
    clock: Clock,
    /// Microseconds since `start`; they wrap after 71 minutes.
    departures: Box<[u32; SLOTS]>,
    /// Bytes, and in the upper bits what is known.
    sizes: Box<[u16; SLOTS]>,
}

/// What became of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    pub sent: Instant,
    pub bytes: u32,
    /// In microseconds on the viewer's clock, of which only differences mean something. `None`: lost, by what the viewer knows;
    /// said once, and it may arrive yet.
    pub arrived: Option<i64>,
}

/// As many packets as feedback tells of; at 2.5 Mbit/s, those of almost 3 s.
const SLOTS: usize = TransportFeedback::MOST as usize;
const SIZE: u16 = 0x3fff;
const LOST: u16 = 0x4000;
/// Nothing more is to be learned of it; also of what was never sent.
const DONE: u16 = 0x8000;
/// Feedback on what left longer ago is nonsense.
const OLDEST: Duration = Duration::from_secs(60);

impl TransportLog {
    pub fn new(now: Instant) -> Self {
        Self {
            start: now,
            next: 0,
            clock: Clock::default(),
            departures: Box::new([0; SLOTS]),
            sizes: Box::new([DONE; SLOTS]),
        }
    }

    /// Notes a packet that leaves now, and says which number it must carry. `bytes`: on the wire, as far as they are known.
    pub fn sent(&mut self, now: Instant, bytes: usize) -> u16 {
        let number = self.next;
        self.next = number.wrapping_add(1);
        self.departures[slot(number)] = self.micros(now);
        self.sizes[slot(number)] = u16::try_from(bytes).unwrap_or(SIZE).min(SIZE);
        number
    }

    /// Joins arrivals with departures, in the order in which the packets left. What is known already is passed over.
    ///
    /// The iterator has to be read to its end.
    pub fn feedback<'a>(
        &'a mut self,
        now: Instant,
        feedback: &TransportFeedback<'a>,
    ) -> impl Iterator<Item = Fate> + use<'a> {
        let base = self.clock.read(feedback.reference);
        let packets = feedback.packets();
        packets.filter_map(move |(number, arrived)| {
            let arrived = arrived.map(|after| base.wrapping_add(after));
            self.settle(now, number, arrived)
        })
    }

    fn settle(&mut self, now: Instant, number: u16, arrived: Option<i64>) -> Option<Fate> {
        let behind = self.next.wrapping_sub(number);
        if behind == 0 || usize::from(behind) > SLOTS {
            return None;
        }
        let ago = self.micros(now).wrapping_sub(self.departures[slot(number)]);
        let ago = Duration::from_micros(ago.into());
        let size = &mut self.sizes[slot(number)];
        let known = *size & DONE != 0 || *size & LOST != 0 && arrived.is_none();
        if known || ago > OLDEST {
            return None;
        }
        *size |= if arrived.is_some() { DONE } else { LOST };
        Some(Fate {
            sent: now.checked_sub(ago)?,
            bytes: (*size & SIZE).into(),
            arrived,
        })
    }

    fn micros(&self, now: Instant) -> u32 {
        now.saturating_duration_since(self.start).as_micros() as u32
    }
}

fn slot(number: u16) -> usize {
    usize::from(number) % SLOTS
}

/// The viewer's clock. Its references have 24 bits of 64 ms, which wrap after 12 days.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    last: u32,
    /// In units of 64 ms.
    time: i64,
}

impl Clock {
    /// In microseconds.
    fn read(&mut self, reference: u32) -> i64 {
        let step = (reference.wrapping_sub(self.last) << 8) as i32 >> 8;
        self.last = reference;
        // A viewer may say what it likes: the time wraps rather than overflows.
        self.time = self.time.wrapping_add(step.into());
        self.time.wrapping_mul(64_000)
    }
}
