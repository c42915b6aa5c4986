//! How much of a log stays in memory.

use std::time::Duration;

/// The units that a track keeps: those that a viewer who joins now, or is late by some seconds, may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// This much more than twice the longest GOP: a viewer is at most one GOP behind when it joins, and another when it restarts at a keyframe.
    pub slack: Duration,
    /// The maximum size of a track. The keyframe that viewers join at is evicted last.
    pub bytes: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            slack: Duration::from_secs(2),
            bytes: 64 << 20,
        }
    }
}
