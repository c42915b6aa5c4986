//! When what failed is tried again: exponential back-off with "equal jitter" (AWS Architecture Blog, "Exponential Backoff And Jitter"). Each wait is
//! between half and all of its step, so that the clients of a restarted server do not return at once.
//!
//! Times are milliseconds of a monotonic clock. `jitter` is a random number from 0.0 to 1.0.

/// The steps: `first_ms`, then twice as long each time, up to `longest_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    pub first_ms: u64,
    pub longest_ms: u64,
}

impl Backoff {
    /// For whatever is asked of the server.
    pub const SERVER: Self = Self {
        first_ms: 1_000,
        longest_ms: 10_000,
    };

    /// The wait after so many failures in a row, the last one not counted.
    pub fn wait_ms(self, failures: u32, jitter: f64) -> u64 {
        let factor = 1_u64.checked_shl(failures).unwrap_or(u64::MAX);
        let step = self.first_ms.saturating_mul(factor).min(self.longest_ms);
        // A cast of a float saturates, and NaN is 0.
        let spread = (jitter.clamp(0.0, 1.0) * (step / 2) as f64) as u64;
        step - step / 2 + spread
    }
}

/// The attempts at one thing: how many have failed in a row, and when the next one is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    backoff: Backoff,
    /// A success that lasts shorter counts as none: what ends at once is not tried again at once.
    stable_ms: u64,
    failures: u32,
    up_since: Option<u64>,
    due: u64,
}

impl Retry {
    pub const fn new(backoff: Backoff, stable_ms: u64) -> Self {
        Self {
            backoff,
            stable_ms,
            failures: 0,
            up_since: None,
            due: 0,
        }
    }

    /// The attempt failed, or what it had made is lost. Returns the wait before the next one: `at_least` this long, as of a `Retry-After`.
    pub fn on_failed(&mut self, now: u64, jitter: f64, at_least: u64) -> u64 {
        let since = self.up_since.take();
        if since.is_some_and(|since| now.saturating_sub(since) >= self.stable_ms) {
            self.failures = 0;
        }
        let wait = self.backoff.wait_ms(self.failures, jitter).max(at_least);
        self.failures = self.failures.saturating_add(1);
        self.due = now.saturating_add(wait);
        wait
    }

    pub fn on_succeeded(&mut self, now: u64) {
        self.up_since = Some(now);
    }

    /// The user asks for it: the next wait is the first one again.
    pub fn reset(&mut self) {
        (self.failures, self.up_since) = (0, None);
    }

    /// When the next attempt is due.
    pub fn due(&self) -> u64 {
        self.due
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry() -> Retry {
        Retry::new(Backoff::SERVER, 3_000)
    }

    #[test]
    fn waits_double_up_to_the_longest_and_attempts_never_stop() {
        let mut retry = retry();
        let waits: Vec<u64> = (0..200).map(|_| retry.on_failed(0, 1.0, 0)).collect();
        assert_eq!(waits[..5], [1_000, 2_000, 4_000, 8_000, 10_000]);
        assert!(waits[5..].iter().all(|wait| *wait == 10_000));
        assert_eq!(retry.failures(), 200);
    }

    #[test]
    fn jitter_spreads_every_wait_over_half_of_its_step() {
        for failures in [0, 1, 4, 40, u32::MAX] {
            let wait = |jitter| Backoff::SERVER.wait_ms(failures, jitter);
            let (soonest, latest) = (wait(0.0), wait(1.0));
            assert_eq!(soonest, latest / 2, "{failures}");
            for jitter in [-4.0, 0.3, 0.99, 9.0, f64::NAN, f64::INFINITY] {
                assert!(
                    (soonest..=latest).contains(&wait(jitter)),
                    "{failures} {jitter}"
                );
            }
        }
    }

    #[test]
    fn only_a_success_that_lasted_starts_the_waits_again() {
        let mut retry = retry();
        for expected in [1_000, 2_000, 4_000] {
            retry.on_succeeded(0);
            assert_eq!(retry.on_failed(2_999, 1.0, 0), expected);
        }
        retry.on_succeeded(0);
        assert_eq!(retry.on_failed(3_000, 1.0, 0), 1_000);
        // Without a success in between, the next one is longer whatever time has passed.
        assert_eq!(retry.on_failed(900_000, 1.0, 0), 2_000);
    }

    #[test]
    fn a_wait_is_never_shorter_than_the_server_asks_for() {
        let mut retry = retry();
        assert_eq!(retry.on_failed(500, 0.0, 7_000), 7_000);
        assert_eq!(retry.due(), 7_500);
        assert_eq!(retry.on_failed(500, 0.0, 100), 1_000);
        assert_eq!(retry.on_failed(u64::MAX, 0.0, u64::MAX), u64::MAX);
    }

    #[test]
    fn a_reset_forgets_the_failures() {
        let mut retry = retry();
        retry.on_failed(0, 1.0, 0);
        retry.reset();
        assert_eq!(retry.on_failed(0, 1.0, 0), 1_000);
    }
}
