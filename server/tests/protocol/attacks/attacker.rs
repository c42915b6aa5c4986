//! A host that floods the server.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

/// In a second.
const RATE: u64 = 5_000;
const INTERVAL: Duration = Duration::from_millis(1);

/// Sends datagrams from one port until it is stopped.
pub(super) struct Attacker {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Attacker {
    /// `datagram` makes each one, by its number.
    pub(super) fn start(
        to: SocketAddr,
        mut datagram: impl FnMut(u64) -> Vec<u8> + Send + 'static,
    ) -> Self {
        let (stop, sent) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (stopped, counter) = (Arc::clone(&stop), Arc::clone(&sent));
        let socket = UdpSocket::bind("127.0.0.7:0").expect("a free port");
        let thread = std::thread::spawn(move || {
            let began = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                let due = RATE * began.elapsed().as_millis() as u64 / 1000;
                for number in counter.load(Ordering::Relaxed)..due {
                    // What a full socket refuses is lost.
                    let _ = socket.send_to(&datagram(number), to);
                }
                counter.store(due, Ordering::Relaxed);
                sleep(INTERVAL);
            }
        });
        Self { stop, sent, thread }
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("no panic");
    }
}
