//! End to end: the real server, the real bundle, real browsers.
//!
//! Needs `dist/` and browsers with their drivers: `cargo xtask test` sees to both.

mod accessibility;
mod canvas;
mod codecs;
mod doctor;
mod exchange;
mod gathering;
mod mishaps;
mod origin;
mod pages;
mod rooms;
mod slow;
mod video;
mod watch;

use testkit::{TestServer, dist};

/// What the server of these tests calls the clip in assets/.
const STREAM: &str = "clip";

/// A server with the clip and the bundle.
async fn server() -> TestServer {
    server_at("127.0.0.1:0").await
}

/// The same at this address, for the second life of a server.
async fn server_at(address: &str) -> TestServer {
    let source = format!("{STREAM}={}", testkit::CLIP);
    TestServer::at(address, &[&source, "--dist", dist()]).await
}
