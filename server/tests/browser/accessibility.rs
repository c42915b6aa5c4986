//! Every page without a mouse and for a screen reader: the keyboard reaches each control, and axe-core finds no violation of WCAG 2.2 A and AA.

use testkit::{
    TestPeer, TestServer,
    browser::{Appearance, TestBrowser},
};

use crate::{
    STREAM,
    pages::{DESKTOP, PAGES, PHONE, open},
    rooms::{connected_to, join, send_message},
    server, video,
};

const TAB: &str = "\u{E004}";

const AXE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../.tools/node_modules/axe-core/axe.min.js"
);

/// Collects in `window.controls`, in the order of the document, what the Tab key has to reach: everything that is visible and takes input, one
/// button of each radio group, and regions that scroll. Returns how many there are. The next Tab starts at the top of the document.
const CONTROLS: &str = r#"
    const top = document.createElement('span');
    top.tabIndex = -1;
    document.body.prepend(top);
    top.focus();
    top.remove();
    const native = 'a[href], button, input, select, textarea, summary, iframe, video[controls], [tabindex]';
    const scrolls = element => ['auto', 'scroll'].includes(getComputedStyle(element).overflowY)
        && element.scrollHeight > element.clientHeight && !element.querySelector(native);
    const takes = element => element.matches(native)
        && element.tabIndex >= 0 && !element.disabled
        && !(element.type == 'radio' && !element.checked && document.querySelector(`[name="${element.name}"]:checked`));
    window.controls = [...document.body.querySelectorAll('*')].filter(element =>
        (takes(element) || scrolls(element)) && element.checkVisibility({ visibilityProperty: true }));
    return controls.length
"#;

/// The focused element: its place in `window.controls`, its name for a screen reader, whether its focus can be seen. Null for the document.
const FOCUS: &str = r#"
    const focus = document.activeElement, style = getComputedStyle(focus);
    if (focus == document.body) return null;
    const name = focus.getAttribute('aria-label') || focus.innerText || focus.labels?.[0]?.innerText || focus.title || '';
    return [controls.indexOf(focus), name, style.outlineStyle != 'none' || style.boxShadow != 'none', focus.outerHTML.slice(0, 120)]
"#;

/// Presses Tab from the start of the document to its end, and fails unless that reaches each control once, in their order.
async fn tab_reaches_every_control(browser: &TestBrowser, page: &str) {
    let count = browser.run(CONTROLS).await.as_u64().expect("a number");
    for expected in 0..count {
        browser.press(TAB).await;
        let focus = browser.run(FOCUS).await;
        if focus[0] != expected {
            let missed = browser
                .run(&format!("return controls[{expected}].outerHTML"))
                .await;
            panic!(
                "{page}: Tab leads to {focus} instead of control {expected} of {count}, {missed}"
            );
        }
        assert_ne!(
            focus[1], "",
            "{page}: {focus} has no name for a screen reader"
        );
        assert_eq!(focus[2], true, "{page}: the focus on {focus} is invisible");
    }
    browser.press(TAB).await;
    let after = browser.run(FOCUS).await;
    assert!(after.is_null(), "{page}: Tab also leads to {after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tab_key_reaches_every_control_in_order_and_shows_the_focus() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    for page in &PAGES {
        open(&browser, &server, page).await;
        if page.name == "watch" {
            video::starts(&browser).await;
        }
        tab_reaches_every_control(&browser, page.name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_no_violation_on_any_page() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    for (width, dark, language) in [
        (DESKTOP, false, "en"),
        (DESKTOP, true, "en"),
        (PHONE, false, "zh-CN"),
        (PHONE, true, "zh-CN"),
    ] {
        let appearance = Appearance {
            width,
            dark,
            language,
        };
        browser.set_appearance(appearance).await;
        let mut found = Vec::new();
        for page in &PAGES {
            open(&browser, &server, page).await;
            found.extend(violations(&browser, page.name).await);
        }
        for (name, address) in [
            ("embedded player", format!("/?stream={STREAM}&embed=1")),
            ("embed.html", format!("/embed.html?stream={STREAM}")),
        ] {
            browser.open(&server.url(&address)).await;
            video::starts(&browser).await;
            found.extend(violations(&browser, name).await);
        }
        assert!(
            found.is_empty(),
            "{width} pixels, dark: {dark}, {language}:\n{}",
            found.join("\n")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_and_a_connection_test_are_accessible() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    let _term = busy_room(&browser, &server).await;
    tab_reaches_every_control(&browser, "room").await;
    for dark in [false, true] {
        browser
            .set_appearance(Appearance {
                dark,
                ..Appearance::default()
            })
            .await;
        let found = violations(&browser, "room").await;
        assert!(found.is_empty(), "dark: {dark}\n{}", found.join("\n"));
    }
    browser.open(&server.url("/#/doctor")).await;
    browser.click("#run-test").await;
    browser
        .until(
            "there is a result",
            "document.querySelector('#test-result')",
        )
        .await;
    let found = violations(&browser, "connection test").await;
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A room with another person, messages and a file on both sides.
async fn busy_room(browser: &TestBrowser, server: &TestServer) -> TestPeer {
    join(browser, server, "demo", "Ann").await;
    let term = TestPeer::start(
        &server.url,
        "demo",
        "term",
        &["--echo", "--file", testkit::CLIP],
    );
    connected_to(browser, "term").await;
    send_message(browser, "See https://weir.example/ for more").await;
    crate::file_transfer::offer(browser, "notes.bin", 1_000).await;
    browser.click("#files .get").await;
    let complete = "document.querySelectorAll('.chat-message').length == 4 \
                    && document.querySelector('#files .file[data-stage=complete]')";
    browser
        .until("messages and files are there", complete)
        .await;
    term
}

/// Runs axe-core; a line for each element that violates a rule.
pub(crate) async fn violations(browser: &TestBrowser, page: &str) -> Vec<String> {
    let axe =
        std::fs::read_to_string(AXE).expect("axe-core is missing: `cargo xtask setup` installs it");
    browser.run(&axe).await;
    let script = "const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']; \
        const { violations, passes } = await axe.run(document, { runOnly: tags }); \
        const lines = violations.flatMap(({ id, nodes }) => nodes.map(node => \
            `${id}: ${node.target.join(' ')}: ${node.failureSummary.replace(/\\s+/g, ' ')}`)); \
        return { passed: passes.map(({ id }) => id), lines }";
    let found = browser.run(script).await;
    let passed = found["passed"].as_array().expect("a list");
    assert!(passed.len() > 5, "{page}: axe-core checked only {passed:?}");
    let lines = found["lines"].as_array().expect("a list").iter();
    lines
        .map(|line| format!("{page}: {}", line.as_str().unwrap_or_default()))
        .collect()
}
