//! Shared by integration tests and benchmarks; no part of the product depends on it.
//!
//! | module | noun |
//! |---|---|
//! | `server` | a server in this process, on free ports |
//! | `viewer` | a viewer built on webrtc-rs, without a browser |
//! | `rtcp_received` | the RTCP that it receives |
//! | `rtp_received`, `pictures` | its counters of one payload type; the pictures that it received |
//! | `film`, `live` | access units that FFmpeg has encoded; a source that publishes them |
//! | [`process`] | a program of the workspace, or one test, in a separate process |
//! | [`socket`] | a member of a room, over a WebSocket |
//! | [`peer`] | the terminal peer as a program |
//! | [`foreign_peer`] | a member of a room that aiortc or werift makes |
//! | [`browser`], [`webdriver`] | Chromium and Firefox |
//! | `site` | a second web server, for pages on another origin |
//! | [`netns`] | network namespaces |
//! | [`skip`](mod@skip) | skipping a test |

#![allow(
    missing_debug_implementations,
    reason = "tests print measurements, not the harness"
)]

pub mod browser;
#[cfg(feature = "in-process")]
pub mod film;
pub mod foreign_peer;
#[cfg(feature = "in-process")]
pub mod live;
pub mod netns;
pub mod peer;
#[cfg(feature = "in-process")]
pub mod pictures;
pub mod process;
#[cfg(feature = "in-process")]
pub mod rtcp_received;
#[cfg(feature = "in-process")]
pub mod rtp_received;
#[cfg(feature = "in-process")]
pub mod server;
#[cfg(feature = "in-process")]
pub mod site;
pub mod skip;
pub mod socket;
#[cfg(feature = "in-process")]
pub mod viewer;
pub mod webdriver;

use std::future::Future;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

pub use peer::{TestPeer, write_file};
#[cfg(feature = "in-process")]
pub use server::TestServer;
pub use skip::skip;
#[cfg(feature = "in-process")]
pub use viewer::{TestViewer, Wants};

/// The clip in assets/: H.264 High without B-frames at 25 frames a second, a keyframe every 5.3 s, and AAC.
pub const CLIP: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../assets/big-buck-bunny-720p.mp4"
);

/// The built bundle of the client.
///
/// # Panics
/// When it has not been built.
pub fn dist() -> &'static str {
    const DIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dist");
    assert!(
        Path::new(DIST).join("index.html").is_file(),
        "{DIST}/index.html is missing: build the bundle with `cargo xtask bundle`"
    );
    DIST
}

/// `often` when the tests run with `cargo xtask test --full`, else `once`: the number of repetitions, or the length of a run.
pub fn repetitions<T>(once: T, often: T) -> T {
    match std::env::var_os("WEIR_FULL") {
        Some(_) => often,
        None => once,
    }
}

/// The time for what has no limit of its own: long, for a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `holds` returns true. Panics with `what` after `limit`.
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

/// Runs a test that measures until one of three runs passes, as [`one_of`].
pub async fn measured<F: Future<Output = ()> + Send + 'static>(test: impl Fn() -> F) {
    for _ in 1..repetitions(3, 1) {
        match tokio::spawn(test()).await {
            Ok(()) => return,
            Err(failure) => tell_failed_attempt(&failure),
        }
    }
    test().await;
}

/// Tries until one attempt succeeds, for measurements: a machine that is busy for a moment spoils one of them, a fault of what is measured each.
/// With `--full`, on a machine that does nothing else, the first attempt counts. Panics with all failures.
pub async fn one_of<T>(attempts: usize, mut attempt: impl AsyncFnMut() -> Result<T, String>) -> T {
    let attempts = repetitions(attempts, 1);
    let mut failures = Vec::new();
    for _ in 0..attempts {
        match attempt().await {
            Ok(outcome) => return outcome,
            Err(failure) => {
                tell_failed_attempt(&failure);
                failures.push(failure);
            }
        }
    }
    panic!(
        "each of {attempts} attempts failed:\n{}",
        failures.join("\n")
    );
}

/// On the error stream itself, which the test harness does not keep back when the test passes.
fn tell_failed_attempt(failure: &dyn std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "once more, after this: {failure}");
}

/// The error message in the body of a response.
pub async fn sentence(response: reqwest::Response) -> String {
    let error: shared::api::ApiError = response.json().await.expect("errors are JSON");
    error.error
}
