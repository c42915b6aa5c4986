//! Rooms with peers that third-party libraries make.

use serde_json::Value;
use testkit::browser::TestBrowser;
use testkit::foreign_peer::{ForeignChannel, ForeignPeer};
use testkit::skip;

use crate::rooms::{connected_to, join, receives, send_message};
use crate::server;

/// Both orders of joining: who comes later offers.
#[tokio::test(flavor = "multi_thread")]
async fn foreign_peers_chat_with_chromium_on_whatever_channel_they_use() {
    let server = server().await;
    for (library, channel, foreign_first) in [
        (ForeignPeer::Aiortc, ForeignChannel::Own, true),
        (ForeignPeer::Aiortc, ForeignChannel::Listen, false),
        (ForeignPeer::Werift, ForeignChannel::Negotiated, true),
        (ForeignPeer::Werift, ForeignChannel::Listen, true),
        (ForeignPeer::Werift, ForeignChannel::Own, false),
    ] {
        if !library.exists() {
            skip(&format!(
                "{library:?} is missing; `cargo xtask setup` installs it"
            ));
            continue;
        }
        let ann = TestBrowser::shared_chromium().await;
        let case = format!("{library:?}-{channel:?}-{foreign_first}");
        let join_ext = || library.start(&server.url, &case, channel);
        let mut ext;
        if foreign_first {
            ext = join_ext();
            ext.event("joined", |_| true).await;
            join(&ann, &server, &case, "Ann").await;
            let offer = ext.event("offer", |_| true).await;
            assert_eq!(offer["setup"][0], "a=setup:active", "{case}");
        } else {
            join(&ann, &server, &case, "Ann").await;
            ext = join_ext();
        }
        connected_to(&ann, "ext").await;
        ext.event("open", |_| true).await;
        ext.type_line("plain from afar");
        receives(&ann, "plain from afar").await;
        send_message(&ann, "from Ann").await;
        let has_it = |event: &Value| {
            let text = event["text"].as_str().unwrap_or_default();
            text.contains("from Ann")
        };
        ext.event("message", has_it).await;
    }
    server.stop().await;
}
