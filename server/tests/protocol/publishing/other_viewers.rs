//! Third-party viewers of a published stream: its answer has several codecs.

use std::path::Path;

use serde_json::Value;
use shared::api::Codec;
use testkit::{TestServer, skip};

use super::another_codec::films;
use super::front::{Front, KEY};
use super::str0m_publisher::Str0mPublisher;
use super::{has, watch_stream};
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

/// What a publisher sends does not do: its H.264 has larger NAL units than fit a packet.
#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_in_single_nal_unit_mode_decodes_what_is_encoded_for_it_of_a_published_stream() {
    if !Path::new(PYTHON).exists() {
        return skip("aiortc is missing; `cargo xtask setup` installs it");
    }
    for codec in [Codec::H264, Codec::Vp8] {
        let publish = format!("{STREAM}={KEY}");
        let server = TestServer::with(&["test:", "--publish", &publish]).await;
        let front = Front::direct(&server);
        let publisher = Str0mPublisher::publish(&front, STREAM, films(codec, (640, 360))).await;
        front.publishes(STREAM).await;
        // Others are sent what comes meanwhile.
        let other = watch_stream(&server, STREAM).await;
        let arguments = ["--cases", "single_nal"].map(str::to_owned);
        let outcomes: Vec<Value> = connect_py(&server, &arguments).await;
        let outcome = &outcomes[0];
        println!("{outcome}");
        assert_eq!(outcome["error"], Value::Null, "{outcome}");
        assert_eq!(outcome["codec"], "H264", "{outcome}");
        assert!(outcome["picture"].is_number(), "30 pictures: {outcome}");
        let info = server.registry.get(STREAM).expect("it is published").info();
        let passed = info.renditions.iter().find(|rendition| !rendition.encoded);
        let passed = passed.expect("the other viewer stays");
        assert_eq!((passed.codec, passed.viewers), (codec, 1));
        has(&other, 30).await;
        drop(publisher);
        server.stop().await;
    }
}
