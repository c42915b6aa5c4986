//! A publisher that sends what no encoder would: it is bounded, and others are not affected.

use std::process::Command;

use shared::api::{PublisherInfo, StreamState};
use testkit::film::FilmRecipe;
use testkit::{TestServer, eventually, skip};

use super::decoded::decode;
use super::encoder::{FOLDER, Films};
use super::front::{Front, KEY};
use super::running::Running;
use super::str0m_publisher::Str0mPublisher;
use super::{LIMIT, STREAM, film, has, watch, watch_stream};
use crate::connecting::clients::{TOOLS, has_node_clients};

/// The stream of the publisher that misbehaves.
const OTHER: &str = "other";

/// Its film is watched afterwards, whole. Returns what was received of it; `None`: it is disconnected.
async fn misbehaves(how: &str) -> Option<PublisherInfo> {
    let (own, other) = (format!("{STREAM}={KEY}"), format!("{OTHER}={KEY}"));
    let arguments = [
        "test:",
        "--shards",
        "1",
        "--publish",
        &own,
        "--publish",
        &other,
    ];
    let server = TestServer::with(&arguments).await;
    let front = Front::direct(&server);
    let _publisher = Str0mPublisher::publish(&front, STREAM, film(1)).await;
    let session = front.publishes(STREAM).await;
    let viewer = watch(&server).await;
    has(&viewer, 25).await;

    let films = Films::of(FilmRecipe::default());
    let mut script = Command::new("node");
    script
        .arg(format!("{FOLDER}/misbehave.mjs"))
        .args([TOOLS, &server.url, OTHER, KEY])
        .args([&films.video, &films.audio])
        .arg(how);
    let script = Running::start(script);
    let is_refused = how == "size";
    let received = if is_refused {
        eventually("it connects", LIMIT, || async {
            server.publishing.session(OTHER).is_some()
        })
        .await;
        eventually("it is disconnected", LIMIT, || async {
            server.publishing.session(OTHER).is_none()
        })
        .await;
        let stream = server.registry.get(OTHER).expect("it is declared").info();
        assert!(matches!(stream.state, StreamState::Waiting { .. }));
        None
    } else {
        let other = front.publishes(OTHER).await;
        let viewer = watch_stream(&server, OTHER).await;
        has(&viewer, 60).await;
        let (pictures, stats) = (viewer.recorded(), other.stats());
        println!("{how}: {stats:?}");
        assert_eq!(decode(&pictures), pictures.len(), "{stats:?}");
        Some(stats)
    };
    drop(script);

    let before = viewer.received().frames as usize;
    has(&viewer, before + 25).await;
    let (pictures, stats) = (viewer.recorded(), session.stats());
    assert_eq!(decode(&pictures), pictures.len(), "{stats:?}");
    // Both come by one socket, whose buffer a burst may fill on a busy machine: some datagrams, not what a publisher that is starved would lose.
    assert!(
        10 * (stats.lost + stats.dropped) < stats.datagrams,
        "{stats:?}"
    );
    server.stop().await;
    received
}

fn has_client() -> bool {
    if !has_node_clients() {
        skip("node-datachannel is missing; `cargo xtask setup` installs it");
    }
    has_node_clients()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_of_ten_thousand_ssrcs_is_heard_on_its_own_and_disturbs_nobody() {
    if has_client() {
        let received = misbehaves("ssrcs").await.expect("it publishes");
        // Most of them: datagrams may be lost.
        assert!(received.rejected > 5000, "{received:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn payload_types_that_were_not_negotiated_are_dropped() {
    if has_client() {
        misbehaves("types").await.expect("it publishes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_whose_numbers_and_times_jump_goes_on_at_a_keyframe_and_disturbs_nobody() {
    if has_client() {
        misbehaves("jumps").await.expect("it publishes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_20_megabytes_without_an_end_is_dropped_and_disturbs_nobody() {
    if has_client() {
        let received = misbehaves("large").await.expect("it publishes");
        assert!(received.dropped > 0, "{received:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_of_pictures_of_16384_pixels_is_disconnected() {
    if has_client() {
        assert!(misbehaves("size").await.is_none());
    }
}
