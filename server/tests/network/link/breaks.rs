//! A link that is cut, and addresses that change.

use super::verdict::scenario;
use super::video::Video;
use super::viewer::Viewer;

#[tokio::test]
async fn a_cut_of_8_s_is_over_2_s_after() {
    scenario("a cut of 8 s", &Video::usual(), async |network, verdict| {
        let viewer = Viewer::watch(network).await;
        network.lose(100);
        let began = viewer.now().await;
        viewer.until(began + 8.0).await;
        network.lose(0);
        let ended = viewer.now().await;
        let samples = verdict.expect_recovery(&viewer, ended).await;
        viewer.leave().await;
        let span = samples.span(began, ended);
        verdict.note("during", &span);
        verdict.expect(span.gap > 7.0, format!("the link was not cut: {span}"));
    })
    .await;
}

#[tokio::test]
async fn a_router_that_gets_another_address_is_followed() {
    scenario(
        "another address of the router (NAT)",
        &Video::usual(),
        async |network, verdict| {
            let viewer = Viewer::watch(network).await;
            let began = viewer.now().await;
            network.rebind();
            let _ = verdict.expect_recovery(&viewer, began).await;
            viewer.leave().await;
            let used = network.uses_new_address();
            verdict.expect(used, "no packet left from the new address");
        },
    )
    .await;
}

/// A browser keeps the addresses of its gathered candidates. Chromium notices after 5 s that no packets arrive; the page then waits a
/// moment and restarts ICE.
const TO_NOTICE: f64 = 12.0;

#[tokio::test]
async fn a_device_that_gets_another_address_watches_on() {
    scenario(
        "another address of the device",
        &Video::usual(),
        async |network, verdict| {
            let viewer = Viewer::watch(network).await;
            let began = viewer.now().await;
            network.move_viewer();
            let _ = verdict
                .expect_recovery_within(&viewer, began, TO_NOTICE)
                .await;
            viewer.leave().await;
        },
    )
    .await;
}
