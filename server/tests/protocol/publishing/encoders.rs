//! Each encoder publishes, stops and publishes again, is killed and returns.
//!
//! `cargo xtask test encoders --full` does it three times, and with a wrong key: the table of docs/publish.md.

use testkit::{eventually, repetitions, skip};

use super::decoded::{decode, moves};
use super::encoder::{Encoder, restart};
use super::front::{Front, KEY};
use super::{LIMIT, STREAM, has, is_published, serve, watch};

const WRONG_KEY: &str = "00000000000000000000000000000000";

async fn publishes_stops_and_returns(encoder: Encoder) {
    if let Some(missing) = encoder.missing() {
        return skip(&format!(
            "{missing} is missing; `cargo xtask setup` installs it"
        ));
    }
    let server = serve().await;
    let front = Front::direct(&server);
    let is_gone = || async {
        eventually("the stream is over", LIMIT, || async {
            !is_published(&server) && server.viewers.sessions() == 0
        })
        .await;
    };
    let start = || async { encoder.start(&front, KEY).await.expect("it may publish") };
    for _ in 0..repetitions(1, 3) {
        let started = start().await;
        front.publishes(STREAM).await;
        let viewer = watch(&server).await;
        has(&viewer, 50).await;
        let pictures = viewer.recorded();
        assert!(pictures[0].is_keyframe());
        assert_eq!(decode(&pictures), pictures.len());
        assert!(moves(&pictures));
        // It says so, and the stream ends.
        started.stop(&server).await;
        is_gone().await;

        let started = start().await;
        front.publishes(STREAM).await;
        let viewer = watch(&server).await;
        has(&viewer, 25).await;
        started.kill();
        let again = restart(encoder, &server, &front).await;
        let before = viewer.received().frames as usize;
        has(&viewer, before + 50).await;
        assert_eq!(server.viewers.sessions(), 1);
        let pictures = viewer.recorded();
        assert_eq!(decode(&pictures), pictures.len());
        again.stop(&server).await;
        is_gone().await;
        if repetitions(false, true) {
            if let Some(refused) = encoder.start(&front, WRONG_KEY).await {
                refused.fails().await;
            }
            assert_eq!(server.viewers.publishers().sessions(), 0);
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encoders_aiortc_publishes_stops_and_returns() {
    publishes_stops_and_returns(Encoder::Aiortc).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encoders_chromium_publishes_stops_and_returns() {
    publishes_stops_and_returns(Encoder::Chromium).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encoders_ffmpeg_publishes_stops_and_returns() {
    publishes_stops_and_returns(Encoder::Ffmpeg).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encoders_firefox_publishes_stops_and_returns() {
    publishes_stops_and_returns(Encoder::Firefox).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encoders_webrtcbin_of_gstreamer_publishes_stops_and_returns() {
    publishes_stops_and_returns(Encoder::GStreamer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encoders_libdatachannel_as_obs_has_it_publishes_stops_and_returns() {
    publishes_stops_and_returns(Encoder::Libdatachannel).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encoders_str0m_publishes_stops_and_returns() {
    publishes_stops_and_returns(Encoder::Str0m).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encoders_werift_publishes_stops_and_returns() {
    publishes_stops_and_returns(Encoder::Werift).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encoders_wrtc_for_node_publishes_stops_and_returns() {
    publishes_stops_and_returns(Encoder::Wrtc).await;
}
