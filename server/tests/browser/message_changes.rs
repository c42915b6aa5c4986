//! Replies, edits, deletions and reactions.

use std::time::Duration;

use testkit::{TestPeer, browser::TestBrowser};
use tokio::time::sleep;

use crate::rooms::{ann_and_lin, connected_to, receives, send_message};
use crate::server;

/// Opens the menu of the message with this text, and clicks what has this label.
async fn choose(browser: &TestBrowser, text: &str, label: &str) {
    let script = format!(
        "const message = [...document.querySelectorAll('.chat-message')].find(message => message.querySelector('.bubble')?.innerText == '{text}');
        if (!message.querySelector('.message-menu')) message.querySelector('.menu-button').click();"
    );
    browser.run_in_page(&script).await;
    click(browser, ".message-menu button", label).await;
}

async fn click(browser: &TestBrowser, selector: &str, label: &str) {
    let find = format!(
        "[...document.querySelectorAll('{selector}')].find(button => button.innerText == '{label}')"
    );
    browser.until(&format!("there is {label}"), &find).await;
    browser.run_in_page(&format!("{find}.click()")).await;
}

async fn type_and_send(browser: &TestBrowser, text: &str) {
    let script = format!(
        "const field = document.getElementById('message');
        field.value = '{text}';
        field.dispatchEvent(new Event('input', {{ bubbles: true }}));
        field.dispatchEvent(new KeyboardEvent('keydown', {{ key: 'Enter', bubbles: true }}));"
    );
    browser.run_in_page(&script).await;
}

async fn field_has(browser: &TestBrowser, text: &str) {
    let script = format!("document.getElementById('message').value == '{text}'");
    browser
        .until(&format!("the field has {text:?}"), &script)
        .await;
}

async fn reactions_are(browser: &TestBrowser, expected: &str) {
    let script = format!(
        "[...document.querySelectorAll('.reaction')].map(reaction => reaction.innerText).join() == '{expected}'"
    );
    browser
        .until(&format!("the reactions are {expected:?}"), &script)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_edited_reacted_to_replied_to_and_deleted() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "changes").await;
    let mut term = TestPeer::start(&server.url, "changes", "term", &[]);
    connected_to(&ann, "term").await;
    connected_to(&lin, "term").await;
    send_message(&ann, "helo").await;
    receives(&lin, "helo").await;
    term.receives("helo").await;

    // The last message is edited with the arrow key; a draft waits.
    ann.run_in_page("document.getElementById('message').dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowUp', bubbles: true }))").await;
    field_has(&ann, "helo").await;
    type_and_send(&ann, "hello").await;
    field_has(&ann, "").await;
    receives(&lin, "hello").await;
    lin.shows("edited").await;
    term.receives("hello").await;

    choose(&lin, "hello", "👍").await;
    reactions_are(&ann, "👍").await;
    term.receives("👍").await;
    click(&ann, ".reaction", "👍").await;
    reactions_are(&lin, "👍 2").await;
    click(&ann, ".reaction", "👍 2").await;
    reactions_are(&lin, "👍").await;

    choose(&lin, "hello", "Reply").await;
    lin.shows("Reply to Ann").await;
    lin.screenshot("room-reply").await;
    type_and_send(&lin, "and hello to you").await;
    receives(&ann, "and hello to you").await;
    term.receives("and hello to you").await;
    lin.until(
        "no reply any more",
        "!document.getElementById('writing-about')",
    )
    .await;
    // The quote leads to the message.
    ann.run_in_page("document.querySelector('button.quote').click()")
        .await;
    ann.until(
        "the message has the focus",
        "document.activeElement.querySelector('.bubble')?.innerText == 'hello'",
    )
    .await;
    ann.screenshot("room-changes").await;

    // It goes everywhere, also from the quote, and stays away.
    choose(&ann, "hello", "Delete").await;
    // A double click deletes nothing.
    sleep(Duration::from_millis(500)).await;
    click(&ann, ".message-menu button", "Delete for everybody").await;
    let gone = "!document.querySelector('.message-log').innerText.split('\\n').some(line => line.trim() == 'hello' || line.endsWith(' hello')) && document.querySelector('.deleted')";
    ann.until("it is deleted", gone).await;
    lin.until("it is deleted for Lin", gone).await;
    reactions_are(&lin, "").await;
    lin.reload().await;
    lin.shows("and hello to you").await;
    connected_to(&lin, "Ann").await;
    lin.until("it is deleted after a reload", gone).await;

    // Nobody changes the messages of others; Escape ends an edit.
    lin.run_in_page("document.querySelector('.chat-message .menu-button').click()")
        .await;
    let only_reply = "[...document.querySelectorAll('.message-menu .link')].map(link => link.innerText).join() == 'Reply,Edit,Delete'";
    lin.until("one's own can be edited", only_reply).await;
    choose(&lin, "and hello to you", "Edit").await;
    field_has(&lin, "and hello to you").await;
    lin.run_in_page("document.getElementById('message').dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))").await;
    field_has(&lin, "").await;
    ann.run_in_page("[...document.querySelectorAll('.chat-message .menu-button')].pop().click()")
        .await;
    ann.until(
        "another's is only replied to",
        "[...document.querySelectorAll('.message-menu .link')].map(link => link.innerText).join() == 'Reply'",
    )
    .await;
}
