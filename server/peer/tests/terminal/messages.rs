//! Texts between terminal peers.

use std::time::Duration;

use testkit::process::program;
use testkit::{TestPeer, TestServer};

async fn server() -> TestServer {
    TestServer::with(&["test:"]).await
}

#[tokio::test]
async fn texts_arrive_in_order_both_ways() {
    let server = server().await;
    let mut ann = TestPeer::start(&server.url, "demo", "ann", &["--send", "first"]);
    ann.event("welcome", |_| true).await;
    let mut bob = TestPeer::start(&server.url, "demo", "bob", &[]);
    let route = bob.connected_to("ann").await;
    assert_eq!(route["relayed"], false);
    assert_eq!(route["local_type"], "host");
    for n in 0..20 {
        ann.type_line(&format!("ann {n}"));
        bob.type_line(&format!("bob {n}"));
    }
    bob.receives("ann 19").await;
    ann.receives("bob 19").await;
    let numbered = |who: &str| (0..20).map(|n| format!("{who} {n}")).collect::<Vec<_>>();
    assert_eq!(bob.texts()[0], "first");
    assert_eq!(bob.texts()[1..], numbered("ann"));
    assert_eq!(ann.texts(), numbered("bob"));
    let last = ann.seen.iter().rfind(|event| event["event"] == "said");
    let number = last.expect("said was printed")["number"].clone();
    if !ann
        .seen
        .iter()
        .any(|event| event["event"] == "received" && event["number"] == number)
    {
        ann.event("received", |event| event["number"] == number)
            .await;
    }
    // Texts may arrive before `connected`. Both sides have the same safety code.
    if !ann.seen.iter().any(|event| event["event"] == "connected") {
        ann.connected_to("bob").await;
    }
    let code = &route["safety_code"];
    ann.type_line("/who");
    let who = ann.event("who", |_| true).await;
    assert_eq!(who["peers"][0]["safety_code"], *code);
    ann.type_line("/quit");
    assert!(ann.ended().await.success());
    bob.event("left", |event| event["name"] == "ann").await;
    server.stop().await;
}

#[tokio::test]
async fn three_peers_receive_each_others_texts() {
    let server = server().await;
    let mut peers: Vec<_> = ["ann", "bob", "cyd"]
        .map(|name| TestPeer::start(&server.url, "three", name, &[]))
        .into();
    // They join at the same time; the server decides their order.
    for peer in &mut peers {
        peer.event("connected", |_| true).await;
        peer.event("connected", |_| true).await;
    }
    for (n, peer) in peers.iter_mut().enumerate() {
        peer.type_line(&format!("I am {n}"));
    }
    for (n, peer) in peers.iter_mut().enumerate() {
        for other in (0..3).filter(|other| *other != n) {
            let text = format!("I am {other}");
            if !peer.texts().contains(&text.as_str()) {
                peer.receives(&text).await;
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_peer_with_texts_to_send_exits_once_they_are_received() {
    let server = server().await;
    let arguments = ["--send", "one", "--send", "two"];
    let mut ann = TestPeer::start(&server.url, "errand", "ann", &arguments);
    ann.end_input();
    let waiting = ann.events_within(Duration::from_millis(700)).await;
    assert!(waiting.iter().all(|event| event["event"] != "bye"));
    let mut bob = TestPeer::start(&server.url, "errand", "bob", &["--echo"]);
    bob.end_input();
    assert!(ann.ended().await.success());
    bob.event("left", |_| true).await;
    assert_eq!(bob.texts(), ["one", "two"]);
    server.stop().await;
}

#[tokio::test]
async fn an_echo_does_not_answer_another_echo() {
    let server = server().await;
    let mut ann = TestPeer::start(&server.url, "echo", "ann", &[]);
    ann.event("welcome", |_| true).await;
    let _bob = TestPeer::start(&server.url, "echo", "bob", &["--echo"]);
    let _cyd = TestPeer::start(&server.url, "echo", "cyd", &["--echo"]);
    ann.event("connected", |_| true).await;
    ann.event("connected", |_| true).await;
    ann.type_line("你好");
    ann.receives("echo: 你好").await;
    ann.events_within(Duration::from_secs(1)).await;
    assert_eq!(ann.texts(), ["echo: 你好", "echo: 你好"]);
    server.stop().await;
}

#[tokio::test]
async fn a_taken_name_ends_the_peer_with_the_servers_sentence() {
    let server = server().await;
    let mut ann = TestPeer::start(&server.url, "names", "ann", &[]);
    ann.event("welcome", |_| true).await;
    let url = server.url.clone();
    let output = tokio::task::spawn_blocking(move || {
        std::process::Command::new(program("peer"))
            .env("XDG_STATE_HOME", testkit::process::scratch())
            .args(["--server", &url, "--room", "names", "--name", "Ann"])
            .stdin(std::process::Stdio::null())
            .output()
    });
    let output = output.await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("name"), "{error}");
    let mut same = TestPeer::start(&server.url, "names", "ann", &[]);
    assert_eq!(same.ended().await.code(), Some(1));
    let last = same.seen.last().expect("an error event");
    assert_eq!(last["event"], "error");
    server.stop().await;
}

#[tokio::test]
async fn an_absent_server_is_waited_for() {
    let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = probe.local_addr().unwrap().to_string();
    drop(probe);
    let mut ann = TestPeer::start(&format!("http://{address}"), "late", "ann", &[]);
    let offline = ann.event("offline", |_| true).await;
    let message = offline["message"].as_str().unwrap();
    assert!(message.contains("cannot be reached"), "{message}");
    let server = TestServer::at(&address, &["test:"]).await;
    ann.event("welcome", |_| true).await;
    server.stop().await;
}
