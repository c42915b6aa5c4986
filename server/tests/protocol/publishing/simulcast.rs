//! A publisher of simulcast layers: viewers get the largest, and go on with another one when it stops.

use bitstream::h264::annex_b;
use bitstream::sps::SpsInfo;
use shared::api::PublisherLayer;
use testkit::film::{Film, FilmRecipe, RATE};
use testkit::{TestServer, eventually};

use super::front::Front;
use super::str0m_publisher::Str0mPublisher;
use super::{LIMIT, Picture, STREAM, decode, has, serve, watch};
use crate::clients::str0m_viewer::Str0mViewer;
use crate::clients::transport::Transport;

/// Named and ordered as by nobody: neither tells the size.
const LAYERS: [(&str, (u32, u32)); 3] = [("b", (640, 360)), ("c", (160, 90)), ("a", (320, 180))];

fn layers() -> Vec<(&'static str, Film)> {
    let film = |size| FilmRecipe {
        size,
        bit_rate: 300_000,
        gop: RATE,
        ..FilmRecipe::default()
    };
    let layers = LAYERS.into_iter();
    layers.map(|(rid, size)| (rid, film(size).make())).collect()
}

/// The layers of the publisher, once they are as wanted.
async fn layers_are(front: &Front, offered: &[bool]) -> Vec<PublisherLayer> {
    let session = front.publishes(STREAM).await;
    let layers = || session.stats().layers;
    eventually("the layers are received", LIMIT, || async {
        let layers = layers();
        layers
            .iter()
            .map(|layer| layer.offered)
            .eq(offered.iter().copied())
            && layers.iter().all(|layer| (layer.fps > 0) == layer.offered)
    })
    .await;
    layers()
}

/// The width of each picture, which the parameter sets before it say.
fn widths(pictures: &[Picture]) -> Vec<u32> {
    let mut width = 0;
    let widths = pictures.iter().map(|picture| {
        let sps = annex_b(&picture.data).find(|nal| nal[0] & 0x1F == 7);
        width = sps.and_then(SpsInfo::parse).map_or(width, |sps| sps.width);
        width
    });
    widths.collect()
}

/// Waits until the newest pictures of a viewer have this width.
async fn shows(viewer: &Str0mViewer, width: u32) {
    eventually("pictures of the layer arrive", LIMIT, || async {
        let widths = widths(&viewer.recorded());
        widths
            .iter()
            .rev()
            .take_while(|other| **other == width)
            .count()
            >= 30
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_get_the_largest_layer_and_go_on_when_it_stops_and_returns() {
    let server = serve().await;
    let front = Front::direct(&server);
    let publisher = Str0mPublisher::publish_layers(&front, STREAM, layers(), Film::tone(10)).await;
    let told = layers_are(&front, &[true, true, true]).await;
    let told: Vec<_> = told
        .iter()
        .map(|layer| (layer.rid.as_str(), layer.size))
        .collect();
    let expected = [
        ("b", Some((640, 360))),
        ("a", Some((320, 180))),
        ("c", Some((160, 90))),
    ];
    assert_eq!(told, expected);
    let viewer = watch(&server).await;
    // It takes H.264 alone.
    let other = Str0mViewer::join(&server, STREAM, Transport::Udp).await;
    shows(&viewer, 640).await;
    assert!(widths(&viewer.recorded()).iter().all(|width| *width == 640));

    publisher.send_first(false);
    shows(&viewer, 320).await;
    let (sound, pictures) = (viewer.received().audio_packets, other.received().frames);
    let stopped = layers_are(&front, &[false, true, true]).await;
    assert_eq!((stopped[0].rid.as_str(), stopped[0].fps), ("b", 0));
    publisher.send_first(true);
    shows(&viewer, 640).await;
    layers_are(&front, &[true, true, true]).await;
    has(&viewer, sound as usize + 10).await;
    has(&other, pictures as usize + 10).await;

    // One connection each, and every picture can be decoded in its order.
    assert_eq!(server.viewers.sessions(), 2);
    let pictures = viewer.recorded();
    let mut seen = widths(&pictures);
    seen.dedup();
    assert_eq!(seen, [640, 320, 640]);
    assert_eq!(decode(&pictures), pictures.len());
    assert!(pictures.windows(2).all(|pair| pair[0].time < pair[1].time));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_go_on_with_the_largest_layer_of_the_next_publisher() {
    let server: TestServer = serve().await;
    let front = Front::direct(&server);
    let publisher = Str0mPublisher::publish_layers(&front, STREAM, layers(), Film::tone(10)).await;
    layers_are(&front, &[true, true, true]).await;
    let viewer = watch(&server).await;
    shows(&viewer, 640).await;
    // The next publisher has one layer: the viewer goes on with that, and with the largest again.
    let next = format!("{STREAM}?after={}", publisher.session());
    let one = FilmRecipe {
        size: (480, 270),
        gop: RATE,
        ..FilmRecipe::default()
    };
    let publisher = Str0mPublisher::publish(&front, &next, [one.make(), Film::tone(10)]).await;
    shows(&viewer, 480).await;
    let next = format!("{STREAM}?after={}", publisher.session());
    let mut layers = layers();
    layers.reverse();
    let _publisher = Str0mPublisher::publish_layers(&front, &next, layers, Film::tone(10)).await;
    shows(&viewer, 640).await;
    assert_eq!(server.viewers.sessions(), 1);
    let pictures = viewer.recorded();
    assert_eq!(decode(&pictures), pictures.len());
    server.stop().await;
}
