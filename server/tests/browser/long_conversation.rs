//! Conversations of thousands of messages, and long texts: what is in the page, what one more message costs.

use serde_json::Value;
use testkit::{TestPeer, TestServer, browser::TestBrowser, repetitions};

use crate::kept_messages::stored;
use crate::rooms::{connected_to, join, link_is, receives, send_message};
use crate::server;

/// Limit on the messages in the page (`state/row_window.rs`).
const MAX_SHOWN: u64 = 300;
/// The texts of the messages of a terminal peer begin with it.
const LINE: &str = "line ";

/// A room with Ann in this browser, and a terminal peer that has sent so many lines.
pub(crate) async fn long_room(
    server: &TestServer,
    browser: &TestBrowser,
    room: &str,
    count: usize,
) -> TestPeer {
    join(browser, server, room, "Ann").await;
    let mut term = TestPeer::start(&server.url, room, "term", &[]);
    connected_to(browser, "term").await;
    term.connected_to("Ann").await;
    for at in 0..count {
        term.type_line(&format!("{LINE}{at}"));
    }
    receives(browser, &format!("{LINE}{}", count - 1)).await;
    stored(browser, count).await;
    term
}

async fn shown(browser: &TestBrowser) -> u64 {
    let count = browser
        .run("return document.querySelectorAll('.chat-message').length")
        .await;
    count.as_u64().expect("a number")
}

/// Scrolls as far up as the page goes, until this message is there. What was in view stays until then.
async fn scroll_up_to(browser: &TestBrowser, text: &str) {
    let script = format!(
        "const log = document.querySelector('.message-log');
         const frame = () => new Promise(requestAnimationFrame);
         const there = () => [...document.querySelectorAll('.bubble')].some(bubble => bubble.innerText == '{text}');
         let most = 0, moved = 0;
         for (let step = 0; step < 2000 && !there(); step++) {{
             log.scrollTop -= log.clientHeight / 2;
             const top = log.getBoundingClientRect().top;
             const first = [...document.querySelectorAll('.chat-message')].find(row => row.getBoundingClientRect().bottom > top);
             const before = first.getBoundingClientRect().top;
             await frame(); await frame(); await frame();
             if (first.isConnected) moved = Math.max(moved, Math.abs(first.getBoundingClientRect().top - before));
             most = Math.max(most, document.querySelectorAll('.chat-message').length);
         }}
         return [there(), most, moved]"
    );
    let outcome = browser.run(&script).await;
    let (found, most, moved) = (&outcome[0], &outcome[1], &outcome[2]);
    assert_eq!(*found, true, "{text} comes into the page");
    assert!(
        most.as_u64().is_some_and(|most| most <= MAX_SHOWN),
        "{most} rows"
    );
    assert!(
        moved.as_f64().is_some_and(|moved| moved <= 2.0),
        "what is read moved by {moved} pixels"
    );
}

async fn a_long_conversation(browser: &TestBrowser, room: &str) {
    let count = repetitions(1_200, 5_000);
    let server = server().await;
    let mut term = long_room(&server, browser, room, count).await;
    assert!(shown(browser).await <= 200, "at the end, two pages at most");

    // One message more changes a few nodes.
    let watch = "window.touched = 0;
        window.observer = new MutationObserver(changes => changes.forEach(change => touched += change.addedNodes.length + change.removedNodes.length));
        observer.observe(document.querySelector('.messages'), { subtree: true, childList: true });";
    browser.run(watch).await;
    term.type_line("one more");
    receives(browser, "one more").await;
    let touched = browser.run("return touched").await;
    // On another page, the oldest leave as well.
    let pages = (count + 1).is_multiple_of(100);
    assert!(
        !pages && touched.as_u64().is_some_and(|touched| touched <= 10),
        "{touched} nodes"
    );
    stored(browser, count + 1).await;

    if repetitions(false, true) {
        measure(browser, room).await;
    }

    browser.reload().await;
    link_is(browser, "joined").await;
    browser.until("the end is there", "[...document.querySelectorAll('.bubble')].some(bubble => bubble.innerText == 'one more')").await;
    assert!(shown(browser).await <= 200);
    scroll_up_to(browser, &format!("{LINE}0")).await;
    browser.shows("Kept in this browser").await;
    // Not in the page, and it is no news for who reads above.
    send_message(browser, "at last").await;
    browser.until("the end is in view", "[...document.querySelectorAll('.bubble')].at(-1).innerText == 'at last' && document.querySelector('.message-log').scrollTop == 0").await;
    term.receives("at last").await;

    browser
        .run("document.querySelector('.message-log').focus()")
        .await;
    browser.run(&press("Home")).await;
    let first = format!(
        "document.querySelector('.bubble').innerText == '{LINE}0' && document.querySelector('.beginning').getBoundingClientRect().top >= 0"
    );
    browser
        .until("Home leads to the first message", &first)
        .await;
    // On something in a row that goes.
    let in_row =
        "const row = document.querySelector('.chat-message'); row.tabIndex = -1; row.focus();";
    browser.run(in_row).await;
    browser.run(&press("End")).await;
    browser
        .until(
            "End leads to the last",
            "[...document.querySelectorAll('.bubble')].at(-1).innerText == 'at last'",
        )
        .await;
    let focused = "document.activeElement.matches('.message-log')";
    browser
        .until("the list has the focus of the row", focused)
        .await;
}

/// Presses a key on the list of messages.
fn press(key: &str) -> String {
    format!(
        "document.querySelector('.message-log').dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true, cancelable: true }}))"
    )
}

/// Prints how long a message takes from Enter to its row.
async fn measure(browser: &TestBrowser, what: &str) {
    let times = browser
        .run(
            "const times = [], field = document.querySelector('#message');
             for (let at = 0; at < 40; at++) {
                 await new Promise(done => setTimeout(done, 200));
                 field.value = `timed ${at}`; field.dispatchEvent(new Event('input', { bubbles: true }));
                 const shown = new Promise(done => {
                     const observer = new MutationObserver(() => {
                         if (document.querySelector('.messages').innerText.includes(`timed ${at}`)) { observer.disconnect(); done(performance.now()); }
                     });
                     observer.observe(document.querySelector('.messages'), { subtree: true, childList: true });
                 });
                 const began = performance.now();
                 field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
                 times.push(await shown - began);
             }
             return times.sort((a, b) => a - b)",
        )
        .await;
    let times: Vec<f64> = times
        .as_array()
        .expect("times")
        .iter()
        .filter_map(Value::as_f64)
        .collect();
    println!(
        "{what}: a message takes {:.1} ms (median), {:.1} ms (95 %)",
        times[20], times[38]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_conversation_has_few_rows_and_is_read_to_its_beginning_in_chromium() {
    let browser = TestBrowser::shared_chromium().await;
    a_long_conversation(&browser, "long-chromium").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_conversation_has_few_rows_and_is_read_to_its_beginning_in_firefox() {
    let browser = TestBrowser::shared_firefox().await;
    a_long_conversation(&browser, "long-firefox").await;
}

/// How far the box of a message is from what stands beside it.
const LAYOUT: &str = "
    const rect = selector => document.querySelector(selector).getBoundingClientRect();
    const bubble = rect('.own .bubble'), time = rect('.own .time');
    const boxes = [...document.querySelectorAll('.messages *')].filter(element => {
        const style = getComputedStyle(element).overflowY;
        return (style == 'auto' || style == 'scroll') && element.scrollHeight > element.clientHeight;
    });
    return { gap: bubble.left - time.right, boxes: boxes.length };
";

#[tokio::test(flavor = "multi_thread")]
async fn a_long_text_is_no_box_that_scrolls_and_pictures_fit_their_cards() {
    let server = server().await;
    let chromium = TestBrowser::shared_chromium().await;
    let firefox = chromium.and_firefox().await;
    for (browser, name) in [(&chromium, "chromium"), (&firefox, "firefox")] {
        let room = format!("layout-{name}");
        join(browser, &server, &room, name).await;
        send_message(browser, "short").await;
        let live = "document.querySelector('.message-log').getAttribute('aria-live') == 'polite'";
        browser.until("news are read out", live).await;
        // Home in a conversation that does not scroll: its end stays in view.
        browser.run(&press("Home")).await;
        let twice =
            "await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));";
        browser.run(twice).await;
        browser.until("the end is in view", live).await;
        let write = "const field = document.querySelector('#message'); field.value = 'a line\\n'.repeat(100);
                     field.dispatchEvent(new Event('input', { bubbles: true }));";
        browser.run(write).await;
        browser.click("#send").await;
        browser
            .until(
                "a part of it is shown",
                "document.querySelector('.clipped .show-all')",
            )
            .await;
        let layout = browser.run(LAYOUT).await;
        assert_eq!(layout["boxes"], 0, "{name}");
        let gap = layout["gap"].as_f64().expect("a number");
        assert!(
            (0.0..20.0).contains(&gap),
            "{name}: the time is {gap} pixels from its bubble"
        );
        let height = "document.querySelector('.clipped').getBoundingClientRect().height";
        let before = browser.run(&format!("return {height}")).await.as_f64();
        let top = "document.querySelector('.clipped').getBoundingClientRect().top";
        let place = browser.run(&format!("return {top}")).await.as_f64();
        browser.click(".show-all").await;
        let higher = format!(
            "{height} > {} && !document.querySelector('.show-all')",
            2.0 * before.expect("a height")
        );
        browser.until("all of it is shown", &higher).await;
        let place = place.expect("a place");
        let stays =
            format!("Math.abs({top} - {place}) <= 2 && document.activeElement.matches('.clipped')");
        browser
            .until("its beginning stays, with the focus", &stays)
            .await;

        // A portrait and a landscape of a phone.
        for (width, height) in [(900, 3_000), (3_000, 900)] {
            let offer = format!(
                "const canvas = document.createElement('canvas'); canvas.width = {width}; canvas.height = {height};
                 canvas.getContext('2d').fillRect(0, 0, {width}, {height});
                 const blob = await new Promise(done => canvas.toBlob(done, 'image/png'));
                 const list = new DataTransfer(); list.items.add(new File([blob], '{width}.png', {{ type: 'image/png' }}));
                 const field = document.querySelector('#file-input'); field.files = list.files;
                 field.dispatchEvent(new Event('change', {{ bubbles: true }}));"
            );
            browser.run(&offer).await;
            let image = format!(
                "document.querySelector('.chat-message .file[data-name=\"{width}.png\"] img')"
            );
            browser
                .until(
                    "the picture is there",
                    &format!("{image}?.naturalWidth == {width}"),
                )
                .await;
            let fits = browser
                .run(&format!(
                    "const image = {image}.getBoundingClientRect(), card = {image}.closest('.file').getBoundingClientRect();
                     return [image.width / image.height, card.width - image.width, image.height]"
                ))
                .await;
            let ratio = fits[0].as_f64().expect("a ratio") / (f64::from(width) / f64::from(height));
            assert!(
                (0.98..1.02).contains(&ratio),
                "{name}: {width}x{height} is distorted: {fits}"
            );
            let room = fits[1].as_f64().expect("a width");
            assert!(
                room >= 0.0,
                "{name}: {width}x{height} is wider than its card: {fits}"
            );
            assert!(
                fits[2].as_f64().is_some_and(|height| height <= 420.0),
                "{name}: {fits}"
            );
        }
        browser.screenshot(&format!("room-layout-{name}")).await;
    }
}
