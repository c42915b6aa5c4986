//! The watch page of a stream whose publisher comes, is killed, returns and ends it.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use testkit::browser::TestBrowser;
use testkit::{TestServer, dist, skip};

use crate::video;

const STREAM: &str = "live";
const KEY: &str = "2f1d6c9ab3e047d58e6a0b1c2d3e4f50";
/// With aiortc, which sends VP8: every browser plays it.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.tools/python/bin/python");
const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/protocol/publishing/publish.py"
);

/// Killed on drop.
struct Publisher(Child);

impl Publisher {
    fn start(server: &TestServer) -> Self {
        let mut command = Command::new(PYTHON);
        let command = command.args([SCRIPT, &server.url, STREAM, KEY]);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::null());
        Self(command.spawn().expect("it starts"))
    }

    /// The end of its input tells it to end the stream.
    fn end(&mut self) {
        drop(self.0.stdin.take());
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn plays(browser: &TestBrowser) {
    let plays = "document.querySelector('#player').dataset.state == 'playing'";
    browser.until("the stream plays", plays).await;
}

async fn screenshot(browser: &TestBrowser, make: &str, state: &str) {
    browser.screenshot(&format!("state-{state}-{make}")).await;
}

async fn page_tells_the_state(browser: &TestBrowser, make: &str) {
    if !Path::new(PYTHON).exists() {
        return skip("aiortc is missing; `cargo xtask setup` installs it");
    }
    let publish = format!("{STREAM}={KEY}");
    let server = TestServer::with(&["test:", "--publish", &publish, "--dist", dist()]).await;
    browser.open(&server.url("/")).await;
    browser.shows("not live yet").await;
    screenshot(browser, make, "gallery").await;
    browser.open(&server.url("/#/settings")).await;
    video::keep_peers(browser).await;
    let page = format!("location.hash = '#/watch/{STREAM}'");
    browser.run(&page).await;
    browser.shows("Playback starts here").await;
    screenshot(browser, make, "waiting").await;
    let waits = "peers.at(-1)?.connectionState == 'connected' && document.querySelector('#player').dataset.state";
    let connected = browser.until("a session waits", waits).await;
    assert_eq!(connected, "upcoming");

    let publisher = Publisher::start(&server);
    video::starts(browser).await;
    plays(browser).await;
    assert_eq!(browser.run("return peers.length").await, 1);
    let age = "/^live \\d/.test(document.querySelector('#live').innerText)";
    browser.until("its age is shown", age).await;
    screenshot(browser, make, "live").await;

    drop(publisher);
    let counted = "/back soon, interrupted for ([4-9]|\\d\\d+) s/i.test(document.querySelector('.overlay .title').innerText)";
    browser.until("the seconds are counted", counted).await;
    let dimmed = "document.querySelector('#player').dataset.still == 'true'";
    browser.until("the last picture is dimmed", dimmed).await;
    screenshot(browser, make, "interrupted").await;

    let before = browser.run("return peers.length").await;
    // It has been silent for long enough to be replaced.
    let mut publisher = Publisher::start(&server);
    plays(browser).await;
    let clear = "!document.querySelector('.overlay')";
    browser.until("nothing is over the picture", clear).await;
    assert_eq!(browser.run("return peers.length").await, before);
    assert_eq!(server.viewers.sessions(), 1);

    publisher.end();
    browser.shows("The stream has ended").await;
    screenshot(browser, make, "ended").await;
    let waits = format!("peers.length > {before} && {waits}");
    let connected = browser.until("another session waits", &waits).await;
    assert_eq!(connected, "ended");
    let before = browser.run("return peers.length").await;
    let _publisher = Publisher::start(&server);
    plays(browser).await;
    assert_eq!(browser.run("return peers.length").await, before);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_tells_the_state_of_a_stream_and_stays_while_it_is_interrupted() {
    page_tells_the_state(&TestBrowser::shared_chromium().await, "chromium").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_tells_the_state_of_a_stream_and_stays_while_it_is_interrupted() {
    page_tells_the_state(&TestBrowser::shared_firefox().await, "firefox").await;
}
