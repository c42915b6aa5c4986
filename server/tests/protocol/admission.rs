//! The limit on the bitrate to all viewers together.

use std::time::Duration;
use testkit::{TestServer, TestViewer, Wants, eventually, sentence};

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_over_the_bandwidth_limit_gets_503_with_retry_after() {
    let film = format!("film={}", testkit::CLIP);
    let server = TestServer::with(&["--max-egress-mbps", "4", &film]).await;
    let (viewer, offer) = TestViewer::offer(Wants::default()).await;
    let mut sessions = Vec::new();
    let refused = loop {
        let response = server
            .post("/whep/film", "application/sdp", offer.clone())
            .await;
        if response.status() != 201 {
            break response;
        }
        let location = response.headers()["location"].to_str().unwrap();
        sessions.push(server.url(location));
        assert!(sessions.len() < 10, "a viewer is refused");
    };
    // The file has 1.6 Mbit/s; its audio becomes 0.13 as Opus.
    assert_eq!(sessions.len(), 2);
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
    let ended = server.http.delete(&sessions[0]).send().await.unwrap();
    assert_eq!(ended.status(), 200);
    let response = server.post("/whep/film", "application/sdp", offer).await;
    assert_eq!(response.status(), 201);
    viewer.leave().await;
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
    eventually("it is measured", Duration::from_secs(15), || async {
        server.health().await.egress != guessed.egress
    })
    .await;
    viewer.leave().await;
    eventually("no viewers are left", Duration::from_secs(2), || async {
        server.health().await.egress == 0
    })
    .await;
    server.stop().await;
}
