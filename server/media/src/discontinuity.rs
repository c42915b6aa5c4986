//! Closes jumps of a file's clock, which joined and cut recordings, spliced broadcasts and damaged timestamps have. Pure.
//!
//! The tracks of a file share one clock. When the time of one track jumps, packets are held until those of the other
//! track tell a jump of the clock from a gap in one track. Both tracks are then shifted by the same time, so audio and
//! video stay in sync.

use std::collections::VecDeque;

use super::track::TrackKind;

/// In microseconds. A shorter jump is jitter, or a gap.
const MIN_JUMP: i64 = 1_000_000;
/// Longer jumps forward are closed even if only one track jumps, in containers whose clock may jump (broadcasts).
const MAX_BROADCAST_JUMP: i64 = 10_000_000;
/// The same for all other containers, where only damage causes jumps. A slide show may show one frame for minutes.
const MAX_FILE_JUMP: i64 = 300_000_000;
/// How far one track is read ahead to find out whether the other jumps too: microseconds, and bytes and packets of both.
const MAX_HELD_TIME: i64 = 2_000_000;
const MAX_HELD_BYTES: usize = 16 << 20;
const MAX_HELD_PACKETS: usize = 4096;
/// A track continues after a jump of the other if it advances by this much, in microseconds. Less may have been
/// interleaved late.
const MIN_PROGRESS: i64 = 500_000;
/// A packet's duration counts up to this, in microseconds: a damaged header can claim any.
const MAX_DURATION: i64 = 10_000_000;

/// When a packet is to be decoded, in microseconds of the file's clock, and its size.
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketTime {
    pub kind: TrackKind,
    pub dts: i64,
    /// `dts` is a decoding time. Otherwise it is a presentation time, which may go back.
    pub has_dts: bool,
    /// Zero when unknown.
    pub duration: i64,
    pub bytes: usize,
}

/// Gives each packet in file order the shift of its time that closes the jumps before it.
#[derive(Debug)]
pub(super) struct DiscontinuityFilter<T> {
    /// The container's clock may jump.
    broadcast: bool,
    single_track: bool,
    /// Added to the times of both tracks.
    shift: i64,
    /// By kind.
    tracks: [TrackClock; 2],
    held: VecDeque<Held<T>>,
    held_bytes: usize,
    finished: bool,
}

/// The clock of one track, in shifted microseconds.
#[derive(Clone, Copy, Debug, Default)]
struct TrackClock {
    /// Added to the times of this track only, when it never had the clock of the other.
    offset: i64,
    /// The latest decoding time.
    newest: Option<i64>,
    /// The end of the packet with that time.
    end: i64,
    /// Between the two newest packets.
    gap: i64,
}

#[derive(Debug)]
struct Held<T> {
    time: PacketTime,
    /// Known for packets that belong before a jump that was closed.
    shift: Option<i64>,
    packet: T,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Backward,
    Forward,
}

/// What the packets after a jump of one track show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The clock jumped. `by` is added to the shift from here on.
    Clock { by: i64 },
    /// The track has a gap, or damaged times.
    Gap,
    /// Only this packet has a wrong time. `by` is added to its shift.
    Packet { by: i64 },
    /// The track has another clock than the other track.
    Track { by: i64 },
}

impl<T> DiscontinuityFilter<T> {
    pub(super) fn new(broadcast: bool, single_track: bool) -> Self {
        Self {
            broadcast,
            single_track,
            shift: 0,
            tracks: Default::default(),
            held: VecDeque::new(),
            held_bytes: 0,
            finished: false,
        }
    }

    /// Adds the next packet of the file.
    pub(super) fn push(&mut self, time: PacketTime, packet: T) {
        self.held_bytes += time.bytes;
        self.held.push_back(Held {
            time,
            shift: None,
            packet,
        });
    }

    /// The file has no further packets.
    pub(super) fn finish(&mut self) {
        self.finished = true;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The next packet in file order, and what is to be added to its times. `None` until more packets are added.
    pub(super) fn pop(&mut self) -> Option<(T, i64)> {
        let Held { time, shift, .. } = self.held.front()?;
        let (time, known) = (*time, *shift);
        let track = time.kind as usize;
        let mut shift = known.unwrap_or_else(|| self.shift_of(time.kind));
        let direction = self.jump(time, time.dts.saturating_add(shift));
        if let (None, Some(direction)) = (known, direction) {
            match self.verdict(direction)? {
                Verdict::Clock { by } => {
                    self.shift = self.shift.saturating_add(by);
                    shift = shift.saturating_add(by);
                }
                Verdict::Gap => {}
                Verdict::Packet { by } => shift = shift.saturating_add(by),
                Verdict::Track { by } => {
                    self.tracks[track].offset = self.tracks[track].offset.saturating_add(by);
                    shift = shift.saturating_add(by);
                }
            }
        }
        self.tracks[track].add(time.dts.saturating_add(shift), time.duration);
        let held = self.held.pop_front()?;
        self.held_bytes -= held.time.bytes;
        Some((held.packet, shift))
    }

    fn shift_of(&self, kind: TrackKind) -> i64 {
        self.shift.saturating_add(self.tracks[kind as usize].offset)
    }

    fn newest(&self) -> Option<i64> {
        self.tracks[0].newest.max(self.tracks[1].newest)
    }

    fn max_jump(&self) -> i64 {
        if self.broadcast {
            MAX_BROADCAST_JUMP
        } else {
            MAX_FILE_JUMP
        }
    }

    /// Whether a packet with the shifted time `time` is far from the packets before it.
    fn jump(&self, packet: PacketTime, time: i64) -> Option<Direction> {
        let newest = self.newest()?;
        let (ahead, behind) = (time.saturating_sub(newest), newest.saturating_sub(time));
        let Some(own) = self.tracks[packet.kind as usize].newest else {
            return if ahead > self.max_jump() {
                Some(Direction::Forward)
            } else {
                (behind > self.max_jump()).then_some(Direction::Backward)
            };
        };
        let max_back = if packet.has_dts {
            MIN_JUMP
        } else {
            self.max_jump()
        };
        if own.saturating_sub(time) > max_back {
            return Some(Direction::Backward);
        }
        // The clock of other containers does not jump forward: a pause of both tracks is meant.
        let max_ahead = if self.broadcast {
            MIN_JUMP
        } else {
            MAX_FILE_JUMP
        };
        (ahead > max_ahead).then_some(Direction::Forward)
    }

    /// What the jump of the first held packet is. `None` until more packets are added.
    fn verdict(&mut self, direction: Direction) -> Option<Verdict> {
        let first = self.held.front()?.time;
        let (kind, other) = (first.kind, self.tracks[1 - first.kind as usize]);
        let start = first.dts.saturating_add(self.shift_of(kind));
        let clock = self.tracks[kind as usize];
        let newest = self.newest().unwrap_or(start);
        let far = start.saturating_sub(newest).saturating_abs() > self.max_jump();
        let close = clock
            .newest
            .map_or(newest, |_| clock.end)
            .saturating_sub(start);
        let (mut latest, mut returns) = (start, None);
        let (mut other_newest, mut other_jump) = (other.newest, None);
        for (at, held) in self.held.iter().enumerate().skip(1) {
            let shift = held.shift.unwrap_or_else(|| self.shift_of(held.time.kind));
            let time = held.time.dts.saturating_add(shift);
            if held.time.kind == kind {
                latest = latest.max(time);
                returns.get_or_insert(match direction {
                    Direction::Backward => clock.newest.is_some_and(|own| time >= own),
                    Direction::Forward => start.saturating_sub(time) > MIN_JUMP,
                });
                continue;
            }
            let jumps = match (direction, other_newest) {
                (Direction::Backward, None) => true,
                (Direction::Backward, Some(newest)) => newest.saturating_sub(time) > MIN_JUMP,
                // The first packet may be a late beginning.
                (Direction::Forward, None) => false,
                (Direction::Forward, Some(newest)) => time.saturating_sub(newest) > MIN_JUMP,
            };
            if jumps {
                other_jump = Some((at, time));
                break;
            }
            other_newest = other_newest.max(Some(time));
        }
        if let Some((at, time)) = other_jump {
            // Neither track overlaps with its part before the jump.
            let by = match other.newest {
                Some(_) => close.max(other.end.saturating_sub(time)),
                None => close,
            };
            self.keep_before(at, kind);
            return Some(Verdict::Clock { by });
        }
        if returns == Some(true) {
            return Some(match direction {
                Direction::Backward if !far => Verdict::Gap,
                _ => Verdict::Packet { by: close },
            });
        }
        let progress = match (other.newest, other_newest) {
            (Some(from), Some(to)) => to.saturating_sub(from),
            _ => 0,
        };
        let enough = if self.single_track {
            returns.is_some()
        } else {
            progress > MAX_HELD_TIME || latest.saturating_sub(start) > MAX_HELD_TIME
        };
        let full = self.held_bytes > MAX_HELD_BYTES || self.held.len() > MAX_HELD_PACKETS;
        if !enough && !full && !self.finished {
            return None;
        }
        let continues = progress > MIN_PROGRESS;
        if continues && far {
            return Some(Verdict::Track { by: close });
        }
        if continues || (direction == Direction::Forward && !far) {
            return Some(Verdict::Gap);
        }
        self.keep_before(self.held.len(), kind);
        let by = match other.newest {
            Some(_) => close.max(other.end.saturating_sub(start)),
            None => close,
        };
        Some(Verdict::Clock { by })
    }

    /// The first `count` held packets keep their times, except those of `kind`.
    fn keep_before(&mut self, count: usize, kind: TrackKind) {
        let shifts = [TrackKind::Video, TrackKind::Audio].map(|kind| self.shift_of(kind));
        for held in self.held.iter_mut().take(count) {
            if held.time.kind != kind {
                held.shift.get_or_insert(shifts[held.time.kind as usize]);
            }
        }
    }
}

impl TrackClock {
    fn add(&mut self, time: i64, duration: i64) {
        if let Some(newest) = self.newest {
            if time < newest {
                return;
            }
            self.gap = time.saturating_sub(newest).min(MIN_JUMP);
        }
        let duration = if duration == 0 { self.gap } else { duration };
        self.newest = Some(time);
        self.end = time.saturating_add(duration.clamp(0, MAX_DURATION));
    }
}

#[cfg(test)]
mod tests;
