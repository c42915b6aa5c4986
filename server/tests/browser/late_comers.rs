//! A room whose last messages are told to people who come late.

use testkit::{TestPeer, browser::TestBrowser};

use crate::rooms::{ann_and_lin, connected_to, join, messages, receives, send_message};
use crate::server;

async fn history_is(browser: &TestBrowser, on: bool) {
    let script = format!("document.querySelector('#history')?.checked === {on}");
    browser.until(&format!("the switch is {on}"), &script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_late_is_told_the_last_messages_and_by_whom() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "late").await;
    // It knows the frames, and shows none of them.
    let mut term = TestPeer::start(&server.url, "late", "term", &[]);
    connected_to(&ann, "term").await;
    connected_to(&lin, "term").await;
    send_message(&ann, "before").await;
    receives(&lin, "before").await;
    history_is(&ann, false).await;
    ann.click("#history").await;
    history_is(&lin, true).await;
    lin.shows("Ann shows the last messages").await;
    send_message(&ann, "one").await;
    receives(&lin, "one").await;
    send_message(&lin, "two").await;
    receives(&ann, "two").await;
    term.receives("two").await;

    // One author has left.
    ann.click("#leave").await;
    let cy = lin.and_firefox().await;
    join(&cy, &server, "late", "Cy").await;
    connected_to(&cy, "Lin").await;
    receives(&cy, "one").await;
    receives(&cy, "two").await;
    history_is(&cy, true).await;
    let told = "return [...document.querySelectorAll('.told')].map(told => told.innerText).join()";
    cy.shows("People who join later are shown the last messages")
        .await;
    assert_eq!(messages(&cy).await, ["one", "two"]);
    assert_eq!(cy.run(told).await, "passed on by Lin", "Lin's own is not");
    cy.screenshot("room-told").await;
    // It is kept with who has told it.
    cy.reload().await;
    cy.until(
        "both are there",
        "document.querySelectorAll('.chat-message').length == 2",
    )
    .await;
    assert_eq!(cy.run(told).await, "passed on by Lin");
    connected_to(&cy, "Lin").await;
    history_is(&cy, true).await;

    send_message(&cy, "three").await;
    term.receives("three").await;
    cy.click("#history").await;
    history_is(&lin, false).await;
}
