//! Keyframe requests in a row.

use std::time::{Duration, Instant};

use media::track::TrackId;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use testkit::film::{Film, FilmRecipe, RATE};
use testkit::live::{LiveSource, LiveTrack};
use testkit::{PATIENCE, TestServer, TestViewer, Wants, eventually};
use tokio::time::sleep;

use super::serve;

/// Seconds, with a request in each.
const REQUESTS: u64 = 8;
const ONLY_VIDEO: Wants = Wants {
    video: true,
    audio: false,
    h264: true,
    vp8: true,
    recorded: false,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_keyframe_request_a_second_draws_at_most_half_more_than_a_file_has() {
    let server = serve().await;
    draws_at_most_half_more(&server, "film").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyframe_request_a_second_draws_at_most_half_more_than_a_published_stream_has() {
    let server = TestServer::with(&["--shards", "1", "test:"]).await;
    let live = LiveSource::publish(&server.registry, "live", vec![answering()]);
    draws_at_most_half_more(&server, "live").await;
    drop(live);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_keyframe_requests_a_second_of_one_viewer_make_the_stream_of_another_hardly_larger() {
    let server = TestServer::with(&["--shards", "1", "test:"]).await;
    let [attacked, twin] = ["attacked", "twin"]
        .map(|name| LiveSource::publish(&server.registry, name, vec![answering()]));
    let watch = |name| TestViewer::watch_with(&server, name, ONLY_VIDEO);
    let asking = watch("attacked").await;
    let [other, reference] = [watch("attacked").await, watch("twin").await];
    for viewer in [&asking, &other, &reference] {
        viewer.packets_of("H264", 20).await;
    }
    let bytes = async || (other.info().await.bytes, reference.info().await.bytes);
    let before = bytes().await;
    let requested = attacked.keyframe_requests(TrackId(0));
    let began = Instant::now();
    for _ in 0..10 * REQUESTS {
        sleep(Duration::from_millis(100)).await;
        asking.feedback("H264", pli).await;
    }
    let after = bytes().await;
    let requested = attacked.keyframe_requests(TrackId(0)) - requested;
    let factor = (after.0 - before.0) as f64 / (after.1 - before.1) as f64;
    println!("{requested} requests, {factor:.2} times the stream");
    assert_eq!(asking.info().await.plis, 10 * REQUESTS, "all arrive");
    // After 0, 1, 3, 7 and 15 s, and then every 16 s.
    let most = 5 + began.elapsed().as_secs() / 16;
    assert!((1..=most).contains(&requested), "{requested}");
    assert!(factor <= 1.15, "{factor}");
    for viewer in [asking, other, reference] {
        viewer.leave().await;
    }
    drop((attacked, twin));
    server.stop().await;
}

/// A video of 20 s with a keyframe every 10 s, and more on request.
fn answering() -> LiveTrack {
    let film = |gop| -> Film {
        let recipe = FilmRecipe {
            bit_rate: 1_000_000,
            gop,
            seconds: 20,
            ..FilmRecipe::default()
        };
        recipe.make()
    };
    LiveTrack::answering(film(10 * RATE), film(RATE))
}

fn pli(media_ssrc: u32) -> Box<dyn rtc::rtcp::Packet> {
    Box::new(PictureLossIndication {
        sender_ssrc: 0,
        media_ssrc,
    })
}

/// Compares a viewer that asks once a second with one that never does.
async fn draws_at_most_half_more(server: &TestServer, stream: &str) {
    let asking = TestViewer::watch_with(server, stream, ONLY_VIDEO).await;
    let other = TestViewer::watch_with(server, stream, ONLY_VIDEO).await;
    for viewer in [&asking, &other] {
        viewer.packets_of("H264", 20).await;
    }
    let bytes = async || (asking.info().await.bytes, other.info().await.bytes);
    let before = bytes().await;
    for _ in 0..REQUESTS {
        sleep(Duration::from_secs(1)).await;
        asking.feedback("H264", pli).await;
    }
    eventually("all requests arrive", PATIENCE, || async {
        asking.info().await.plis == REQUESTS
    })
    .await;
    sleep(Duration::from_millis(500)).await;
    let after = bytes().await;
    let (drawn, sent) = (after.0 - before.0, after.1 - before.1);
    println!(
        "{stream}: {:.2} times the stream",
        drawn as f64 / sent as f64
    );
    assert!(sent > 500_000, "{sent} bytes of a stream");
    assert!(
        drawn * 2 > sent && drawn * 2 < sent * 3,
        "{drawn} bytes for {sent}"
    );
    for viewer in [asking, other] {
        viewer.leave().await;
    }
}
