//! A publisher of simulcast layers: viewers get the largest, and go on with another one when it stops.

use std::process::Command;

use bitstream::h264::annex_b;
use bitstream::sps::SpsInfo;
use bitstream::vp8;
use serde_json::json;
use shared::api::{Codec, PublisherLayer};
use testkit::browser::TestBrowser;
use testkit::film::{Film, FilmRecipe, RATE};
use testkit::site::Site;
use testkit::{TestServer, eventually, skip};

use super::encoder::{FOLDER, Films};
use super::front::{Front, KEY};
use super::running::Running;
use super::str0m_publisher::Str0mPublisher;
use super::{LIMIT, Picture, STREAM, decode, has, serve, watch};
use crate::clients::str0m_viewer::Str0mViewer;
use crate::clients::transport::Transport;
use crate::connecting::clients::{TOOLS, has_node_clients};

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

/// The names and sizes of layers.
fn named(layers: &[PublisherLayer]) -> Vec<(&str, Option<(u32, u32)>)> {
    let layers = layers.iter();
    layers
        .map(|layer| (layer.rid.as_str(), layer.size))
        .collect()
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

/// The width of each picture, which keyframes say.
fn widths(pictures: &[Picture]) -> Vec<u32> {
    let mut width = 0;
    let widths = pictures.iter().map(|picture| {
        let said = match picture.codec {
            Codec::H264 => {
                let sps = annex_b(&picture.data).find(|nal| nal[0] & 0x1F == 7);
                sps.and_then(SpsInfo::parse).map(|sps| sps.width)
            }
            _ => vp8::keyframe_format(&picture.data).map(|format| format.width),
        };
        width = said.unwrap_or(width);
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
    let publisher =
        Str0mPublisher::publish_layers(&front, STREAM, layers(), None, Film::tone(10)).await;
    let told = layers_are(&front, &[true, true, true]).await;
    let expected = [
        ("b", Some((640, 360))),
        ("a", Some((320, 180))),
        ("c", Some((160, 90))),
    ];
    assert_eq!(named(&told), expected);
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
    let publisher =
        Str0mPublisher::publish_layers(&front, STREAM, layers(), None, Film::tone(10)).await;
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
    let _publisher =
        Str0mPublisher::publish_layers(&front, &next, layers, None, Film::tone(10)).await;
    shows(&viewer, 640).await;
    assert_eq!(server.viewers.sessions(), 1);
    let pictures = viewer.recorded();
    assert_eq!(decode(&pictures), pictures.len());
    server.stop().await;
}

fn send_largest(active: bool) -> String {
    format!(
        "const parameters = encoder.video.sender.getParameters();
        parameters.encodings[2].active = {active};
        await encoder.video.sender.setParameters(parameters);"
    )
}

/// Publishes three layers from a page of another origin, of which the largest stops and returns.
async fn chromium_sends_layers_of(codec: &str) {
    let server = serve().await;
    let front = Front::direct(&server);
    let site = Site::page("<!doctype html><title>publisher</title>".to_owned()).await;
    let browser = TestBrowser::chromium().await;
    browser.open(&site.url("/")).await;
    let layer = |rid, scale, rate| json!({ "rid": rid, "scaleResolutionDownBy": scale, "maxBitrate": rate });
    let layers = [("q", 4, 60_000), ("h", 2, 120_000), ("f", 1, 300_000)];
    let options = json!({
        "server": server.url,
        "stream": STREAM,
        "key": KEY,
        "codec": codec,
        "size": [960, 544],
        "rate": 15,
        "layers": layers.map(|(rid, scale, rate)| layer(rid, scale, rate)),
    });
    let publish = format!("const options = {options}; {}", include_str!("publish.js"));
    assert_eq!(browser.run(&publish).await, 201);
    let told = layers_are(&front, &[true, true, true]).await;
    let expected = [
        ("f", Some((960, 544))),
        ("h", Some((480, 272))),
        ("q", Some((240, 136))),
    ];
    assert_eq!(named(&told), expected);
    let viewer = watch(&server).await;
    shows(&viewer, 960).await;
    browser.run(&send_largest(false)).await;
    shows(&viewer, 480).await;
    layers_are(&front, &[false, true, true]).await;
    browser.run(&send_largest(true)).await;
    shows(&viewer, 960).await;
    assert_eq!(server.viewers.sessions(), 1);
    let pictures = viewer.recorded();
    assert_eq!(decode(&pictures), pictures.len());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_of_chromiums_layers_in_vp8_goes_on_when_the_largest_stops_and_returns() {
    chromium_sends_layers_of("VP8").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_of_chromiums_layers_in_h264_goes_on_when_the_largest_stops_and_returns() {
    chromium_sends_layers_of("H264").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_as_obs_sends_them_are_received_whole() {
    if !has_node_clients() {
        return skip("node-datachannel is missing; `cargo xtask setup` installs it");
    }
    let server = serve().await;
    let front = Front::direct(&server);
    // Two thirds and a third of the size; OBS names them by their order.
    let films = [(640, 360), (426, 240), (212, 120)].map(|size| {
        Films::of(FilmRecipe {
            size,
            gop: 2 * RATE,
            ..FilmRecipe::default()
        })
    });
    let mut script = Command::new("node");
    script
        .arg(format!("{FOLDER}/simulcast.mjs"))
        .args([TOOLS, &server.url, STREAM, KEY])
        .arg(&films[0].audio)
        .args(films.iter().map(|films| &films.video));
    let running = Running::start(script);
    let told = layers_are(&front, &[true, true, true]).await;
    let expected = [
        ("0", Some((640, 360))),
        ("1", Some((426, 240))),
        ("2", Some((212, 120))),
    ];
    assert_eq!(named(&told), expected);
    let viewer = watch(&server).await;
    // A slow machine may leave a gap in the largest layer, in which the next one is shown.
    shows(&viewer, 640).await;
    let pictures = viewer.recorded();
    assert_eq!(decode(&pictures), pictures.len());
    running.stop().await;
    server.stop().await;
}
