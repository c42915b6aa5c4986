//! A screen with a camera as its inset: two tracks from the page to publish from, and two pictures on the watch page.

use testkit::TestServer;
use testkit::browser::{Appearance, TestBrowser};

use crate::accessibility::violations;
use crate::go::{is, moves, open, previews, server, watches};
use crate::video;

const KEY: &str = "0123456789abcdef";

/// Chooses the screen, and the camera over it.
async fn previews_both(publisher: &TestBrowser) {
    publisher.click("input[name=source][value=screen]").await;
    publisher.click("#with-camera").await;
    publisher.click("#turn-on").await;
    previews(publisher).await;
    let both = "document.querySelector('#stage video').srcObject.getVideoTracks().length == 2 \
        && document.querySelector('#stage .inset video')?.videoWidth > 0";
    publisher.until("both pictures are shown", both).await;
}

async fn shows_inset(viewer: &TestBrowser) {
    let shown = "document.querySelector('#inset video')?.videoWidth > 0 && !document.querySelector('#inset video').paused";
    viewer.until("the inset is shown", shown).await;
}

/// A browser that sends screen and camera, and one that shows both.
async fn publisher_and_viewer(server: &TestServer) -> [TestBrowser; 2] {
    let publisher = TestBrowser::shared_chromium_with_camera().await;
    open(&publisher, server, KEY).await;
    previews_both(&publisher).await;
    publisher.click("#go-live").await;
    is(&publisher, "live|weak").await;
    let viewer = publisher.and_chromium().await;
    watches(&viewer, server).await;
    shows_inset(&viewer).await;
    [publisher, viewer]
}

async fn shows_no_inset(viewer: &TestBrowser) {
    let gone = "!document.querySelector('#inset')";
    viewer.until("no inset is shown", gone).await;
}

/// Where the inset is, in thousandths.
const PLACE: &str = "['--x', '--y'].map(name => +document.querySelector('#inset').style.getPropertyValue(name)).join()";

async fn place(viewer: &TestBrowser) -> String {
    let place = viewer.run(&format!("return {PLACE}")).await;
    place.as_str().expect("a text").to_owned()
}

async fn is_at(viewer: &TestBrowser, place: &str) {
    viewer
        .until(
            place,
            &format!("document.querySelector('#inset') && {PLACE} == '{place}'"),
        )
        .await;
}

/// The offers of this page, and how many milliseconds after the page they came.
const OFFERS: &str =
    "performance.getEntriesByType('resource').filter(({ name }) => name.includes('/whep/'))
    .map(({ name, startTime }) => ({ name, startTime }))";

/// Takes the inset in its middle and drags it by so many pixels.
async fn drag(viewer: &TestBrowser, x: i32, y: i32) {
    let drag = format!(
        "const inset = document.querySelector('#inset'), box = inset.getBoundingClientRect();
         const at = (type, x, y) => inset.dispatchEvent(new PointerEvent(type, {{ bubbles: true, pointerId: 1,
             clientX: box.left + box.width / 2 + x, clientY: box.top + box.height / 2 + y }}));
         at('pointerdown', 0, 0); at('pointermove', {x}, {y}); at('pointerup', {x}, {y});"
    );
    viewer.run(&drag).await;
}

async fn press(viewer: &TestBrowser, key: &str) {
    let press = format!(
        "const inset = document.querySelector('#inset'); inset.focus();
         inset.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true, cancelable: true }}))"
    );
    viewer.run(&press).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_over_a_screen_is_sent_as_a_second_track_and_viewers_move_and_hide_it() {
    let server = server().await;
    let [publisher, viewer] = publisher_and_viewer(&server).await;
    let differ = "document.querySelector('#inset video').videoWidth != document.querySelector('#video').videoWidth";
    viewer.until("they are two pictures", differ).await;
    viewer.screenshot("watch-inset").await;
    publisher.screenshot("go-inset").await;

    let before = place(&viewer).await;
    drag(&viewer, -9_999, -9_999).await;
    is_at(&viewer, "0,0").await;
    assert_ne!(before, "0,0");
    // The arrow keys move it, and leave the volume as it is.
    let volume = viewer
        .run("return document.querySelector('#volume').value")
        .await;
    for key in ["ArrowRight", "ArrowDown", "ArrowDown", "ArrowUp"] {
        press(&viewer, key).await;
    }
    is_at(&viewer, "50,50").await;
    assert_eq!(
        viewer
            .run("return document.querySelector('#volume').value")
            .await,
        volume
    );
    viewer.click("#fullscreen").await;
    let kept = "document.fullscreenElement?.contains(document.querySelector('#inset'))";
    viewer.until("it is there in full screen", kept).await;
    viewer.click("#fullscreen").await;
    viewer.click("#toggle-inset").await;
    shows_no_inset(&viewer).await;
    viewer.click("#toggle-inset").await;
    shows_inset(&viewer).await;
    is_at(&viewer, "50,50").await;
    viewer.reload().await;
    shows_inset(&viewer).await;
    is_at(&viewer, "50,50").await;
    // By the session that was opened while the module was loaded, unless that took so long that it was given up.
    let offers = viewer.run(&format!("return {OFFERS}")).await;
    let offers = offers.as_array().expect("a list");
    assert!(
        offers[0]["name"]
            .as_str()
            .is_some_and(|name| name.ends_with("?wait=1"))
            && (offers.len() == 1 || offers[1]["startTime"].as_f64() > Some(4_000.0)),
        "{offers:?}"
    );

    // On a phone, in Chinese and in the dark.
    let phone = Appearance {
        width: 390,
        dark: true,
        language: "zh-CN",
    };
    publisher.set_appearance(phone).await;
    publisher.screenshot("go-inset-phone").await;
    viewer.set_appearance(phone).await;
    viewer.reload().await;
    shows_inset(&viewer).await;
    is_at(&viewer, "50,50").await;
    let inside = "(([inset, player]) => inset.left >= player.left && inset.right <= player.right && inset.bottom <= player.bottom)(
        ['#inset', '#player'].map(name => document.querySelector(name).getBoundingClientRect()))";
    viewer.until("it is inside of the picture", inside).await;
    let apart = "(([inset, chip]) => inset.bottom <= chip.top || inset.right <= chip.left)(
        ['#inset', '#player .state-line'].map(name => document.querySelector(name).getBoundingClientRect()))";
    viewer.until("the state is beside it", apart).await;
    viewer.screenshot("watch-inset-phone").await;
    let found = violations(&viewer, "watch with inset").await;
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_is_turned_off_and_on_while_the_screen_goes_on_and_viewers_stay() {
    let server = server().await;
    let [publisher, viewer] = publisher_and_viewer(&server).await;
    let screen = "document.querySelector('#stage video').srcObject.getVideoTracks()[0].id";
    let before = publisher.run(&format!("return {screen}")).await;
    publisher.click("#with-camera").await;
    shows_no_inset(&viewer).await;
    moves(&viewer).await;
    publisher.click("#with-camera").await;
    shows_inset(&viewer).await;
    // Neither was the screen asked for again, nor did the viewer connect again.
    assert_eq!(publisher.run(&format!("return {screen}")).await, before);
    assert_eq!(viewer.run("return peers.length").await, 1);
    is(&publisher, "live|weak").await;
    assert_eq!(video::codec(&viewer).await, "video/H264");
}

/// Lets the page ask for a screen that is given by `share()`, and refuse devices: `refused` is what a request may not contain, `blocked` what the browser says
/// that it refuses, `asked` the requests.
const ASKS: &str = "
    const devices = navigator.mediaDevices;
    const display = devices.getDisplayMedia.bind(devices), user = devices.getUserMedia.bind(devices);
    const query = navigator.permissions.query.bind(navigator.permissions);
    navigator.permissions.query = async asked => blocked.includes(asked.name) ? { state: 'denied' } : query(asked);
    window.refused = 'nothing';
    window.blocked = [];
    window.asked = [];
    window.cameras = [];
    devices.getDisplayMedia = constraints => new Promise(given => window.share = () => given(display(constraints)));
    devices.getUserMedia = async constraints => {
        asked.push(['audio', 'video'].filter(kind => constraints[kind]).join());
        if (constraints[refused]) throw new DOMException('Permission denied', 'NotAllowedError');
        const stream = await user(constraints);
        cameras.push(...stream.getVideoTracks());
        return stream;
    };
    const { addEventListener: add, removeEventListener: remove } = EventTarget.prototype;
    window.listeners = 0;
    const isEnd = (target, name) => target instanceof MediaStreamTrack && name == 'ended';
    EventTarget.prototype.addEventListener = function (...all) {
        if (isEnd(this, all[0])) listeners++;
        return add.apply(this, all);
    };
    EventTarget.prototype.removeEventListener = function (...all) {
        if (isEnd(this, all[0])) listeners--;
        return remove.apply(this, all);
    };
";

/// Waits until so many pictures are shown.
async fn shows(publisher: &TestBrowser, pictures: usize) {
    let shown = format!(
        "document.querySelector('#stage video').srcObject?.getVideoTracks().length == {pictures}"
    );
    let what = format!("{pictures} pictures are shown");
    publisher.until(&what, &shown).await;
}

/// A new page, on which a screen is chosen.
async fn chooses_screen(publisher: &TestBrowser, server: &TestServer) {
    open(publisher, server, KEY).await;
    publisher.run(ASKS).await;
    publisher.click("input[name=source][value=screen]").await;
}

async fn shares(publisher: &TestBrowser) {
    publisher.click("#turn-on").await;
    publisher
        .until("a screen is asked for", "window.share")
        .await;
    publisher.run("share(); window.share = null").await;
    previews(publisher).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_is_shown_without_the_devices_that_are_blocked_and_with_them_when_they_work() {
    let server = server().await;
    let publisher = TestBrowser::shared_chromium_with_camera().await;
    chooses_screen(&publisher, &server).await;
    publisher.click("#with-camera").await;
    publisher.run("refused = 'audio'").await;
    shares(&publisher).await;
    shows(&publisher, 2).await;
    let says_nothing = "!document.querySelector('#capture-problem')";
    publisher.shows("may not use camera and microphone").await;
    let is_on = "document.querySelector('#with-camera').checked";
    publisher.until("its box is on", is_on).await;

    chooses_screen(&publisher, &server).await;
    publisher.click("#with-camera").await;
    publisher.run("refused = 'video'").await;
    shares(&publisher).await;
    shows(&publisher, 1).await;
    publisher.shows("may not use camera and microphone").await;
    let sound = "document.querySelector('#stage video').srcObject.getAudioTracks().length == 1";
    publisher.until("the microphone is sent", sound).await;
    let is_off = "!document.querySelector('#with-camera').checked";
    publisher.until("its box is off", is_off).await;
    publisher.run("refused = 'nothing'").await;
    publisher.click("#with-camera").await;
    shows(&publisher, 2).await;
    publisher.until("nothing is wrong", says_nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_that_the_browser_says_are_blocked_are_not_asked_for_again_and_again() {
    let server = server().await;
    let publisher = TestBrowser::shared_chromium_with_camera().await;
    for (blocked, refused, pictures, asked) in [
        ("'camera'", "video", 1, "audio"),
        ("'microphone'", "audio", 2, "video"),
        ("'camera', 'microphone'", "video", 1, "audio,video"),
    ] {
        chooses_screen(&publisher, &server).await;
        publisher.click("#with-camera").await;
        let block = format!("blocked = [{blocked}]; refused = '{refused}'");
        publisher.run(&block).await;
        shares(&publisher).await;
        shows(&publisher, pictures).await;
        publisher.shows("may not use camera and microphone").await;
        let requests = publisher.run("return asked").await;
        assert_eq!(requests, serde_json::json!([asked]), "{blocked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_turned_on_while_the_browser_asks_for_the_screen_is_shown_and_leaves_nothing_when_off()
 {
    let server = server().await;
    let publisher = TestBrowser::shared_chromium_with_camera().await;
    chooses_screen(&publisher, &server).await;
    publisher.click("#turn-on").await;
    publisher
        .until("a screen is asked for", "window.share")
        .await;
    publisher.click("#with-camera").await;
    publisher.run("share()").await;
    previews(&publisher).await;
    shows(&publisher, 2).await;
    publisher.click("#with-camera").await;
    shows(&publisher, 1).await;
    let before = publisher.run("return listeners").await;
    for _ in 0..3 {
        publisher.click("#with-camera").await;
        shows(&publisher, 2).await;
        publisher.click("#with-camera").await;
        shows(&publisher, 1).await;
    }
    assert_eq!(publisher.run("return listeners").await, before);
    let states = "return cameras.map(camera => camera.readyState)";
    let states = publisher.run(states).await;
    assert_eq!(
        states,
        serde_json::json!(["ended", "ended", "ended", "ended"])
    );
}

/// The browser's notice that its connection is cut, as when the network changes.
const DISCONNECT: &str = "
    const peer = peers.at(-1);
    window.ufrag = () => peer.localDescription.sdp.match(/a=ice-ufrag:(.*)/)[1].trim();
    window.before = ufrag();
    let state = 'disconnected';
    Object.defineProperty(peer, 'connectionState', { configurable: true, get: () => state });
    peer.dispatchEvent(new Event('connectionstatechange'));
    const plain = window.fetch;
    window.patched = [];
    window.fetch = async (...all) => {
        const answer = await plain(...all);
        const method = all[1]?.method ?? all[0].method;
        if (method == 'PATCH') patched.push(answer.status);
        return answer;
    };
    window.mended = () => { delete peer.connectionState; peer.dispatchEvent(new Event('connectionstatechange')); };
";

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_whose_network_changes_restarts_ice_in_its_session() {
    let server = server().await;
    let publisher = TestBrowser::shared_chromium_with_camera().await;
    publisher.open(&server.url("/#/settings")).await;
    video::keep_peers(&publisher).await;
    publisher
        .run(&format!("location.hash = '#/go/cam?key={KEY}'"))
        .await;
    is(&publisher, "idle").await;
    publisher.click("#turn-on").await;
    previews(&publisher).await;
    publisher.click("#go-live").await;
    is(&publisher, "live|weak").await;
    let viewer = publisher.and_chromium().await;
    watches(&viewer, &server).await;
    let session = server.publishing.session("cam").expect("it is live");
    publisher.run(DISCONNECT).await;
    publisher
        .until(
            "a PATCH restarts ICE",
            "patched.includes(200) && ufrag() != before",
        )
        .await;
    publisher.run("mended()").await;
    is(&publisher, "live|weak").await;
    moves(&viewer).await;
    let now = server.publishing.session("cam").expect("it is live");
    assert!(std::sync::Arc::ptr_eq(&session, &now), "one session");
    assert_eq!(publisher.run("return peers.length").await, 1);
}
