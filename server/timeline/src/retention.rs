//! How much of a log stays in memory.

use std::time::Duration;

/// The units that a track keeps: those that a viewer who joins now, or is late by some seconds, may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// This much more than twice the longest GOP: a viewer is at most one GOP behind when it joins, and another when it restarts at a keyframe.
    pub slack: Duration,
    /// The maximum size of a track. The keyframe that viewers join at is evicted last.
    pub bytes: usize,
    /// The maximum size of all tracks together. Those that are not in use go first, then chunks of the largest.
    pub total: usize,
    /// A track that is not in use is kept for so long after its last unit: for viewers who have not been sent all of it.
    pub unused: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            slack: Duration::from_secs(2),
            bytes: 64 << 20,
            total: 128 << 20,
            unused: Duration::from_secs(10),
        }
    }
}
