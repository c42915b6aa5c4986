//! Third-party viewers: str0m (Rust) over UDP and ICE-TCP, and aiortc (Python).

pub(crate) mod aiortc;
pub(crate) mod str0m_viewer;
pub(crate) mod transport;

use std::time::Duration;

use str0m_viewer::{Joining, ReceivedMedia, Str0mViewer};
use testkit::{TestServer, eventually};
use transport::Transport;

/// Frames a second of the clip in assets/.
const RATE: f64 = 25.0;

/// Waits until this many seconds of the clip have arrived.
async fn watched(viewer: &Str0mViewer, seconds: f64) -> ReceivedMedia {
    let frames = (seconds * RATE) as u64;
    let what = format!("{seconds} s of the clip arrive");
    eventually(&what, Duration::from_secs(30), || async {
        let seen = viewer.received();
        seen.frames >= frames && seen.audio_packets as f64 * 0.02 >= seconds
    })
    .await;
    viewer.received()
}

#[track_caller]
fn assert_is_the_clip(seen: &ReceivedMedia) {
    assert_eq!(seen.broken, 0, "{seen:?}");
    let rate = (seen.frames - 1) as f64 / (seen.last - seen.first);
    assert!((RATE - 1.0..RATE + 1.0).contains(&rate), "{rate}, {seen:?}");
    // Audio and video started together.
    let audio = seen.audio_packets as f64 * 0.02;
    let apart = (audio - (seen.last - seen.first)).abs();
    assert!(apart < 0.5, "{audio} s of audio, {seen:?}");
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
    let viewer = Str0mViewer::join(&server, "film", transport).await;
    assert_is_the_clip(&watched(&viewer, 4.0).await);
    let info = viewer.info().await.expect("it still watches");
    assert_eq!(info.profile.as_deref(), Some("AEAD_AES_128_GCM"));
    assert_eq!((info.skips, info.send_errors), (0, 0));
    // It sends transport-wide feedback.
    assert!(info.estimate.is_some(), "{info:?}");
    viewer.leave().await;
    assert_eq!(server.viewers.sessions(), 0);
    server.stop().await;
}

/// The request comes from a private address: none is trusted to be a proxy's, as loopback would be.
#[tokio::test(flavor = "multi_thread")]
async fn a_lite_agent_watches_where_the_server_checks_its_candidates() {
    let film = format!("film={}", testkit::CLIP);
    let arguments = ["--ice", "full", "--trusted-proxy", "192.0.2.1", &film];
    let server = TestServer::with(&arguments).await;
    // The server is DTLS client, then DTLS server.
    for setup in ["actpass", "active"] {
        let by = Joining {
            setup,
            lite: true,
            ..Joining::by(Transport::Udp)
        };
        let viewer = Str0mViewer::join_by(&server, "film", by).await;
        assert_is_the_clip(&watched(&viewer, 4.0).await);
        // Longer than the silence after which a viewer is gone: it answers the checks for consent.
        assert_is_the_clip(&watched(&viewer, 12.0).await);
        viewer.leave().await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_over_tcp_that_stops_reading_disturbs_no_other_and_is_disconnected() {
    let server = TestServer::start().await;
    let other = Str0mViewer::join(&server, "film", Transport::Tcp).await;
    let stalled = Str0mViewer::join(&server, "film", Transport::Tcp).await;
    watched(&stalled, 1.0).await;
    stalled.stop_reading();
    eventually("it is given up", Duration::from_secs(20), || async {
        server.registry.viewers() == 1
    })
    .await;
    let before = other.received().last - other.received().first;
    assert_is_the_clip(&watched(&other, before + 1.0).await);
    assert_eq!(other.info().await.expect("it still watches").skips, 0);
    other.leave().await;
    server.stop().await;
}
