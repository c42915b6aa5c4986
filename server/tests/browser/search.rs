//! The search in a conversation.

use testkit::browser::TestBrowser;

use crate::long_conversation::long_room;
use crate::server;

async fn key(browser: &TestBrowser, init: &str) {
    let script = format!(
        "document.getElementById('search-field').dispatchEvent(new KeyboardEvent('keydown', {{ bubbles: true, {init} }}))"
    );
    browser.run_in_page(&script).await;
}

/// The count beside the field, and the text of the message that is marked, which is in view.
async fn shows(browser: &TestBrowser, count: &str, text: &str) {
    let script = format!(
        "const [count, found] = [document.getElementById('search-count').innerText, [...document.querySelectorAll('.found')]];
        const [log, at] = [document.getElementById('message-log'), found[0]].map(element => element?.getBoundingClientRect());
        return count == '{count}' && found.length == 1 && found[0].querySelector('.bubble').innerText == '{text}'
            && at.bottom > log.top && at.top < log.bottom;"
    );
    browser
        .until(
            &format!("{count}: {text}"),
            &format!("(() => {{ {script} }})()"),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_not_in_the_page_are_found() {
    let server = server().await;
    let browser = TestBrowser::chromium().await;
    let _term = long_room(&server, &browser, "search", 250).await;
    browser.click("#search").await;
    browser
        .until(
            "the field has the focus",
            "document.activeElement.id == 'search-field'",
        )
        .await;
    let type_words = "const field = document.getElementById('search-field');
        field.value = 'TERM 17';
        field.dispatchEvent(new Event('input', { bubbles: true }));";
    browser.run_in_page(type_words).await;
    shows(&browser, "1 of 13", "line 217").await;
    key(&browser, "key: 'Enter'").await;
    shows(&browser, "2 of 13", "line 179").await;
    for (count, text) in [
        ("1 of 13", "line 217"),
        ("13 of 13", "line 17"),
        ("12 of 13", "line 117"),
    ] {
        key(&browser, "key: 'Enter', shiftKey: true").await;
        shows(&browser, count, text).await;
    }
    browser.screenshot("room-search").await;
    let nothing = type_words.replace("TERM 17", "nowhere");
    browser.run_in_page(&nothing).await;
    browser.shows("nothing found").await;
    key(&browser, "key: 'Escape'").await;
    browser
        .until(
            "it is closed",
            "!document.getElementById('search-field') && document.activeElement.id == 'search'",
        )
        .await;
}
