//! The list of streams as it changes: pages read `GET /api/events`, two of a browser at a time, and the others poll.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{Router, http::StatusCode, response::IntoResponse, routing::get};
use testkit::{
    PATIENCE, TestServer,
    browser::{Appearance, TestBrowser},
    dist, eventually,
    site::Site,
};

use crate::{STREAM, server, server_at, video};

/// Pages of one browser that read events.
const READERS: u32 = 2;

/// A server whose media folder is this one.
async fn server_of(folder: &Path) -> TestServer {
    fs::copy(testkit::CLIP, folder.join("clip.mp4")).expect("a copy");
    let folder = folder.to_str().expect("a path in UTF-8");
    TestServer::with(&[folder, "--dist", dist()]).await
}

async fn readers_are(server: &TestServer, readers: u32) {
    let what = format!("{readers} pages read events");
    eventually(&what, PATIENCE, || async {
        server.health().await.event_streams == readers
    })
    .await;
}

async fn shows_stream(browser: &TestBrowser, name: &str) {
    let card = format!("document.querySelector('#streams [data-stream=\"{name}\"]')");
    browser
        .until(&format!("{name} is in the list"), &card)
        .await;
}

/// Requests of the page to this path.
async fn requests(browser: &TestBrowser, path: &str) -> u64 {
    let count = format!(
        "return performance.getEntriesByType('resource')
            .filter(entry => new URL(entry.name).pathname === '{path}').length"
    );
    browser.run(&count).await.as_u64().expect("a number")
}

async fn list_follows_the_server(browser: &TestBrowser) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = server_of(folder.path()).await;
    browser.open(&server.url("/")).await;
    shows_stream(browser, "clip").await;
    readers_are(&server, 1).await;
    fs::copy(testkit::CLIP, folder.path().join("late.mp4")).expect("a copy");
    shows_stream(browser, "late").await;
    fs::remove_file(folder.path().join("clip.mp4")).expect("it is there");
    let gone = "!document.querySelector('#streams [data-stream=clip]')";
    browser.until("the deleted file is gone", gone).await;
    assert_eq!(requests(browser, "/api/streams").await, 0, "no poll");
    browser.open("about:blank").await;
    readers_are(&server, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gallery_follows_the_server_without_polling() {
    let browser = TestBrowser::shared_chromium().await;
    list_follows_the_server(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gallery_follows_the_server_without_polling_in_firefox() {
    let browser = TestBrowser::shared_firefox().await;
    list_follows_the_server(&browser).await;
}

/// Over HTTP/1.1, where a browser has six connections to a server.
#[tokio::test(flavor = "multi_thread")]
async fn eight_tabs_and_eight_embeds_of_one_browser_work() {
    let browser = TestBrowser::shared_chromium().await;
    let folder = tempfile::tempdir().expect("a folder");
    let server = server_of(folder.path()).await;
    let mut tabs = Vec::new();
    for _ in 0..8 {
        tabs.push(browser.open_window().await);
        browser.open(&server.url("/")).await;
        shows_stream(&browser, "clip").await;
        assert_eq!(browser.run("return document.hidden").await, false);
    }
    let embeds = format!(
        "<!DOCTYPE html>{}",
        format!(
            "<iframe width=160 height=90 allow=autoplay src='{}'></iframe>",
            server.url(&format!("/?stream={STREAM}&embed=1"))
        )
        .repeat(8)
    );
    let site = Site::page(embeds).await;
    browser.open_window().await;
    browser.open(&site.url("/")).await;
    eventually("eight players play", PATIENCE, || async {
        server.health().await.viewers == 8
    })
    .await;
    browser.enter_frame().await;
    video::starts(&browser).await;
    readers_are(&server, READERS).await;

    // All of them learn what is new, and none has lost its connection for that.
    fs::copy(testkit::CLIP, folder.path().join("late.mp4")).expect("a copy");
    for tab in &tabs {
        browser.switch_to(tab).await;
        shows_stream(&browser, "late").await;
        let state = "document.querySelector('#server-state').dataset.state === 'online'";
        browser.until("the server is online", state).await;
    }
    // The tabs that were first read events: others take their places.
    for tab in &tabs[..3] {
        browser.switch_to(tab).await;
        browser.close_window().await;
    }
    readers_are(&server, READERS).await;
    browser.switch_to(&tabs[7]).await;
    fs::remove_file(folder.path().join("late.mp4")).expect("it is there");
    let gone = "!document.querySelector('#streams [data-stream=late]')";
    browser.until("the deleted file is gone", gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_goes_on_reading_after_a_restart_of_the_server() {
    let browser = TestBrowser::shared_chromium().await;
    let first = server().await;
    let address = first.url.trim_start_matches("http://").to_owned();
    browser.open(&first.url("/")).await;
    shows_stream(&browser, STREAM).await;
    readers_are(&first, 1).await;
    first.stop().await;
    let lost = "document.querySelector('[data-state=lost]') \
        && document.querySelector('#server-state').dataset.state === 'offline'";
    browser.until("the loss is shown", lost).await;
    shows_stream(&browser, STREAM).await;
    let second = server_at(&address).await;
    readers_are(&second, 1).await;
    let back = "!document.querySelector('[data-state=lost]') \
        && document.querySelector('#server-state').dataset.state === 'online'";
    browser.until("the loss is over", back).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_events_is_polled() {
    let browser = TestBrowser::shared_chromium().await;
    browser.set_appearance(Appearance::default()).await;
    let bundle = server().await;
    let (polls, opened) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (polled, tried) = (Arc::clone(&polls), Arc::clone(&opened));
    let list = move || async move {
        let viewers = polled.fetch_add(1, Ordering::SeqCst);
        let list = format!(
            r#"{{"streams":[{{"name":"old","state":{{"is":"running"}},"viewers":{viewers}}}]}}"#
        );
        ([("access-control-allow-origin", "*")], list)
    };
    let events = move || async move {
        tried.fetch_add(1, Ordering::SeqCst);
        StatusCode::NOT_FOUND.into_response()
    };
    let router = Router::new()
        .route("/api/streams", get(list))
        .route("/api/events", get(events));
    let site = Site::serve(router).await;
    browser
        .open(&bundle.url(&format!("/?server={}", site.url(""))))
        .await;
    browser.shows("2 viewers").await;
    assert_eq!(opened.load(Ordering::SeqCst), 1);
    // Every five seconds, and not more often.
    let polls = polls.load(Ordering::SeqCst);
    assert!((3..=5).contains(&polls), "{polls}");
}
