//! The player: its picture while frames are missing, its controls, and streams that end or have no picture.

use std::time::Duration;

use shared::api::Codec;
use testkit::{
    TestServer,
    browser::{Appearance, TestBrowser},
    dist,
    film::{self, Film, FilmRecipe},
    live::{AfterStall, LiveSource, LiveTrack},
};

use crate::{STREAM, server, server_at, video};

const LIVE: &str = "live";
const TAB: &str = "\u{E004}";

/// Opens the page of a stream.
async fn watch(browser: &TestBrowser, server: &TestServer, name: &str) {
    browser.open("about:blank").await;
    browser.open(&server.url(&format!("/#/watch/{name}"))).await;
}

fn publish(server: &TestServer, codec: Codec) -> LiveSource {
    let recipe = FilmRecipe {
        codec,
        ..FilmRecipe::default()
    };
    let tracks = vec![
        LiveTrack::new(recipe.make()),
        LiveTrack::new(Film::tone(10)),
    ];
    LiveSource::publish(&server.registry, LIVE, tracks)
}

/// Notes each change of the picture in `window.seen`, with the time since the last presented frame in milliseconds.
const NOTE_PICTURE: &str = "
    const player = document.querySelector('#player'), video = document.querySelector('video');
    window.pictureObserver?.disconnect();
    window.seen = [];
    let last = performance.now();
    const onFrame = () => { last = performance.now(); video.requestVideoFrameCallback(onFrame); };
    video.requestVideoFrameCallback(onFrame);
    window.pictureObserver = new MutationObserver(() => seen.push([player.dataset.still, performance.now() - last]));
    window.pictureObserver.observe(player, { attributeFilter: ['data-still'] });
";

/// Waits until the last frame is shown dimmed, and its pixels are not black.
async fn last_frame_is_shown(browser: &TestBrowser) {
    let shown = "(canvas => {
        const style = getComputedStyle(canvas);
        if (style.visibility != 'visible' || !style.filter.includes('brightness')) return false;
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((_, at) => at % 4 < 3).reduce((sum, x) => sum + x, 0) / data.length > 20;
    })(document.querySelector('.last-frame'))";
    browser.until("the last frame is shown dimmed", shown).await;
}

/// Waits until frames come.
async fn picture_moves(browser: &TestBrowser) {
    let moves = "document.querySelector('#player')?.dataset.still == 'false'";
    browser.until("the picture moves", moves).await;
}

pub(crate) async fn player_is(browser: &TestBrowser, state: &str) {
    let expression = format!("document.querySelector('#player')?.dataset.state == '{state}'");
    browser
        .until(&format!("the player is {state}"), &expression)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_shows_the_last_frame_and_a_spinner_while_no_frame_comes() {
    waits_for_frames(&TestBrowser::chromium().await, Codec::H264).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_shows_the_last_frame_and_a_spinner_while_no_frame_comes() {
    waits_for_frames(&TestBrowser::firefox().await, Codec::Vp8).await;
}

async fn waits_for_frames(browser: &TestBrowser, codec: Codec) {
    let server = TestServer::with(&["test:", "--dist", dist()]).await;
    let live = publish(&server, codec);
    watch(browser, &server, LIVE).await;
    video::starts(browser).await;
    picture_moves(browser).await;
    testkit::one_of(video::ATTEMPTS, async || {
        browser.run(NOTE_PICTURE).await;
        // Long enough for a slow machine to look at it.
        live.stall(Duration::from_secs(6), AfterStall::Shift);
        browser.until("frames are missing", "seen.length").await;
        let spins = "document.querySelector('.overlay .spinner') && document.querySelector('#player').dataset.state == 'unsteady'";
        browser.until("a spinner turns", spins).await;
        last_frame_is_shown(browser).await;
        browser.screenshot("player-frame-late").await;
        browser.until("it goes on", "seen.length > 1").await;
        let seen = browser.run("return seen").await;
        let late = seen[0][1].as_f64().expect("milliseconds");
        let fits = seen[0][0] == "true" && seen[1][0] == "false" && (690.0..1_500.0).contains(&late);
        fits.then_some(()).ok_or_else(|| seen.to_string())
    })
    .await;
    player_is(browser, "playing").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_frame_stays_until_a_new_connection_has_one() {
    for browser in [
        TestBrowser::shared_chromium().await,
        TestBrowser::shared_firefox().await,
    ] {
        let server = server().await;
        watch(&browser, &server, STREAM).await;
        video::starts(&browser).await;
        picture_moves(&browser).await;
        browser.run(NOTE_PICTURE).await;
        let address = server.url.trim_start_matches("http://").to_owned();
        server.stop().await;
        player_is(&browser, "waiting").await;
        last_frame_is_shown(&browser).await;
        browser.screenshot("player-waiting").await;
        let _server = server_at(&address).await;
        player_is(&browser, "playing").await;
        picture_moves(&browser).await;
        // At no time in between was there neither.
        let seen = browser.run("return seen.map(([still]) => still)").await;
        assert_eq!(seen, serde_json::json!(["true", "false"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_has_ended_goes_on_when_it_is_back() {
    let browser = TestBrowser::shared_chromium().await;
    let with_it = server().await;
    watch(&browser, &with_it, STREAM).await;
    video::starts(&browser).await;
    picture_moves(&browser).await;
    let address = with_it.url.trim_start_matches("http://").to_owned();
    with_it.stop().await;
    let without_it = TestServer::at(&address, &["test:", "--dist", dist()]).await;
    player_is(&browser, "ended").await;
    browser
        .shows("continues here when the stream is back")
        .await;
    last_frame_is_shown(&browser).await;
    browser.screenshot("player-ended").await;
    without_it.stop().await;
    let _with_it = server_at(&address).await;
    player_is(&browser, "playing").await;
    video::starts(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_a_picture_shows_its_name_and_its_level() {
    let sound = film::sound();
    let source = format!("radio={}", sound.display());
    for browser in [
        TestBrowser::shared_chromium().await,
        TestBrowser::shared_firefox().await,
    ] {
        let server = TestServer::with(&[&source, "--dist", dist()]).await;
        watch(&browser, &server, "radio").await;
        player_is(&browser, "playing").await;
        let face = "document.querySelector('.audio-face')?.innerText.includes('radio')";
        browser.until("the name is shown", face).await;
        let level = "parseInt(document.querySelector('.audio-face').style.getPropertyValue('--level')) > 10";
        browser.until("the level moves", level).await;
        browser.screenshot("player-audio").await;
        browser.press(" ").await;
        let silent =
            "document.querySelector('.audio-face').style.getPropertyValue('--level').trim() == '0'";
        browser.until("the level is zero", silent).await;
    }
}

/// Waits until the controls have this opacity.
async fn controls_are(browser: &TestBrowser, what: &str, opacity: u8) {
    let expression =
        format!("getComputedStyle(document.querySelector('.controls')).opacity == {opacity}");
    browser.until(what, &expression).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn controls_fade_by_themselves_and_when_the_pointer_leaves_but_not_with_the_focus() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    watch(&browser, &server, STREAM).await;
    video::starts(&browser).await;
    controls_are(&browser, "the controls fade by themselves", 0).await;
    let point = |name: &str| {
        format!(
            "const player = document.querySelector('#player'); player.dispatchEvent(new PointerEvent('{name}', \
             {{ bubbles: '{name}' == 'pointermove', pointerType: 'mouse' }})); return player.dataset.idle"
        )
    };
    browser.run(&point("pointermove")).await;
    controls_are(&browser, "the pointer brings the controls", 1).await;
    browser.run(&point("pointerleave")).await;
    let idle = browser
        .run("return document.querySelector('#player').dataset.idle")
        .await;
    assert_eq!(idle, "true", "at once");
    controls_are(&browser, "the controls fade", 0).await;
    browser
        .run("document.querySelector('#toggle').focus()")
        .await;
    browser.press(TAB).await;
    controls_are(&browser, "the focus brings the controls", 1).await;
    let idle = "document.querySelector('#player').dataset.idle == 'true'";
    browser.until("nothing moves for a while", idle).await;
    controls_are(&browser, "the focus keeps the controls", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn full_screen_has_no_corners_and_its_controls_are_on_the_picture() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    watch(&browser, &server, STREAM).await;
    video::starts(&browser).await;
    browser.click("#fullscreen").await;
    let fills = "(player => {
        const box = player.getBoundingClientRect(), bar = player.querySelector('.controls').getBoundingClientRect();
        return document.fullscreenElement == player && getComputedStyle(player).borderRadius == '0px'
            && box.top == 0 && box.left == 0 && box.width == innerWidth && box.height == innerHeight
            && bar.bottom == innerHeight && bar.width == innerWidth;
    })(document.querySelector('#player'))";
    browser.until("the player fills the screen", fills).await;
    browser.screenshot("player-full-screen").await;
    browser.click("#fullscreen").await;
    browser
        .until("it is left", "!document.fullscreenElement")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn picture_in_picture_says_that_it_is_on_and_is_left_with_the_page() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    watch(&browser, &server, STREAM).await;
    video::starts(&browser).await;
    let pressed =
        |is: bool| format!("document.querySelector('#pip').getAttribute('aria-pressed') == '{is}'");
    browser.until("it is off", &pressed(false)).await;
    browser.click("#pip").await;
    browser.until("it is on", &pressed(true)).await;
    browser.click("#pip").await;
    browser.until("it is off again", &pressed(false)).await;
    browser.click("#pip").await;
    browser.until("it is on again", &pressed(true)).await;
    browser.run("location.hash = '#/rooms'").await;
    browser
        .until("it is left", "!document.pictureInPictureElement")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn space_on_the_volume_plays_once_and_arrows_change_it_by_five_percent() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    browser.set_appearance(Appearance::default()).await;
    watch(&browser, &server, STREAM).await;
    video::starts(&browser).await;
    browser
        .run("document.querySelector('#volume').focus()")
        .await;
    let before = browser
        .run("return Math.round(document.querySelector('video').volume * 100)")
        .await
        .as_u64()
        .expect("percent");
    browser.press("\u{E012}").await;
    let volume = format!(
        "(slider => slider.getAttribute('aria-valuetext') == '{expected} %' && slider.value == {expected} \
         && Math.round(document.querySelector('video').volume * 100) == {expected})(document.querySelector('#volume'))",
        expected = before - 5,
    );
    browser.until("it is 5 % less", &volume).await;
    browser.press("m").await;
    let muted = "document.querySelector('#volume').getAttribute('aria-valuetext') == 'muted'";
    browser.until("it says that it is muted", muted).await;
    browser.press(" ").await;
    player_is(&browser, "stopped").await;
    // A key that is held down repeats.
    let repeat = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: ' ', bubbles: true, repeat: true })); \
                  return document.querySelector('#player').dataset.state";
    assert_eq!(browser.run(repeat).await, "stopped");
    browser.press(" ").await;
    player_is(&browser, "playing").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clicks_taps_and_the_wheel_do_what_people_expect() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    watch(&browser, &server, STREAM).await;
    video::starts(&browser).await;
    browser.click("#video").await;
    player_is(&browser, "stopped").await;
    browser.press("k").await;
    player_is(&browser, "playing").await;

    let wheel = |selector: &str, delta: i32| {
        format!(
            "const before = document.querySelector('video').volume, wheel = new WheelEvent('wheel', {{ bubbles: true, cancelable: true, deltaY: {delta} }}); \
             document.querySelector('{selector}').dispatchEvent(wheel); \
             await new Promise(done => setTimeout(done)); \
             return [Math.round((document.querySelector('video').volume - before) * 100), wheel.defaultPrevented]"
        )
    };
    let turned = browser.run(&wheel("#volume", 120)).await;
    assert_eq!(turned, serde_json::json!([-5, true]));
    let turned = browser.run(&wheel("#video", 120)).await;
    assert_eq!(turned, serde_json::json!([0, false]), "it scrolls the page");

    // The first tap on a touch screen shows the controls.
    controls_are(&browser, "the controls fade", 0).await;
    let tap = "const video = document.querySelector('video'); \
        video.dispatchEvent(new PointerEvent('pointerdown', { bubbles: true, pointerType: 'touch' })); video.click(); window.tapped = performance.now()";
    browser.run(tap).await;
    controls_are(&browser, "the tap shows the controls", 1).await;
    controls_are(&browser, "they fade again, and it plays", 0).await;
    browser.run(tap).await;
    controls_are(&browser, "the tap shows the controls again", 1).await;
    browser
        .run("await new Promise(done => setTimeout(done, 400))")
        .await;
    browser.run(tap).await;
    player_is(&browser, "stopped").await;
    browser.press("k").await;
    player_is(&browser, "playing").await;

    browser.run("window.asked = 0; document.querySelector('#player').requestFullscreen = async () => { asked += 1; }").await;
    browser
        .run("const video = document.querySelector('video'); video.click(); video.click()")
        .await;
    browser
        .until("two clicks are for full screen", "asked == 1")
        .await;
    browser
        .run("await new Promise(done => setTimeout(done, 400))")
        .await;
    player_is(&browser, "playing").await;
}
