//! The watch page.

use testkit::{
    TestServer,
    browser::{Appearance, TestBrowser},
    site::Site,
};

use crate::{STREAM, server, server_at, video};

/// Opens the client, then the page of the video by a click in the gallery.
async fn watch_page(browser: &TestBrowser, server: &TestServer) {
    browser.open(&server.url("/")).await;
    browser.shows(STREAM).await;
    video::keep_peers(browser).await;
    browser.click(&format!("a[data-stream={STREAM}]")).await;
    video::starts(browser).await;
}

/// Waits until the player's `data-state` is this state.
async fn player_is(browser: &TestBrowser, state: &str) {
    let expression =
        format!("document.querySelector('#player')?.dataset.state.match(/^({state})$/)?.[0]");
    browser
        .until(&format!("the player is {state}"), &expression)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_plays_the_video_passed_through_across_the_loop_point() {
    let browser = TestBrowser::chromium().await;
    let server = server().await;
    watch_page(&browser, &server).await;
    video::plays_the_clip(&browser, 8.0).await;
    assert_eq!(video::codec(&browser).await, "video/H264");
    player_is(&browser, "playing").await;
    negotiates_transport_cc(&browser, 2).await;
}

/// Checks that `media` media sections negotiated transport-wide sequence numbers and their feedback, with the ids of the offer.
async fn negotiates_transport_cc(browser: &TestBrowser, media: u64) {
    let script = "const lines = sdp => sdp.split('\\r\\n').filter(line => /extmap:.*transport-wide-cc|rtcp-fb:.* transport-cc/.test(line)); \
        const [peer] = peers, offered = lines(peer.localDescription.sdp), agreed = lines(peer.remoteDescription.sdp); \
        return agreed.every(line => offered.includes(line)) ? agreed.length : agreed.concat(offered)";
    assert_eq!(browser.run(script).await, 2 * media);
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_plays_a_vp8_rendition_across_the_loop_point() {
    let browser = TestBrowser::firefox().await;
    let server = server().await;
    watch_page(&browser, &server).await;
    video::plays_the_clip(&browser, 8.0).await;
    assert_eq!(video::codec(&browser).await, "video/VP8");
    negotiates_transport_cc(&browser, 2).await;
    browser.screenshot("watch-firefox").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_ends_the_video_start_brings_it_back_and_so_does_a_reload() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    watch_page(&browser, &server).await;
    browser.press(" ").await;
    player_is(&browser, "stopped").await;
    video::is_gone(&browser).await;
    video::connections_are_closed(&browser).await;
    browser.screenshot("watch-stopped").await;
    browser.press(" ").await;
    video::starts(&browser).await;
    browser.reload().await;
    video::starts(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_video_comes_back_by_itself_after_the_server_was_restarted() {
    let browser = TestBrowser::chromium().await;
    let server = server().await;
    watch_page(&browser, &server).await;
    let address = server.url.trim_start_matches("http://").to_owned();
    server.stop().await;
    player_is(&browser, "waiting|reconnecting").await;
    browser.screenshot("watch-reconnecting").await;
    let _server = server_at(&address).await;
    player_is(&browser, "playing").await;
    video::starts(&browser).await;
    video::plays_the_clip(&browser, 3.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_mutes_stops_and_plays_again() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    browser.set_appearance(Appearance::default()).await;
    watch_page(&browser, &server).await;
    let muted = "document.querySelector('video').muted";
    let before = browser.run(&format!("return {muted}")).await;
    browser.press("m").await;
    browser
        .until("m mutes or unmutes", &format!("{muted} != {before}"))
        .await;
    browser.press(" ").await;
    player_is(&browser, "stopped").await;
    browser.press(" ").await;
    player_is(&browser, "playing").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_iframe_on_another_site_plays_the_video() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    let frame = format!("{}?stream={STREAM}&embed=1", server.url("/"));
    let site = Site::page(format!(
        "<!DOCTYPE html><h1>Somebody's page</h1><iframe width=800 height=450 allow='autoplay; fullscreen' src='{frame}'></iframe>"
    ))
    .await;
    browser.open(&site.url("/")).await;
    browser.enter_frame().await;
    video::starts(&browser).await;
    let heading = browser
        .run("return document.querySelector('h1, nav')?.innerText")
        .await;
    assert!(
        heading.is_null(),
        "the frame holds the video alone, not {heading}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_lie_over_the_picture_when_asked_for_and_are_copied_as_json() {
    for browser in [
        TestBrowser::shared_chromium().await,
        TestBrowser::shared_firefox().await,
    ] {
        let server = server().await;
        watch_page(&browser, &server).await;
        let none = browser
            .run("return document.querySelector('#statistics')")
            .await;
        assert!(none.is_null(), "nobody has asked for them");
        browser.press("i").await;
        let figures = "[...document.querySelectorAll('#statistics [data-figure]')].filter(figure => /[0-9]/.test(figure.innerText)).length > 8";
        browser.until("there are figures", figures).await;
        let drawn =
            "document.querySelector('#statistics .plot path').getAttribute('d').includes('L')";
        browser.until("the last minute is drawn", drawn).await;
        browser.screenshot("watch-statistics").await;
        browser
            .run("navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve(); }")
            .await;
        browser.click("#copy-statistics").await;
        browser.until("something is copied", "window.copied").await;
        // It is of one moment, in which a slow machine may stall.
        let copied = "new Promise(done => { \
            navigator.clipboard.writeText = text => { done(JSON.parse(text)); return Promise.resolve(); }; \
            document.querySelector('#copy-statistics').click(); \
            }).then(copied => copied.state == 'playing' && copied.bitrate_bps > 1000 && copied)";
        let copied = browser.until("what plays is copied", copied).await;
        assert_eq!(copied["stream"], STREAM);
        assert!(copied["problem"].is_null(), "{copied}");
        let pressed = "document.querySelector('#show-statistics').getAttribute('aria-pressed')";
        assert_eq!(browser.run(&format!("return {pressed}")).await, "true");
        browser.click("#close-statistics").await;
        browser
            .until("they are closed", "!document.querySelector('#statistics')")
            .await;
        assert_eq!(browser.run(&format!("return {pressed}")).await, "false");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_mark_lists_the_keys_and_escape_closes_the_list() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    browser.set_appearance(Appearance::default()).await;
    watch_page(&browser, &server).await;
    let closed = "getComputedStyle(document.querySelector('#keys')).display == 'none'";
    browser.until("the list is closed", closed).await;
    browser.press("?").await;
    let open = "document.querySelector('#keys').open && document.querySelector('#keys').innerText.includes('Statistics')";
    browser.until("the list is open", open).await;
    browser.screenshot("watch-keys").await;
    browser.press("\u{E00C}").await;
    browser.until("the list is closed again", closed).await;
    player_is(&browser, "playing").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_system_has_a_sheet_to_share_it_gets_the_link() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    browser.open(&server.url("/")).await;
    browser.shows(STREAM).await;
    browser
        .run("navigator.share = data => { window.handed = data; return Promise.reject(new DOMException('closed', 'AbortError')); }")
        .await;
    browser.click(&format!("a[data-stream={STREAM}]")).await;
    browser
        .until("there is a button", "document.querySelector('#share')")
        .await;
    browser.click("#share").await;
    browser.click("#share-system").await;
    let link = format!("{}?stream={STREAM}", server.url("/"));
    let handed = format!("window.handed?.url == '{link}' && window.handed.title == '{STREAM}'");
    browser.until("the sheet has the link", &handed).await;
    browser.run("delete navigator.share").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_system_is_told_what_plays_and_its_buttons_stop_and_play() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    browser.open(&server.url("/")).await;
    browser.shows(STREAM).await;
    browser
        .run(
            "window.handlers = {}; window.locks = 0; \
             navigator.mediaSession.setActionHandler = (action, handler) => { handlers[action] = handler; }; \
             navigator.wakeLock.request = async () => { locks += 1; return { release: async () => { locks -= 1; } }; }",
        )
        .await;
    browser.click(&format!("a[data-stream={STREAM}]")).await;
    player_is(&browser, "playing").await;
    let named = format!(
        "navigator.mediaSession.metadata?.title == '{STREAM}' && navigator.mediaSession.playbackState == 'playing'"
    );
    browser.until("the system has the name", &named).await;
    browser.until("the screen stays on", "locks == 1").await;
    browser.run("handlers.pause()").await;
    player_is(&browser, "stopped").await;
    browser.until("the screen may turn off", "locks == 0").await;
    let paused = "navigator.mediaSession.playbackState == 'paused'";
    browser.until("the system offers to play", paused).await;
    browser.run("handlers.play()").await;
    player_is(&browser, "playing").await;
    browser.run("location.hash = '#/rooms'").await;
    let none = "!navigator.mediaSession.metadata && handlers.play === null && locks == 0";
    browser.until("nothing is left of it", none).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_stream_that_cannot_be_watched_a_report_is_copied() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    browser
        .open(&server.url("/#/watch/nothing-of-this-name"))
        .await;
    player_is(&browser, "failed").await;
    let primary =
        "document.querySelector('.overlay .button:not(.plain)').getAttribute('href') == '#/'";
    browser.until("the next step is the list", primary).await;
    server.stop().await;
    browser.click("#try-again").await;
    player_is(&browser, "waiting|reconnecting").await;
    browser
        .run("navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve(); }")
        .await;
    browser.click("#copy-problem").await;
    browser.until("something is copied", "window.copied").await;
    let copied = browser.run("return JSON.parse(window.copied)").await;
    assert_eq!(copied["stream"], "nothing-of-this-name");
    assert!(
        copied["problem"]
            .as_str()
            .is_some_and(|why| !why.is_empty()),
        "{copied}"
    );
}
