//! The harness: a server in this process, a viewer of another make, and somebody in a room.

// Each test file uses a part of it.
#![allow(dead_code, unreachable_pub, unused_imports)]

mod peer;
mod server;
pub mod socket;
mod viewer;

pub use peer::{TestPeer, write_file};
pub use server::TestServer;
pub use viewer::{TestViewer, Wants};

use std::future::Future;
use std::time::{Duration, Instant};

/// The clip in assets/: H.264 High without B-frames, sound as AAC.
pub fn clip() -> String {
    format!(
        "{}/../assets/big-buck-bunny-720p.mp4",
        env!("CARGO_MANIFEST_DIR")
    )
}

/// Waits until `holds`, at most `limit`; says what for when it does not come.
pub async fn eventually<F: Future<Output = bool>>(
    what: &str,
    limit: Duration,
    mut holds: impl FnMut() -> F,
) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < limit, "after {limit:?} still not: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The sentence of an error answer.
pub async fn sentence(response: reqwest::Response) -> String {
    let error: shared::api::ApiError = response.json().await.expect("errors are JSON");
    error.error
}
