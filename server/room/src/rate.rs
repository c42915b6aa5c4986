//! The rate limit of one socket: a token bucket for messages and one for bytes.

use std::time::{Duration, Instant};

use shared::signaling::MAX_PEERS;

/// Refill per second and capacity of a bucket.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub per_second: u32,
    pub burst: u32,
}

/// The limits of one socket.
#[derive(Clone, Copy, Debug)]
pub struct RateLimits {
    pub messages: Rate,
    pub bytes: Rate,
}

impl RateLimits {
    /// What all peers of a room send: the limits of as many sockets as fit into it.
    pub fn of_room() -> Self {
        let of_socket = Self::default();
        let peers = u32::try_from(MAX_PEERS).unwrap_or(u32::MAX);
        let times = |rate: Rate| Rate {
            per_second: rate.per_second * peers,
            burst: rate.burst * peers,
        };
        Self {
            messages: times(of_socket.messages),
            bytes: times(of_socket.bytes),
        }
    }

    /// What all sockets of an address send: a school where half a dozen rooms fill at once does not wait.
    pub fn of_address() -> Self {
        Self {
            messages: Rate {
                per_second: 2000,
                burst: 20_000,
            },
            bytes: Rate {
                per_second: 4 * 1024 * 1024,
                burst: 32 * 1024 * 1024,
            },
        }
    }

    /// What a socket has passed on by the plain relay, counted once for each receiver. A peer of a full room that sends an offer to each other one,
    /// and each hears all of it, needs 3,000 messages and 3 MB; the longest text to a whole crowd of listeners is 17 MB.
    pub fn of_relayed() -> Self {
        Self {
            messages: Rate {
                per_second: 100,
                burst: 6000,
            },
            bytes: Rate {
                per_second: 256 * 1024,
                burst: 24 * 1024 * 1024,
            },
        }
    }
}

impl Default for RateLimits {
    /// Joining a full room takes 15 offers of about 10 kB with a dozen candidates each, within a second or two.
    fn default() -> Self {
        Self {
            messages: Rate {
                per_second: 50,
                burst: 400,
            },
            bytes: Rate {
                per_second: 64 * 1024,
                burst: 384 * 1024,
            },
        }
    }
}

/// The buckets of one socket.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    messages: TokenBucket,
    bytes: TokenBucket,
}

impl RateLimiter {
    pub fn new(rates: RateLimits, now: Instant) -> Self {
        Self {
            messages: TokenBucket::full(rates.messages, now),
            bytes: TokenBucket::full(rates.bytes, now),
        }
    }

    /// Takes a message of this size from the buckets. False: too fast.
    pub fn allows(&mut self, bytes: usize, now: Instant) -> bool {
        self.allows_copies(bytes, 1, now)
    }

    /// Takes so many messages of this size from the buckets. False: too fast.
    pub fn allows_copies(&mut self, bytes: usize, copies: usize, now: Instant) -> bool {
        self.takes(copies, bytes.saturating_mul(copies), now)
    }

    /// Takes octets that are no message. False: too fast.
    pub fn allows_bytes(&mut self, bytes: usize, now: Instant) -> bool {
        self.takes(0, bytes, now)
    }

    fn takes(&mut self, messages: usize, bytes: usize, now: Instant) -> bool {
        let amount = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let messages = self.messages.after(amount(messages), now);
        // What does not pass takes nothing: it may be tried again.
        match (messages, self.bytes.after(amount(bytes), now)) {
            (Some(messages), Some(bytes)) => {
                (self.messages.full_at, self.bytes.full_at) = (messages, bytes);
                true
            }
            _ => false,
        }
    }

    /// When both buckets are full again.
    pub(super) fn full_at(&self) -> Instant {
        self.messages.full_at.max(self.bytes.full_at)
    }
}

/// The rate limits of one socket. What it has used up stays used up for its address when it closes.
#[derive(Clone, Debug)]
pub(super) struct SocketRates {
    pub(super) sent: RateLimiter,
    /// Of the copies that the plain relay makes.
    pub(super) relayed: RateLimiter,
}

impl SocketRates {
    pub(super) fn full_at(&self) -> Instant {
        self.sent.full_at().max(self.relayed.full_at())
    }
}

#[derive(Clone, Debug)]
struct TokenBucket {
    rate: Rate,
    /// When the bucket is full again.
    full_at: Instant,
}

impl TokenBucket {
    fn full(rate: Rate, now: Instant) -> Self {
        Self { rate, full_at: now }
    }

    /// When it is full again if it gives this amount. `None`: it has less.
    fn after(&self, amount: u32, now: Instant) -> Option<Instant> {
        let full_at = self.full_at.max(now) + self.filling(amount);
        let enough = full_at.saturating_duration_since(now) <= self.filling(self.rate.burst);
        enough.then_some(full_at)
    }

    /// The time in which this amount is refilled.
    fn filling(&self, amount: u32) -> Duration {
        Duration::from_secs(1) * amount / self.rate.per_second.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: RateLimits = RateLimits {
        messages: Rate {
            per_second: 50,
            burst: 200,
        },
        bytes: Rate {
            per_second: 1000,
            burst: 4000,
        },
    };

    #[test]
    fn a_burst_passes_and_a_flood_does_not() {
        let now = Instant::now();
        let mut rate_limiter = RateLimiter::new(RATES, now);
        assert!((0..200).all(|_| rate_limiter.allows(0, now)));
        assert!(!rate_limiter.allows(0, now));
    }

    #[test]
    fn a_socket_within_the_rate_is_never_refused() {
        let start = Instant::now();
        let mut rate_limiter = RateLimiter::new(RATES, start);
        assert!(
            (0..100_000).all(|n| rate_limiter.allows(20, start + Duration::from_millis(20 * n)))
        );
    }

    #[test]
    fn a_second_of_silence_refills_a_second_of_messages() {
        let start = Instant::now();
        let mut rate_limiter = RateLimiter::new(RATES, start);
        while rate_limiter.allows(0, start) {}
        let later = start + Duration::from_secs(1);
        assert_eq!(
            (0..1000).filter(|_| rate_limiter.allows(0, later)).count(),
            50
        );
    }

    #[test]
    fn large_messages_count_by_their_bytes() {
        let now = Instant::now();
        let mut rate_limiter = RateLimiter::new(RATES, now);
        assert!(rate_limiter.allows(4000, now));
        assert!(!rate_limiter.allows(1, now));
        assert!(!rate_limiter.allows(usize::MAX, now + Duration::from_secs(10)));
    }
}
