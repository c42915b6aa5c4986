//! Packets that never come, and packets that come in another order.

use super::film::Film;
use super::findings::Findings;
use super::viewer::Viewer;
use super::world::{Queue, World};

/// Seconds of a fault.
const FAULT: f64 = 15.0;

#[tokio::test]
async fn two_percent_of_loss_are_repaired_without_a_freeze() {
    let Some(world) = World::build(&Film::usual()) else {
        return;
    };
    let mut findings = Findings::of("2 % random loss");
    let viewer = Viewer::watch(&world).await;
    world.lose(2);
    let began = viewer.now().await;
    viewer.until(began + FAULT).await;
    let span = viewer.record().await.span(began, began + FAULT);
    viewer.leave().await;
    findings.note("during", &span);
    findings.must(span.repaired > 0, format!("nothing is repaired: {span}"));
    findings.must_be_smooth(&span);
    findings.must_sound(&span, 0.05);
    findings.tell(world);
}

#[tokio::test]
async fn ten_percent_of_loss_are_repaired_and_it_plays_on() {
    let Some(world) = World::build(&Film::usual()) else {
        return;
    };
    let mut findings = Findings::of("10 % random loss");
    let viewer = Viewer::watch(&world).await;
    world.lose(10);
    let began = viewer.now().await;
    let ended = began + FAULT;
    viewer.until(ended).await;
    world.lose(0);
    let record = findings.must_recover(&viewer, ended).await;
    viewer.leave().await;
    let span = record.span(began, ended);
    findings.note("during", &span);
    findings.must(span.repaired > 0, format!("nothing is repaired: {span}"));
    // One packet in a thousand is lost three times, and Chromium asks again every 100 ms.
    findings.must(
        span.frozen <= FAULT / 5.0,
        format!("it is frozen for more than a fifth of the time: {span}"),
    );
    findings.must(span.gap < 1.0, format!("it stands still: {span}"));
    let last = record.span(ended - 3.0, ended);
    findings.must(
        last.rate >= 0.8 * Film::RATE,
        format!("it does not play at the end: {last}"),
    );
    findings.must_sound(&span, 0.2);
    findings.tell(world);
}

#[tokio::test]
async fn packets_that_overtake_others_are_put_in_order() {
    let film = Film::usual();
    let Some(world) = World::build(&film) else {
        return;
    };
    let mut findings = Findings::of("reordering");
    let viewer = Viewer::watch(&world).await;
    // One in eight goes where there is room for twice as much: of a picture's packets some wait for each other there.
    let (every, bits) = (8, film.need / 8 * 2);
    world.queue(Queue::TwoWays { every, bits });
    let began = viewer.now().await;
    let ended = began + FAULT;
    viewer.until(ended).await;
    findings.note("line", world.queue_counters());
    world.queue(Queue::Free);
    let record = findings.must_recover(&viewer, ended).await;
    viewer.leave().await;
    let span = record.span(began, ended);
    findings.note("during", &span);
    // Chromium asks for what is missing before what came after it, at once.
    findings.must(span.nacks > 0, format!("nothing was overtaken: {span}"));
    findings.must(
        span.rate >= 0.9 * Film::RATE,
        format!("pictures are missing: {span}"),
    );
    findings.must(
        span.frozen <= FAULT / 10.0,
        format!("it is frozen for more than a tenth of the time: {span}"),
    );
    findings.tell(world);
}
