//! What the page to publish from says while it is live: what the server warns of, and the round trip.

use std::time::Duration;

use shared::api::PublisherWarning;
use testkit::browser::TestBrowser;
use testkit::{TestServer, eventually};

use crate::go::{KEY, goes_live, open, server};
use crate::video;

const LIMIT: Duration = Duration::from_secs(90);

async fn warnings_are(server: &TestServer, expected: &[PublisherWarning]) {
    eventually(&format!("the server says {expected:?}"), LIMIT, || async {
        let session = server.publishing.session("cam");
        session.is_some_and(|session| session.stats().warnings == expected)
    })
    .await;
}

/// Sends another track in place of the microphone's, which the page goes on measuring.
const SEND_SILENCE: &str = "
    const sender = peers.at(-1).getSenders().find(sender => sender.track?.kind == 'audio');
    window.heard = sender.track;
    const silent = heard.clone();
    silent.enabled = false;
    await sender.replaceTrack(silent);
    window.hear = () => sender.replaceTrack(heard);
";

#[tokio::test(flavor = "multi_thread")]
async fn sound_that_arrives_silent_is_said_until_it_is_heard() {
    let server = server().await;
    let browser = TestBrowser::shared_chromium_with_camera().await;
    open(&browser, &server, KEY).await;
    video::keep_peers(&browser).await;
    goes_live(&browser).await;
    let round_trip =
        "document.querySelector('[data-figure=round-trip] b').innerText.match(/^\\d+ ms$/)";
    browser.until("the round trip is shown", round_trip).await;
    browser.run(SEND_SILENCE).await;
    // Nothing else, after ten seconds in which Chromium sends no keyframe that it is not asked for.
    warnings_are(&server, &[PublisherWarning::Silent]).await;
    let silent = "document.querySelector('#silent').innerText.includes('No sound arrives')";
    browser.until("the page says so", silent).await;
    browser.screenshot("go-silent").await;
    browser.run("await hear()").await;
    warnings_are(&server, &[]).await;
    let heard = "document.querySelector('#silent').innerText == ''";
    browser.until("the page says it no more", heard).await;
}

/// What the server says of the session has these warnings, and this round trip.
const SAY: &str = "
    window.warnings = ['long_gop', 'b_frames', 'uplink_loss', 'uplink_low', 'clock_drift', 'of the future'];
    const plain = window.fetch;
    window.fetch = async (...request) => {
        const response = await plain(...request);
        const url = new URL(request[0].url ?? request[0], location);
        const method = request[0].method ?? request[1]?.method ?? 'GET';
        if (method != 'GET' || !url.pathname.includes('/session/')) return response;
        return Response.json({ ...await response.json(), warnings });
    };
";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_can_change_is_said_for_as_long_as_it_lasts() {
    let server = server().await;
    let browser = TestBrowser::shared_chromium_with_camera().await;
    open(&browser, &server, KEY).await;
    browser.run(SAY).await;
    goes_live(&browser).await;
    // Not what the browser decides: keyframes, and the order of pictures.
    let said = "(said => said.length == 3 && said.every((line, at) => line.includes(['Packets are lost', 'slower than', 'faster or slower'][at])))\
        ([...document.querySelectorAll('#warnings p')].map(line => line.innerText))";
    browser.until("three warnings are shown", said).await;
    browser.screenshot("go-warnings").await;
    browser.run("window.warnings = ['uplink_low']").await;
    let left = "document.querySelectorAll('#warnings p').length == 1 \
        && document.querySelector('#warnings').innerText.includes('slower than what is sent')";
    browser.until("one is left", left).await;
    browser.run("window.warnings = []").await;
    let none = "document.querySelector('#warnings').innerText == ''";
    browser.until("none is left", none).await;
}
