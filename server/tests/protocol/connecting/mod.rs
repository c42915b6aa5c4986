//! Clients of many makes connect, every time; and how long that takes, from the answer on.
//!
//! `cargo xtask test connecting::table --full` prints the table of docs/figures.md. The page, Python and Node each run a script
//! that does what a simple player does.

pub(crate) mod clients;
mod lossy;
mod matrix;
mod one_kind;
mod single_nal;

use std::io::{Write, stderr};
use std::path::Path;

use serde::Deserialize;
use serde_json::json;
use testkit::browser::TestBrowser;
use testkit::{TestServer, repetitions, skip};

use crate::clients::aiortc::PYTHON;
use clients::{connect_js, connect_mjs, connect_py, connect_str0m, has_node_clients};

/// Of one try: seconds from the answer on, as the client sees them.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Times {
    ice: Option<f64>,
    dtls: Option<f64>,
    /// The first picture that can be decoded, or is.
    picture: Option<f64>,
}

/// Whether the answer says `a=ice-lite`, as the client reads it.
const ANSWERS: [(bool, &str); 2] = [(false, ""), (true, "a=ice-lite")];

async fn serve() -> TestServer {
    let film = format!("film={}", testkit::CLIP);
    let arguments = ["--shards", "1", "--per-address", "off", &film];
    TestServer::with(&arguments).await
}

/// Prints a row of the table. Each try has connected.
#[track_caller]
fn report(client: &str, answer: &str, tries: &[Times]) {
    let sorted = |of: fn(&Times) -> Option<f64>| {
        let mut times: Vec<_> = tries.iter().filter_map(of).collect();
        times.sort_by(f64::total_cmp);
        times
    };
    let (dtls, picture) = (sorted(|times| times.dtls), sorted(|times| times.picture));
    let all = tries.len();
    assert_eq!(
        (dtls.len(), picture.len()),
        (all, all),
        "{client} {answer}: {tries:?}"
    );
    let milliseconds = |times: &[f64], percent: usize| {
        let rank = (times.len() * percent).div_ceil(100).max(1);
        format!("{:.0}", times[rank - 1] * 1000.0)
    };
    let columns = [&dtls, &picture].map(|times| {
        let [p50, p95] = [50, 95].map(|percent| milliseconds(times, percent));
        format!("{p50}, {p95} ms")
    });
    // libtest hides what a passing test prints.
    let _ = writeln!(
        stderr(),
        "| {client} | {answer} | {all} | {} |",
        columns.join(" | ")
    );
}

fn tries() -> usize {
    repetitions(2, 50)
}

#[tokio::test(flavor = "multi_thread")]
async fn table_str0m_connects_every_time() {
    let server = serve().await;
    for (lite, answer) in ANSWERS {
        let mut times = Vec::new();
        for _ in 0..tries() {
            times.push(connect_str0m(&server, lite).await);
        }
        report("str0m", answer, &times);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn table_aiortc_connects_every_time() {
    if !Path::new(PYTHON).exists() {
        return skip("aiortc is missing; `cargo xtask setup` installs it");
    }
    let server = serve().await;
    for (lite, answer) in ANSWERS {
        let mut arguments = vec!["--tries".to_owned(), tries().to_string()];
        arguments.extend(lite.then(|| "--lite".to_owned()));
        let times = connect_py(&server, &arguments).await;
        report("aiortc", answer, &times);
    }
    server.stop().await;
}

/// libdatachannel over ICE-TCP is left out: one try in 10 to 50 does not connect. When libjuice goes on with a frame that the socket has not taken whole, it sends
/// the frame's length (RFC 4571 2) once more: after `004b` comes `004b 14fefd...`. The server closes such a connection.
#[tokio::test(flavor = "multi_thread")]
async fn table_werift_and_libdatachannel_connect_every_time_and_werift_over_ice_tcp_too() {
    if !has_node_clients() {
        return skip("werift or node-datachannel is missing; `cargo xtask setup` installs both");
    }
    let server = serve().await;
    for library in ["werift", "libdatachannel"] {
        for (lite, answer) in ANSWERS {
            let mut arguments = vec!["--tries".to_owned(), tries().to_string()];
            arguments.extend(lite.then(|| "--lite".to_owned()));
            let times = connect_mjs(&server, library, &arguments).await;
            report(library, answer, &times);
        }
    }
    let over_tcp = [
        "--tcp".to_owned(),
        "--tries".to_owned(),
        tries().to_string(),
    ];
    let times = connect_mjs(&server, "werift", &over_tcp).await;
    report("werift, ICE-TCP", "", &times);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn table_chromium_connects_every_time() {
    in_browser("Chromium", TestBrowser::chromium().await).await;
}

/// It has no H.264 here, and watches an encoded rendition, whose encoder each try starts again.
#[tokio::test(flavor = "multi_thread")]
async fn table_firefox_connects_every_time() {
    in_browser("Firefox", TestBrowser::firefox().await).await;
}

async fn in_browser(client: &str, browser: TestBrowser) {
    let server = serve().await;
    browser.open(&server.url).await;
    for (lite, answer) in ANSWERS {
        let mut times = Vec::new();
        for _ in 0..tries() {
            let options = json!({ "stream": "film", "lite": lite });
            times.extend(connect_js(&browser, &options).await);
        }
        report(client, answer, &times);
    }
    server.stop().await;
}
