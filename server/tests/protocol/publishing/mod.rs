//! Publishers: what each sends comes out whole, over a path that loses and reorders too.

mod another_codec;
mod attacks;
mod decoded;
mod encoded;
mod encoder;
mod encoders;
mod ffmpeg;
mod front;
mod inset;
mod misbehaving;
mod odd_media;
mod other_viewers;
mod path;
mod returning;
mod route;
mod running;
mod simulcast;
mod states;
mod str0m_publisher;
mod terminal;
mod uplinks;
mod viewers_first;
mod warnings;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use connection::PublisherSession;
use serde_json::Value;
use shared::api::PublisherInfo;
use testkit::browser::TestBrowser;
use testkit::film::{Film, FilmRecipe, RATE};
use testkit::site::Site;
use testkit::{TestServer, eventually, skip};

pub(crate) use self::decoded::Picture;
use self::decoded::decode;
use self::front::{Front, KEY};
use self::str0m_publisher::Str0mPublisher;
use crate::attacks::ViewerRelay;
use crate::clients::aiortc::PYTHON;
use crate::clients::str0m_viewer::{Joining, Str0mViewer};
use crate::clients::transport::Transport;

const STREAM: &str = "camera";
/// Of a publisher at 25 to 30 pictures a second: 8 to 10 s.
const PICTURES: usize = 250;
/// Machines may be slow.
const LIMIT: Duration = Duration::from_secs(90);

/// A server with one port that publishers may use.
async fn serve() -> TestServer {
    let publish = format!("{STREAM}={KEY}");
    TestServer::with(&["test:", "--shards", "1", "--publish", &publish]).await
}

/// The same, behind a path that loses and reorders.
async fn serve_badly() -> (TestServer, Front) {
    let server = serve().await;
    let relay = ViewerRelay::start_with(&server, path::loses_and_reorders()).await;
    let front = Front::through(&server, relay).await;
    (server, front)
}

/// It is published, although its publisher may be absent.
fn is_published(server: &TestServer) -> bool {
    let stream = server.registry.get(STREAM);
    stream.is_some_and(|stream| stream.republish().is_some())
}

/// A viewer that keeps what it receives.
async fn watch(server: &TestServer) -> Str0mViewer {
    watch_stream(server, STREAM).await
}

async fn watch_stream(server: &TestServer, stream: &str) -> Str0mViewer {
    let by = Joining {
        recorded: true,
        ..Joining::by(Transport::Udp)
    };
    Str0mViewer::join_by(server, stream, by).await
}

/// Waits until the viewer has received so many pictures, and as long a sound.
async fn has(viewer: &Str0mViewer, pictures: usize) {
    let what = format!("{pictures} pictures with sound arrive");
    eventually(&what, LIMIT, || async {
        let received = viewer.received();
        received.frames >= pictures as u64 && received.audio_packets >= pictures as u64
    })
    .await;
}

/// Each of the pictures can be decoded.
#[track_caller]
fn assert_whole(pictures: &[Picture], stats: PublisherInfo) {
    assert!(pictures[0].is_keyframe(), "{stats:?}");
    assert_eq!(decode(pictures), pictures.len(), "{stats:?}");
    println!("{} pictures, {stats:?}", pictures.len());
    assert!(stats.recovered > 0, "nothing was lost: {stats:?}");
    assert!(stats.units as usize > pictures.len(), "{stats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn camera_and_microphone_of_chromium_come_out_whole_over_a_path_that_loses_and_reorders() {
    for codec in ["VP8", "H264"] {
        let (server, front) = serve_badly().await;
        let browser = TestBrowser::chromium_with_camera().await;
        browser.open(&front.url).await;
        let publish = PUBLISH.replace("CODEC", codec).replace("KEY", KEY);
        browser.run(&publish).await;
        let session = front.publishes(STREAM).await;
        let viewer = watch(&server).await;
        has(&viewer, 1).await;
        let (sent_before, before) = (frames_sent(&browser).await, viewer.recorded().len());
        let dropped_before = session.stats().dropped;
        has(&viewer, before + PICTURES).await;
        browser.run("camera.stop()").await;
        let sent = (frames_sent(&browser).await - sent_before) as u64;
        // What is not sent on is known to be missing, and is little: a hole costs one round trip to a keyframe, which is long on a slow machine.
        eventually("all but a few of the last arrive", LIMIT, || async {
            let (arrived, dropped) = arrived(&viewer, before, &session, dropped_before);
            100 * (arrived + dropped) >= 95 * sent
        })
        .await;
        let (arrived, dropped) = arrived(&viewer, before, &session, dropped_before);
        println!("{codec}: {sent} sent, {arrived} have arrived, {dropped} were dropped");
        assert!(10 * dropped <= sent, "{:?}", session.stats());
        let pictures = viewer.recorded();
        assert_whole(&pictures, session.stats());
        browser.run("connection.close()").await;
        eventually("the session ends", LIMIT, || async {
            server.viewers.publishers().sessions() == 0
        })
        .await;
        server.stop().await;
    }
}

/// Pictures of which the viewer has so many more, and the server has dropped so many more.
fn arrived(
    viewer: &Str0mViewer,
    before: usize,
    session: &PublisherSession,
    dropped_before: u64,
) -> (u64, u64) {
    let arrived = viewer.recorded().len() - before;
    (arrived as u64, session.stats().dropped - dropped_before)
}

/// Sends the camera in one codec, and the microphone.
const PUBLISH: &str = "
    const constraints = { video: { width: 640, height: 360, frameRate: 30 }, audio: true };
    const media = await navigator.mediaDevices.getUserMedia(constraints);
    window.connection = new RTCPeerConnection();
    for (const track of media.getTracks()) {
        const transceiver = connection.addTransceiver(track, { direction: 'sendonly', streams: [media] });
        if (track.kind == 'video') {
            window.camera = track;
            const { codecs } = RTCRtpReceiver.getCapabilities('video');
            const wanted = codecs.filter(codec => ['video/CODEC', 'video/rtx'].includes(codec.mimeType));
            transceiver.setCodecPreferences(wanted);
        }
    }
    await connection.setLocalDescription();
    const headers = { 'Content-Type': 'application/sdp', Authorization: 'Bearer KEY' };
    const answer = await fetch('/whip/camera', { method: 'POST', headers, body: connection.localDescription.sdp });
    if (answer.status != 201) throw new Error(await answer.text());
    await connection.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_publishes_and_is_watched() {
    let server = serve().await;
    let page = "<!doctype html><title>publisher</title>".to_owned();
    let site = Site::page(page).await;
    let browser = TestBrowser::chromium_with_camera().await;
    browser.open(&site.url("/")).await;
    let publish = PUBLISH.replace("CODEC", "VP8").replace("KEY", KEY);
    let address = format!("fetch('{}", server.url("/whip/camera"));
    browser
        .run(&publish.replace("fetch('/whip/camera", &address))
        .await;
    let front = Front::direct(&server);
    let session = front.publishes(STREAM).await;
    let viewer = watch(&server).await;
    has(&viewer, 50).await;
    let (pictures, stats) = (viewer.recorded(), session.stats());
    assert_eq!(decode(&pictures), pictures.len(), "{stats:?}");
    server.stop().await;
}

/// Pictures that the page has sent.
async fn frames_sent(browser: &TestBrowser) -> f64 {
    let sent = "
        const reports = [...(await connection.getStats()).values()];
        return reports.find(report => report.type == 'outbound-rtp' && report.kind == 'video').framesSent;
    ";
    let sent = browser.run(sent).await;
    sent.as_f64().expect("it sends video")
}

const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/protocol/publishing/publish.py"
);

#[tokio::test(flavor = "multi_thread")]
async fn what_aiortc_sends_comes_out_whole_over_a_path_that_loses_and_reorders() {
    if !Path::new(PYTHON).exists() {
        return skip("aiortc is missing; `cargo xtask setup` installs it");
    }
    let (server, front) = serve_badly().await;
    let mut script = Command::new(PYTHON);
    script
        .args([SCRIPT, &front.url, STREAM, KEY])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut script = script.spawn().expect("Python starts");
    let session = front.publishes(STREAM).await;
    let viewer = watch(&server).await;
    has(&viewer, PICTURES).await;
    // It sends until then: pictures of a busy machine that came too late are made up for.
    drop(script.stdin.take());
    let output = tokio::task::spawn_blocking(move || script.wait_with_output());
    let output = output.await.expect("no panic").expect("our child");
    assert!(output.status.success(), "the script fails");
    let report: Value = serde_json::from_slice(&output.stdout).expect("the script prints JSON");
    println!("{report}");
    let pictures = viewer.recorded();
    let sent = report["frames"].as_f64().expect("a number");
    assert!(
        pictures.len() as f64 > 0.8 * sent,
        "{} of {report}",
        pictures.len()
    );
    assert_whole(&pictures, session.stats());
    eventually("the session ends", LIMIT, || async {
        server.viewers.publishers().sessions() == 0
    })
    .await;
    server.stop().await;
}

/// A film with a keyframe each `gop` seconds, and a tone.
fn film(gop: u32) -> [Film; 2] {
    let film = FilmRecipe {
        gop: gop * RATE,
        ..FilmRecipe::default()
    };
    [film.make(), Film::tone(10)]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_str0m_sends_comes_out_whole_over_a_path_that_loses_and_reorders() {
    let (server, front) = serve_badly().await;
    let publisher = Str0mPublisher::publish(&front, STREAM, film(1)).await;
    let session = front.publishes(STREAM).await;
    let viewer = watch(&server).await;
    has(&viewer, PICTURES).await;
    assert_whole(&viewer.recorded(), session.stats());
    session.delete().await;
    assert_eq!(server.viewers.publishers().sessions(), 0);
    drop(publisher);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn str0m_publishes_over_ice_tcp_until_the_stream_is_unpublished() {
    let server = serve().await;
    let front = Front::direct(&server);
    let publisher = Str0mPublisher::publish_by(Transport::Tcp, KEY, &front, STREAM, film(1)).await;
    let session = front.publishes(STREAM).await;
    let viewer = watch(&server).await;
    has(&viewer, 100).await;
    let (pictures, stats) = (viewer.recorded(), session.stats());
    assert_eq!(decode(&pictures), pictures.len(), "{stats:?}");
    assert_eq!((stats.lost, stats.dropped), (0, 0), "{stats:?}");
    assert!(server.registry.unpublish(STREAM).await);
    let ended = tokio::time::timeout(LIMIT, session.ended()).await;
    ended.expect("the publisher is told that the stream is over");
    assert_eq!(server.viewers.publishers().sessions(), 0);
    drop(publisher);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewers_request_for_a_keyframe_reaches_the_publisher() {
    let server = serve().await;
    let front = Front::direct(&server);
    let publisher = Str0mPublisher::publish(&front, STREAM, film(10)).await;
    front.publishes(STREAM).await;
    let viewer = watch(&server).await;
    has(&viewer, 1).await;
    let before = publisher.keyframe_requests();
    eventually("the publisher is asked for a keyframe", LIMIT, || async {
        viewer.request_keyframe();
        publisher.keyframe_requests() > before
    })
    .await;
    drop(publisher);
    server.stop().await;
}
