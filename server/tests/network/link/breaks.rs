//! A line that is cut, and addresses that change.

use super::film::Film;
use super::findings::Findings;
use super::viewer::Viewer;
use super::world::World;

#[tokio::test]
async fn a_cut_of_8_s_is_over_2_s_after() {
    let Some(world) = World::build(&Film::usual()) else {
        return;
    };
    let mut findings = Findings::of("a cut of 8 s");
    let viewer = Viewer::watch(&world).await;
    world.lose(100);
    let began = viewer.now().await;
    viewer.until(began + 8.0).await;
    world.lose(0);
    let ended = viewer.now().await;
    let record = findings.must_recover(&viewer, ended).await;
    viewer.leave().await;
    let span = record.span(began, ended);
    findings.note("during", &span);
    findings.must(span.gap > 7.0, format!("the line was not cut: {span}"));
    findings.tell(world);
}

#[tokio::test]
async fn a_router_that_gets_another_address_is_followed() {
    let Some(world) = World::build(&Film::usual()) else {
        return;
    };
    let mut findings = Findings::of("another address of the router (NAT)");
    let viewer = Viewer::watch(&world).await;
    let began = viewer.now().await;
    world.rebind();
    let _ = findings.must_recover(&viewer, began).await;
    viewer.leave().await;
    let used = world.uses_new_address();
    findings.must(used, "nothing came by the new address");
    findings.tell(world);
}

/// A browser keeps to the addresses that it had when it gathered candidates. Nobody but itself can notice that nothing
/// comes any more, which takes Chromium 5 s; the page then waits a moment and restarts ICE.
const TO_NOTICE: f64 = 12.0;

#[tokio::test]
async fn a_device_that_gets_another_address_watches_on() {
    let Some(world) = World::build(&Film::usual()) else {
        return;
    };
    let mut findings = Findings::of("another address of the device");
    let viewer = Viewer::watch(&world).await;
    let began = viewer.now().await;
    world.move_viewer();
    let _ = findings
        .must_recover_within(&viewer, began, TO_NOTICE)
        .await;
    viewer.leave().await;
    findings.tell(world);
}
