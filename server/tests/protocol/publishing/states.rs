//! The state of a stream, which lives longer than its publishers: told by the API, by events and by metrics.

use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use shared::api::{ApiError, ErrorCode, StreamDetails, StreamState};
use testkit::{TestServer, TestViewer, Wants, eventually};

use super::front::{Front, KEY};
use super::str0m_publisher::Str0mPublisher;
use super::{LIMIT, STREAM, film, has, serve, watch};
use crate::events::EventReader;

pub(super) async fn details(server: &TestServer) -> StreamDetails {
    let response = server.get(&format!("/api/streams/{STREAM}")).await;
    response.json().await.expect("a description")
}

/// Waits until events tell that the stream is in this state.
async fn until(reader: &mut EventReader, name: &str) -> StreamState {
    let told = async {
        loop {
            reader.next().await;
            let mut streams = reader.list.streams.iter();
            let stream = streams.find(|stream| stream.name == STREAM);
            let state = stream.map(|stream| stream.state.clone());
            if let Some(state) = state.filter(|state| state.name() == name) {
                return state;
            }
        }
    };
    let told = tokio::time::timeout(LIMIT, told).await;
    told.unwrap_or_else(|_| panic!("events tell that it is {name}"))
}

/// What a viewer is told while there is nothing to watch.
async fn refused(server: &TestServer, sentence: &str) {
    for path in ["/whep/camera", "/offer?stream=camera"] {
        let (viewer, offer) = TestViewer::offer(Wants::default()).await;
        let response = server.post(path, "application/sdp", offer).await;
        assert_eq!(response.status(), 409, "{path}");
        assert_eq!(response.headers()["retry-after"], "5");
        let error: ApiError = response.json().await.expect("an error");
        assert_eq!(error.code, ErrorCode::NotLive);
        assert!(error.error.contains(sentence), "{}", error.error);
        viewer.leave().await;
    }
}

/// Waits until metrics count the stream in this state, and in no other. On a slow machine a live stream may be interrupted for a moment.
async fn metrics_tell(server: &TestServer, state: &str) {
    let lines = ["waiting", "live", "interrupted", "ended"].map(|one| {
        let count = u32::from(one == state);
        format!("weir_streams{{state=\"{one}\"}} {count}\n")
    });
    eventually(&format!("metrics tell {state}"), LIMIT, || async {
        let metrics = server.get("/metrics").await.text().await.expect("a text");
        lines.iter().all(|line| metrics.contains(line))
    })
    .await;
}

fn unix_time() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_secs()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_waits_is_live_interrupted_live_again_and_ends_and_all_are_told() {
    let begun = unix_time();
    let server = serve().await;
    let front = Front::direct(&server);
    let mut reader = EventReader::open(&server, None).await;
    let StreamState::Waiting { since } = until(&mut reader, "waiting").await else {
        unreachable!()
    };
    assert!((begun..=unix_time()).contains(&since), "{since}");
    assert_eq!(details(&server).await.publisher, None);
    metrics_tell(&server, "waiting").await;
    refused(&server, "yet").await;

    let publisher = Str0mPublisher::publish(&front, STREAM, film(1)).await;
    let live = until(&mut reader, "live").await;
    front.publishes(STREAM).await;
    metrics_tell(&server, "live").await;
    let viewer = watch(&server).await;
    has(&viewer, 10).await;
    eventually("it is described as live", LIMIT, || async {
        details(&server).await.stream.state == live
    })
    .await;
    let told = details(&server).await;
    assert_eq!(
        told.stream.video.map(|video| video.codec),
        Some("h264".into())
    );
    let stats = told.publisher.expect("it is there");
    assert!(stats.units > 0 && stats.profile.is_some(), "{stats:?}");

    // As by a power failure: its session is there for half a minute more.
    let cut = unix_time();
    drop(publisher);
    // Events that were not read yet may tell of an earlier stall of this machine.
    loop {
        let state = until(&mut reader, "interrupted").await;
        if matches!(state, StreamState::Interrupted { since } if since + 1 >= cut) {
            break;
        }
    }
    assert!(unix_time() < cut + 15, "before the session ends");
    assert!(server.publishing.session(STREAM).is_some());
    metrics_tell(&server, "interrupted").await;

    let again = Mutex::new(None);
    eventually("the publisher is let in again", LIMIT, || async {
        let publisher = Str0mPublisher::try_publish(KEY, &front, STREAM, film(1)).await;
        let mut again = again.lock().expect("no panic");
        *again = publisher;
        again.is_some()
    })
    .await;
    // The same broadcast, to the same viewer.
    assert_eq!(until(&mut reader, "live").await, live);
    let before = viewer.received().frames as usize;
    has(&viewer, before + 25).await;
    assert_eq!(server.viewers.sessions(), 1);

    let again = again.into_inner().expect("no panic").expect("a publisher");
    assert_eq!(server.delete(again.session()).await.status(), 200);
    until(&mut reader, "ended").await;
    metrics_tell(&server, "ended").await;
    refused(&server, "has ended").await;
    eventually("the viewer's session ends", LIMIT, || async {
        server.viewers.sessions() == 0
    })
    .await;

    let _next = Str0mPublisher::publish(&front, STREAM, film(1)).await;
    let StreamState::Live { since } = until(&mut reader, "live").await else {
        unreachable!()
    };
    assert!(since >= cut, "it begins anew");
    let viewer = watch(&server).await;
    has(&viewer, 10).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_sends_nothing_leaves_the_stream_waiting() {
    let server = serve().await;
    let before = details(&server).await.stream.state;
    let created = super::route::post(&server, "/whip/camera", Some(KEY));
    let created = created.send().await.expect("an answer");
    assert_eq!(created.status(), 201);
    refused(&server, "yet").await;
    let session = created.headers()["location"].to_str().expect("a path");
    assert_eq!(server.delete(session).await.status(), 200);
    assert_eq!(details(&server).await.stream.state, before);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_has_its_name_before_a_stream_that_waits_and_after_one_that_is_live() {
    let folder = tempfile::tempdir().expect("a folder");
    let publish = format!("{STREAM}={KEY}");
    let arguments = [
        folder.path().to_str().expect("UTF-8"),
        "--publish",
        &publish,
    ];
    let server = TestServer::with(&arguments).await;
    let front = Front::direct(&server);
    let state = || {
        let stream = server.registry.get(STREAM);
        stream.map(|stream| stream.info().state.name())
    };
    assert_eq!(state(), Some("waiting"));
    let publisher = Str0mPublisher::publish(&front, STREAM, film(1)).await;
    front.publishes(STREAM).await;
    let path = folder.path().join("camera.mp4");
    std::fs::copy(testkit::CLIP, &path).expect("copied");
    let other = folder.path().join("other.mp4");
    std::fs::copy(testkit::CLIP, &other).expect("copied");
    eventually("the folder is read again", LIMIT, || async {
        server.registry.get("other").is_some()
    })
    .await;
    assert_eq!(state(), Some("live"));
    assert_eq!(server.delete(publisher.session()).await.status(), 200);
    eventually("the file appears", LIMIT, || async {
        state() == Some("idle")
    })
    .await;
    std::fs::remove_file(&path).expect("removed");
    eventually("a publisher may come again", LIMIT, || async {
        state() == Some("waiting")
    })
    .await;
    server.stop().await;
}
