//! A conversation survives a server restart, glare and packet loss.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use testkit::{
    TestPeer,
    browser::{self, TestBrowser},
    eventually, skip,
};

use crate::{
    rooms::{
        all_delivered, ann_and_lin, connected_to, join, link_is, messages, receives, send_message,
    },
    server, server_at,
};

/// The terminal has come later, so it has offered, and is the DTLS client.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_restarts_ice_with_a_terminal_that_had_offered() {
    const COUNT_CONNECTIONS: &str = "window.RTCPeerConnection = class extends RTCPeerConnection {
            constructor(...all) {
                super(...all);
                document.body.dataset.connections = 1 + Number(document.body.dataset.connections ?? 0);
            }
        };";
    let server = server().await;
    let chromium = TestBrowser::shared_chromium().await;
    let firefox = chromium.and_firefox().await;
    for (browser, room) in [
        (&chromium, "restart-chromium"),
        (&firefox, "restart-firefox"),
    ] {
        join(browser, &server, room, "Web").await;
        browser.run_in_page(COUNT_CONNECTIONS).await;
        let mut term = TestPeer::start(&server.url, room, "term", &[]);
        let first = term.connected_to("Web").await;
        connected_to(browser, "term").await;
        browser
            .run("window.dispatchEvent(new Event('online'))")
            .await;
        // The terminal takes new sockets.
        let moved = |event: &Value| event["local"] != first["local"];
        term.event("connected", moved).await;
        term.type_line("still here");
        receives(browser, "still here").await;
        let connections = browser
            .run("return document.body.dataset.connections")
            .await;
        assert_eq!(connections, "1", "{room}: it was not replaced");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_continues_while_the_server_is_down_and_afterwards() {
    let first = server().await;
    let address = first.url.trim_start_matches("http://").to_owned();
    let ann = TestBrowser::shared_chromium().await;
    let lin = ann.and_chromium().await;
    join(&ann, &first, "demo", "Ann").await;
    join(&lin, &first, "demo", "Lin").await;
    let mut term = TestPeer::start(&first.url, "demo", "term", &[]);
    for browser in [&ann, &lin] {
        connected_to(browser, "term").await;
    }
    connected_to(&ann, "Lin").await;
    first.stop().await;
    link_is(&ann, "lost").await;
    link_is(&lin, "lost").await;
    ann.screenshot("room-server-away").await;
    send_message(&ann, "Is it down?").await;
    receives(&lin, "Is it down?").await;
    term.receives("Is it down?").await;
    send_message(&lin, "Yes, and we are not.").await;
    receives(&ann, "Yes, and we are not.").await;

    let second = server_at(&address).await;
    for browser in [&ann, &lin] {
        link_is(browser, "joined").await;
    }
    term.event("welcome", |_| true).await;
    eventually(
        "all are in the room again",
        Duration::from_secs(30),
        || async {
            ann.run("return document.querySelectorAll('.person[data-path=direct]').length")
                .await
                == 2
        },
    )
    .await;
    term.type_line("back");
    receives(&ann, "back").await;
    receives(&lin, "back").await;
    all_delivered(&ann).await;
    let all = ["*Is it down?", "Yes, and we are not.", "back"];
    assert_eq!(
        messages(&ann).await,
        all,
        "nothing is lost and nothing doubled"
    );
    // A peer that joins later connects to all.
    let mut late = TestPeer::start(&second.url, "demo", "late", &[]);
    for _ in ["Ann", "Lin", "term"] {
        late.event("connected", |_| true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_who_reload_at_once_reconnect_in_spite_of_glare() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "glare").await;
    for round in 0..3 {
        // Each joins a room that contains the other, and sends an offer.
        tokio::join!(ann.reload(), lin.reload());
        let (hello, answer) = (format!("hello {round}"), format!("answer {round}"));
        send_message(&ann, &hello).await;
        receives(&lin, &hello).await;
        send_message(&lin, &answer).await;
        receives(&ann, &answer).await;
    }
    all_delivered(&ann).await;
    all_delivered(&lin).await;
    assert_eq!(messages(&ann).await.len(), 6);
}

/// Set for the test below in its own network namespace, which loses one packet of ten.
const LOSSY: &str = "WEIR_LOSSY";

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_loses_one_packet_of_ten_carries_chat_and_files() {
    if std::env::var_os(LOSSY).is_some() {
        return over_a_lossy_link().await;
    }
    let _place = browser::shared().await;
    let space = format!("weir-lossy-{}", std::process::id());
    let run = |program: &str, arguments: &[&str]| {
        Command::new(program)
            .args(arguments)
            .status()
            .is_ok_and(|status| status.success())
    };
    if !run("ip", &["netns", "add", &space]) {
        return skip("network namespaces need Linux, root and iproute2");
    }
    let inside = |words: &str| {
        let words: Vec<_> = ["netns", "exec", &space]
            .into_iter()
            .chain(words.split(' '))
            .collect();
        run("ip", &words)
    };
    let rule = "nft add rule inet loss input meta l4proto udp numgen random mod 100 < 10 drop";
    let ready = inside("ip link set lo up")
        && inside("nft add table inet loss")
        && inside("nft add chain inet loss input { type filter hook input priority 0 ; }")
        && inside(rule);
    let this = std::env::current_exe().expect("a test is a program");
    let name = "resilience::a_link_that_loses_one_packet_of_ten_carries_chat_and_files";
    let passed = ready
        && Command::new("ip")
            .args(["netns", "exec", &space])
            .arg(this)
            .args(["--exact", name, "--nocapture"])
            .env(LOSSY, "1")
            .status()
            .is_ok_and(|status| status.success());
    run("ip", &["netns", "delete", &space]);
    assert!(
        ready,
        "the namespace could not be set up; are nftables installed?"
    );
    assert!(passed, "see above");
}

async fn over_a_lossy_link() {
    let server = server().await;
    let ann = TestBrowser::shared_chromium().await;
    join(&ann, &server, "lossy", "Ann").await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let saved = folder.path().to_str().expect("its name is text");
    let mut term = TestPeer::start(&server.url, "lossy", "term", &["--save", saved]);
    connected_to(&ann, "term").await;
    for n in 0..20 {
        send_message(&ann, &format!("ann {n}")).await;
        term.type_line(&format!("term {n}"));
    }
    receives(&ann, "term 19").await;
    all_delivered(&ann).await;
    let expected: Vec<_> = (0..20).map(|n| format!("ann {n}")).collect();
    if term.texts().len() < expected.len() {
        term.receives("ann 19").await;
    }
    assert_eq!(term.texts(), expected, "in order, none twice");
    // SCTP waits a second for each packet whose retransmission is lost too (RFC 9260 16), so a large file would take minutes.
    crate::file_transfer::offer(&ann, "lossy.bin", 100_000).await;
    ann.until(
        "the file has arrived, whole",
        "document.querySelector('.file[data-name=\"lossy.bin\"][data-stage=complete]')",
    )
    .await;
    let size = std::fs::metadata(folder.path().join("lossy.bin")).expect("the file is there");
    assert_eq!(size.len(), 100_000);
}
