//! Rooms of several makes: Chromium, Firefox and the chat peer of the terminal, two and three at a time.

use testkit::{TestPeer, browser::TestBrowser};

use crate::{
    rooms::{all_delivered, come_in, connected_to, hears, said, say},
    server,
};

#[tokio::test(flavor = "multi_thread")]
async fn chromium_firefox_and_a_terminal_talk_in_one_room() {
    let server = server().await;
    let ann = TestBrowser::chromium().await;
    let fox = ann.and_firefox().await;
    come_in(&ann, &server, "makes", "Ann").await;
    come_in(&fox, &server, "makes", "Fox").await;
    connected_to(&ann, "Fox").await;
    connected_to(&fox, "Ann").await;
    let mut term = TestPeer::start(&server.url, "makes", "term", &[]);
    for _ in ["Ann", "Fox"] {
        let route = term.event("connected", |_| true).await;
        assert_eq!(route["relayed"], false);
    }
    connected_to(&ann, "term").await;
    connected_to(&fox, "term").await;

    say(&ann, "from Chromium").await;
    hears(&fox, "from Chromium").await;
    term.hears("from Chromium").await;
    say(&fox, "来自 Firefox").await;
    hears(&ann, "来自 Firefox").await;
    term.hears("来自 Firefox").await;
    term.type_line("from the terminal");
    hears(&ann, "from the terminal").await;
    hears(&fox, "from the terminal").await;
    all_delivered(&ann).await;
    all_delivered(&fox).await;
    term.event("received", |event| event["all"] == true).await;
    assert_eq!(
        said(&ann).await,
        ["*from Chromium", "来自 Firefox", "from the terminal"]
    );
    assert_eq!(
        said(&fox).await,
        ["from Chromium", "*来自 Firefox", "from the terminal"]
    );
    ann.screenshot("room-three-makes").await;

    term.type_line("/quit");
    assert!(term.ended().await.success());
    for browser in [&ann, &fox] {
        browser.says("term left").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_of_sixty_four_kilobytes_reaches_a_terminal_and_comes_back() {
    let server = server().await;
    let ann = TestBrowser::chromium().await;
    come_in(&ann, &server, "long", "Ann").await;
    let mut term = TestPeer::start(&server.url, "long", "term", &["--echo"]);
    connected_to(&ann, "term").await;
    // Quotes double in JSON: the longest frame there is.
    let fill = "const field = document.querySelector('#message'); field.value = '\"'.repeat(65536 - 6); \
                field.dispatchEvent(new Event('input', { bubbles: true }))";
    ann.run(fill).await;
    ann.click("#send").await;
    let heard = term.event("message", |_| true).await;
    assert_eq!(heard["text"].as_str().map(str::len), Some(65_530));
    ann.until(
        "the echo is here",
        "[...document.querySelectorAll('.chat-message:not(.own) .bubble')].some(message => message.innerText.length == 65536)",
    )
    .await;
}
