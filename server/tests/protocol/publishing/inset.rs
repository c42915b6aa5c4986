//! A publisher sends two pictures of one stream: a screen, and a camera as its inset.

use std::time::{Duration, SystemTime};

use bitstream::h264::annex_b;
use bitstream::sps::SpsInfo;
use shared::api::{Codec, NotEncoded};
use testkit::browser::TestBrowser;
use testkit::film::{Film, FilmRecipe, RATE};
use testkit::{TestServer, dist, eventually};

use super::front::{Front, KEY};
use super::str0m_publisher::Str0mPublisher;
use super::{LIMIT, Picture, STREAM, decode, has, serve, watch};
use crate::clients::str0m_viewer::{Joining, Str0mViewer};
use crate::clients::transport::Transport;

const SCREEN: (u32, u32) = (640, 360);
const CAMERA: (u32, u32) = (160, 90);

/// A keyframe each second.
fn film(codec: Codec, size: (u32, u32)) -> Film {
    let film = FilmRecipe {
        codec,
        size,
        gop: RATE,
        ..FilmRecipe::default()
    };
    film.make()
}

fn pictures(codec: Codec) -> [Film; 2] {
    [film(codec, SCREEN), film(codec, CAMERA)]
}

/// A viewer whose offer has two m-lines of video.
async fn watch_both(server: &TestServer, stream: &str) -> Str0mViewer {
    let by = Joining {
        recorded: true,
        inset: true,
        ..Joining::by(Transport::Udp)
    };
    Str0mViewer::join_by(server, stream, by).await
}

async fn has_inset(viewer: &Str0mViewer, pictures: usize) {
    let what = format!("{pictures} pictures of the inset arrive");
    eventually(&what, LIMIT, || async {
        viewer.recorded_inset().len() >= pictures
    })
    .await;
}

/// The newest pictures of the inset are of this codec.
async fn inset_is(viewer: &Str0mViewer, codec: Codec) {
    eventually("the inset is of the codec", LIMIT, || async {
        let pictures = viewer.recorded_inset();
        let newest = pictures.iter().rev();
        newest.take_while(|picture| picture.codec == codec).count() >= RATE as usize
    })
    .await;
}

/// The size of H.264, by its first parameter set.
fn size(pictures: &[Picture]) -> Option<(u32, u32)> {
    pictures.iter().find_map(|picture| {
        let sps = annex_b(&picture.data).find(|nal| nal[0] & 0x1F == 7)?;
        let sps = SpsInfo::parse(sps)?;
        Some((sps.width, sps.height))
    })
}

/// When the keyframes are shown.
fn keyframes(pictures: &[Picture]) -> Vec<SystemTime> {
    let keyframes = pictures.iter().filter(|picture| picture.is_keyframe());
    keyframes.filter_map(|picture| picture.shown).collect()
}

/// How far keyframes of the inset are from the nearest one of the picture: the half of them at most. Both are made at the same times.
fn apart(viewer: &Str0mViewer) -> Duration {
    let pictures = keyframes(&viewer.recorded());
    let insets = keyframes(&viewer.recorded_inset());
    let distance = |one: SystemTime, other: SystemTime| {
        let after = one.duration_since(other);
        after.unwrap_or_else(|before| before.duration())
    };
    let nearest = insets.iter().filter_map(|inset| {
        let distances = pictures.iter().map(|picture| distance(*picture, *inset));
        distances.min()
    });
    let mut nearest: Vec<_> = nearest.collect();
    nearest.sort_unstable();
    println!("keyframes of the inset are {nearest:?} from those of the picture");
    nearest[nearest.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_who_ask_for_two_pictures_get_both_in_step_and_others_the_first() {
    let server = serve().await;
    let front = Front::direct(&server);
    let audio = Film::tone(10);
    let publisher = Str0mPublisher::publish_two(&front, STREAM, pictures(Codec::H264), audio).await;
    front.publishes(STREAM).await;
    let info = || server.registry.get(STREAM).expect("it is declared").info();
    eventually("the API tells of the inset", LIMIT, || async {
        info().inset.is_some()
    })
    .await;
    let described = info();
    let described = [described.video, described.inset];
    let sizes = described.map(|video| video.map(|video| (video.width, video.height)));
    assert_eq!(sizes, [Some(SCREEN), Some(CAMERA)]);

    let (both, one) = (watch_both(&server, STREAM).await, watch(&server).await);
    has_inset(&both, 6 * RATE as usize).await;
    has(&both, 5 * RATE as usize).await;
    has(&one, 5 * RATE as usize).await;
    assert!(one.recorded_inset().is_empty());
    for viewer in [&both, &one] {
        let seen = viewer.recorded();
        assert_eq!(size(&seen), Some(SCREEN));
        assert_eq!(decode(&seen), seen.len());
    }
    let insets = both.recorded_inset();
    assert!(insets[0].is_keyframe());
    assert_eq!(size(&insets), Some(CAMERA));
    assert_eq!(decode(&insets), insets.len());
    // Half of the distance of two keyframes would be out of step.
    let apart = apart(&both);
    assert!(apart < Duration::from_millis(200), "{apart:?}");
    drop(publisher);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_of_the_picture_come_and_go_beside_the_inset() {
    const SMALLER: (u32, u32) = (320, 180);
    let server = serve().await;
    let front = Front::direct(&server);
    let film = |size| film(Codec::H264, size);
    let layers = vec![("a", film(SCREEN)), ("b", film(SMALLER))];
    let (inset, tone) = (Some(film(CAMERA)), Film::tone(10));
    let publisher = Str0mPublisher::publish_layers(&front, STREAM, layers, inset, tone).await;
    let session = front.publishes(STREAM).await;
    let sizes = [Some(SCREEN), Some(SMALLER)];
    eventually("both layers are received", LIMIT, || async {
        let layers = session.stats().layers;
        layers.iter().map(|layer| layer.size).eq(sizes)
    })
    .await;
    let viewer = watch_both(&server, STREAM).await;
    has(&viewer, RATE as usize).await;
    has_inset(&viewer, RATE as usize).await;
    assert_eq!(size(&viewer.recorded()), Some(SCREEN));
    publisher.send_first(false);
    eventually("the other layer is shown", LIMIT, || async {
        let pictures = viewer.recorded();
        let mut newest = pictures.rsplit(Picture::is_keyframe);
        let after = newest.next().map_or(0, <[Picture]>::len);
        size(&pictures[pictures.len().saturating_sub(after + 1)..]) == Some(SMALLER)
    })
    .await;
    has_inset(&viewer, viewer.recorded_inset().len() + RATE as usize).await;
    let insets = viewer.recorded_inset();
    assert_eq!(decode(&insets), insets.len());
    let sizes: Vec<_> = insets
        .iter()
        .filter_map(|inset| size(std::slice::from_ref(inset)))
        .collect();
    assert!(sizes.iter().all(|size| *size == CAMERA), "{sizes:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inset_comes_and_goes_with_publishers_and_viewers_keep_their_connection() {
    // All of them first: without a publisher for a minute the stream would end.
    let [h264, vp8] = [Codec::H264, Codec::Vp8].map(pictures);
    let tone = Film::tone(10);
    let server = serve().await;
    let front = Front::direct(&server);
    // Before anybody publishes.
    let viewer = watch_both(&server, &format!("{STREAM}?wait=1")).await;
    eventually("it is connected", LIMIT, || async {
        viewer.received().connected_at.is_some()
    })
    .await;
    let first = [h264[0].clone(), tone.clone()];
    let publisher = Str0mPublisher::publish(&front, STREAM, first).await;
    has(&viewer, 40).await;
    assert!(viewer.recorded_inset().is_empty());
    let last = [vp8[0].clone(), tone.clone()];
    let next = format!("{STREAM}?after=*");
    for (codec, pictures) in [(Codec::H264, h264), (Codec::Vp8, vp8)] {
        let two = Str0mPublisher::publish_two(&front, &next, pictures, tone.clone()).await;
        inset_is(&viewer, codec).await;
        let before = viewer.recorded().len();
        has(&viewer, before + 40).await;
        drop(two);
    }
    let last = Str0mPublisher::publish(&front, &next, last).await;
    let info = || server.registry.get(STREAM).expect("it is declared").info();
    eventually("the inset is gone", LIMIT, || async {
        info().inset.is_none()
    })
    .await;
    // What was on its way has come.
    has(&viewer, viewer.recorded().len() + 40).await;
    let insets = viewer.recorded_inset().len();
    has(&viewer, viewer.recorded().len() + 40).await;
    assert_eq!(viewer.recorded_inset().len(), insets);
    assert_eq!(server.viewers.sessions(), 1);
    drop((publisher, last));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_publisher_is_asked_for_a_keyframe_of_the_inset_that_a_viewer_asks_for_and_not_each_time()
 {
    let server = serve().await;
    let front = Front::direct(&server);
    let rare = |size| FilmRecipe {
        size,
        gop: 10 * RATE,
        ..FilmRecipe::default()
    };
    let pictures = [SCREEN, CAMERA].map(|size| rare(size).make());
    let publisher = Str0mPublisher::publish_two(&front, STREAM, pictures, Film::tone(10)).await;
    front.publishes(STREAM).await;
    let viewer = watch_both(&server, STREAM).await;
    has_inset(&viewer, 1).await;
    let before = publisher.keyframe_requests();
    eventually("the publisher is asked for a keyframe", LIMIT, || async {
        viewer.request_keyframe_of_inset();
        publisher.keyframe_requests() > before
    })
    .await;
    // A viewer that asks with every picture does not make every one a keyframe.
    let (before, pictures) = (publisher.keyframe_requests(), viewer.recorded_inset().len());
    for number in 1..=2 * RATE as usize {
        viewer.request_keyframe_of_inset();
        has_inset(&viewer, pictures + number).await;
    }
    let asked = publisher.keyframe_requests() - before;
    assert!(asked <= u64::from(RATE) / 2, "{asked} requests");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inset_with_b_frames_is_sent_to_nobody_and_the_page_says_that_it_does_not_come() {
    let publish_to = format!("{STREAM}={KEY}");
    let server = TestServer::with(&["test:", "--dist", dist(), "--publish", &publish_to]).await;
    let front = Front::direct(&server);
    let reordered = FilmRecipe {
        codec: Codec::H264,
        size: CAMERA,
        gop: RATE,
        b_frames: 2,
        ..FilmRecipe::default()
    };
    let films = [film(Codec::H264, SCREEN), reordered.make()];
    let _publisher = Str0mPublisher::publish_two(&front, STREAM, films, Film::tone(10)).await;
    front.publishes(STREAM).await;
    let viewer = watch_both(&server, STREAM).await;
    has(&viewer, 3 * RATE as usize).await;
    assert!(viewer.recorded_inset().is_empty());
    let info = server.registry.get(STREAM).expect("it is declared").info();
    let inset = info.inset.expect("it is described");
    assert_eq!(inset.not_encoded, Some(NotEncoded::Inset));
    let browser = TestBrowser::chromium().await;
    browser
        .open(&server.url(&format!("/#/watch/{STREAM}")))
        .await;
    let said = "document.querySelector('#delivery')?.textContent.includes('has not received it') \
        && !document.querySelector('#inset')";
    browser.until("the page says so", said).await;
    server.stop().await;
}
