//! Datagrams that belong to no session.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use super::relay::{Relay, address_of};
use super::{goes_on, serve, watch, watch_through};

/// In a second.
const RATE: u64 = 5_000;
const INTERVAL: Duration = Duration::from_millis(10);

/// Sends stray RTCP, DTLS and STUN in turn, until it is stopped.
struct Stranger {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Stranger {
    fn start(to: SocketAddr) -> Self {
        let (stop, sent) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (stopped, counter) = (Arc::clone(&stop), Arc::clone(&sent));
        let socket = UdpSocket::bind("127.0.0.7:0").expect("a free port");
        let thread = std::thread::spawn(move || {
            let began = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                let due = RATE * began.elapsed().as_millis() as u64 / 1000;
                for number in counter.load(Ordering::Relaxed)..due {
                    // What a full socket refuses is lost.
                    let _ = socket.send_to(&stray(number), to);
                }
                counter.store(due, Ordering::Relaxed);
                sleep(INTERVAL);
            }
        });
        Self { stop, sent, thread }
    }

    fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("no panic");
    }
}

fn stray(number: u64) -> Vec<u8> {
    let mut datagram = match number % 3 {
        // SRTCP: a receiver report of some SSRC.
        0 => [&[0x80, 201, 0, 1][..], &(number as u32).to_be_bytes()].concat(),
        // The record of a handshake.
        1 => vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 80],
        // A Binding request for another ufrag.
        _ => {
            let mut request = vec![0, 1, 0, 84, 0x21, 0x12, 0xA4, 0x42];
            request.extend([7; 12]);
            request.extend([0, 6, 0, 6]);
            request.extend(b"wxyz:x\0\0");
            request.extend([0x80, 0x22, 0, 68]);
            request
        }
    };
    let length = if number % 3 == 2 { 104 } else { 93 };
    datagram.resize(length, 0xA5);
    datagram
}

#[tokio::test(flavor = "multi_thread")]
async fn under_stray_datagrams_viewers_watch_join_and_move() {
    let server = serve().await;
    let relay = Relay::start(&server, |_, _| true).await;
    let watching = watch(&server).await.viewer;
    let moving = watch_through(&server, &relay).await.viewer;
    for viewer in [&watching, &moving] {
        viewer.packets_of("H264", 20).await;
    }
    let stray = &server.viewers.shards()[0].port.stray;
    let before = stray.load(Ordering::Relaxed);
    let stranger = Stranger::start(address_of(&server));
    relay.move_to(Ipv4Addr::new(127, 0, 0, 8)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let began = Instant::now();
    let joining = watch(&server).await.viewer;
    joining.packets_of("H264", 20).await;
    assert!(began.elapsed() < Duration::from_secs(1));
    goes_on(&moving, Duration::from_secs(9)).await;
    for viewer in [&watching, &joining] {
        goes_on(viewer, Duration::from_secs(2)).await;
        assert_eq!(viewer.received("H264").gaps, 0);
    }
    // They have arrived, most of them at least: a full socket loses some.
    let (sent, stray) = (stranger.sent(), stray.load(Ordering::Relaxed) - before);
    stranger.stop();
    assert!(stray > sent / 2, "{stray} of {sent}");
    for viewer in [watching, moving, joining] {
        viewer.leave().await;
    }
    server.stop().await;
}
