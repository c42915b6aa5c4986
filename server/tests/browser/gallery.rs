//! The gallery: its order, its groups, the search, and the way back to it.

use std::fs;

use tempfile::TempDir;
use testkit::{
    TestServer,
    browser::{Appearance, TestBrowser},
    dist,
};

use crate::{
    pages::{DESKTOP, PHONE},
    server,
};

const LONG: &str = "A name that somebody gave to a recording of a meeting about names which is longer than any card of any gallery is wide";
const TAB: &str = "\u{E004}";
const ENTER: &str = "\u{E007}";

/// Names of the cards, in their order.
const NAMES: &str =
    "[...document.querySelectorAll('.gallery [data-stream]')].map(card => card.dataset.stream)";

/// A server with many files, one that cannot be played and a live stream.
async fn many() -> (TestServer, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let lectures = (1..=10).map(|number| format!("lecture {number}"));
    for name in lectures.chain([LONG.to_owned()]) {
        let file = folder.path().join(format!("{name}.mp4"));
        fs::copy(testkit::CLIP, file).expect("a copy");
    }
    fs::write(folder.path().join("notes.mp4"), "no video").expect("a file");
    let path = folder.path().to_str().expect("a path in UTF-8");
    let server = TestServer::with(&[path, "pattern=test:", "--dist", dist()]).await;
    (server, folder)
}

async fn opened(browser: &TestBrowser, server: &TestServer) {
    browser.open("about:blank").await;
    browser.open(&server.url("/")).await;
    let complete = format!(
        "{NAMES}.length === 12 && document.querySelector('.broken li') && !document.querySelector('[data-state=probing]')"
    );
    browser.until("all streams are known", &complete).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_streams_come_first_then_files_in_natural_order_and_broken_ones_apart() {
    let browser = TestBrowser::shared_chromium().await;
    let (server, _folder) = many().await;
    browser.set_appearance(Appearance::default()).await;
    opened(&browser, &server).await;
    let names = browser.run(&format!("return {NAMES}")).await;
    let names: Vec<_> = names.as_array().expect("a list").iter().collect();
    assert_eq!(names[0], "pattern", "it is live");
    assert_eq!(*names[1], LONG);
    for (number, name) in (1..=10).zip(&names[2..]) {
        assert_eq!(**name, format!("lecture {number}"));
    }
    let broken = "document.querySelector('.broken [data-stream=notes]').innerText.length > 'notes'.length + 10";
    browser.until("the reason is said", broken).await;

    // A long name is cut, and whole in its title; cards of a row are as high as each other.
    let long = format!("document.querySelector('[data-stream=\"{LONG}\"]')");
    let cut = format!(
        "return {long}.title === '{LONG}' && {long}.querySelector('h2').clientHeight < {long}.querySelector('h2').scrollHeight"
    );
    assert_eq!(browser.run(&cut).await, true);
    let equal = format!(
        "return [...document.querySelectorAll('.gallery .stream')].filter(card => card.offsetTop === {long}.offsetTop)
            .every(card => card.offsetHeight === {long}.offsetHeight)"
    );
    assert_eq!(browser.run(&equal).await, true);
    for (width, dark, language) in [
        (DESKTOP, false, "en"),
        (DESKTOP, true, "zh-CN"),
        (PHONE, false, "zh-CN"),
        (PHONE, true, "en"),
    ] {
        let appearance = Appearance {
            width,
            dark,
            language,
        };
        browser.set_appearance(appearance).await;
        opened(&browser, &server).await;
        let colour = if dark { "dark" } else { "light" };
        let name = format!("gallery-many-{language}-{width}-{colour}");
        browser.screenshot(&name).await;
        let overflow = "return document.documentElement.scrollWidth - document.body.offsetWidth";
        assert_eq!(browser.run(overflow).await, 0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_name_leaves_the_chooser_of_a_phone_whole() {
    let browser = TestBrowser::shared_chromium().await;
    let (server, _folder) = many().await;
    let appearance = Appearance {
        width: PHONE,
        ..Appearance::default()
    };
    browser.set_appearance(appearance).await;
    for page in ["canvas", "embed"] {
        browser.open("about:blank").await;
        browser
            .open(&server.url(&format!("/#/{page}/lecture%201")))
            .await;
        let lists = "document.querySelectorAll('.picker select option').length > 5";
        browser.until("the streams are listed", lists).await;
        let whole = "return document.querySelector('.picker select').getBoundingClientRect().right <= innerWidth";
        assert_eq!(browser.run(whole).await, true, "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_leaves_what_it_finds_and_is_ended_by_escape() {
    let browser = TestBrowser::shared_chromium().await;
    let (server, _folder) = many().await;
    browser.set_appearance(Appearance::default()).await;
    opened(&browser, &server).await;
    browser.fill("#search", "LECT 1").await;
    let found = format!("{NAMES}.join() === 'lecture 1,lecture 10'");
    browser.until("two are found", &found).await;
    browser.shows("2 of 13 streams").await;
    browser.fill("#search", "x").await;
    browser.shows("0 of 13 streams").await;
    // Escape empties the field.
    browser.fill("#search", "\u{E00C}").await;
    let all = format!("{NAMES}.length === 12 && !document.querySelector('#search').value");
    browser.until("all are back", &all).await;
    // A few streams need no search.
    let few = crate::server().await;
    browser.open(&few.url("/")).await;
    browser.shows(crate::STREAM).await;
    let searches = browser
        .run("return document.querySelector('#search')")
        .await;
    assert!(searches.is_null());
}

async fn way_back_is_kept(browser: &TestBrowser) {
    let (server, _folder) = many().await;
    opened(browser, &server).await;
    let far = "document.querySelector('[data-stream=\"lecture 10\"]')";
    browser
        .run(&format!("{far}.scrollIntoView(); {far}.focus()"))
        .await;
    let scrolled = browser.run("return scrollY").await;
    assert!(scrolled.as_f64().expect("a number") > 100.0, "{scrolled}");
    browser.press(ENTER).await;
    let arrived = "document.activeElement.matches('main h1') && document.activeElement.innerText === 'lecture 10' \
        && scrollY === 0 && document.querySelector('#announced').innerText.startsWith('lecture 10')";
    browser.until("the heading has the focus", arrived).await;
    browser.run("history.back()").await;
    let back = format!("scrollY === {scrolled} && document.activeElement === {far}");
    browser.until("the gallery is as it was", &back).await;
    browser.run("history.forward()").await;
    browser.until("the page is there again", arrived).await;
    // The next control after the heading is in the page, not in the bar.
    browser.press(TAB).await;
    let inside = "document.activeElement.closest('main')";
    browser.until("Tab goes on from the heading", inside).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn back_leads_to_the_place_in_the_gallery_and_a_page_begins_at_its_heading() {
    let browser = TestBrowser::shared_chromium().await;
    way_back_is_kept(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn back_leads_to_the_place_in_the_gallery_in_firefox_too() {
    let browser = TestBrowser::shared_firefox().await;
    way_back_is_kept(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stream_is_shown_large_and_an_empty_server_says_what_to_type() {
    let browser = TestBrowser::shared_chromium().await;
    let one = server().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path in UTF-8");
    let empty = TestServer::with(&[path, "--dist", dist()]).await;
    for (width, dark, language) in [(DESKTOP, false, "en"), (PHONE, true, "zh-CN")] {
        let appearance = Appearance {
            width,
            dark,
            language,
        };
        browser.set_appearance(appearance).await;
        browser.open(&one.url("/")).await;
        let large = "document.querySelector('.poster img')?.naturalWidth && document.querySelector('.poster').offsetWidth > Math.min(700, innerWidth - 60)";
        browser.until("the stream is large", large).await;
        browser.screenshot(&format!("gallery-one-{width}")).await;
        browser.open(&empty.url("/")).await;
        let command = "document.querySelector('[data-state=empty] code')?.innerText === 'cargo xtask run -- ~/Videos' \
            && document.querySelector('#copy-command')";
        browser.until("there is a command to copy", command).await;
        browser.screenshot(&format!("gallery-empty-{width}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bar_of_a_small_phone_is_whole_and_its_targets_are_large() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    for language in ["en", "zh-CN"] {
        let appearance = Appearance {
            width: 320,
            dark: false,
            language,
        };
        browser.set_appearance(appearance).await;
        for page in ["", "settings", "rooms"] {
            browser.open("about:blank").await;
            browser.open(&server.url(&format!("/#/{page}"))).await;
            browser
                .until("it is shown", "document.querySelector('main h1')")
                .await;
            let outside =
                "return [...document.querySelectorAll('header a, header button')].filter(one => {
                const box = one.getBoundingClientRect();
                return box.width && (box.left < 0 || box.right > innerWidth || box.height < 40);
            }).map(one => one.outerHTML)";
            let outside = browser.run(outside).await;
            assert_eq!(outside, serde_json::json!([]), "{language}: {page}");
            let small = "return [...document.querySelectorAll('main input:not([type=radio]):not([type=checkbox]), main textarea')]
                .filter(field => parseFloat(getComputedStyle(field).fontSize) < 16).map(field => field.id)";
            let small = browser.run(small).await;
            assert_eq!(small, serde_json::json!([]), "a phone zooms in: {page}");
        }
        browser.screenshot(&format!("bar-320-{language}")).await;
    }
}
