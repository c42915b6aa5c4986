//! The threads that send media: which viewers they get.

use std::collections::BTreeMap;

use testkit::{TestServer, TestViewer, Wants};
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
