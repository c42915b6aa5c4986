//! A line that carries less than the film needs, for some time.

use super::film::Film;
use super::findings::Findings;
use super::viewer::Viewer;
use super::world::{Queue, World};

/// Usually it takes 1 to 2 s until a line that is three times as wide again is known to be: an estimate that grows without asking for it grows
/// slowly near what was too much a moment ago, and once from there it doubles. At worst, when it had just been lowered, that takes 2.7 s.
const TO_WIDEN: f64 = 3.5;
/// The estimate may take so many seconds to find the bottleneck...
const TO_FIND: f64 = 10.0;
/// ...and is then this near it, as a share.
const NEAR: f64 = 0.2;
const QUEUE_MS: u32 = 100;
/// Sound has to be whole after so many seconds; before, the queue is full of pictures that nobody knew to be too many.
const TO_GIVE_WAY: f64 = 5.0;

/// A bottleneck for some seconds, and what has to be true of it.
async fn narrow(name: &'static str, film: &Film, bits: u64, seconds: f64) {
    let Some(world) = World::build(film) else {
        return;
    };
    let mut findings = Findings::of(name);
    let viewer = Viewer::watch(&world).await;
    world.queue(Queue::Bottleneck {
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
    findings.note("line", world.queue_counters());
    world.queue(Queue::Free);
    let record = findings.must_recover_within(&viewer, ended, TO_WIDEN).await;
    viewer.leave().await;
    let span = record.span(began, ended);
    findings.note("during", &span);
    let later = record.span(began + TO_GIVE_WAY, ended);
    findings.note("during, later on", &later);
    findings.must_sound(&later, 0.05);
    findings.must(
        later.rate > 1.0,
        format!("not even keyframes are seen: {later}"),
    );
    if let Some(session) = session {
        findings.note("session", session);
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
    findings.note("estimates", format!("{estimates:.1?}"));
    let what = match found.is_empty() {
        true => "the server tells no estimate".to_owned(),
        false => format!(
            "from {TO_FIND} s on the estimate is {mean:.0} bit/s, and the bottleneck {limit:.0}: {estimates:.1?}"
        ),
    };
    findings.must(near, what);
    findings.tell(world);
}

#[tokio::test]
async fn sound_goes_on_through_a_bottleneck_of_1_mbit_and_pictures_come_back_after_it() {
    let name = "1 Mbit/s for 2.5 Mbit/s, queue of 100 ms";
    narrow(name, &Film::usual(), 1_000_000, 15.0).await;
}

#[tokio::test]
async fn sound_goes_on_through_a_bottleneck_of_half_the_need() {
    let name = "600 kbit/s for the clip, queue of 100 ms";
    narrow(name, &Film::clip(), 600_000, 15.0).await;
}

#[tokio::test]
async fn a_line_that_drops_to_a_third_for_20_s_and_comes_back_is_followed() {
    let film = Film::clip();
    narrow("a third of the need for 20 s", &film, film.need / 3, 20.0).await;
}
