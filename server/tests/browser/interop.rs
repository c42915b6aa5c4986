//! Rooms with different clients: Chromium, Firefox and the terminal peer.

use testkit::{TestPeer, browser::TestBrowser};

use crate::{
    rooms::{all_delivered, connected_to, join, messages, receives, send_message},
    server,
};

#[tokio::test(flavor = "multi_thread")]
async fn chromium_firefox_and_a_terminal_talk_in_one_room() {
    let server = server().await;
    let ann = TestBrowser::shared_chromium().await;
    let fox = ann.and_firefox().await;
    join(&ann, &server, "makes", "Ann").await;
    join(&fox, &server, "makes", "Fox").await;
    connected_to(&ann, "Fox").await;
    connected_to(&fox, "Ann").await;
    let mut term = TestPeer::start(&server.url, "makes", "term", &[]);
    for _ in ["Ann", "Fox"] {
        let route = term.event("connected", |_| true).await;
        assert_eq!(route["relayed"], false);
    }
    connected_to(&ann, "term").await;
    connected_to(&fox, "term").await;

    send_message(&ann, "from Chromium").await;
    receives(&fox, "from Chromium").await;
    term.receives("from Chromium").await;
    send_message(&fox, "来自 Firefox").await;
    receives(&ann, "来自 Firefox").await;
    term.receives("来自 Firefox").await;
    term.type_line("from the terminal");
    receives(&ann, "from the terminal").await;
    receives(&fox, "from the terminal").await;
    all_delivered(&ann).await;
    all_delivered(&fox).await;
    term.event("received", |event| event["all"] == true).await;
    assert_eq!(
        messages(&ann).await,
        ["*from Chromium", "来自 Firefox", "from the terminal"]
    );
    assert_eq!(
        messages(&fox).await,
        ["from Chromium", "*来自 Firefox", "from the terminal"]
    );
    ann.screenshot("room-three-clients").await;

    term.type_line("/quit");
    assert!(term.ended().await.success());
    for browser in [&ann, &fox] {
        browser.shows("term left").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_of_sixty_four_kilobytes_reaches_a_terminal_and_comes_back() {
    let server = server().await;
    let ann = TestBrowser::shared_chromium().await;
    join(&ann, &server, "long", "Ann").await;
    let mut term = TestPeer::start(&server.url, "long", "term", &["--echo"]);
    connected_to(&ann, "term").await;
    // Quotes double in JSON: the longest frame possible.
    let fill = "const field = document.querySelector('#message'); field.value = '\"'.repeat(65536 - 6); \
                field.dispatchEvent(new Event('input', { bubbles: true }))";
    ann.run(fill).await;
    ann.click("#send").await;
    let received = term.event("message", |_| true).await;
    assert_eq!(received["text"].as_str().map(str::len), Some(65_530));
    ann.until(
        "the echo is here",
        "[...document.querySelectorAll('.chat-message:not(.own) .long-text')].some(text => text.innerText.length == 65536)",
    )
    .await;
}
