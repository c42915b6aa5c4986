//! Keyframe requests in a row.

use std::time::Duration;

use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use testkit::film::{FilmRecipe, RATE};
use testkit::live::{LiveSource, LiveTrack};
use testkit::{TestServer, TestViewer, Wants};
use tokio::time::sleep;

use super::serve;

/// Seconds, with a request in each.
const REQUESTS: u64 = 8;

#[tokio::test(flavor = "multi_thread")]
async fn a_keyframe_request_a_second_draws_at_most_half_more_than_a_file_has() {
    let server = serve().await;
    draws_at_most_half_more(&server, "film").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyframe_request_a_second_draws_at_most_half_more_than_a_published_stream_has() {
    let server = TestServer::with(&["--shards", "1", "test:"]).await;
    let film = |gop| {
        let recipe = FilmRecipe {
            bit_rate: 1_000_000,
            gop,
            seconds: 20,
            ..FilmRecipe::default()
        };
        recipe.make()
    };
    let track = LiveTrack::answering(film(10 * RATE), film(RATE));
    let live = LiveSource::publish(&server.registry, "live", vec![track]);
    draws_at_most_half_more(&server, "live").await;
    drop(live);
    server.stop().await;
}

/// Compares a viewer that asks once a second with one that never does.
async fn draws_at_most_half_more(server: &TestServer, stream: &str) {
    let wants = Wants {
        audio: false,
        ..Wants::default()
    };
    let asking = TestViewer::watch_with(server, stream, wants).await;
    let other = TestViewer::watch_with(server, stream, wants).await;
    for viewer in [&asking, &other] {
        viewer.packets_of("H264", 20).await;
    }
    let bytes = async || (asking.info().await.bytes, other.info().await.bytes);
    let before = bytes().await;
    for _ in 0..REQUESTS {
        sleep(Duration::from_secs(1)).await;
        let pli = |media_ssrc| -> Box<dyn rtc::rtcp::Packet> {
            Box::new(PictureLossIndication {
                sender_ssrc: 0,
                media_ssrc,
            })
        };
        asking.feedback("H264", pli).await;
    }
    sleep(Duration::from_millis(500)).await;
    let after = bytes().await;
    let (drawn, sent) = (after.0 - before.0, after.1 - before.1);
    println!(
        "{stream}: {:.2} times the stream",
        drawn as f64 / sent as f64
    );
    assert_eq!(asking.info().await.plis, REQUESTS, "all arrive");
    assert!(sent > 500_000, "{sent} bytes of a stream");
    assert!(
        drawn * 2 > sent && drawn * 2 < sent * 3,
        "{drawn} bytes for {sent}"
    );
    for viewer in [asking, other] {
        viewer.leave().await;
    }
}
