//! Recovery: the server restarts, a peer crashes or is suspended.

use std::process::Command;
use std::time::Duration;

use testkit::process::program;
use testkit::{TestPeer, TestServer};

async fn server() -> TestServer {
    TestServer::with(&["test:"]).await
}

#[tokio::test]
async fn the_chat_goes_on_while_the_server_restarts() {
    let server = server().await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let mut ann = TestPeer::start(&server.url, "restart", "ann", &[]);
    let mut bob = TestPeer::start(&server.url, "restart", "bob", &[]);
    ann.connected_to("bob").await;
    bob.connected_to("ann").await;
    server.stop().await;
    ann.event("offline", |_| true).await;
    bob.event("offline", |_| true).await;
    ann.type_line("without a server");
    bob.receives("without a server").await;
    bob.type_line("so it is");
    ann.receives("so it is").await;
    let server = TestServer::at(&address, &["test:"]).await;
    for peer in [&mut ann, &mut bob] {
        peer.event("welcome", |event| event["again"] == true).await;
    }
    ann.type_line("with a server");
    bob.receives("with a server").await;
    // A peer that joins now connects to both.
    let mut cyd = TestPeer::start(&server.url, "restart", "cyd", &["--send", "hello"]);
    cyd.event("connected", |_| true).await;
    cyd.event("connected", |_| true).await;
    ann.receives("hello").await;
    bob.receives("hello").await;
    bob.events_within(Duration::from_secs(1)).await;
    assert_eq!(bob.texts(), ["without a server", "with a server", "hello"]);
    for (peer, name) in [(&ann, "bob"), (&bob, "ann")] {
        let of = |kind: &str| {
            let events = peer.seen.iter();
            events
                .filter(|event| event["event"] == kind && event["name"] == name)
                .count()
        };
        assert_eq!(of("connected"), 1, "no new connection was made");
        assert_eq!((of("disconnected"), of("left")), (0, 0));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_peer_that_crashed_rejoins_as_the_same_peer() {
    let server = server().await;
    let state = tempfile::tempdir().unwrap();
    let start = |name: &str| {
        let mut command = Command::new(program("peer"));
        command.env("XDG_STATE_HOME", state.path());
        TestPeer::with(command, &server.url, "crash", name, &[])
    };
    let mut ann = start("ann");
    let mut bob = start("bob");
    let first = ann.connected_to("bob").await;
    bob.connected_to("ann").await;
    bob.kill();
    ann.event("away", |event| event["name"] == "bob").await;
    ann.event("disconnected", |event| event["name"] == "bob")
        .await;
    ann.type_line("are you there?");
    let mut bob = start("bob");
    ann.event("back", |event| event["name"] == "bob").await;
    let second = ann.connected_to("bob").await;
    assert_eq!(first["peer"], second["peer"]);
    bob.receives("are you there?").await;
    bob.type_line("again");
    ann.receives("again").await;
    server.stop().await;
}

#[tokio::test]
async fn a_suspended_peer_is_reconnected() {
    let server = server().await;
    let mut ann = TestPeer::start(&server.url, "sleep", "ann", &[]);
    let mut bob = TestPeer::start(&server.url, "sleep", "bob", &[]);
    ann.connected_to("bob").await;
    bob.connected_to("ann").await;
    bob.signal("STOP");
    ann.event("disconnected", |event| event["name"] == "bob")
        .await;
    ann.type_line("wake up");
    bob.signal("CONT");
    ann.connected_to("bob").await;
    bob.receives("wake up").await;
    bob.type_line("I am");
    ann.receives("I am").await;
    // No text arrives twice, and Ctrl-C leaves the room.
    bob.signal("INT");
    assert!(bob.ended().await.success());
    ann.event("left", |event| event["name"] == "bob").await;
    assert_eq!((ann.texts(), bob.texts()), (vec!["I am"], vec!["wake up"]));
    server.stop().await;
}

#[tokio::test]
async fn a_server_without_tls_is_reported() {
    let server = server().await;
    let url = server.url.replace("http://", "https://");
    let mut ann = TestPeer::start(&url, "tls", "ann", &[]);
    let offline = ann.event("offline", |_| true).await;
    let message = offline["message"].as_str().unwrap();
    assert!(message.contains("cannot be reached"), "{message}");
    ann.type_line("/quit");
    assert!(ann.ended().await.success());
    server.stop().await;
}
