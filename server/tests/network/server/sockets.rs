//! A socket whose buffer is full.

use std::time::{Duration, Instant};

use super::network::{Network, ONE};
use testkit::{TestViewer, eventually, one_of};

/// Their media fills the buffer of the socket in seconds.
const SLOW_VIEWERS: usize = 4;
/// A fraction of what they need.
const KILOBITS: u32 = 400;
/// A socket's buffer holds more than this, in bytes.
const QUEUED: u64 = 100_000;
/// Of Ethernet, IPv4 and UDP, in bytes.
const HEADERS: u64 = 14 + 20 + 8;
const PLAYED: Duration = Duration::from_secs(5);

#[test]
fn a_full_socket_stops_only_its_own_viewers_and_what_leaves_it_is_counted() {
    let Some(network) = Network::build() else {
        return;
    };
    network.block_on(|| full_socket(&network));
}

async fn full_socket(network: &Network) {
    let fast = network.watch("10.2.0.2", "10.2.0.1").await;
    let mut slow = Vec::new();
    for _ in 0..SLOW_VIEWERS {
        slow.push(network.watch("10.1.0.2", "10.1.0.1").await);
    }
    for viewer in slow.iter().chain([&fast]) {
        viewer.packets_of("H264", 20).await;
    }
    network.make_queue(ONE, KILOBITS);
    let counted_before = counted(&slow).await;
    network.use_queue(ONE);
    let mut before = 0;
    eventually("the socket is full", Duration::from_secs(60), || {
        let queued = network.queue(ONE).waiting;
        let change = queued.abs_diff(std::mem::replace(&mut before, queued));
        async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            queued > QUEUED && change < queued / 20
        }
    })
    .await;

    let start = fast.received("H264");
    one_of(3, async || {
        let (began, start) = (Instant::now(), fast.received("H264"));
        tokio::time::sleep(PLAYED).await;
        let received = fast.received("H264");
        let played = f64::from(received.span - start.span) / 90_000.0;
        let passed = began.elapsed().as_secs_f64();
        match played > passed - 1.0 {
            true => Ok(()),
            false => Err(format!("{played} s of video in {passed} s")),
        }
    })
    .await;
    assert_eq!(fast.received("H264").gaps, start.gaps);

    let queue = network.queue(ONE);
    assert!(queue.waiting > QUEUED, "the socket is still full");
    let counted = counted(&slow).await - counted_before;
    let sent = queue.total;
    println!("{sent} bytes sent, {counted} counted");
    assert!(counted >= sent, "{sent} sent, but {counted} counted");
}

/// The bytes that the server has counted for these viewers, and their headers.
async fn counted(viewers: &[TestViewer]) -> u64 {
    let mut bytes = 0;
    for viewer in viewers {
        let info = viewer.info().await;
        bytes += info.bytes + HEADERS * info.packets;
    }
    bytes
}
