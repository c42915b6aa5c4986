//! A publisher that returns with another codec and another size, and viewers that come before it, in browsers.

use shared::api::Codec;
use testkit::TestServer;
use testkit::browser::TestBrowser;
use testkit::film::{Film, FilmRecipe, RATE};
use testkit::live::{LiveSource, LiveTrack};
use testkit::site::Site;

use crate::live::{KEEP_SESSIONS, NOTE_PICTURES, STREAM, pictures, server, watch};

type Turn = (Codec, (u32, u32));

fn films(turns: &[Turn]) -> Vec<Film> {
    let make = |&(codec, size): &Turn| {
        let recipe = FilmRecipe {
            codec,
            size,
            gop: RATE,
            ..FilmRecipe::default()
        };
        recipe.make()
    };
    turns.iter().map(make).collect()
}

fn publish(server: &TestServer, film: Film) -> LiveSource {
    let tracks = [film, Film::tone(10)].map(LiveTrack::new);
    LiveSource::publish_in_turn(&server.registry, STREAM, tracks.into())
}

/// Waits until the page has shown pictures of this width for a second since it had shown so many.
async fn shows(browser: &TestBrowser, width: u32, before: usize) {
    let shown = format!(
        "pictures.slice({before}).filter(([,, width]) => width == {width}).length >= {RATE}"
    );
    browser.until("pictures of the publisher", &shown).await;
}

/// The watch page stays on its one connection while publishers take turns, and its pictures move again each time.
async fn stays(browser: &TestBrowser, turns: &[Turn]) {
    let films = films(turns);
    let server = server().await;
    let mut turns = turns.iter().zip(films);
    let (&(_, (width, _)), film) = turns.next().expect("a first one");
    let mut live = publish(&server, film);
    watch(browser, &server, &format!("{KEEP_SESSIONS}{NOTE_PICTURES}")).await;
    shows(browser, width, 0).await;
    for (&(codec, (width, _)), film) in turns {
        drop(live);
        let before = pictures(browser).await.len();
        live = publish(&server, film);
        shows(browser, width, before).await;
        let pictures = pictures(browser).await;
        let first = pictures
            .windows(2)
            .skip(before.saturating_sub(1))
            .find(|pair| pair[1].width == u64::from(width));
        let gap = first.map(|pair| pair[1].at - pair[0].at);
        println!("{codec:?}: no picture for {gap:?} s");
        let name = format!("video/{}", codec.rtpmap_name());
        let codec = format!(
            "await (async () => {{ const reports = await peers.at(-1).getStats(); \
             const video = [...reports.values()].find(one => one.type == 'inbound-rtp' && one.kind == 'video'); \
             return reports.get(video.codecId)?.mimeType == '{name}'; }})()"
        );
        browser.until("the statistics name the codec", &codec).await;
    }
    // The element is the same, too: a page that had connected again would have another session.
    assert_eq!(browser.run("return sessions.length").await, 1);
    assert_eq!(browser.run("return peers.length").await, 1);
    assert_eq!(server.viewers.sessions(), 1);
    drop(live);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_stays_when_the_publisher_returns_with_another_codec_and_size() {
    let turns = [
        (Codec::Vp8, (320, 180)),
        (Codec::Vp9, (640, 360)),
        (Codec::H264, (480, 270)),
        (Codec::Vp8, (320, 180)),
    ];
    stays(&TestBrowser::chromium().await, &turns).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_stays_when_the_publisher_returns_with_another_codec_and_size() {
    let turns = [
        (Codec::Vp8, (320, 180)),
        (Codec::Vp9, (640, 360)),
        (Codec::Vp8, (480, 270)),
    ];
    stays(&TestBrowser::firefox().await, &turns).await;
}

/// A page of another origin, which only knows `fetch`: it waits, and then shows the first keyframe. `window.pictures` as for the watch page.
const WAIT: &str = "
    document.body.append(Object.assign(document.createElement('video'), { muted: true, autoplay: true }));
    window.peer = new RTCPeerConnection();
    const media = new MediaStream();
    peer.ontrack = ({ track }) => { media.addTrack(track); document.querySelector('video').srcObject = media; };
    for (const kind of ['video', 'audio']) peer.addTransceiver(kind, { direction: 'recvonly' });
    await peer.setLocalDescription();
    const headers = { 'Content-Type': 'application/sdp' };
    const answer = await fetch('SERVER/whep/camera?wait=1', { method: 'POST', headers, body: peer.localDescription.sdp });
    if (answer.status != 201) throw new Error(await answer.text());
    await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
";

async fn waits(browser: &TestBrowser, codec: Codec) {
    let film = films(&[(codec, (320, 180))]).remove(0);
    let key = "camera=2f1d6c9ab3e047d58e6a0b1c2d3e4f50";
    let server = TestServer::with(&["test:", "--publish", key]).await;
    let site = Site::page("<!doctype html><title>viewer</title><body>".to_owned()).await;
    browser.open(&site.url("/")).await;
    browser.run(NOTE_PICTURES).await;
    let script = WAIT.replace("SERVER", server.url("").trim_end_matches('/'));
    browser.run(&script).await;
    browser
        .until("it is connected", "peer.connectionState == 'connected'")
        .await;
    let tracks = [film, Film::tone(10)].map(LiveTrack::new);
    let clock = "return (performance.timeOrigin + performance.now()) / 1000";
    let before = browser.run(clock).await.as_f64().expect("seconds");
    let live = LiveSource::publish_in_turn(&server.registry, "camera", tracks.into());
    shows(browser, 320, 0).await;
    let first = browser
        .run("return performance.timeOrigin / 1000 + pictures[0][0]")
        .await;
    let taken = first.as_f64().expect("seconds") - before;
    println!(
        "{codec:?}: the first picture {taken:.3} s after the publisher came, the call to the browser included"
    );
    // A slow machine's time is most of it; bench measures it.
    assert!(taken < 15.0, "{taken}");
    drop(live);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_and_firefox_wait_for_a_publisher_and_show_its_first_keyframe() {
    let chromium = TestBrowser::chromium().await;
    for codec in [Codec::Vp8, Codec::H264] {
        waits(&chromium, codec).await;
    }
    let firefox = chromium.and_firefox().await;
    for codec in [Codec::Vp8, Codec::Vp9] {
        waits(&firefox, codec).await;
    }
}
