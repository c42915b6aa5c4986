//! Players in frames of other sites: `embed.html`, and the page with `?embed=1`. None of them is a dead end, as small as it may be.

use std::fs;

use testkit::{
    TestServer,
    browser::{Appearance, TestBrowser},
    dist,
    site::Site,
};

use crate::{STREAM, server, server_at, video};

/// What a small frame of another site has to show, in pixels.
const SIZE: (u32, u32) = (300, 170);

/// Opens a page of the server in a small frame of another site.
async fn open_small(browser: &TestBrowser, address: &str) -> Site {
    let (width, height) = SIZE;
    let site = Site::page(format!(
        "<!DOCTYPE html><iframe width={width} height={height} style='border: 0' allow='autoplay; fullscreen' src='{address}'></iframe>"
    ))
    .await;
    browser.open(&site.url("/")).await;
    browser.enter_frame().await;
    site
}

/// Waits until the page says this, and all that can be read or pressed is within the frame.
async fn says_in_full(browser: &TestBrowser, text: &str) {
    browser.shows(text).await;
    let outside = "[...document.querySelectorAll('button, a, input, [role=status], .title, #reason')] \
        .filter(one => one.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && one.getBoundingClientRect().width > 1) \
        .filter(one => { const box = one.getBoundingClientRect(); \
            return box.top < 0 || box.left < 0 || box.bottom > innerHeight || box.right > innerWidth; }) \
        .map(one => one.outerHTML)";
    let fits =
        format!("(outside => !outside.length || (() => {{ throw outside.join() }})())({outside})");
    browser.until("all of it is in the frame", &fits).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn embed_html_plays_without_a_stream_and_asks_again_for_one_that_is_not_there() {
    let browser = TestBrowser::shared_chromium().await;
    browser.set_appearance(Appearance::default()).await;
    let first = server().await;
    let address = first.url.trim_start_matches("http://").to_owned();
    for query in ["", "#/", "?stream=", &format!("?stream={STREAM}#/")] {
        let _site = open_small(&browser, &first.url(&format!("/embed.html{query}"))).await;
        video::starts(&browser).await;
    }
    let _site = open_small(&browser, &first.url("/embed.html?stream=elsewhere")).await;
    says_in_full(&browser, "no stream called \"elsewhere\"").await;
    browser.screenshot("embed-html-unknown").await;
    let offered = format!("document.querySelector('#streams option')?.value === '{STREAM}'");
    browser.until("the streams are offered", &offered).await;
    // At once: the page tries again by itself too, and the button is gone while it plays.
    let choose = format!(
        "document.querySelector('input[name=stream]').value = '{STREAM}'; document.querySelector('#start').click()"
    );
    browser.run(&choose).await;
    video::starts(&browser).await;

    first.stop().await;
    says_in_full(&browser, "Next try in").await;
    let _second = server_at(&address).await;
    let playing = "document.querySelector('main').dataset.state === 'playing'";
    browser.until("it plays again by itself", playing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn embed_html_plays_the_first_stream_that_its_server_gets() {
    let browser = TestBrowser::shared_chromium().await;
    let folder = tempfile::tempdir().expect("a folder");
    let watched = folder.path().to_str().expect("a path in UTF-8");
    let server = TestServer::with(&[watched, "--dist", dist()]).await;
    browser
        .set_appearance(Appearance {
            language: "zh-CN",
            ..Appearance::default()
        })
        .await;
    let _site = open_small(&browser, &server.url("/embed.html")).await;
    says_in_full(&browser, "服务器上还没有视频流").await;
    fs::copy(testkit::CLIP, folder.path().join("clip.mp4")).expect("a copy");
    video::starts(&browser).await;
    browser.set_appearance(Appearance::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_player_in_a_small_frame_says_that_a_server_is_empty_without_scrolling() {
    let browser = TestBrowser::shared_chromium().await;
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().to_str().expect("a path in UTF-8");
    let server = TestServer::with(&[empty, "--dist", dist()]).await;
    for (language, text) in [("en", "no stream to embed"), ("zh-CN", "嵌入")] {
        let appearance = Appearance {
            language,
            ..Appearance::default()
        };
        browser.set_appearance(appearance).await;
        let _site = open_small(&browser, &server.url("/?embed=1")).await;
        says_in_full(&browser, text).await;
        let scrolls = "return [...document.querySelectorAll('html, body, .state')].some(one => one.scrollHeight > one.clientHeight)";
        assert_eq!(browser.run(scrolls).await, false, "{language}");
        browser.screenshot(&format!("embed-empty-{language}")).await;
    }
    browser.set_appearance(Appearance::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_player_in_a_frame_plays_without_a_stream_and_leads_on_from_one_that_is_not_there() {
    let browser = TestBrowser::shared_chromium().await;
    browser.set_appearance(Appearance::default()).await;
    let server = server().await;
    for query in [
        "?embed=1".to_owned(),
        "?embed=1#/".to_owned(),
        format!("?embed=1&stream={STREAM}#/"),
        format!("?embed=1&stream={STREAM}#/settings"),
    ] {
        let _site = open_small(&browser, &server.url(&format!("/{query}"))).await;
        video::starts(&browser).await;
    }
    browser.screenshot("embed-playing").await;
    let unknown = server.url("/?embed=1&stream=elsewhere");
    let _site = open_small(&browser, &unknown).await;
    says_in_full(&browser, "may have been removed").await;
    browser.screenshot("embed-unknown").await;
    let leads = format!(
        "document.querySelector('.overlay a[target=_blank]')?.href === '{}' && document.querySelector('#try-again')",
        server.url("/#/")
    );
    browser.until("there is a way on", &leads).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_cannot_frame_the_rooms() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    let _site = open_small(&browser, &server.url("/#/room/board")).await;
    let refused = "location.href.startsWith('chrome-error:')";
    browser.until("the frame is refused", refused).await;
}

/// Puts a script and a handler into the page, and notes what the policy refuses.
const INJECT: &str = "
    window.policies = [];
    document.addEventListener('securitypolicyviolation', event => policies.push(event.effectiveDirective + ' ' + event.blockedURI));
    const script = document.createElement('script');
    script.textContent = 'document.title = `taken over`';
    document.body.append(script);
    const handler = document.createElement('p');
    handler.setAttribute('onclick', 'document.title = `taken over`');
    document.body.append(handler);
    handler.click();
";

/// With the player as it is served in place of the page that is not built, which has a script of its own.
#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_are_not_of_the_page_do_not_run_and_its_own_do() {
    let empty = tempfile::tempdir().expect("a folder");
    let empty = empty.path().to_str().expect("a path in UTF-8");
    let source = format!("{STREAM}={}", testkit::CLIP);
    let built = server().await;
    let plain = TestServer::with(&["--dist", empty, &source]).await;
    let browser = TestBrowser::shared_chromium().await;
    for page in [
        built.url(&format!("/#/watch/{STREAM}")),
        built.url("/embed.html"),
        plain.url("/"),
    ] {
        browser.open(&page).await;
        video::starts(&browser).await;
        browser.run(INJECT).await;
        let refused = "policies.filter(one => one.startsWith('script-src-') && one.endsWith(' inline')).length === 2";
        browser
            .until(&format!("{page} refuses scripts"), refused)
            .await;
        let title = browser.run("return document.title").await;
        assert_ne!(title, "taken over", "{page}");
    }
}
