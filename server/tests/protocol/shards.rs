//! The threads that send media: which viewers they get, and what happens when one of them fails.

use std::collections::BTreeMap;
use std::time::Duration;

use egress::shard::Fault;
use testkit::{PATIENCE, TestServer, TestViewer, Wants, eventually};
use tokio::task::JoinSet;

/// The UDP port of the answer's candidates: each shard has its own.
fn port(answer: &str) -> u16 {
    let candidate = answer
        .lines()
        .find_map(|line| line.strip_prefix("a=candidate:"));
    let words: Vec<_> = candidate.unwrap().split(' ').collect();
    words[5].parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_that_join_at_once_are_spread_over_all_shards() {
    let film = format!("film={}", testkit::CLIP);
    let server = TestServer::with(&["--shards", "3", &film]).await;
    let (viewer, offer) = TestViewer::offer(Wants::default()).await;
    let mut joining = JoinSet::new();
    for _ in 0..12 {
        let request = server.http.post(server.url("/whep/film"));
        let request = request.header("content-type", "application/sdp");
        joining.spawn(request.body(offer.clone()).send());
    }
    let mut viewers = BTreeMap::new();
    for answer in joining.join_all().await {
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 201);
        *viewers
            .entry(port(&answer.text().await.unwrap()))
            .or_insert(0) += 1;
    }
    let viewers: Vec<_> = viewers.into_values().collect();
    assert_eq!(viewers, [4, 4, 4], "none of them is connected yet");
    viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_fails_disconnects_its_own_viewers_only_and_serves_new_ones() {
    for fault in [Fault::Loop, Fault::SocketTask] {
        let film = format!("film={}", testkit::CLIP);
        let server = TestServer::with(&["--shards", "2", &film]).await;
        let mut viewers = [
            TestViewer::watch(&server, "film").await,
            TestViewer::watch(&server, "film").await,
        ];
        let first_shard = server.viewers.addresses()[0].port();
        viewers.sort_by_key(|viewer| port(&viewer.answer) != first_shard);
        let [affected, other] = &viewers;
        assert_ne!(port(&affected.answer), port(&other.answer));
        for viewer in &viewers {
            viewer.packets_of("H264", 20).await;
        }
        assert_eq!(server.health().await.shard_restarts, 0);

        server.viewers.inject_fault(0, fault);
        affected.ended().await;
        eventually("its session ends", PATIENCE, || async {
            server.viewers.sessions() == 1
        })
        .await;
        let before = other.packets();
        eventually("the other plays on", PATIENCE, || async {
            other.packets() > before + 50
        })
        .await;
        assert_eq!(other.received("H264").gaps, 0);
        eventually("the shard runs again", PATIENCE, || async {
            let health = server.health().await;
            (health.shard_restarts, health.failed_shards) == (1, 0)
        })
        .await;

        let next = TestViewer::watch(&server, "film").await;
        assert_eq!(port(&next.answer), first_shard, "it has no viewers");
        next.packets_of("H264", 50).await;
        assert_eq!(next.received("H264").gaps, 0);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_of_connections_that_fails_disconnects_its_own_viewers_only_and_serves_new_ones() {
    let film = format!("film={}", testkit::CLIP);
    let server = TestServer::with(&["--shards", "2", &film]).await;
    let mut viewers = [
        TestViewer::watch(&server, "film").await,
        TestViewer::watch(&server, "film").await,
    ];
    let first_shard = server.viewers.addresses()[0].port();
    viewers.sort_by_key(|viewer| port(&viewer.answer) != first_shard);
    let [affected, other] = &viewers;
    for viewer in &viewers {
        viewer.packets_of("H264", 20).await;
    }
    assert_eq!(server.health().await.connection_restarts, 0);
    server.viewers.inject_connection_fault(0).await;
    affected.ended().await;
    eventually("its session ends", PATIENCE, || async {
        server.viewers.sessions() == 1 && server.registry.viewers() == 1
    })
    .await;
    let before = other.packets();
    eventually("the other plays on", PATIENCE, || async {
        other.packets() > before + 50
    })
    .await;
    assert_eq!(other.received("H264").gaps, 0);

    let next = TestViewer::watch(&server, "film").await;
    assert_eq!(port(&next.answer), first_shard, "it has no viewers");
    next.packets_of("H264", 50).await;
    assert_eq!(next.received("H264").gaps, 0);
    let health = server.health().await;
    assert_eq!((health.connection_restarts, health.shard_restarts), (1, 0));
    server.stop().await;
}

/// On a machine that is too slow for its viewers.
#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_cannot_keep_up_keeps_its_viewers_and_gets_no_new_ones() {
    let film = format!("film={}", testkit::CLIP);
    let server = TestServer::with(&["--shards", "1", &film]).await;
    let viewer = TestViewer::watch(&server, "film").await;
    viewer.packets_of("H264", 20).await;
    let pass = Duration::from_millis(150);
    server.viewers.inject_fault(0, Fault::Slow(pass));
    let offer = TestViewer::offer(Wants::default()).await;
    let post = || async {
        let request = server.http.post(server.url("/whep/film"));
        let request = request.header("content-type", "application/sdp");
        let answer = request.body(offer.1.clone()).send().await;
        answer.expect("the server answers")
    };
    eventually("it is overloaded", Duration::from_secs(30), || async {
        post().await.status() == 503
    })
    .await;
    let refused = post().await;
    assert!(refused.headers().contains_key("retry-after"));
    let text = refused.text().await.expect("a sentence");
    assert!(text.contains("fully busy"), "{text}");

    // Longer than a viewer may be silent.
    tokio::time::sleep(Duration::from_secs(13)).await;
    assert_eq!(server.registry.viewers(), 1, "its checks were answered");
    server.viewers.inject_fault(0, Fault::Slow(Duration::ZERO));
    let before = viewer.packets();
    eventually("it plays on", PATIENCE, || async {
        viewer.packets() > before + 50
    })
    .await;
    eventually("there is room again", PATIENCE, || async {
        post().await.status() == 201
    })
    .await;
    offer.0.leave().await;
    viewer.leave().await;
    server.stop().await;
}
