//! End to end: the real server, the real bundle, real browsers.
//!
//! Needs `dist/` and browsers with their drivers: `cargo xtask test` sees to both.

mod browser;
mod canvas;
mod codecs;
#[path = "../common/mod.rs"]
mod common;
mod doctor;
mod exchange;
mod film;
mod gathering;
mod mishaps;
mod origin;
mod pages;
mod rooms;
mod site;
mod slow;
mod watch;
mod webdriver;

use common::TestServer;

/// What the server of these tests calls the film of `assets/`.
const FILM: &str = "film";

/// The bundle, built.
const DIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../dist");

/// A server that shows the film and the bundle.
async fn server() -> TestServer {
    server_at("127.0.0.1:0").await
}

/// The same at this address, for the second life of a server.
async fn server_at(address: &str) -> TestServer {
    let index = format!("{DIST}/index.html");
    assert!(
        std::path::Path::new(&index).is_file(),
        "{index} is missing: build the bundle with `cargo xtask test`, or with `trunk build --release`"
    );
    let film = format!("{FILM}={}", common::clip());
    TestServer::at(address, &[&film, "--dist", DIST]).await
}
