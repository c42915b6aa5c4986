//! Offers that no connectivity check follows.

use std::time::{Duration, Instant};

use testkit::{TestServer, TestViewer, Wants};

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_offers_without_checks_locks_a_viewer_out_for_5_s_at_most() {
    let film = format!("film={}", testkit::CLIP);
    let server = TestServer::with(&["--max-connecting", "32", &film]).await;
    let (absent, offer) = TestViewer::offer(Wants::default()).await;
    let began = Instant::now();
    let mut taken = 0;
    // Loopback is a proxy that names no client: nothing limits one address.
    while server
        .post("/whep/film", "application/sdp", offer.clone())
        .await
        .status()
        == 201
    {
        taken += 1;
    }
    assert!(taken >= 32, "{taken}");

    let (mut viewer, offer) = TestViewer::offer(Wants::default()).await;
    let answer = loop {
        let response = server
            .post("/whep/film", "application/sdp", offer.clone())
            .await;
        if response.status() == 201 {
            break response.text().await.expect("an answer");
        }
        assert_eq!(response.status(), 503);
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    // 5 s, and what a busy machine adds.
    let waited = began.elapsed();
    assert!(waited < Duration::from_secs(12), "{waited:?}");
    viewer.accept(answer).await;
    viewer.packets_of("H264", 20).await;
    viewer.leave().await;
    absent.leave().await;
    server.stop().await;
}
