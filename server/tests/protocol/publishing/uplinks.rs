//! Publishers whose line loses, delays, breaks off or gets another address: no broken unit enters the log, and what is missing is counted.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use shared::api::PublisherInfo;
use testkit::{TestServer, skip};

use super::encoder::Encoder;
use super::front::{Front, KEY};
use super::path::loses_and_delays;
use super::str0m_publisher::Str0mPublisher;
use super::{Picture, STREAM, decode, film, has, serve, watch};
use crate::attacks::{Direction, ViewerRelay};

/// A longer time between two pictures, in units of 1/90,000 s, is a freeze.
const FREEZE: u64 = 90_000 / 5;

/// How often and how long the pictures stand still, in seconds. Panics if one cannot be decoded.
fn freezes(pictures: &[Picture], stats: &PublisherInfo) -> (usize, f64) {
    assert!(pictures[0].is_keyframe(), "{stats:?}");
    assert_eq!(decode(pictures), pictures.len(), "{stats:?}");
    let distances = pictures.windows(2).map(|pair| pair[1].time - pair[0].time);
    let freezes: Vec<_> = distances.filter(|distance| *distance > FREEZE).collect();
    let seconds = freezes.iter().sum::<u64>() as f64 / 90_000.0;
    println!("{} pictures, {freezes:?}, {stats:?}", pictures.len());
    (freezes.len(), seconds)
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_line_with_five_percent_of_loss_and_100_ms_no_unit_is_broken() {
    let server = serve().await;
    let line = loses_and_delays(Duration::from_millis(50));
    let relay = ViewerRelay::start_delayed(&server, line).await;
    let front = Front::through(&server, relay).await;
    let publisher = Str0mPublisher::publish(&front, STREAM, film(1)).await;
    let session = front.publishes(STREAM).await;
    let viewer = watch(&server).await;
    let seconds = testkit::repetitions(8, 60);
    has(&viewer, 25 * seconds).await;
    let (pictures, stats) = (viewer.recorded(), session.stats());
    let (count, frozen) = freezes(&pictures, &stats);
    assert!(stats.recovered > 0, "nothing was lost: {stats:?}");
    let rtt = stats.rtt.expect("it is measured");
    assert!((0.1..5.0).contains(&rtt), "{rtt}");
    // Four requests for each packet: of 160,000 packets one is lost with all its retransmissions. A busy machine drops some; freezes may be the publisher's as well.
    println!("{count} freezes: {frozen} s");
    assert!(10 * stats.dropped < 25 * seconds as u64, "{stats:?}");
    drop(publisher);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_cut_for_8_s_is_used_again_and_viewers_go_on() {
    let server = serve().await;
    let is_cut = Arc::<AtomicBool>::default();
    let passes = {
        let is_cut = Arc::clone(&is_cut);
        move |_: Direction, _: &[u8]| !is_cut.load(Ordering::Relaxed)
    };
    let relay = ViewerRelay::start(&server, passes).await;
    let front = Front::through(&server, relay).await;
    let publisher = Str0mPublisher::publish(&front, STREAM, film(1)).await;
    let session = front.publishes(STREAM).await;
    let viewer = watch(&server).await;
    has(&viewer, 25).await;
    is_cut.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(8)).await;
    is_cut.store(false, Ordering::Relaxed);
    let (back, before) = (Instant::now(), viewer.received().frames);
    has(&viewer, before as usize + 1).await;
    println!("the next picture comes after {:?}", back.elapsed());
    has(&viewer, before as usize + 50).await;
    let (_, frozen) = freezes(&viewer.recorded(), &session.stats());
    assert!(frozen > 7.0, "it was cut: {frozen}");
    keeps_its_session(server, publisher).await;
}

async fn keeps_its_session(server: TestServer, publisher: Str0mPublisher) {
    let info = server.get(publisher.session()).await;
    assert_eq!(info.status(), 200);
    assert_eq!(server.viewers.publishers().sessions(), 1);
    drop(publisher);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_whose_nat_gets_another_address_goes_on_in_its_session() {
    let server = serve().await;
    let relay = ViewerRelay::start(&server, |_, _| true).await;
    let mover = relay.mover();
    let front = Front::through(&server, relay).await;
    let publisher = Str0mPublisher::publish(&front, STREAM, film(1)).await;
    let session = front.publishes(STREAM).await;
    let viewer = watch(&server).await;
    has(&viewer, 25).await;
    for last in [7, 8] {
        mover.move_to(Ipv4Addr::new(127, 0, 0, last)).await;
        let (moved, before) = (Instant::now(), viewer.received().frames);
        // What came by the old address may still be on its way.
        has(&viewer, before as usize + 25).await;
        println!("goes on after {:?}", moved.elapsed());
    }
    freezes(&viewer.recorded(), &session.stats());
    keeps_its_session(server, publisher).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_reaches_the_server_by_turn_only_is_watched() {
    if Encoder::Libdatachannel.missing().is_some() {
        return skip("node-datachannel is missing; `cargo xtask setup` installs it");
    }
    let publish = format!("{STREAM}={KEY}");
    let server = TestServer::with(&["test:", "--relay-only", "--publish", &publish]).await;
    let front = Front::direct(&server);
    let publisher = Encoder::Libdatachannel.start(&front, KEY).await;
    let publisher = publisher.expect("it starts");
    let session = front.publishes(STREAM).await;
    let turn = server.turn.as_ref().expect("it is on");
    assert_eq!(turn.allocations(), 1);
    let viewer = watch(&server).await;
    has(&viewer, 50).await;
    let pictures = viewer.recorded();
    assert_eq!(decode(&pictures), pictures.len(), "{:?}", session.stats());
    publisher.stop(&server).await;
    server.stop().await;
}
