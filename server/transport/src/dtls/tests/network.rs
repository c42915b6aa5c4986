//! Two ends and the path between them, in simulated time.

use std::time::{Duration, Instant};

pub(super) trait End {
    fn start(&mut self, now: Instant);
    fn receive(&mut self, now: Instant, datagram: &[u8]);
    fn handle_timeout(&mut self, now: Instant);
    fn next_timeout(&mut self) -> Option<Instant>;
    fn poll_transmit(&mut self) -> Option<Vec<u8>>;
    fn connected(&self) -> bool;
}

/// xorshift64*: each seed is one history.
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }
}

/// In percent of the datagrams, each way.
#[derive(Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) lost: u64,
    pub(super) twice: u64,
    pub(super) late: u64,
}

pub(super) struct Network {
    pub(super) start: Instant,
    pub(super) now: Instant,
    faults: Faults,
    rng: Rng,
    /// When it arrives, in which order it was sent, whether at the server.
    in_flight: Vec<(Instant, usize, bool, Vec<u8>)>,
    pub(super) sent: usize,
    /// One way.
    pub(super) delay: Duration,
}

impl Network {
    pub(super) fn new(faults: Faults, seed: u64) -> Self {
        let now = Instant::now();
        Self {
            start: now,
            now,
            faults,
            rng: Rng::new(seed),
            in_flight: Vec::new(),
            sent: 0,
            delay: Duration::from_millis(20),
        }
    }

    /// Until both are connected: how long it took. `None`: not within `limit`.
    pub(super) fn connect(
        &mut self,
        client: &mut dyn End,
        server: &mut dyn End,
        limit: Duration,
    ) -> Option<Duration> {
        server.start(self.now);
        client.start(self.now);
        self.run(client, server, limit, |client, server| {
            client.connected() && server.connected()
        })
        .then(|| self.now - self.start)
    }

    /// Until `done`, or until `limit` after the start, or until nothing can happen any more.
    pub(super) fn run(
        &mut self,
        client: &mut dyn End,
        server: &mut dyn End,
        limit: Duration,
        done: impl Fn(&dyn End, &dyn End) -> bool,
    ) -> bool {
        for _ in 0..100_000 {
            self.carry(client, true);
            self.carry(server, false);
            if done(client, server) {
                return true;
            }
            let arrival = self.in_flight.iter().map(|flying| flying.0).min();
            let timeouts = [client.next_timeout(), server.next_timeout(), arrival];
            match timeouts.into_iter().flatten().min() {
                Some(next) if next <= self.start + limit => self.now = self.now.max(next),
                _ => return false,
            }
            self.in_flight.sort_by_key(|flying| (flying.0, flying.1));
            let arrived = self
                .in_flight
                .partition_point(|flying| flying.0 <= self.now);
            for (_, _, to_server, datagram) in self.in_flight.drain(..arrived) {
                let end: &mut dyn End = if to_server { server } else { client };
                end.receive(self.now, &datagram);
            }
            wake(client, self.now);
            wake(server, self.now);
        }
        panic!("a timeout that does not move on");
    }

    fn carry(&mut self, from: &mut dyn End, to_server: bool) {
        while let Some(datagram) = from.poll_transmit() {
            assert!(
                datagram.len() <= 1300,
                "fragmented: {} bytes",
                datagram.len()
            );
            self.sent += 1;
            let copies = 1 + u64::from(self.rng.percent(self.faults.twice));
            for _ in 0..copies {
                if self.rng.percent(self.faults.lost) {
                    continue;
                }
                let late = self.rng.percent(self.faults.late);
                let delay = self.delay + self.delay * 4 * u32::from(late);
                self.in_flight
                    .push((self.now + delay, self.sent, to_server, datagram.clone()));
            }
        }
    }
}

fn wake(end: &mut dyn End, now: Instant) {
    if end.next_timeout().is_some_and(|next| next <= now) {
        end.handle_timeout(now);
    }
}
