//! ICE restarts in a row.

use std::time::{Duration, Instant};

use testkit::{eventually, sentence};
use tokio::task::JoinSet;

use super::{goes_on, serve, watch};

/// Requests of which far more than are taken are sent at once.
const FLOOD: u64 = 600;

#[tokio::test(flavor = "multi_thread")]
async fn of_a_flood_of_restarts_40_a_second_are_taken_and_the_viewer_watches_on() {
    let server = serve().await;
    let watching = watch(&server).await;
    watching.viewer.packets_of("H264", 20).await;
    let restart = |number: u64| {
        let patch = server.http.patch(&watching.viewer.session);
        let patch = patch.header("content-type", "application/trickle-ice-sdpfrag");
        let fragment =
            format!("a=ice-ufrag:flood{number}\r\na=ice-pwd:0123456789012345678901\r\na=mid:0\r\n");
        patch.header("if-match", "*").body(fragment).send()
    };
    let began = Instant::now();
    let mut requests = JoinSet::new();
    for number in 0..FLOOD {
        requests.spawn(restart(number));
    }
    let (mut taken, mut refused) = (0, None);
    for response in requests.join_all().await {
        let response = response.expect("an answer");
        match response.status().as_u16() {
            200 => taken += 1,
            429 => refused = Some(response),
            other => panic!("{other}"),
        }
    }
    // A burst of two seconds' worth, and then the rate.
    let most = 80 + 40 * (1 + began.elapsed().as_secs());
    assert!((40..=most).contains(&taken), "{taken}");
    let refused = refused.expect("most are refused");
    assert_eq!(refused.headers()["retry-after"], "1");
    let sentence = sentence(refused).await;
    assert!(sentence.contains("40 times a second"), "{sentence}");

    // Its old credentials work until those of a restart do.
    goes_on(&watching.viewer).await;
    let limit = Duration::from_secs(10);
    eventually("a later restart is taken", limit, || async {
        let response = restart(FLOOD).await.expect("an answer");
        response.status() == 200
    })
    .await;
    watching.viewer.leave().await;
    server.stop().await;
}
