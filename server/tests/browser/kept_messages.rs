//! What a browser keeps of a conversation: in its database, in local storage where the database does not have it, and by which tab.

use testkit::{TestPeer, TestServer, browser::TestBrowser};

use crate::rooms::{connected_to, join, link_is, messages, send_message};
use crate::server;

/// Reads the database that has the conversations.
const ENTRIES: &str = "
    const database = await new Promise((done, failed) => {
        const request = indexedDB.open('weir conversations', 1);
        request.onsuccess = () => done(request.result); request.onerror = failed;
    });
    const ask = request => new Promise((done, failed) => { request.onsuccess = () => done(request.result); request.onerror = failed; });
    const entries = database.transaction('entries').objectStore('entries');
";

/// Whether a text is among the stored messages, as a JavaScript expression.
pub(crate) fn is_stored(text: &str) -> String {
    format!(
        "(async () => {{ {ENTRIES} const all = await ask(entries.getAll()); database.close(); return all.some(entry => entry.includes('{text}')); }})()"
    )
}

/// Waits until the browser has stored so many messages.
pub(crate) async fn stored(browser: &TestBrowser, count: usize) {
    let script = format!(
        "(async () => {{ {ENTRIES} const count = await ask(entries.count()); database.close(); return count == {count}; }})()"
    );
    browser
        .until(&format!("{count} messages are stored"), &script)
        .await;
}

/// Waits until the page shows so many messages.
async fn shown(browser: &TestBrowser, count: usize) {
    let script = format!("document.querySelectorAll('.chat-message').length == {count}");
    browser
        .until(&format!("{count} messages are shown"), &script)
        .await;
}

/// What the storage of the page answers from now on. It is that of the page's own window.
const FULL: &str = "
    window.realPut = IDBObjectStore.prototype.put;
    IDBObjectStore.prototype.put = () => { throw new DOMException('', 'QuotaExceededError') };
";

/// The same for local storage.
const NO_ROOM: &str = "
    window.realSet = Storage.prototype.setItem;
    Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError') };
";

async fn asks_before_it_closes(browser: &TestBrowser) -> bool {
    let closing = "const closing = new Event('beforeunload', { cancelable: true }); window.dispatchEvent(closing); return closing.defaultPrevented";
    browser.run(closing).await == true
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_storage_is_said_and_what_could_not_be_kept_is_kept_later() {
    let server = server().await;
    let chromium = TestBrowser::shared_chromium().await;
    let firefox = chromium.and_firefox().await;
    for (browser, name) in [(chromium, "chromium"), (firefox, "firefox")] {
        let room = format!("full-{name}");
        join(&browser, &server, &room, name).await;
        send_message(&browser, "before").await;
        stored(&browser, 1).await;
        browser.run_in_page(FULL).await;
        send_message(&browser, "while it is full").await;
        let notice = "document.querySelector('#storage-full a[href=\"#/rooms\"]')";
        browser
            .until("it says that the storage is full", notice)
            .await;
        browser.screenshot(&format!("room-full-{name}")).await;
        assert!(
            !asks_before_it_closes(&browser).await,
            "local storage has it"
        );
        browser.run_in_page(NO_ROOM).await;
        send_message(&browser, "nowhere else").await;
        shown(&browser, 3).await;
        assert!(asks_before_it_closes(&browser).await, "it is lost");
        browser
            .run_in_page(
                "IDBObjectStore.prototype.put = realPut; Storage.prototype.setItem = realSet;",
            )
            .await;
        send_message(&browser, "after").await;
        browser
            .until(
                "the notice is gone",
                "!document.querySelector('#storage-full')",
            )
            .await;
        stored(&browser, 4).await;
        browser.reload().await;
        link_is(&browser, "joined").await;
        let all = ["*before", "*while it is full", "*nowhere else", "*after"];
        assert_eq!(messages(&browser).await, all);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_does_not_have_when_the_page_goes_is_there_again() {
    let server = server().await;
    let browser = TestBrowser::shared_chromium().await;
    join(&browser, &server, "gone", "Ann").await;
    send_message(&browser, "stored").await;
    stored(&browser, 1).await;
    browser.run_in_page(FULL).await;
    send_message(&browser, "only in the page").await;
    shown(&browser, 2).await;
    // The next page has a database that works.
    browser.reload().await;
    link_is(&browser, "joined").await;
    stored(&browser, 2).await;
    assert_eq!(messages(&browser).await, ["*stored", "*only in the page"]);
    nothing_left(&browser).await;

    // Nor when another room is opened in the same page, or this one is left.
    browser.run_in_page(FULL).await;
    send_message(&browser, "before another room").await;
    shown(&browser, 3).await;
    browser.open(&server.url("/#/room/another")).await;
    link_is(&browser, "joined").await;
    browser
        .run_in_page("IDBObjectStore.prototype.put = realPut;")
        .await;
    browser.open(&server.url("/#/room/gone")).await;
    link_is(&browser, "joined").await;
    let all = ["*stored", "*only in the page", "*before another room"];
    assert_eq!(messages(&browser).await, all);
    stored(&browser, 3).await;
    nothing_left(&browser).await;
}

/// Local storage has no conversation any more.
async fn nothing_left(browser: &TestBrowser) {
    let left = "!Object.keys(localStorage).some(name => name.startsWith('weir room '))";
    browser.until("local storage has nothing", left).await;
}

const NO_DATABASE: &str =
    "Object.defineProperty(window, 'indexedDB', { value: undefined, configurable: true });";

/// Opens the page and changes it by a script, before it is in a room.
async fn open_changed(browser: &TestBrowser, server: &TestServer, script: &str) {
    browser.open(&server.url("/api/health")).await;
    browser.open(&server.url("/#/rooms")).await;
    browser
        .until("the page is there", "document.querySelector('#join')")
        .await;
    browser.run_in_page(script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_without_a_database_keeps_the_newest_and_says_so() {
    let server = server().await;
    let chromium = TestBrowser::shared_chromium().await;
    for (browser, room) in [
        (chromium.and_firefox().await, "none-1"),
        (chromium, "none-2"),
    ] {
        open_changed(&browser, &server, NO_DATABASE).await;
        // In the same document.
        join(&browser, &server, room, "Ann").await;
        let notice = "document.querySelector('#kept-partly')";
        browser.until("it says so", notice).await;
        send_message(&browser, "kept elsewhere").await;
        let kept = format!(
            "localStorage.getItem('weir room {} {room}')?.includes('kept elsewhere')",
            server.url
        );
        browser.until("local storage has it", &kept).await;
        assert!(!asks_before_it_closes(&browser).await);
        // The next page has a database.
        browser.reload().await;
        link_is(&browser, "joined").await;
        stored(&browser, 1).await;
        assert_eq!(messages(&browser).await, ["*kept elsewhere"]);
        browser
            .until("it says nothing", &format!("!{notice}"))
            .await;
        nothing_left(&browser).await;
    }
}

/// The database of the conversations answers when the test says so; that of received files does at once.
const SLOW: &str = "
    window.realOpen = IDBFactory.prototype.open;
    IDBFactory.prototype.open = function (name, version) {
        return name == 'weir conversations' ? window.waiting = {} : realOpen.call(this, name, version);
    };
";
const ANSWER: &str = "
    const request = realOpen.call(indexedDB, 'weir conversations', 1);
    request.onsuccess = () => { waiting.result = request.result; waiting.onsuccess({}); };
    IDBFactory.prototype.open = realOpen;
";

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_joined_without_a_database_that_takes_long_and_its_messages_come_and_go_later() {
    let server = server().await;
    let browser = TestBrowser::shared_chromium().await;
    join(&browser, &server, "slow", "Ann").await;
    send_message(&browser, "before").await;
    stored(&browser, 1).await;
    open_changed(&browser, &server, SLOW).await;
    let mut term = TestPeer::start(&server.url, "slow", "term", &[]);
    browser.open(&server.url("/#/room/slow")).await;
    link_is(&browser, "joined").await;
    let notice = "document.querySelector('#kept-partly')";
    browser.until("it says so", notice).await;
    connected_to(&browser, "term").await;
    send_message(&browser, "meanwhile").await;
    term.receives("meanwhile").await;
    assert_eq!(messages(&browser).await, ["*meanwhile"]);
    browser.run_in_page(ANSWER).await;
    // Nobody has had it, and what is older than the last one is not taken.
    term.receives("before").await;
    stored(&browser, 2).await;
    assert_eq!(messages(&browser).await, ["*meanwhile", "*before"]);
    browser
        .until("it says nothing", &format!("!{notice}"))
        .await;
    nothing_left(&browser).await;
}

/// Sends a message, and does something in the same moment.
fn send_and(text: &str, then: &str) -> String {
    format!(
        "const field = document.querySelector('#message'); field.value = '{text}';
         field.dispatchEvent(new Event('input', {{ bubbles: true }}));
         field.dispatchEvent(new KeyboardEvent('keydown', {{ key: 'Enter', bubbles: true, cancelable: true }}));
         {then}"
    )
}

/// Another tab takes the room over, over `channel`.
const TAKE: &str = "
    const given = new Promise(done => { channel.onmessage = event => event.data == 'given' && done() });
    channel.postMessage('take');
    await given;
";

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_gives_the_room_away_with_all_messages_and_saves_nothing_afterwards() {
    let server = server().await;
    let chromium = TestBrowser::shared_chromium().await;
    for (browser, room) in [
        (chromium.and_firefox().await, "given-1"),
        (chromium, "given-2"),
    ] {
        join(&browser, &server, room, "Ann").await;
        let held = format!("weir held {} {room}", server.url);
        let channel = format!("const channel = new BroadcastChannel('{held}');");
        let script = send_and("in the last moment", TAKE);
        let is_there = is_stored("in the last moment");
        let given = format!("{channel} {script} return await {is_there}");
        assert_eq!(browser.run(&given).await, true);
        link_is(&browser, "elsewhere").await;
        browser.click("#rejoin").await;
        link_is(&browser, "joined").await;
        assert_eq!(messages(&browser).await, ["*in the last moment"]);

        // As after a sleep without locks: another one has claimed the room since.
        let slept = format!("localStorage.setItem('{held}', 'of another tab');");
        let hide =
            "window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }));";
        let late = format!(
            "{slept} {} const kept = await {}; return kept || !!localStorage.getItem('weir room {} {room}')?.includes('too late')",
            send_and("too late", hide),
            is_stored("too late"),
            server.url
        );
        assert_eq!(browser.run(&late).await, false);
    }
}
