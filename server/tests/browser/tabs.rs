//! A person in a room who loads the page again, closes it, or opens it a second time in the same browser.

use std::time::{Duration, Instant};

use shared::signaling::RELOAD_S;
use testkit::browser::TestBrowser;
use testkit::{TestServer, dist};

use crate::rooms::{
    all_delivered, ann_and_lin, connected_to, join, link_is, messages, receives, send_message,
};
use crate::server;

/// Waits for a note between the messages, and returns all.
async fn notes(browser: &TestBrowser, last: &str) -> serde_json::Value {
    let all = "[...document.querySelectorAll('.note')].map(note => note.innerText)";
    let there = format!("{all}.includes('{last}') && {all}");
    browser
        .until(&format!("there is a note: {last}"), &there)
        .await
}

async fn visit(browser: &TestBrowser, server: &str, room: &str) {
    browser.open(&format!("{server}/#/room/{room}")).await;
}

/// Two tabs of one browser.
async fn is_continued(browser: &TestBrowser, server: &TestServer, url: &str) {
    let first = browser.open_window().await;
    visit(browser, url, "tabs").await;
    browser.fill("#name", "Ann").await;
    browser.click("#join").await;
    link_is(browser, "joined").await;
    send_message(browser, "from the first").await;
    let second = browser.open_window().await;
    visit(browser, url, "tabs").await;
    link_is(browser, "elsewhere").await;
    browser.click("#rejoin").await;
    link_is(browser, "joined").await;
    assert_eq!(messages(browser).await, ["*from the first"]);
    send_message(browser, "from the second").await;
    browser.switch_to(&first).await;
    link_is(browser, "elsewhere").await;
    assert_eq!(server.rooms.sockets(), 1, "one of them is in the room");
    browser.click("#rejoin").await;
    link_is(browser, "joined").await;
    assert_eq!(
        messages(browser).await,
        ["*from the first", "*from the second"]
    );
    browser.switch_to(&second).await;
    link_is(browser, "elsewhere").await;
    browser.close_window().await;
    browser.switch_to(&first).await;
    link_is(browser, "joined").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_tab_says_that_the_room_is_open_and_continues_it() {
    let chromium = TestBrowser::shared_chromium().await;
    for browser in [chromium.and_firefox().await, chromium] {
        let server = server().await;
        is_continued(&browser, &server, &server.url).await;
    }
}

/// Over HTTP, a page that is not of this machine has no locks.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_tab_continues_a_room_without_locks() {
    let browser = TestBrowser::chromium_of_a_phone().await;
    let server = TestServer::with(&["test:", "--dist", dist(), "--host", "phone.test"]).await;
    let url = server.url.replace("127.0.0.1", "phone.test");
    visit(&browser, &url, "tabs").await;
    assert_eq!(browser.run("return !!navigator.locks").await, false);
    is_continued(&browser, &server, &url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_is_not_seen_and_a_closed_page_has_left() {
    let server = server().await;
    let watcher = TestBrowser::shared_chromium().await;
    join(&watcher, &server, "demo", "Ann").await;
    for (browser, name) in [
        (watcher.and_chromium().await, "Lin"),
        (watcher.and_firefox().await, "Fox"),
    ] {
        let first = browser.open_window().await;
        join(&browser, &server, "demo", name).await;
        connected_to(&browser, "Ann").await;
        send_message(&browser, &format!("I am {name}")).await;
        receives(&watcher, &format!("I am {name}")).await;
        let mut slowest = Duration::ZERO;
        let began = Instant::now();
        browser.reload().await;
        link_is(&browser, "joined").await;
        slowest = slowest.max(began.elapsed());
        connected_to(&watcher, name).await;
        // The same link in a tab of its own, once the first is closed: nobody has that name but oneself.
        let second = browser.open_window().await;
        browser.switch_to(&first).await;
        let began = Instant::now();
        browser.close_window().await;
        browser.switch_to(&second).await;
        visit(&browser, &server.url, "demo").await;
        link_is(&browser, "joined").await;
        slowest = slowest.max(began.elapsed());
        assert_eq!(messages(&browser).await, [format!("*I am {name}")]);
        connected_to(&watcher, name).await;
        browser.open("about:blank").await;
        let all = notes(&watcher, &format!("{name} left")).await;
        let of = |text: &serde_json::Value| text.as_str().is_some_and(|text| text.contains(name));
        let own: Vec<_> = all
            .as_array()
            .expect("a list")
            .iter()
            .filter(|text| of(text))
            .collect();
        // A machine that takes longer than the server waits shows more.
        let is_late = slowest > Duration::from_secs(RELOAD_S - 1);
        assert!(
            own.len() == 2 || is_late && own.len() > 2,
            "joined and left once: {all}, the slowest return after {slowest:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_new_name_leaves_the_place_and_the_old_one() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "names").await;
    send_message(&lin, "before").await;
    receives(&ann, "before").await;
    lin.click("#rename").await;
    lin.fill("#name", "\u{E009}a\u{E000}ann").await;
    lin.click(".people-panel #join").await;
    let said = "document.querySelector('#name-error')?.innerText.includes('already has this name')";
    lin.until("it is said under the field", said).await;
    link_is(&lin, "joined").await;
    let name = "JSON.parse(localStorage.getItem('weir')).name";
    assert_eq!(lin.run(&format!("return {name}")).await, "Lin");
    connected_to(&ann, "Lin").await;
    send_message(&lin, "still here").await;
    receives(&ann, "still here").await;
    lin.fill("#name", "\u{E009}a\u{E000}Lina").await;
    lin.click(".people-panel #join").await;
    connected_to(&ann, "Lina").await;
    lin.until("the new name is kept", &format!("{name} == 'Lina'"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_name_of_a_room_asks_for_another_room_and_who_joins_can_write_at_once() {
    let server = server().await;
    let browser = TestBrowser::shared_chromium().await;
    visit(&browser, &server.url, "short").await;
    browser.fill("#name", "Ann").await;
    browser.click("#join").await;
    link_is(&browser, "joined").await;
    let focused = "document.activeElement.id == 'message'";
    browser.until("the field has the focus", focused).await;
    visit(&browser, &server.url, &"r".repeat(65)).await;
    browser.shows("name for the room").await;
    let asks = "return !!document.querySelector('#name')";
    assert_eq!(browser.run(asks).await, false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_goes_on_while_another_page_is_shown() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "demo").await;
    send_message(&lin, "first").await;
    receives(&ann, "first").await;
    ann.click(".bar nav a[href='#/']").await;
    let chip = "document.querySelector('#open-room')?.innerText";
    ann.until("the bar leads back", &format!("{chip} == 'in room demo'"))
        .await;
    send_message(&lin, "second").await;
    ann.until("it counts", &format!("{chip} == 'in room demo, 1 unread'"))
        .await;
    all_delivered(&lin).await;
    ann.click("#open-room").await;
    assert_eq!(messages(&ann).await, ["first", "second"]);
    ann.until(
        "on its own page it is not needed",
        "!document.querySelector('#open-room')",
    )
    .await;
    ann.click("#leave").await;
    notes(&lin, "Ann left").await;
    ann.click(".bar nav a[href='#/']").await;
    ann.until("it is left", "document.querySelector('main:not(.room)')")
        .await;
    assert_eq!(
        ann.run(&format!("return {chip} ?? null")).await,
        serde_json::Value::Null
    );
}
