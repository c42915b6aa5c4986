//! Viewers of other makes than the browsers and our own crate: str0m (Rust), over UDP and over ICE-TCP, and aiortc (Python).

mod aiortc;
mod watcher;
mod wire;

use std::time::Duration;

use shared::api::MediaPath;
use testkit::{TestServer, eventually};
use watcher::{Seen, Watcher};
use wire::Transport;

/// Pictures a second of the clip in assets/.
const RATE: f64 = 25.0;

/// Waits until so many seconds of the film have come.
async fn watched(watcher: &Watcher, seconds: f64) -> Seen {
    let pictures = (seconds * RATE) as u64;
    let what = format!("{seconds} s of the film come");
    eventually(&what, Duration::from_secs(30), || async {
        let seen = watcher.seen();
        seen.pictures >= pictures && seen.sound as f64 * 0.02 >= seconds
    })
    .await;
    watcher.seen()
}

#[track_caller]
fn is_the_film(seen: &Seen) {
    assert_eq!(seen.broken, 0, "{seen:?}");
    let rate = (seen.pictures - 1) as f64 / (seen.last - seen.first);
    assert!((RATE - 1.0..RATE + 1.0).contains(&rate), "{rate}, {seen:?}");
    // Both began at the same time.
    let sound = seen.sound as f64 * 0.02;
    let apart = (sound - (seen.last - seen.first)).abs();
    assert!(apart < 0.5, "{sound} s of sound, {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn str0m_watches_over_udp() {
    watches(Transport::Udp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn str0m_watches_over_ice_tcp() {
    watches(Transport::Tcp).await;
}

async fn watches(transport: Transport) {
    let server = TestServer::start().await;
    let watcher = Watcher::join(&server, "film", transport).await;
    is_the_film(&watched(&watcher, 4.0).await);
    let info = watcher.info().await.expect("it still watches");
    assert_eq!(info.path, MediaPath::Sealed);
    assert_eq!((info.skips, info.send_errors), (0, 0));
    // It tells which packets have arrived when.
    assert!(info.estimate.is_some(), "{info:?}");
    watcher.leave().await;
    assert_eq!(server.viewers.sessions(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_over_tcp_that_stops_reading_disturbs_nobody_and_is_given_up() {
    let server = TestServer::start().await;
    let other = Watcher::join(&server, "film", Transport::Tcp).await;
    let deaf = Watcher::join(&server, "film", Transport::Tcp).await;
    watched(&deaf, 1.0).await;
    deaf.stop_reading();
    eventually("it is given up", Duration::from_secs(20), || async {
        server.registry.viewers() == 1
    })
    .await;
    let before = other.seen().last - other.seen().first;
    is_the_film(&watched(&other, before + 1.0).await);
    assert_eq!(other.info().await.expect("it still watches").skips, 0);
    other.leave().await;
    server.stop().await;
}
