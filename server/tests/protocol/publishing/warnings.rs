//! What a publisher should change is told by the API: over real sockets.

use std::time::Duration;

use bytes::Bytes;
use shared::api::PublisherWarning;
use testkit::eventually;

use super::front::Front;
use super::odd_media::{at_speed, repeated};
use super::path::slow_line;
use super::states::details;
use super::str0m_publisher::Str0mPublisher;
use super::{LIMIT, STREAM, film, serve};
use crate::attacks::ViewerRelay;

#[tokio::test(flavor = "multi_thread")]
async fn what_an_encoder_should_change_is_told() {
    let server = serve().await;
    let front = Front::direct(&server);
    let publisher = || async { details(&server).await.publisher };
    let [pictures, sound] = film(10);
    // Its clock runs 2 % too fast, and its microphone is muted.
    let [pictures, mut sound] = [pictures, sound].map(|film| at_speed(repeated(film, 6), 1.02));
    for unit in &mut sound.units {
        unit.data = Bytes::from_static(&[0xfc, 0xff, 0xfe]);
    }
    let odd = Str0mPublisher::publish(&front, STREAM, [pictures, sound]).await;
    let all = [
        PublisherWarning::LongGop,
        PublisherWarning::ClockDrift,
        PublisherWarning::Silent,
    ];
    eventually("all is told", LIMIT, || async {
        publisher().await.is_some_and(|told| told.warnings == all)
    })
    .await;
    assert_eq!(server.delete(odd.session()).await.status(), 200);
    let _publisher = Str0mPublisher::publish(&front, STREAM, film(1)).await;
    front.publishes(STREAM).await;
    let told = publisher().await.expect("it publishes");
    assert_eq!(told.warnings, []);
    let rtt = told.rtt.expect("it was measured by the first check");
    assert!((0.0..5.0).contains(&rtt), "{rtt}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_slower_than_what_is_sent_is_told_with_its_round_trip() {
    let server = serve().await;
    // 400 of about 600 kbit/s, and a queue of 0.8 s.
    let line = slow_line(400_000, Duration::from_millis(800));
    let relay = ViewerRelay::start_delayed(&server, line).await;
    let front = Front::through(&server, relay).await;
    let _publisher = Str0mPublisher::publish(&front, STREAM, film(1)).await;
    eventually("the line is told to be slow", LIMIT, || async {
        let told = details(&server).await.publisher;
        let told = told.filter(|told| told.warnings.contains(&PublisherWarning::UplinkLow));
        told.and_then(|told| told.rtt).is_some_and(|rtt| rtt > 0.25)
    })
    .await;
    server.stop().await;
}
