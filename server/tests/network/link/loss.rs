//! Lost and reordered packets.

use super::network::Queue;
use super::verdict::scenario;
use super::video::Video;
use super::viewer::Viewer;

/// Seconds of a fault.
fn fault() -> f64 {
    testkit::repetitions(15.0, 120.0)
}

#[tokio::test]
async fn two_percent_of_loss_are_repaired_without_a_freeze() {
    scenario(
        "2 % random loss",
        &Video::usual(),
        async |network, verdict| {
            let viewer = Viewer::watch(network).await;
            network.lose(2);
            let began = viewer.now().await;
            viewer.until(began + fault()).await;
            let span = viewer.samples().await.span(began, began + fault());
            viewer.leave().await;
            verdict.note("during", &span);
            verdict.expect(span.repaired > 0, format!("nothing is repaired: {span}"));
            verdict.expect_smooth(&span);
            verdict.expect_audio(&span, 0.05);
        },
    )
    .await;
}

#[tokio::test]
async fn ten_percent_of_loss_are_repaired_and_it_plays_on() {
    scenario(
        "10 % random loss",
        &Video::usual(),
        async |network, verdict| {
            let viewer = Viewer::watch(network).await;
            network.lose(10);
            let began = viewer.now().await;
            let ended = began + fault();
            viewer.until(ended).await;
            network.lose(0);
            let samples = verdict.expect_recovery(&viewer, ended).await;
            viewer.leave().await;
            let span = samples.span(began, ended);
            verdict.note("during", &span);
            verdict.expect(span.repaired > 0, format!("nothing is repaired: {span}"));
            // One packet in a thousand is lost three times, and Chromium repeats a NACK every 100 ms.
            verdict.expect(
                span.frozen <= fault() / 5.0,
                format!("it is frozen for more than a fifth of the time: {span}"),
            );
            verdict.expect(span.gap < 1.0, format!("it stands still: {span}"));
            let last = samples.span(ended - 3.0, ended);
            verdict.expect(
                last.rate >= 0.8 * Video::RATE,
                format!("it does not play at the end: {last}"),
            );
            verdict.expect_audio(&span, 0.2);
        },
    )
    .await;
}

#[tokio::test]
async fn packets_that_overtake_others_are_put_in_order() {
    let video = Video::usual();
    scenario("reordering", &video, async |network, verdict| {
        let viewer = Viewer::watch(network).await;
        // One packet in eight, on a queue with twice its share of the rate: packets of one frame wait for each other there.
        let (every, bits) = (8, video.need / 8 * 2);
        network.queue(Queue::TwoWays { every, bits });
        let began = viewer.now().await;
        let ended = began + fault();
        viewer.until(ended).await;
        verdict.note("line", network.queue_counters());
        network.queue(Queue::Free);
        let samples = verdict.expect_recovery(&viewer, ended).await;
        viewer.leave().await;
        let span = samples.span(began, ended);
        verdict.note("during", &span);
        // Chromium sends a NACK at once for the gap before a packet that arrived early.
        verdict.expect(span.nacks > 0, format!("nothing was overtaken: {span}"));
        verdict.expect(
            span.rate >= 0.9 * Video::RATE,
            format!("frames are missing: {span}"),
        );
        verdict.expect(
            span.frozen <= fault() / 10.0,
            format!("it is frozen for more than a tenth of the time: {span}"),
        );
    })
    .await;
}
