//! Viewers come before their publisher.

use std::time::Duration;

use shared::api::Codec;
use testkit::{TestServer, TestViewer, Wants, eventually, sentence};

use super::another_codec::films;
use super::front::{Front, KEY};
use super::route::post;
use super::str0m_publisher::Str0mPublisher;
use super::{LIMIT, STREAM, decode, has, serve};
use crate::clients::str0m_viewer::{Joining, Str0mViewer};
use crate::clients::transport::Transport;

/// The path of a viewer that waits, after `/whep/`.
const WAITING: &str = "camera?wait=1";

/// A viewer that keeps what it receives, connected while nobody publishes.
async fn wait(server: &TestServer) -> Str0mViewer {
    let by = Joining {
        recorded: true,
        ..Joining::by(Transport::Udp)
    };
    let viewer = Str0mViewer::join_by(server, WAITING, by).await;
    eventually("the viewer is connected", LIMIT, || async {
        viewer.received().connected_at.is_some()
    })
    .await;
    viewer
}

fn waiting(server: &TestServer) -> u32 {
    let stream = server.registry.get(STREAM).expect("it is declared");
    stream.info().viewers
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_who_wait_see_the_first_keyframe_of_whatever_codec() {
    for codec in [Codec::H264, Codec::Vp8] {
        let server = serve().await;
        let front = Front::direct(&server);
        let viewers = [wait(&server).await, wait(&server).await];
        eventually("they count as viewers", LIMIT, || async {
            waiting(&server) == 2
        })
        .await;
        let size = (320, 180);
        let publisher = Str0mPublisher::publish(&front, STREAM, films(codec, size)).await;
        for viewer in &viewers {
            has(viewer, 50).await;
            let pictures = viewer.recorded();
            let first = (pictures[0].codec, pictures[0].is_keyframe());
            assert_eq!(first, (codec, true));
            assert_eq!(decode(&pictures), pictures.len());
            let (began, shown) = (publisher.began(), viewer.received().picture_at);
            let taken = shown
                .zip(began)
                .map(|(shown, began)| shown.saturating_duration_since(began));
            println!("{codec:?}: a picture {taken:?} after the first keyframe");
            // Machines may be busy; bench measures it.
            let limit = Duration::from_secs(10);
            assert!(taken.is_some_and(|taken| taken < limit), "{taken:?}");
        }
        assert_eq!(server.viewers.sessions(), 2);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_sends_nothing_does_not_end_those_who_wait() {
    let server = serve().await;
    let front = Front::direct(&server);
    let viewer = wait(&server).await;
    // It never connects.
    let answer = post(&server, "/whip/camera", Some(KEY)).send().await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 201);
    let session = answer.headers()["location"].to_str().expect("a path");
    assert_eq!(server.delete(session).await.status(), 200);
    assert_eq!(server.viewers.sessions(), 1);
    let size = (320, 180);
    let _publisher = Str0mPublisher::publish(&front, STREAM, films(Codec::Vp8, size)).await;
    has(&viewer, 20).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_end_when_their_stream_is_removed() {
    let server = serve().await;
    let viewer = wait(&server).await;
    server.registry.declare(Vec::new());
    eventually("the viewer has ended", LIMIT, || async {
        server.viewers.sessions() == 0
    })
    .await;
    drop(viewer);
    server.stop().await;
}

/// As an attack: many wait for what never comes.
#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_count_as_viewers_of_their_address() {
    let publish = format!("{STREAM}={KEY}");
    let server = TestServer::with(&[
        "test:",
        "--publish",
        &publish,
        "--max-viewers-per-address",
        "3",
        "--trusted-proxy",
        "192.0.2.0/24",
    ])
    .await;
    let mut waiting_viewers = Vec::new();
    for _ in 0..3 {
        waiting_viewers.push(wait(&server).await);
    }
    eventually("they count", LIMIT, || async { waiting(&server) == 3 }).await;
    let (viewer, offer) = TestViewer::offer(Wants::default()).await;
    for path in ["/whep/camera?wait=1", "/whep/test"] {
        let refused = server.post(path, "application/sdp", offer.clone()).await;
        assert_eq!(refused.status(), 429, "{path}");
        assert!(refused.headers().contains_key("retry-after"));
        assert!(sentence(refused).await.contains("address"), "{path}");
    }
    // What is not waited for takes no place, and a stream that nobody has declared does not exist.
    let absent = server.post("/whep/other?wait=1", "application/sdp", offer.clone());
    assert_eq!(absent.await.status(), 404);
    waiting_viewers.pop();
    eventually("one has gone", Duration::from_secs(30), || async {
        waiting(&server) == 2
    })
    .await;
    let admitted = server.post("/whep/camera?wait=1", "application/sdp", offer);
    assert_eq!(admitted.await.status(), 201);
    viewer.leave().await;
    server.stop().await;
}
