//! The page to publish from: what a person sees before, while and after she is live, and what her viewers see.

use testkit::browser::{Appearance, TestBrowser};
use testkit::{TestServer, dist};

use crate::{accessibility::violations, video};

pub(crate) const KEY: &str = "0123456789abcdef";

pub(crate) async fn server() -> TestServer {
    server_at("127.0.0.1:0").await
}

async fn server_at(address: &str) -> TestServer {
    let publish = format!("cam={KEY}");
    TestServer::at(address, &["test:", "--publish", &publish, "--dist", dist()]).await
}

/// Opens the page by the link that `server key new` prints.
pub(crate) async fn open(browser: &TestBrowser, server: &TestServer, key: &str) {
    browser.open("about:blank").await;
    let link = format!("/#/go/cam?key={key}");
    browser.open(&server.url(&link)).await;
    is(browser, "idle").await;
}

/// Waits until the page's `data-state` is one of these.
pub(crate) async fn is(browser: &TestBrowser, states: &str) {
    let expression =
        format!("document.querySelector('#stage')?.dataset.state.match(/^({states})$/)?.[0]");
    browser
        .until(&format!("the publisher is {states}"), &expression)
        .await;
}

/// Turns camera and microphone on, sees them, and goes live.
pub(crate) async fn goes_live(browser: &TestBrowser) {
    browser.click("#turn-on").await;
    previews(browser).await;
    browser.click("#go-live").await;
    is(browser, "live|weak").await;
}

pub(crate) async fn previews(browser: &TestBrowser) {
    is(browser, "preview").await;
    video::starts(browser).await;
}

/// A viewer of the stream, who sees its pictures move.
pub(crate) async fn watches(viewer: &TestBrowser, server: &TestServer) {
    viewer.open(&server.url("/#/settings")).await;
    video::keep_peers(viewer).await;
    viewer.run("location.hash = '#/watch/cam'").await;
    moves(viewer).await;
}

/// Waits until the page's first video shows new pictures.
pub(crate) async fn moves(browser: &TestBrowser) {
    video::starts(browser).await;
    let next = "new Promise(done => { const video = document.querySelector('video'); \
        let left = 5; const frame = () => --left ? video.requestVideoFrameCallback(frame) : done(true); \
        video.requestVideoFrameCallback(frame); setTimeout(done, 5000, false); })";
    browser.until("pictures move", next).await;
}

async fn publisher_is_gone(server: &TestServer) {
    let limit = std::time::Duration::from_secs(30);
    testkit::eventually("the publisher is gone", limit, || async {
        server.publishing.session("cam").is_none()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_herself_goes_live_is_watched_and_stops() {
    let server = server().await;
    let publisher = TestBrowser::shared_chromium_with_camera().await;
    open(&publisher, &server, KEY).await;
    // Viewers of a shared screen do not see the key.
    let address = publisher.run("return location.href").await;
    assert_eq!(address, server.url("/#/go/cam"));
    publisher.click("#turn-on").await;
    previews(&publisher).await;
    assert!(server.publishing.session("cam").is_none(), "not asked to");
    publisher.click("#go-live").await;
    is(&publisher, "live|weak").await;
    let viewer = publisher.and_chromium().await;
    watches(&viewer, &server).await;
    assert_eq!(video::codec(&viewer).await, "video/H264");
    let said = "document.querySelector('[data-figure=bitrate] b').innerText.match(/[1-9]/) \
        && document.querySelector('#sent').innerText.match(/H\\.264.*\\d+×\\d+/) \
        && document.querySelector('#viewers').innerText.match(/1/)";
    publisher
        .until("rate, codec, size and viewers are shown", said)
        .await;
    publisher.click("#stop").await;
    is(&publisher, "stopped").await;
    publisher_is_gone(&server).await;
    publisher.click("#turn-on").await;
    previews(&publisher).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_sends_vp8_and_its_viewers_see_it() {
    let server = server().await;
    let publisher = TestBrowser::shared_firefox_with_camera().await;
    open(&publisher, &server, KEY).await;
    goes_live(&publisher).await;
    let viewer = publisher.and_chromium().await;
    watches(&viewer, &server).await;
    assert_eq!(video::codec(&viewer).await, "video/VP8");
    publisher.screenshot("go-firefox-live").await;
    // Leaving the page ends the stream at once.
    publisher.open("about:blank").await;
    publisher_is_gone(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_and_an_unknown_name_are_said_and_can_be_corrected() {
    let server = server().await;
    let browser = TestBrowser::shared_chromium_with_camera().await;
    open(&browser, &server, "0123456789abcdee").await;
    browser.click("#turn-on").await;
    previews(&browser).await;
    browser.click("#go-live").await;
    is(&browser, "blocked").await;
    browser.shows("does not know this key").await;
    browser.screenshot("go-wrong-key").await;
    browser
        .run("document.querySelector('#key').select(); document.querySelector('#stream-name').select()")
        .await;
    browser.fill("#stream-name", "camera-2").await;
    browser.click("#try-again").await;
    browser.shows("no stream of this name").await;
    for (field, value) in [("#stream-name", "cam"), ("#key", KEY)] {
        browser
            .run(&format!("document.querySelector('{field}').select()"))
            .await;
        browser.fill(field, value).await;
    }
    browser.click("#go-live").await;
    is(&browser, "live|weak").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_server_is_survived_by_the_publisher_and_its_viewer() {
    let first = server().await;
    let address = first.url.trim_start_matches("http://").to_owned();
    let publisher = TestBrowser::shared_chromium_with_camera().await;
    open(&publisher, &first, KEY).await;
    goes_live(&publisher).await;
    let viewer = publisher.and_chromium().await;
    watches(&viewer, &first).await;
    first.stop().await;
    is(&publisher, "recovering").await;
    publisher.screenshot("go-recovering").await;
    let second = server_at(&address).await;
    is(&publisher, "live|weak").await;
    let playing = "document.querySelector('#player').dataset.state == 'playing'";
    viewer.until("the viewer plays again", playing).await;
    moves(&viewer).await;
    assert!(second.publishing.session("cam").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_is_live_with_the_same_key_is_replaced_only_when_asked_to() {
    let server = server().await;
    let one = TestBrowser::chromium_with_camera().await;
    open(&one, &server, KEY).await;
    goes_live(&one).await;
    let other = one.and_chromium_with_camera().await;
    open(&other, &server, KEY).await;
    other.click("#turn-on").await;
    previews(&other).await;
    other.click("#go-live").await;
    is(&other, "blocked").await;
    other.shows("somebody is live").await;
    other.click("#take-over").await;
    is(&other, "live|weak").await;
    // The first one does not take it back by itself.
    is(&one, "blocked").await;
    one.shows("somebody is live").await;
    is(&other, "live|weak").await;
}

/// What a browser says, and a part of what the page says.
const ERRORS: [(&str, &str, &str); 6] = [
    (
        "NotAllowedError",
        "Permission denied",
        "may not use camera and microphone",
    ),
    (
        "NotAllowedError",
        "Permission denied by system",
        "privacy settings of the system",
    ),
    (
        "NotFoundError",
        "Requested device not found",
        "No camera or no microphone",
    ),
    (
        "NotReadableError",
        "Could not start video source",
        "in use by another program",
    ),
    (
        "OverconstrainedError",
        "deviceId",
        "No camera or no microphone",
    ),
    (
        "AbortError",
        "Starting videoinput failed",
        "could not start the device",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_of_a_camera_is_a_sentence_with_a_way_out() {
    let server = server().await;
    let browser = TestBrowser::shared_chromium_with_camera().await;
    open(&browser, &server, KEY).await;
    browser
        .run("window.plain = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)")
        .await;
    for (name, message, said) in ERRORS {
        let reject = format!(
            "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('{message}', '{name}'))"
        );
        browser.run(&reject).await;
        browser.click("#turn-on").await;
        is(&browser, "blocked").await;
        browser.shows(said).await;
        browser
            .run("navigator.mediaDevices.getUserMedia = plain")
            .await;
        // Its button leads on.
        browser.click("#turn-on").await;
        previews(&browser).await;
        browser.reload().await;
        is(&browser, "idle").await;
        browser
            .run("window.plain = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)")
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_source_is_sent_in_the_same_session() {
    let server = server().await;
    let publisher = TestBrowser::shared_chromium_with_camera().await;
    open(&publisher, &server, KEY).await;
    goes_live(&publisher).await;
    let viewer = publisher.and_chromium().await;
    watches(&viewer, &server).await;
    let size = viewer
        .run("return document.querySelector('video').videoWidth")
        .await;
    let session = server.publishing.session("cam").expect("it is live");
    let end = "window.before = document.querySelector('#stage video').srcObject;
        before.getTracks().forEach(track => track.dispatchEvent(new Event('ended')))";
    publisher.run(end).await;
    let again = "document.querySelector('#stage video').srcObject != before";
    publisher.until("a call took both", again).await;
    is(&publisher, "live|weak").await;
    publisher.click("input[name=source][value=screen]").await;
    publisher.click("#turn-on").await;
    let is_screen = "(track => track && (track.getSettings().displaySurface || track.label.match(/screen|window|tab/i)))\
        (document.querySelector('#stage video').srcObject?.getVideoTracks()[0])";
    publisher.until("the screen is shown", is_screen).await;
    let hint = "document.querySelector('#stage video').srcObject.getVideoTracks()[0].contentHint == 'detail'";
    publisher.until("text is kept sharp", hint).await;
    let other = format!("document.querySelector('video').videoWidth != {size}");
    viewer.until("the viewer sees the screen", &other).await;
    moves(&viewer).await;
    let now = server.publishing.session("cam").expect("it is live");
    assert!(std::sync::Arc::ptr_eq(&session, &now), "one session");
    publisher.screenshot("go-screen").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_are_listed_after_permission_and_the_choice_is_remembered() {
    let server = server().await;
    let browser = TestBrowser::shared_chromium_with_camera().await;
    open(&browser, &server, KEY).await;
    let none = browser
        .run("return document.querySelectorAll('#camera, #microphone').length")
        .await;
    assert_eq!(none, 0, "browsers tell no names before");
    browser.click("#turn-on").await;
    previews(&browser).await;
    let both = "document.querySelectorAll('#microphone option').length > 1 && document.querySelector('#camera option')";
    browser.until("devices are listed", both).await;
    browser
        .until(
            "the level moves",
            "document.querySelector('#level').ariaValueNow > 5",
        )
        .await;
    let chosen = browser
        .run(
            "const list = document.querySelector('#microphone');
             list.value = [...list.options].find(option => !option.selected).value;
             list.dispatchEvent(new Event('change'));
             return list.value",
        )
        .await;
    let used = format!(
        "document.querySelector('#microphone').value == {chosen} && \
         document.querySelector('#stage video').srcObject?.getAudioTracks()[0]?.getSettings().deviceId == {chosen}"
    );
    browser.until("the other microphone is used", &used).await;
    browser.reload().await;
    is(&browser, "idle").await;
    browser.click("#turn-on").await;
    previews(&browser).await;
    browser.until("it is used again", &used).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_file_is_sent_as_a_live_stream() {
    let server = server().await;
    let publisher = TestBrowser::shared_chromium().await;
    open(&publisher, &server, KEY).await;
    publisher.click("input[name=source][value=file]").await;
    // WebDriver takes no path with `..`.
    let clip = std::fs::canonicalize(testkit::CLIP).expect("the clip is there");
    publisher.fill("#file", &clip.to_string_lossy()).await;
    previews(&publisher).await;
    publisher.click("#go-live").await;
    is(&publisher, "live|weak").await;
    let viewer = publisher.and_chromium().await;
    watches(&viewer, &server).await;
}

/// Each state at two widths, light and dark, for review.
#[tokio::test(flavor = "multi_thread")]
async fn every_state_fits_a_phone_and_a_desktop() {
    let server = server().await;
    let browser = TestBrowser::shared_chromium_with_camera().await;
    for (width, dark, language) in [
        (1280, false, "en"),
        (360, true, "en"),
        (1280, true, "zh-CN"),
        (360, false, "zh-CN"),
    ] {
        browser
            .set_appearance(Appearance {
                width,
                dark,
                language,
            })
            .await;
        open(&browser, &server, "0123456789abcdee").await;
        let shot = async |state: &str| {
            let colour = if dark { "dark" } else { "light" };
            let name = format!("go-{state}-{language}-{width}-{colour}");
            browser.screenshot(&name).await;
            let overflow =
                "return document.documentElement.scrollWidth - document.body.offsetWidth";
            assert_eq!(browser.run(overflow).await, 0, "{name}");
            let outside = "return [...document.querySelectorAll('.overlay > *, .overlay .button')].filter(one => { \
                const box = one.getBoundingClientRect(), stage = one.closest('#stage').getBoundingClientRect(); \
                return box.width && (box.top < stage.top || box.bottom > stage.bottom + 1); }).map(one => one.outerHTML)";
            assert_eq!(browser.run(outside).await, serde_json::json!([]), "{name}");
            let violations = violations(&browser, &name).await;
            assert!(violations.is_empty(), "{}", violations.join("\n"));
        };
        shot("idle").await;
        let deny = "window.plain = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices); \
            navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'))";
        browser.run(deny).await;
        browser.click("#turn-on").await;
        is(&browser, "blocked").await;
        shot("denied").await;
        browser
            .run("navigator.mediaDevices.getUserMedia = plain")
            .await;
        browser.click("#turn-on").await;
        previews(&browser).await;
        let listed = "document.querySelector('#camera option')";
        browser.until("devices are listed", listed).await;
        shot("preview").await;
        browser.click("#go-live").await;
        is(&browser, "blocked").await;
        shot("refused").await;
        browser.run("document.querySelector('#key').select()").await;
        browser.fill("#key", KEY).await;
        browser.click("#try-again").await;
        is(&browser, "live|weak").await;
        let said = "document.querySelector('#sent').innerText";
        browser.until("figures are shown", said).await;
        shot("live").await;
        browser.click("#stop").await;
        is(&browser, "stopped").await;
        shot("stopped").await;
    }
}
