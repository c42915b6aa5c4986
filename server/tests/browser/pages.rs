//! Every page, as people see it: narrow and wide, light and dark, in both languages. The pictures in `target/screenshots`
//! are for looking at.

use crate::{
    FILM,
    browser::{Look, TestBrowser},
    common::TestServer,
    film, server,
};

const PHONE: u32 = 390;
const DESK: u32 = 1280;

/// Name for the picture, address behind the `#`.
fn pages() -> [(&'static str, String); 6] {
    [
        ("gallery", "/".to_owned()),
        ("watch", format!("/watch/{FILM}")),
        ("canvas", format!("/canvas/{FILM}")),
        ("embed", format!("/embed/{FILM}")),
        ("settings", "/settings".to_owned()),
        ("unknown", "/watch/no-such-stream".to_owned()),
    ]
}

async fn open(browser: &TestBrowser, server: &TestServer, address: &str) {
    // A new document each time: the language is read at its start.
    browser.open("about:blank").await;
    browser.open(&server.url(&format!("/#{address}"))).await;
    browser
        .until(
            "the page has a heading",
            "document.querySelector('h1, h2')?.innerText",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_a_phone_and_a_desk_in_both_languages_and_both_colours() {
    let browser = TestBrowser::chromium().await;
    let server = server().await;
    for language in ["en", "zh-CN"] {
        for (width, dark) in [(DESK, false), (DESK, true), (PHONE, false), (PHONE, true)] {
            browser
                .look(Look {
                    width,
                    dark,
                    language,
                })
                .await;
            for (name, address) in pages() {
                open(&browser, &server, &address).await;
                if name == "watch" {
                    film::starts(&browser).await;
                }
                if name == "gallery" {
                    browser.says(FILM).await;
                }
                let colour = if dark { "dark" } else { "light" };
                let picture = format!("{name}-{language}-{width}-{colour}");
                browser.screenshot(&picture).await;
                let overflow = browser
                    .run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                    .await;
                assert_eq!(overflow, 0, "{picture} is wider than its window");
                let shown = browser.run("return document.documentElement.lang").await;
                assert!(
                    shown
                        .as_str()
                        .is_some_and(|shown| shown.starts_with(&language[..2])),
                    "{picture} calls its language {shown}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_language_follows_the_browser_and_can_be_changed_on_the_page() {
    let browser = TestBrowser::chromium().await;
    let server = server().await;
    browser
        .look(Look {
            language: "zh-CN",
            ..Look::default()
        })
        .await;
    open(&browser, &server, "/settings").await;
    let chinese = browser
        .run("return document.querySelector('h1').innerText")
        .await;
    browser.click("input[name=language][value=en]").await;
    let changed = format!("document.querySelector('h1').innerText != {chinese}");
    browser.until("the heading is English", &changed).await;
    // It is kept.
    browser.reload().await;
    browser
        .until("the heading is English after a reload", &changed)
        .await;
    browser.click("input[name=language][value=auto]").await;
    browser
        .until(
            "the heading is Chinese",
            &format!("document.querySelector('h1').innerText == {chinese}"),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tab_key_reaches_every_control_and_shows_where_it_is() {
    let browser = TestBrowser::chromium().await;
    let server = server().await;
    for (name, address) in pages() {
        open(&browser, &server, &address).await;
        let mut reached = Vec::new();
        for _ in 0..12 {
            browser.press("\u{E004}").await;
            let focus = browser
                .run(
                    "const focus = document.activeElement, style = getComputedStyle(focus); \
                     return [focus.tagName, focus.getAttribute('aria-label') || focus.innerText || focus.labels?.[0]?.innerText \
                     || focus.title || '', style.outlineStyle != 'none' || style.boxShadow != 'none']",
                )
                .await;
            if focus[0] == "BODY" {
                break;
            }
            assert_ne!(
                focus[1], "",
                "{name}: a {} has no name for a screen reader",
                focus[0]
            );
            assert_eq!(
                focus[2], true,
                "{name}: the focus on {focus} cannot be seen"
            );
            reached.push(focus);
        }
        assert!(reached.len() >= 5, "{name}: Tab reaches only {reached:?}");
    }
}
