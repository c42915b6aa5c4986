//! Publishers whose pictures and times are unusual, or wrong: what arrives is whole, and the stream goes on.

use media::time::MediaTime;
use net::datagram::DatagramKind;
use shared::api::PublisherInfo;
use testkit::film::{Film, FilmRecipe, RATE};
use testkit::{TestServer, eventually};

use super::front::Front;
use super::states::details;
use super::str0m_publisher::Str0mPublisher;
use super::{LIMIT, STREAM, decode, film, has, serve, watch};
use crate::attacks::{Direction, ViewerRelay};

/// So many iterations of a film as one: its times can be changed without a jump where it begins again.
pub(super) fn repeated(film: Film, iterations: i64) -> Film {
    let length = film.length;
    let units = (0..iterations).flat_map(|iteration| {
        film.units.iter().cloned().map(move |mut unit| {
            unit.dts.0 += iteration * length;
            unit.time.0 += iteration * length;
            unit
        })
    });
    Film {
        units: units.collect(),
        length: iterations * length,
        ..film
    }
}

/// Its RTP times advance as much faster than time does.
pub(super) fn at_speed(mut film: Film, speed: f64) -> Film {
    for unit in &mut film.units {
        unit.time = MediaTime((unit.time.0 as f64 * speed) as i64);
    }
    film
}

/// What arrives of these films, whole: so many pictures.
async fn arrive(
    server: &TestServer,
    front: &Front,
    films: [Film; 2],
    pictures: usize,
) -> PublisherInfo {
    let _publisher = Str0mPublisher::publish(front, STREAM, films).await;
    let session = front.publishes(STREAM).await;
    let viewer = watch(server).await;
    has(&viewer, pictures).await;
    let (pictures, stats) = (viewer.recorded(), session.stats());
    println!("{} pictures, {stats:?}", pictures.len());
    assert_eq!(decode(&pictures), pictures.len(), "{stats:?}");
    assert_eq!(stats.dropped, 0, "{stats:?}");
    stats
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_at_250_a_second_are_passed_on() {
    let server = serve().await;
    let [mut pictures, sound] = film(1);
    for unit in &mut pictures.units {
        (unit.dts.0, unit.time.0) = (unit.dts.0 / 10, unit.time.0 / 10);
    }
    pictures.length /= 10;
    let stats = arrive(&server, &Front::direct(&server), [pictures, sound], 100).await;
    // Five for each packet of sound.
    assert!(stats.units > 400, "{stats:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_size_in_the_middle_is_passed_on_and_told() {
    let server = serve().await;
    let front = Front::direct(&server);
    let small = FilmRecipe {
        gop: RATE,
        seconds: 2,
        ..FilmRecipe::default()
    };
    let large = FilmRecipe {
        size: (640, 360),
        ..small
    };
    let [mut pictures, large] = [small, large].map(|recipe| recipe.make());
    let length = pictures.length;
    pictures
        .units
        .extend(large.units.into_iter().map(|mut unit| {
            unit.dts.0 += length;
            unit.time.0 += length;
            unit
        }));
    pictures.length += large.length;
    let _publisher = Str0mPublisher::publish(&front, STREAM, [pictures, Film::tone(10)]).await;
    front.publishes(STREAM).await;
    let viewer = watch(&server).await;
    for width in [640, 320, 640] {
        eventually("the size is told", LIMIT, || async {
            let video = details(&server).await.stream.video;
            video.is_some_and(|video| video.width == width)
        })
        .await;
    }
    has(&viewer, 100).await;
    let pictures = viewer.recorded();
    assert_eq!(decode(&pictures), pictures.len());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_that_go_back_disturb_neither_pictures_nor_sound() {
    let server = serve().await;
    let films = film(1).map(|mut film| {
        let count = film.units.len() as i64;
        for (index, unit) in (0..).zip(&mut film.units) {
            // Ten seconds back, each second and a half.
            let jumps = index * film.length / count / 1_500_000;
            unit.time.0 += (100 - 10 * jumps) * 1_000_000;
        }
        film
    });
    arrive(&server, &Front::direct(&server), films, 100).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_sender_report_pictures_and_sound_are_passed_on() {
    let server = serve().await;
    let passes = |direction, datagram: &[u8]| {
        direction == Direction::ToViewer || DatagramKind::of(datagram) != DatagramKind::Rtcp
    };
    let relay = ViewerRelay::start(&server, passes).await;
    let front = Front::through(&server, relay).await;
    let stats = arrive(&server, &front, film(1), 100).await;
    assert_eq!(stats.warnings, []);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_a_gop_without_an_end_gets_all_of_it_at_once() {
    let server = serve().await;
    let front = Front::direct(&server);
    // A keyframe a minute.
    let recipe = FilmRecipe {
        gop: 60 * RATE,
        seconds: 60,
        bit_rate: 200_000,
        ..FilmRecipe::default()
    };
    let films = [recipe.make(), Film::tone(10)];
    let publisher = Str0mPublisher::publish(&front, STREAM, films).await;
    front.publishes(STREAM).await;
    let first = watch(&server).await;
    has(&first, 150).await;
    let late = watch(&server).await;
    has(&late, 151).await;
    let pictures = late.recorded();
    assert!(pictures[0].is_keyframe());
    assert_eq!(decode(&pictures), pictures.len());
    drop(publisher);
    server.stop().await;
}
