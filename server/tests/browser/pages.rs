//! Every page: narrow and wide, light and dark, in both languages. Screenshots for review are in `target/screenshots`.

use testkit::{
    TestServer,
    browser::{Appearance, TestBrowser},
};

use crate::rooms::{connected_to, join, send_message};
use crate::server;

pub(crate) const PHONE: u32 = 390;
pub(crate) const DESKTOP: u32 = 1280;

pub(crate) struct Page {
    /// Of its screenshots.
    pub(crate) name: &'static str,
    /// Behind the `#`.
    pub(crate) address: &'static str,
    /// JavaScript that is true once the page has loaded.
    pub(crate) complete: &'static str,
}

/// The stream has the name in [`crate::STREAM`].
pub(crate) const PAGES: [Page; 11] = [
    Page {
        name: "gallery",
        address: "/",
        complete: "document.querySelector('.poster img')?.naturalWidth > 0",
    },
    Page {
        name: "watch",
        address: "/watch/clip",
        complete: "document.querySelector('#player')?.dataset.state == 'playing'",
    },
    Page {
        name: "canvas",
        address: "/canvas/clip",
        complete: "document.querySelector('#histogram path')?.getAttribute('d')",
    },
    Page {
        name: "embed",
        address: "/embed/clip",
        complete: "document.querySelector('#code-lines')?.innerText",
    },
    Page {
        name: "go",
        address: "/go/cam",
        complete: "document.querySelector('#turn-on')",
    },
    Page {
        name: "settings",
        address: "/settings",
        complete: "document.querySelector('h1')?.innerText",
    },
    Page {
        name: "rooms",
        address: "/rooms",
        complete: "document.querySelector('#room')?.value",
    },
    Page {
        name: "room-join",
        address: "/room/demo",
        complete: "document.querySelector('#name')",
    },
    Page {
        name: "connection-test",
        address: "/doctor",
        complete: "document.querySelector('#run-test')",
    },
    Page {
        name: "not-found",
        address: "/no/such/page",
        complete: "document.querySelector('[data-state=not-found]')",
    },
    Page {
        name: "unknown",
        address: "/watch/no-such-stream",
        complete: "document.querySelector('#player')?.dataset.state == 'failed'",
    },
];

pub(crate) async fn open(browser: &TestBrowser, server: &TestServer, page: &Page) {
    // A new document each time: the client reads the language when it starts.
    browser.open("about:blank").await;
    browser
        .open(&server.url(&format!("/#{}", page.address)))
        .await;
    browser
        .until(
            &format!("the page {} is complete", page.name),
            page.complete,
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_a_phone_and_a_desktop_in_both_languages_and_both_colour_schemes() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    let all = [DESKTOP, PHONE].into_iter().flat_map(|width| {
        let looks = [false, true].into_iter();
        looks.flat_map(move |dark| ["en", "zh-CN"].map(|language| (width, dark, language)))
    });
    // Any two of width, colours and language come together; with --full, all three in each way.
    let half = |(width, dark, language): &(u32, bool, &str)| {
        [*width == PHONE, *dark, *language == "en"]
            .iter()
            .filter(|is| **is)
            .count()
            .is_multiple_of(2)
    };
    let some: Vec<_> = all.clone().filter(half).collect();
    for (width, dark, language) in testkit::repetitions(some, all.collect()) {
        browser
            .set_appearance(Appearance {
                width,
                dark,
                language,
            })
            .await;
        for page in &PAGES {
            open(&browser, &server, page).await;
            let colour = if dark { "dark" } else { "light" };
            let screenshot = format!("{}-{language}-{width}-{colour}", page.name);
            browser.screenshot(&screenshot).await;
            let overflow = browser
                .run("return document.documentElement.scrollWidth - document.body.offsetWidth")
                .await;
            assert_eq!(overflow, 0, "{screenshot} is wider than its window");
            // Entries that scroll sideways within the bar are hidden from most people.
            let hidden = browser
                .run("const bar = document.querySelector('header nav'); return bar.scrollWidth - bar.clientWidth")
                .await;
            assert_eq!(hidden, 0, "{screenshot}: the menu is cut off");
            let cut = browser
                .run("return [...document.querySelectorAll('.code')].filter(code => code.scrollWidth > code.clientWidth).length")
                .await;
            assert_eq!(cut, 0, "{screenshot}: code is cut off");
            let shown = browser.run("return document.documentElement.lang").await;
            assert!(
                shown
                    .as_str()
                    .is_some_and(|shown| shown.starts_with(&language[..2])),
                "{screenshot} has the language {shown}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrollbar_does_not_move_the_page() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    let settings = PAGES.iter().find(|page| page.name == "settings");
    open(&browser, &server, settings.expect("listed above")).await;
    let widths = "const width = () => document.querySelector('header.bar').getBoundingClientRect().width; \
                  const main = document.querySelector('main'); \
                  return ['10px', '4000px'].map(height => { \
                      Object.assign(main.style, { height, overflow: 'hidden' }); \
                      return width(); \
                  })";
    let widths = browser.run(widths).await;
    assert_eq!(widths[0], widths[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_language_follows_the_browser_and_can_be_changed_on_the_page() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    browser
        .set_appearance(Appearance {
            language: "zh-CN",
            ..Appearance::default()
        })
        .await;
    let settings = PAGES.iter().find(|page| page.name == "settings");
    open(&browser, &server, settings.expect("listed above")).await;
    let chinese = browser
        .run("return document.querySelector('h1').innerText")
        .await;
    browser.click("input[name=language][value=en]").await;
    // Throws, which is no state yet, while there is no heading.
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
async fn a_room_fits_a_phone_and_a_desktop_in_both_languages_and_both_colour_schemes() {
    let server = server().await;
    let ann = TestBrowser::shared_chromium().await;
    let lin = ann.and_chromium().await;
    join(&ann, &server, "demo", "Ann").await;
    join(&lin, &server, "demo", "小雨").await;
    connected_to(&lin, "Ann").await;
    send_message(&lin, "我把前门的片段发给你。").await;
    send_message(
        &lin,
        &"An address that is long: https://weir.example/".repeat(3),
    )
    .await;
    for language in ["en", "zh-CN"] {
        for (width, dark) in [(1280, false), (1280, true), (390, false), (390, true)] {
            ann.set_appearance(Appearance {
                width,
                dark,
                language,
            })
            .await;
            ann.reload().await;
            // The people are on a tab of their own on a phone.
            connected_to(&ann, "小雨").await;
            ann.until(
                "the history is shown",
                "document.querySelectorAll('.chat-message').length == 2",
            )
            .await;
            let colour = if dark { "dark" } else { "light" };
            for tab in ["chat", "people", "files"] {
                if width > 400 && tab != "chat" {
                    continue;
                }
                ann.run(&format!("document.querySelector('#tab-{tab}').click()"))
                    .await;
                let screenshot = format!("room-{tab}-{language}-{width}-{colour}");
                ann.screenshot(&screenshot).await;
                let overflow =
                    "return document.documentElement.scrollWidth - document.body.offsetWidth";
                assert_eq!(
                    ann.run(overflow).await,
                    0,
                    "{screenshot} is wider than its window"
                );
            }
        }
    }
}
