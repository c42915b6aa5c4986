//! What the page says before its WebAssembly module runs, when that does not start, and when it has stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use axum::{Router, routing::get};
use testkit::{browser::TestBrowser, dist, site::Site};
use tokio::sync::Semaphore;
use tower_http::services::ServeDir;

use crate::kept_messages::is_stored;
use crate::rooms::{join, send_message};
use crate::server;

const MOUNTED: &str = "!document.querySelector('#shell') && !!document.querySelector('header nav')";
const STOPPED: &str = "!document.querySelector('#stopped').hidden";
/// The languages of the paragraphs of the shell that are visible.
const VISIBLE: &str = "[...document.querySelectorAll('#shell p')].filter(p => p.checkVisibility({ visibilityProperty: true })).map(p => p.lang || 'en').join()";

/// The bundle, with each response as `change` makes it.
async fn bundle<F>(change: impl Fn(Request, Next) -> F + Clone + Send + Sync + 'static) -> Site
where
    F: Future<Output = Response> + Send + 'static,
{
    let files = ServeDir::new(dist()).append_index_html_on_directories(true);
    Site::serve(
        Router::new()
            .fallback_service(files)
            .layer(from_fn(change))
            .route("/empty", get(|| async { Html("<title>empty</title>") })),
    )
    .await
}

async fn both() -> [TestBrowser; 2] {
    let chromium = TestBrowser::shared_chromium().await;
    let firefox = chromium.and_firefox().await;
    [chromium, firefox]
}

/// Clicks the visible link, and waits for another document at the same address.
async fn reload(browser: &TestBrowser, link: &str) {
    let address = browser
        .run("window.before = true; return location.href")
        .await;
    browser.click(link).await;
    let reloaded = format!("!window.before && location.href == {address}");
    browser.until("the page has been reloaded", &reloaded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_the_page_that_is_blocked_is_said_in_both_languages_with_a_way_to_reload() {
    let browsers = both().await;
    for part in [".js", ".wasm"] {
        let blocked = Arc::new(AtomicBool::new(true));
        let now = Arc::clone(&blocked);
        let site = bundle(move |request, next| {
            let refuse = now.load(Ordering::Relaxed) && request.uri().path().ends_with(part);
            async move {
                if refuse {
                    return StatusCode::FORBIDDEN.into_response();
                }
                next.run(request).await
            }
        })
        .await;
        for browser in &browsers {
            blocked.store(true, Ordering::Relaxed);
            browser.open(&site.url("/#/settings")).await;
            let said =
                format!("document.querySelector('#shell.blocked') && {VISIBLE} == 'en,zh-CN'");
            browser.until(&format!("{part} is blocked"), &said).await;
            blocked.store(false, Ordering::Relaxed);
            reload(browser, "#shell div.blocked .reload").await;
            browser.until("the client is there", MOUNTED).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_forbids_webassembly_or_all_scripts_is_said_in_both_languages() {
    let browsers = both().await;
    for (policy, shown) in [
        ("script-src 'self' 'unsafe-inline'", "#shell.blocked"),
        // No script says anything: the styles do, after 12 s.
        ("script-src 'none'", "#shell:not(.blocked)"),
    ] {
        let site = bundle(move |request, next| async move {
            let mut response = next.run(request).await;
            let policy = HeaderValue::from_static(policy);
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
            response
        })
        .await;
        for browser in &browsers {
            browser.open(&site.url("/")).await;
            browser.run(&after_ms(12_000)).await;
            let said = format!("document.querySelector('{shown}') && {VISIBLE} == 'en,zh-CN'");
            browser.until(policy, &said).await;
        }
    }
}

/// Sets the animation that shows the sentence of a late start.
fn after_ms(ms: u32) -> String {
    format!(
        "for (const animation of document.getAnimations()) if (animation.animationName == 'appear') animation.currentTime = {ms};"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shell_is_there_before_the_module_says_so_after_12_s_and_is_removed_by_the_client() {
    for browser in both().await {
        let arrives = Arc::new(Semaphore::new(0));
        let held = Arc::clone(&arrives);
        let site = bundle(move |request, next| {
            let held = Arc::clone(&held);
            async move {
                if request.uri().path().ends_with(".wasm") {
                    drop(held.acquire().await);
                }
                next.run(request).await
            }
        })
        .await;
        browser.open(&site.url("/empty")).await;
        // In a frame: WebDriver waits until a page has loaded, and this one does not before its module is there.
        browser
            .run("const frame = document.createElement('iframe'); frame.src = '/'; frame.width = 1000; frame.height = 700; document.body.append(frame)")
            .await;
        let in_frame = |expression: &str| {
            format!("(document => {expression})(document.querySelector('iframe').contentDocument)")
        };
        let drawn = in_frame(
            "['.logo svg', '.bar', '.spinner'].every(part => document.querySelector(`#shell ${part}`)?.checkVisibility())",
        );
        browser.until("the shell is drawn", &drawn).await;
        for (ms, languages) in [(11_000, ""), (12_000, "en,zh-CN")] {
            let script = format!(
                "const document = window.document.querySelector('iframe').contentDocument; {} return {VISIBLE}",
                after_ms(ms)
            );
            assert_eq!(browser.run(&script).await, languages, "after {ms} ms");
        }
        arrives.add_permits(100);
        browser
            .until("the client is there", &in_frame(MOUNTED))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_without_the_webassembly_that_is_needed_is_told_which_has_it() {
    let browsers = both().await;
    for old in [
        "delete window.WebAssembly",
        "WebAssembly.validate = () => false",
    ] {
        let index = std::fs::read_to_string(format!("{}/index.html", dist())).expect("the bundle");
        let index = index.replacen("<script", &format!("<script>{old}</script><script"), 1);
        let site = Site::page(index).await;
        for browser in &browsers {
            browser.open(&site.url("/")).await;
            let said = format!("document.querySelector('#shell.old') && {VISIBLE} == 'en,zh-CN'");
            browser.until(old, &said).await;
            browser.shows("Safari 16").await;
        }
    }
}

/// Things that the client uses without expecting that they fail, and how it comes to use them.
const FAULTS: [(&str, &str); 2] = [
    // Leptos panics.
    (
        "a panic",
        "const fail = () => { throw new Error('no elements') }; Document.prototype.createElement = fail; Node.prototype.cloneNode = fail; Document.prototype.createElementNS = fail; document.querySelector('#rename').click();",
    ),
    // A timer of the room asks for the time.
    (
        "an exception",
        "performance.now = () => { throw new Error('no time') };",
    ),
];

/// From now on no timer saves the conversation, and those of up to now have run.
const WITHOUT_TIMERS: &str = "const real = setTimeout; window.setTimeout = () => 0; real(() => document.body.dataset.timers = 'none', 1500);";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_stopped_says_so_saves_the_conversation_and_can_be_reloaded() {
    let server = server().await;
    for (at, browser) in both().await.into_iter().enumerate() {
        let name = format!("Ann {at}");
        let room = format!("stopped-{at}");
        join(&browser, &server, &room, &name).await;
        for (what, fault) in FAULTS {
            // In one of the two places.
            let saved = format!(
                "(async () => !!localStorage.getItem('weir room {} {room}')?.includes('{what}') || await {})()",
                server.url,
                is_stored(what)
            );
            browser
                .until("its own line is there", "document.querySelector('#rename')")
                .await;
            browser.run_in_page(WITHOUT_TIMERS).await;
            browser
                .until("no timer is left", "document.body.dataset.timers == 'none'")
                .await;
            send_message(&browser, what).await;
            let shown =
                format!("document.querySelector('.message-log').innerText.includes('{what}')");
            browser.until("the message is there", &shown).await;
            assert_eq!(browser.run(&format!("return {saved}")).await, false);
            assert_eq!(browser.run(&format!("return {STOPPED}")).await, false);
            browser.run_in_page(fault).await;
            browser.until(&format!("{what} is noticed"), STOPPED).await;
            browser
                .until(&format!("after {what} the message is saved"), &saved)
                .await;
            browser.screenshot(&format!("stopped-{at}")).await;
            reload(&browser, "#stopped .reload").await;
            browser.until("the message is back", &shown).await;
        }
    }
}
