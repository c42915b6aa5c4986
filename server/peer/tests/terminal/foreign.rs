//! Peers that third-party libraries make.

use std::time::Duration;

use serde_json::{Value, json};
use shared::chat::MAX_TEXT;
use testkit::foreign_peer::{ForeignChannel, ForeignPeer};
use testkit::{TestPeer, TestServer, skip};

async fn server() -> TestServer {
    TestServer::with(&["test:"]).await
}

/// Those that are installed.
fn installed() -> impl Iterator<Item = ForeignPeer> {
    ForeignPeer::ALL.into_iter().filter(|library| {
        let exists = library.exists();
        if !exists {
            skip(&format!(
                "{library:?} is missing; `cargo xtask setup` installs it"
            ));
        }
        exists
    })
}

/// Whether a foreign peer received a frame with this text.
fn has_text(event: &Value, text: &str) -> bool {
    let frame = event["text"].as_str();
    frame.is_some_and(|frame| frame.contains(text))
}

#[tokio::test]
async fn a_text_that_is_no_frame_is_shown_as_a_message_of_bounded_length() {
    let server = server().await;
    for library in installed() {
        let room = format!("plain-{library:?}");
        let mut ann = TestPeer::start(&server.url, &room, "ann", &["--echo"]);
        ann.event("welcome", |_| true).await;
        let mut ext = library.start(&server.url, &room, ForeignChannel::Negotiated);
        ext.event("open", |event| event["id"] == 0).await;

        for line in [
            "你好 from afar",
            r#"{"type":"poke","to":"a newer client"}"#,
            r#"{"text":"no frame of ours"}"#,
        ] {
            ext.type_line(line);
        }
        let texts = ["你好 from afar", r#"{"text":"no frame of ours"}"#];
        for text in texts {
            ann.receives(text).await;
        }
        assert_eq!(ann.texts(), texts, "a frame of an unknown type is skipped");
        // werift sends at most 64 KiB.
        if library == ForeignPeer::Aiortc {
            ext.type_line(&"long".repeat(20_000));
            let is_cut = |event: &Value| {
                event["text"]
                    .as_str()
                    .is_some_and(|text| text.ends_with('…'))
            };
            let cut = ann.event("message", is_cut).await;
            assert!(
                cut["text"]
                    .as_str()
                    .is_some_and(|text| text.len() <= MAX_TEXT)
            );
        }
        // The answer is a frame.
        let echo = r#""text":"echo: 你好 from afar""#;
        ext.event("message", |event| has_text(event, echo)).await;
        // Frames count from 1, whatever numbers the texts got here.
        ext.type_line(
            r#"{"type":"message","number":1,"at":0,"body":{"is":"text","text":"a frame"}}"#,
        );
        ann.receives("a frame").await;
        ext.event("message", |event| {
            event["text"] == r#"{"type":"received","number":1}"#
        })
        .await;
    }
    server.stop().await;
}

/// It sends plain text, and `received` for nothing.
#[tokio::test]
async fn a_peer_with_nothing_left_to_send_exits_although_a_foreign_peer_acknowledges_nothing() {
    let server = server().await;
    let mut pairs = Vec::new();
    for library in installed() {
        let room = format!("exit-{library:?}");
        let mut ann = TestPeer::start(&server.url, &room, "ann", &["--send", "first"]);
        ann.event("welcome", |_| true).await;
        let ext = library.start(&server.url, &room, ForeignChannel::Own);
        pairs.push((ann, ext));
    }
    for (ann, ext) in &mut pairs {
        let first = ext.event("message", |_| true).await;
        assert!(has_text(&first, "first"), "{first}");
        ext.type_line("from afar");
        ann.receives("from afar").await;
        ann.type_line("second");
        ann.end_input();
        ext.event("message", |event| has_text(event, "second"))
            .await;
    }
    for (ann, ext) in &mut pairs {
        assert!(ann.ended().await.success());
        ext.kill();
        ext.ended().await;
        let texts = ext.texts();
        let first = texts.iter().filter(|text| text.contains("first"));
        assert_eq!(first.count(), 1, "{texts:?}");
    }
    server.stop().await;
}

/// Both orders of joining: who comes later offers.
#[tokio::test]
async fn a_foreign_peer_that_came_first_or_later_chats_on_whatever_channel_it_uses() {
    let server = server().await;
    for library in installed() {
        for channel in [
            ForeignChannel::Negotiated,
            ForeignChannel::Own,
            ForeignChannel::Listen,
        ] {
            for foreign_first in [true, false] {
                // werift 0.25.2 answers `active` to any offer, and begins SCTP only as the controlling side of ICE; webrtc 0.21.1 begins it only
                // as DTLS client, so nobody would. Browsers begin it in any role.
                if foreign_first && library == ForeignPeer::Werift {
                    continue;
                }
                let case = format!("{library:?}-{channel:?}-{foreign_first}");
                let join_ext = || library.start(&server.url, &case, channel);
                let join_ann = || TestPeer::start(&server.url, &case, "ann", &["--send", "first"]);
                let (mut ann, mut ext);
                if foreign_first {
                    ext = join_ext();
                    ext.event("joined", |_| true).await;
                    ann = join_ann();
                    let offer = ext.event("offer", |_| true).await;
                    assert_eq!(offer["setup"], json!(["a=setup:active"]), "{case}");
                } else {
                    ann = join_ann();
                    ann.event("welcome", |_| true).await;
                    ext = join_ext();
                }
                // It comes although the other side has said nothing, and before any pause after which messages are sent again.
                let first = ext.event("message", |_| true).await;
                assert!(has_text(&first, "first"), "{case}: {first}");

                ext.type_line("from afar");
                ann.receives("from afar").await;
                ann.type_line("from ann");
                let has_it = |event: &Value| has_text(event, "from ann");
                ext.event("message", has_it).await;
                let again = ext.events_within(Duration::from_millis(300)).await;
                assert!(
                    !again.iter().any(has_it),
                    "{case}: once it speaks it hears once"
                );
            }
        }
    }
    server.stop().await;
}
