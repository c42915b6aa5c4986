//! Invalid descriptions and candidates from another peer.

use std::time::Duration;

use shared::signaling::ClientMessage;
use testkit::socket::{TestMember, candidate, offer};
use testkit::{TestPeer, TestServer};

/// Session descriptions that no browser makes.
fn invalid_descriptions() -> Vec<String> {
    let application =
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n";
    let session = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    let credentials = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n";
    [
        String::new(),
        "no SDP at all".to_owned(),
        "v=0\r\n".repeat(1000),
        session.to_owned(),
        format!("{session}{application}"),
        format!("{session}{application}{credentials}"),
        format!("{session}{application}{credentials}a=fingerprint:sha-256 zz\r\n"),
        format!("{session}{application}{credentials}a=fingerprint:md5 AA:BB\r\na=setup:actpass\r\na=sctp-port:99999999\r\na=max-message-size:-1\r\n"),
        format!("{session}{credentials}{}", application.repeat(200)),
        format!("{session}{application}{credentials}a=candidate:{}\r\n", "9 ".repeat(500)),
    ]
    .into()
}

#[tokio::test]
async fn invalid_signaling_of_one_peer_disturbs_no_other() {
    let server = TestServer::with(&["test:"]).await;
    let mut ann = TestPeer::start(&server.url, "invalid", "ann", &[]);
    let mut bob = TestPeer::start(&server.url, "invalid", "bob", &[]);
    let to = bob.connected_to("ann").await["peer"].clone();
    let to = serde_json::from_value(to).unwrap();
    let mut intruder = TestMember::join(&server.url, "invalid", "intruder", 9).await;
    ann.event("joined", |event| event["name"] == "intruder")
        .await;
    for text in invalid_descriptions() {
        intruder.send_message(&offer(&to, &text)).await;
        let (to, sdp) = (to.clone(), text);
        intruder
            .send_message(&ClientMessage::Answer { to, sdp })
            .await;
    }
    for text in [
        "",
        "candidate:",
        "candidate:1 1 udp 1 999.1.1.1 5 typ host",
        "candidate:1 1 udp 4294967296 127.0.0.1 70000 typ host",
        "\u{0}",
    ] {
        intruder.send_message(&candidate(&to, text)).await;
    }
    ann.events_within(Duration::from_millis(500)).await;
    bob.type_line("all well?");
    ann.receives("all well?").await;
    ann.type_line("all well");
    bob.receives("all well").await;
    // New peers still connect.
    let mut cyd = TestPeer::start(&server.url, "invalid", "cyd", &[]);
    cyd.connected_to("ann").await;
    ann.type_line("/quit");
    assert!(ann.ended().await.success());
    server.stop().await;
}
