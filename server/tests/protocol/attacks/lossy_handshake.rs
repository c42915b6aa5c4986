//! Connecting over a path that loses datagrams.

use std::time::Instant;

use testkit::{PATIENCE, eventually};
use tokio::task::JoinSet;

use super::relay::Relay;
use super::serve;
use crate::clients::str0m_viewer::{Joining, Str0mViewer};
use crate::clients::transport::Transport;

const VIEWERS: u64 = 5;

/// Loses each datagram with a probability of a fifth.
pub(crate) fn loses(seed: u64) -> impl FnMut() -> bool {
    // A linear congruential generator (Knuth's MMIX).
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33).is_multiple_of(5)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_connect_over_a_path_that_loses_every_fifth_datagram_each_way() {
    let server = serve().await;
    // The server is DTLS client, then DTLS server.
    for setup in ["actpass", "active"] {
        let mut joining = JoinSet::new();
        let mut relays = Vec::new();
        for seed in 1..=VIEWERS {
            let mut loses = loses(seed);
            let relay = Relay::start(&server, move |_, _| !loses()).await;
            let began = Instant::now();
            let by = Joining {
                setup,
                relay: Some(&relay),
                ..Joining::by(Transport::Udp)
            };
            let viewer = Str0mViewer::join_by(&server, "film", by).await;
            relays.push(relay);
            joining.spawn(async move {
                eventually("it watches", PATIENCE, || async {
                    viewer.received().audio_packets > 0
                })
                .await;
                println!("{setup} {seed}: {:?}", began.elapsed());
                viewer
            });
        }
        for viewer in joining.join_all().await {
            viewer.leave().await;
        }
    }
    server.stop().await;
}
