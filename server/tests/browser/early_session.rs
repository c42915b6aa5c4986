//! The session that index.html opens while the module of the page is loaded.

use std::time::{Duration, Instant};

use testkit::browser::TestBrowser;
use testkit::{CLIP, PATIENCE, TestServer, TestViewer, dist, eventually};

use crate::front::Front;
use crate::video;

/// Opens the page of a stream whose script does not come yet. In a frame: WebDriver waits until a page has loaded.
async fn open(browser: &TestBrowser, front: &Front, stream: &str) {
    browser.open(&front.url("/empty")).await;
    let frame = format!(
        "const frame = document.createElement('iframe'); frame.allow = 'autoplay'; frame.src = '/#/watch/{stream}';
         frame.width = 1000; frame.height = 700; document.body.append(frame)"
    );
    browser.run(&frame).await;
}

async fn two_streams() -> TestServer {
    let [one, two] = ["one", "two"].map(|name| format!("{name}={CLIP}"));
    TestServer::with(&["--dist", dist(), &one, &two]).await
}

async fn has_viewers(server: &TestServer, stream: &str, count: u64) {
    eventually(
        &format!("{stream} has {count} viewers"),
        PATIENCE,
        || async {
            let answer = server.get(&format!("/api/streams/{stream}")).await;
            let info: serde_json::Value = answer.json().await.expect("JSON");
            info["viewers"] == count
        },
    )
    .await;
}

/// Waits until the server has answered an offer for this stream.
async fn is_offered(front: &Front, stream: &str) {
    let path = format!("/whep/{stream}");
    let is_answered = || async { front.answered(&path) > 0 };
    eventually("an offer is answered", PATIENCE, is_answered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_is_open_before_the_client_runs_which_plays_it() {
    let chromium = TestBrowser::shared_chromium().await;
    let firefox = chromium.and_firefox().await;
    let server = two_streams().await;
    for browser in [&chromium, &firefox] {
        let front = Front::new(&server, Some(".js")).await;
        open(browser, &front, "one").await;
        is_offered(&front, "one").await;
        let offered = Instant::now();
        front.release();
        browser.enter_frame().await;
        video::starts(browser).await;
        // A client that comes later opens a new one.
        let (offers, passed) = (front.answered("/whep/one"), offered.elapsed());
        assert!(
            offers == 1 || passed > Duration::from_secs(3),
            "{offers} offers, and a picture after {passed:?}"
        );
        has_viewers(&server, "one", 1).await;
        browser.open("about:blank").await;
        has_viewers(&server, "one", 0).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_client_does_not_want_ends() {
    let browser = TestBrowser::shared_chromium().await;
    let server = two_streams().await;
    let front = Front::new(&server, Some(".js")).await;
    open(&browser, &front, "one").await;
    is_offered(&front, "one").await;
    browser
        .run("document.querySelector('iframe').contentWindow.location.hash = '#/watch/two'")
        .await;
    front.release();
    browser.enter_frame().await;
    video::starts(&browser).await;
    has_viewers(&server, "two", 1).await;
    let is_alone = || async { server.viewers.sessions() == 1 };
    eventually("the other session ends", PATIENCE, is_alone).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn none_is_opened_for_who_has_ice_servers_or_a_server_of_their_own() {
    let browser = TestBrowser::shared_chromium().await;
    let server = two_streams().await;
    for (settings, opens) in [
        ("{ ice_servers: [{ urls: ['stun:127.0.0.1:9'] }] }", false),
        ("{ server: location.origin }", false),
        ("{ ice_servers: [], server: null, muted: true }", true),
    ] {
        let front = Front::new(&server, Some(".js")).await;
        browser.open(&front.url("/empty")).await;
        let save = format!("localStorage.setItem('weir', JSON.stringify({settings}))");
        browser.run(&save).await;
        open(&browser, &front, "one").await;
        let shell = "!!document.querySelector('iframe').contentDocument.querySelector('#shell')";
        browser.until("the shell is there", shell).await;
        let is_opening = browser
            .run("return !!document.querySelector('iframe').contentWindow.weirSession")
            .await;
        assert_eq!(is_opening, opens, "{settings}");
        front.release();
        browser.enter_frame().await;
        video::starts(&browser).await;
    }
    server.stop().await;
}

/// The server asks for 10 s: a slow machine may be at the next offer.
const WAITED: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_early_session_was_refused_waits_as_long_as_the_server_asks_for() {
    let browser = TestBrowser::shared_chromium().await;
    let one = format!("one={CLIP}");
    let arguments = ["--dist", dist(), "--max-viewers", "1", &one];
    let server = TestServer::with(&arguments).await;
    let other = TestViewer::watch(&server, "one").await;
    let front = Front::new(&server, Some(".js")).await;
    let begun = Instant::now();
    open(&browser, &front, "one").await;
    is_offered(&front, "one").await;
    front.release();
    browser.enter_frame().await;
    let is_alone = || {
        let (offers, passed) = (front.answered("/whep/one"), begun.elapsed());
        assert!(
            offers == 1 || passed > WAITED,
            "{offers} offers after {passed:?}"
        );
    };
    let waits = "document.querySelector('#player')?.dataset.state == 'waiting'";
    browser.until("it waits", waits).await;
    is_alone();
    // It counts down from there, although the page comes back.
    let again =
        "document.dispatchEvent(new Event('visibilitychange')); dispatchEvent(new Event('online'))";
    browser.run(again).await;
    browser.until("it still waits", waits).await;
    is_alone();
    drop(other);
    server.stop().await;
}
