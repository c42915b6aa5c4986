//! A bottleneck below the video's bitrate, for some time.

use super::network::{Network, Queue};
use super::verdict::{Verdict, scenario};
use super::video::Video;
use super::viewer::Viewer;

/// Seconds until a link that becomes three times as wide is used. Usually 1 to 2: the estimate grows slowly near its last maximum and
/// doubles beyond it. At worst, just after it was lowered, 2.7.
const TO_WIDEN: f64 = 3.5;
/// Seconds that the estimate may take to find the bottleneck.
const TO_FIND: f64 = 10.0;
/// The estimate is then this near it, as a share.
const NEAR: f64 = 0.2;
const QUEUE_MS: u32 = 100;
/// Seconds after which audio has to be whole; before, the queue is full of video.
const TO_GIVE_WAY: f64 = 5.0;

/// A bottleneck for some seconds, and what has to hold.
async fn narrow(name: &'static str, video: &Video, bits: u64, seconds: f64) {
    scenario(name, video, async |network, verdict| {
        narrow_on(network, verdict, bits, seconds).await;
    })
    .await;
}

async fn narrow_on(network: &Network, verdict: &mut Verdict, bits: u64, seconds: f64) {
    let viewer = Viewer::watch(network).await;
    network.queue(Queue::Bottleneck {
        bits,
        queue_ms: QUEUE_MS,
    });
    let began = viewer.now().await;
    let ended = began + seconds;
    let mut estimates = Vec::new();
    loop {
        let now = viewer.now().await;
        if now + 0.5 >= ended {
            break;
        }
        let session = viewer.session().await;
        let estimate = session.as_ref().and_then(|all| all["estimate"].as_f64());
        estimates.push((now - began, estimate));
        viewer.until(now + 0.5).await;
    }
    viewer.until(ended).await;
    let session = viewer.session().await;
    verdict.note("line", network.queue_counters());
    network.queue(Queue::Free);
    let samples = verdict
        .expect_recovery_within(&viewer, ended, TO_WIDEN)
        .await;
    viewer.leave().await;
    let span = samples.span(began, ended);
    verdict.note("during", &span);
    let later = samples.span(began + TO_GIVE_WAY, ended);
    verdict.note("during, later on", &later);
    verdict.expect_audio(&later, 0.05);
    verdict.expect(
        later.rate > 1.0,
        format!("not even keyframes are seen: {later}"),
    );
    if let Some(session) = session {
        verdict.note("session", session);
    }
    let found: Vec<_> = estimates
        .iter()
        .filter(|(at, _)| *at >= TO_FIND)
        .filter_map(|(_, estimate)| *estimate)
        .collect();
    #[allow(clippy::cast_precision_loss, reason = "some dozens, and Mbit/s")]
    let (count, limit) = (found.len() as f64, bits as f64);
    let mean = found.iter().sum::<f64>() / count;
    let near = (mean - limit).abs() <= NEAR * limit;
    verdict.note("estimates", format!("{estimates:.1?}"));
    let what = match found.is_empty() {
        true => "the server gives no estimate".to_owned(),
        false => format!(
            "from {TO_FIND} s on the estimate is {mean:.0} bit/s, and the bottleneck {limit:.0}: {estimates:.1?}"
        ),
    };
    verdict.expect(near, what);
}

#[tokio::test]
async fn audio_goes_on_through_a_bottleneck_of_1_mbit_and_video_comes_back_after_it() {
    let name = "1 Mbit/s for 2.5 Mbit/s, queue of 100 ms";
    narrow(name, &Video::usual(), 1_000_000, 15.0).await;
}

#[tokio::test]
async fn audio_goes_on_through_a_bottleneck_of_half_the_bitrate() {
    let name = "600 kbit/s for the clip, queue of 100 ms";
    narrow(name, &Video::clip(), 600_000, 15.0).await;
}

#[tokio::test]
async fn a_line_that_drops_to_a_third_for_20_s_and_comes_back_is_followed() {
    let video = Video::clip();
    narrow("a third of the need for 20 s", &video, video.need / 3, 20.0).await;
}
