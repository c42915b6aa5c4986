//! Third-party viewers of a published stream: its answer has several codecs.

use std::path::Path;

use serde_json::Value;
use shared::api::Codec;
use testkit::{TestServer, skip};

use super::another_codec::films;
use super::front::{Front, KEY};
use super::str0m_publisher::Str0mPublisher;
use crate::clients::aiortc::PYTHON;
use crate::connecting::clients::{
    connect_gstreamer, connect_mjs, connect_pion, connect_py, has_node_clients, has_pion,
    has_webrtcbin,
};

/// The name that the scripts ask for.
const STREAM: &str = "film";

#[tokio::test(flavor = "multi_thread")]
async fn third_party_viewers_play_a_stream_that_may_change_its_codec() {
    if !(Path::new(PYTHON).exists() && has_webrtcbin() && has_pion() && has_node_clients()) {
        return skip("a third-party viewer is missing; `cargo xtask setup` installs them");
    }
    for (codec, name) in [(Codec::Vp8, "VP8"), (Codec::H264, "H264")] {
        let publish = format!("{STREAM}={KEY}");
        let server = TestServer::with(&["test:", "--publish", &publish]).await;
        let front = Front::direct(&server);
        let publisher = Str0mPublisher::publish(&front, STREAM, films(codec, (640, 360))).await;
        front.publishes(STREAM).await;
        let arguments = ["--cases".to_owned(), "whep".to_owned()];
        // These offer several codecs.
        let mut outcomes: Vec<(&str, Vec<Value>)> = vec![
            ("aiortc", connect_py(&server, &arguments).await),
            ("Pion", connect_pion(&server, "whep").await),
        ];
        if codec == Codec::H264 {
            // These offer H.264.
            let webrtcbin = connect_gstreamer(&server, "webrtcbin", None, "whep").await;
            outcomes.push(("webrtcbin", webrtcbin));
            for library in ["werift", "libdatachannel"] {
                outcomes.push((library, connect_mjs(&server, library, &arguments).await));
            }
        }
        for (client, outcomes) in outcomes {
            println!("{client}: {outcomes:?}");
            let [outcome] = outcomes.as_slice() else {
                panic!("{client}: {outcomes:?}");
            };
            assert!(outcome["picture"].is_number(), "{client}: {outcome}");
            assert_eq!(outcome["codec"], name, "{client}");
            assert_eq!(outcome["sound"], true, "{client}: {outcome}");
        }
        drop(publisher);
        server.stop().await;
    }
}
