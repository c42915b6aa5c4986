//! A publisher returns with another codec: viewers go on with the connection that they have.

use shared::api::Codec;
use testkit::film::{Film, FilmRecipe, RATE};
use testkit::{TestServer, eventually};

use super::front::{Front, KEY};
use super::str0m_publisher::Str0mPublisher;
use super::{LIMIT, Picture, STREAM, decode, has, serve, watch};
use crate::clients::str0m_viewer::Str0mViewer;
use crate::clients::transport::Transport;

pub(super) fn films(codec: Codec, size: (u32, u32)) -> [Film; 2] {
    let film = FilmRecipe {
        codec,
        size,
        gop: RATE,
        ..FilmRecipe::default()
    };
    [film.make(), Film::tone(10)]
}

/// Waits until the newest pictures are of this codec.
async fn shows(viewer: &Str0mViewer, codec: Codec) {
    eventually("pictures of the codec arrive", LIMIT, || async {
        let pictures = viewer.recorded();
        let newest = pictures.iter().rev();
        newest.take_while(|picture| picture.codec == codec).count() >= 30
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_go_on_on_their_connection_when_the_publisher_returns_with_another_codec() {
    let server = serve().await;
    let front = Front::direct(&server);
    let turns = [
        (Codec::Vp8, (320, 180)),
        (Codec::H264, (640, 360)),
        (Codec::Vp8, (320, 180)),
    ];
    let mut publisher: Option<Str0mPublisher> = None;
    let mut viewer: Option<Str0mViewer> = None;
    for (codec, size) in turns {
        let after = publisher.as_ref().map(Str0mPublisher::session);
        let name = match after {
            Some(session) => format!("{STREAM}?after={session}"),
            None => STREAM.to_owned(),
        };
        publisher = Some(Str0mPublisher::publish(&front, &name, films(codec, size)).await);
        if viewer.is_none() {
            front.publishes(STREAM).await;
            viewer = Some(watch(&server).await);
        }
        shows(viewer.as_ref().expect("it watches"), codec).await;
    }
    let viewer = viewer.expect("it watches");
    // One connection, and every picture can be decoded in its order.
    assert_eq!(server.viewers.sessions(), 1);
    let pictures = viewer.recorded();
    let runs: Vec<&[Picture]> = pictures
        .chunk_by(|one, next| one.codec == next.codec)
        .collect();
    let codecs: Vec<_> = runs.iter().map(|run| run[0].codec).collect();
    assert_eq!(codecs, turns.map(|(codec, _)| codec));
    for run in runs {
        assert!(run[0].is_keyframe());
        assert_eq!(decode(run), run.len());
    }
    let sound = viewer.received().audio_packets;
    has(&viewer, sound as usize + 10).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_does_not_take_the_next_codec_goes_on_with_what_is_encoded() {
    let publish = format!("{STREAM}={KEY}");
    let server = TestServer::with(&["test:", "--publish", &publish]).await;
    let front = Front::direct(&server);
    let small = (320, 180);
    let publisher = Str0mPublisher::publish(&front, STREAM, films(Codec::H264, small)).await;
    front.publishes(STREAM).await;
    let both = watch(&server).await;
    // It takes H.264 alone.
    let one = Str0mViewer::join(&server, STREAM, Transport::Udp).await;
    has(&both, 10).await;
    has(&one, 10).await;
    let next = format!("{STREAM}?after={}", publisher.session());
    let _next = Str0mPublisher::publish(&front, &next, films(Codec::Vp8, small)).await;
    shows(&both, Codec::Vp8).await;
    let before = one.received().frames as usize;
    has(&one, before + 30).await;
    assert_eq!(server.viewers.sessions(), 2);
    server.stop().await;
}
