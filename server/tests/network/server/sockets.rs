//! A socket whose buffer is full.

use std::time::{Duration, Instant};

use super::network::{Network, ONE};
use testkit::eventually;

/// Their media fills the buffer of the socket in seconds.
const SLOW_VIEWERS: usize = 4;
/// A fraction of what they need.
const KILOBITS: u32 = 400;
/// A queue that waits is longer than this, in bytes.
const QUEUED: u64 = 100_000;
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
    network.limit(ONE, KILOBITS);
    let mut before = 0;
    eventually("the socket is full", Duration::from_secs(60), || {
        let queued = network.queued(ONE);
        let change = queued.abs_diff(std::mem::replace(&mut before, queued));
        async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            queued > QUEUED && change < queued / 20
        }
    })
    .await;

    let (began, start) = (Instant::now(), fast.received("H264"));
    tokio::time::sleep(PLAYED).await;
    let received = fast.received("H264");
    let played = f64::from(received.span - start.span) / 90_000.0;
    let passed = began.elapsed().as_secs_f64();
    assert!(played > passed - 1.0, "{played} s of video in {passed} s");
    assert_eq!(received.gaps, start.gaps);
    assert!(network.queued(ONE) > QUEUED, "the socket is still full");

    network.change_limit(ONE, 1_000_000);
    eventually("the queue is empty", Duration::from_secs(10), || async {
        network.queued(ONE) < QUEUED
    })
    .await;
    for viewer in &slow {
        let received = viewer.packets();
        let sent = viewer.info().await.packets;
        assert!(sent >= received, "{received} received, but {sent} counted");
    }
}
