//! Events that are not in the counters yet.

use std::sync::Arc;

use super::counters::{Counter, Counters, ShardCounters};

/// Counts in plain memory: the counters of a stream are written by every shard, so they are written once for many polls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) rtx: u64,
    pub(super) nacks: u64,
    pub(super) plis: u64,
    pub(super) skips: u64,
    pub(super) send_errors: u64,
    pub(super) batches: u64,
}

impl Tally {
    fn fields<'a>(&self, counters: &'a Counters) -> [(&'a Counter, u64); 8] {
        [
            (&counters.packets, self.packets),
            (&counters.bytes, self.bytes),
            (&counters.rtx, self.rtx),
            (&counters.nacks, self.nacks),
            (&counters.plis, self.plis),
            (&counters.skips, self.skips),
            (&counters.send_errors, self.send_errors),
            (&counters.batches, self.batches),
        ]
    }

    /// Adds to counters that only this thread writes.
    pub(super) fn add_to_own(&self, counters: &Counters) {
        for (counter, count) in self.fields(counters) {
            if count > 0 {
                counter.add_alone(count);
            }
        }
    }

    fn add_to_shared(&self, counters: &Counters) {
        for (counter, count) in self.fields(counters) {
            if count > 0 {
                counter.add(count);
            }
        }
    }

    fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.rtx += other.rtx;
        self.nacks += other.nacks;
        self.plis += other.plis;
        self.skips += other.skips;
        self.send_errors += other.send_errors;
        self.batches += other.batches;
    }
}

/// What the viewers of a shard have done since the last [`ShardTally::settle`].
#[derive(Debug)]
pub(super) struct ShardTally {
    pub(super) counters: Arc<ShardCounters>,
    shard: Tally,
    /// The last stream that anything was counted for.
    stream: Option<(Arc<Counters>, Tally)>,
}

impl ShardTally {
    pub(super) fn new(counters: Arc<ShardCounters>) -> Self {
        Self {
            counters,
            shard: Tally::default(),
            stream: None,
        }
    }

    /// Adds what a viewer of a stream has done.
    pub(super) fn add(&mut self, stream: &Arc<Counters>, tally: &Tally) {
        self.shard.add(tally);
        match &mut self.stream {
            Some((counters, sum)) if Arc::ptr_eq(counters, stream) => sum.add(tally),
            other => {
                if let Some((counters, sum)) = other.replace((Arc::clone(stream), *tally)) {
                    sum.add_to_shared(&counters);
                }
            }
        }
    }

    /// Adds everything to the counters.
    pub(super) fn settle(&mut self) {
        std::mem::take(&mut self.shard).add_to_own(&self.counters.sent);
        if let Some((counters, sum)) = &mut self.stream {
            std::mem::take(sum).add_to_shared(counters);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_reaches_the_shard_and_its_stream_once() {
        let mut tally = ShardTally::new(Arc::default());
        let streams: [Arc<Counters>; 2] = Default::default();
        let one = Tally {
            packets: 1,
            bytes: 2,
            rtx: 3,
            nacks: 4,
            plis: 5,
            skips: 6,
            send_errors: 7,
            batches: 8,
        };
        for stream in [0, 0, 1, 0] {
            tally.add(&streams[stream], &one);
        }
        tally.settle();
        tally.settle();
        let counts = |counters: &Counters| one.fields(counters).map(|(counter, _)| counter.get());
        let times = |times: u64| [1, 2, 3, 4, 5, 6, 7, 8].map(|count| times * count);
        assert_eq!(counts(&tally.counters.sent), times(4));
        assert_eq!(counts(&streams[0]), times(3));
        assert_eq!(counts(&streams[1]), times(1));
    }
}
