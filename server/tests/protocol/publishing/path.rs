//! Bad paths.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::attacks::{Delayed, Direction};

/// Of so many datagrams one is lost: 5 %.
const LOST_OF: u64 = 20;
/// Of so many datagrams one comes later than some that were sent after it.
const LATE_OF: u64 = 25;
const LATE_BY: usize = 3;

/// Loses datagrams and delays others, in both directions.
pub(super) fn loses_and_reorders() -> impl FnMut(Direction, &[u8]) -> Vec<Vec<u8>> + Send + 'static
{
    let mut random = random(7);
    let mut late: [VecDeque<(usize, Vec<u8>)>; 2] = Default::default();
    move |direction, datagram| {
        let late = &mut late[usize::from(direction == Direction::ToServer)];
        let mut passed = Vec::new();
        if random().is_multiple_of(LOST_OF) {
            // Lost.
        } else if random().is_multiple_of(LATE_OF) {
            late.push_back((LATE_BY, datagram.to_vec()));
        } else {
            passed.push(datagram.to_vec());
        }
        for (wait, _) in late.iter_mut() {
            *wait = wait.saturating_sub(1);
        }
        while late.front().is_some_and(|(wait, _)| *wait == 0) {
            passed.extend(late.pop_front().map(|(_, datagram)| datagram));
        }
        passed
    }
}

/// Loses 5 % of what the publisher sends, and takes this long in each direction.
pub(super) fn loses_and_delays(
    delay: Duration,
) -> impl FnMut(Direction, &[u8]) -> Vec<Delayed> + Send + 'static {
    let mut random = random(5);
    move |direction, datagram| {
        let is_lost = direction == Direction::ToServer && random().is_multiple_of(LOST_OF);
        let passed = (!is_lost).then(|| (delay, datagram.to_vec()));
        passed.into_iter().collect()
    }
}

/// Sends so many bits a second to the server, and drops what would wait for longer than `queue`.
pub(super) fn slow_line(
    bits: u64,
    queue: Duration,
) -> impl FnMut(Direction, &[u8]) -> Vec<Delayed> + Send + 'static {
    let mut free = Instant::now();
    move |direction, datagram| {
        if direction == Direction::ToViewer {
            return vec![(Duration::ZERO, datagram.to_vec())];
        }
        let now = Instant::now();
        if free > now + queue {
            return Vec::new();
        }
        let takes = Duration::from_micros(8_000_000 * datagram.len() as u64 / bits);
        free = free.max(now) + takes;
        vec![(free - now, datagram.to_vec())]
    }
}

/// A linear congruential generator (Knuth's MMIX).
pub(super) fn random(seed: u64) -> impl FnMut() -> u64 + Send + 'static {
    let mut state = seed;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    }
}
