//! The limit on the bitrate to all viewers together.

use testkit::{PATIENCE, TestServer, TestViewer, Wants, eventually, sentence};

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_over_the_bandwidth_limit_gets_503_with_retry_after() {
    let film = format!("film={}", testkit::CLIP);
    let server = TestServer::with(&["--max-egress-mbps", "4", &film]).await;
    let (other, offer) = TestViewer::offer(Wants::default()).await;
    // The file has 1.6 Mbit/s; its audio becomes 0.13 as Opus.
    let mut viewers = Vec::new();
    for _ in 0..2 {
        let viewer = TestViewer::watch(&server, "film").await;
        viewer.packets_of("H264", 5).await;
        viewers.push(viewer);
    }
    let refused = server
        .post("/whep/film", "application/sdp", offer.clone())
        .await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "10");
    assert!(sentence(refused).await.contains("Try again"));
    let loaded = server.health().await;
    assert_eq!((loaded.viewers, loaded.max_egress), (2, Some(4_000_000)));
    assert!(
        (3_000_000..=4_000_000).contains(&loaded.egress),
        "{loaded:?}"
    );
    assert_eq!(server.registry.get("film").unwrap().info().viewers, 2);

    // A released permit is there for the next viewer.
    assert_eq!(server.delete(&viewers[0].session).await.status(), 200);
    let response = server.post("/whep/film", "application/sdp", offer).await;
    assert_eq!(response.status(), 201);
    for viewer in viewers.into_iter().chain([other]) {
        viewer.leave().await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_viewers_cost_is_measured_while_they_watch() {
    let server = TestServer::with(&["test:"]).await;
    let viewer = TestViewer::watch(&server, "test").await;
    viewer.packets_of("H264", 5).await;
    let guessed = server.health().await;
    assert_eq!(guessed.max_egress, None);
    assert!(guessed.egress > 0, "{guessed:?}");
    eventually("it is measured", PATIENCE, || async {
        server.health().await.egress != guessed.egress
    })
    .await;
    viewer.leave().await;
    eventually("no viewers are left", PATIENCE, || async {
        server.health().await.egress == 0
    })
    .await;
    server.stop().await;
}
