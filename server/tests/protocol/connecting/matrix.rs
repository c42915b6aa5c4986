//! Each client in each case: WHEP, `POST /offer`, VP8 alone, a request for a keyframe.
//!
//! `cargo xtask test matrix --full` prints the table of docs/compatibility.md: how many of three tries came to what the case asks for.

use std::io::{Write, stderr};
use std::path::Path;

use serde::Deserialize;
use serde_json::json;
use shared::api::Codec;
use testkit::browser::TestBrowser;
use testkit::site::Site;
use testkit::{PATIENCE, TestServer, eventually, repetitions, skip};

use super::clients::{
    TOOLS, connect_gstreamer, connect_mjs, connect_pion, connect_py, has_node_clients, has_pion,
    has_webrtcbin,
};
use super::serve;
use crate::clients::aiortc::PYTHON;
use crate::clients::str0m_viewer::{Joining, Str0mViewer};
use crate::clients::transport::Transport;

/// The script of a page, and what it needs of a module for Node.
const IN_PAGE: &str = include_str!("matrix.js");
const KEYFRAMES: &str = include_str!("keyframes.mjs");
const MODULES: &str = "/node_modules";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Case {
    /// Picture and sound by WHEP.
    Whep,
    /// The picture by `POST /offer`, which is not WHEP: no session, no name.
    Offer,
    /// VP8 is the only codec offered, so that the server encodes the film again.
    Vp8,
    /// A keyframe comes when the client asks for it (PLI, RFC 4585 6.3.1).
    Pli,
}

const CASES: [Case; 4] = [Case::Whep, Case::Offer, Case::Vp8, Case::Pli];

/// For clients that want the session that WHEP has.
const CASES_OF_WHEP: [Case; 3] = [Case::Whep, Case::Vp8, Case::Pli];

impl Case {
    /// As scripts know it.
    fn name(self) -> &'static str {
        match self {
            Self::Whep => "whep",
            Self::Offer => "offer",
            Self::Vp8 => "vp8",
            Self::Pli => "pli",
        }
    }
}

/// What became of one try, as the client sees it.
#[derive(Clone, Debug, Deserialize)]
struct Outcome {
    case: Case,
    /// Seconds from the answer on.
    dtls: Option<f64>,
    picture: Option<f64>,
    /// Packets with sound came.
    #[serde(default)]
    sound: bool,
    /// Of the picture, as SDP names it.
    codec: Option<String>,
    /// The shortest time between two keyframes, in seconds of media.
    gap: Option<f64>,
    /// Requests for keyframes that the server counts; `None` from a client that does not name its session.
    plis: Option<u64>,
    /// Why there is nothing else.
    error: Option<String>,
}

impl Outcome {
    fn is_as_asked(&self) -> bool {
        let sounds = self.sound || self.case == Case::Offer;
        let plays = self.error.is_none() && self.dtls.is_some() && self.picture.is_some() && sounds;
        let fits = match self.case {
            Case::Whep | Case::Offer => true,
            Case::Vp8 => self.codec.as_deref() == Some("VP8"),
            Case::Pli => {
                self.plis != Some(0) && self.gap.is_some_and(|gap| gap < self.regular_gap())
            }
        };
        plays && fits
    }

    /// Two keyframes that nobody asked for are further apart than this, in seconds: the film has one every 5.3 s, the encoder makes one every 2 s.
    fn regular_gap(&self) -> f64 {
        match self.codec.as_deref() {
            Some("H264") => 5.0,
            _ => 1.9,
        }
    }
}

/// Prints the row of the client: of each case, how many tries were as asked.
fn report(client: &str, cases: &[Case], outcomes: &[Outcome]) {
    let column = |case| {
        let tries: Vec<_> = outcomes
            .iter()
            .filter(|outcome| outcome.case == case)
            .collect();
        let good = tries.iter().filter(|outcome| outcome.is_as_asked()).count();
        match cases.contains(&case) {
            true => format!("{good} of {}", tries.len()),
            false => "-".to_owned(),
        }
    };
    let columns = CASES.map(column).join(" | ");
    // libtest hides what a passing test prints.
    let _ = writeln!(stderr(), "| {client} | {columns} |");
    let faults: Vec<_> = outcomes
        .iter()
        .filter(|outcome| !outcome.is_as_asked())
        .collect();
    assert!(faults.is_empty(), "{client}: {faults:#?}");
    assert_eq!(outcomes.len(), cases.len() * tries(), "{client}");
}

fn tries() -> usize {
    repetitions(1, 3)
}

/// For scripts.
fn names(cases: &[Case]) -> Vec<&'static str> {
    cases.iter().map(|case| case.name()).collect()
}

fn arguments() -> Vec<String> {
    vec!["--cases".to_owned(), names(&CASES).join(",")]
}

#[tokio::test(flavor = "multi_thread")]
async fn aiortc_plays_in_each_case() {
    if !Path::new(PYTHON).exists() {
        return skip("aiortc is missing; `cargo xtask setup` installs it");
    }
    let server = serve().await;
    let mut outcomes = Vec::new();
    for _ in 0..tries() {
        outcomes.extend(connect_py(&server, &arguments()).await);
    }
    report("aiortc", &CASES, &outcomes);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webrtcbin_of_gstreamer_plays_in_each_case() {
    in_gstreamer("webrtcbin", None, &CASES).await;
}

/// Without `POST /offer`: it reads an answer only if its status is 201.
#[tokio::test(flavor = "multi_thread")]
async fn whepsrc_of_gstreamer_plays_in_each_case_of_whep() {
    let plugins = Path::new(TOOLS).join("whepsrc/plugins");
    if !plugins.is_dir() {
        return skip("GStreamer's whepsrc is missing; `cargo xtask setup` builds it");
    }
    in_gstreamer("whepsrc", Some(&plugins), &CASES_OF_WHEP).await;
}

async fn in_gstreamer(element: &str, plugins: Option<&Path>, cases: &[Case]) {
    if !has_webrtcbin() {
        return skip("GStreamer's webrtcbin is missing; `cargo xtask setup` installs it");
    }
    let server = serve().await;
    let mut outcomes = Vec::new();
    for _ in 0..tries() {
        let list = names(cases).join(",");
        outcomes.extend(connect_gstreamer(&server, element, plugins, &list).await);
    }
    report(element, cases, &outcomes);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pion_plays_in_each_case() {
    if !has_pion() {
        return skip("the viewer built on Pion is missing; `cargo xtask setup` builds it");
    }
    let server = serve().await;
    let mut outcomes = Vec::new();
    for _ in 0..tries() {
        outcomes.extend(connect_pion(&server, &names(&CASES).join(",")).await);
    }
    report("Pion", &CASES, &outcomes);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn werift_plays_in_each_case() {
    in_node("werift").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn libdatachannel_plays_in_each_case() {
    in_node("libdatachannel").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrtc_for_node_plays_in_each_case() {
    in_node("wrtc").await;
}

async fn in_node(library: &str) {
    if !has_node_clients() {
        return skip("a client from npm is missing; `cargo xtask setup` installs it");
    }
    let server = serve().await;
    let mut outcomes = Vec::new();
    for _ in 0..tries() {
        outcomes.extend(connect_mjs(&server, library, &arguments()).await);
    }
    report(library, &CASES, &outcomes);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_plays_in_each_case() {
    in_page(
        "Chromium",
        "plain",
        &CASES,
        TestBrowser::shared_chromium().await,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_plays_in_each_case() {
    in_page(
        "Firefox",
        "plain",
        &CASES,
        TestBrowser::shared_firefox().await,
    )
    .await;
}

/// Without `POST /offer`: it wants a session, whose address that does not return ("Response missing location header").
#[tokio::test(flavor = "multi_thread")]
async fn whip_whep_plays_in_each_case_of_whep() {
    let browser = TestBrowser::shared_chromium().await;
    in_page("whip-whep", "whip-whep", &CASES_OF_WHEP, browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_player_of_eyevinn_plays_in_each_case() {
    let player = "@eyevinn/webrtc-player";
    let browser = TestBrowser::shared_chromium().await;
    in_page(player, player, &CASES, browser).await;
}

/// On a page of another origin.
async fn in_page(client: &str, player: &str, cases: &[Case], browser: TestBrowser) {
    let server = serve().await;
    let modules = Path::new(TOOLS).join("node_modules");
    let site = Site::page_with_folder("<!DOCTYPE html>", MODULES, &modules).await;
    browser.open(&site.url("/")).await;
    let options = json!({
        "server": server.url, "stream": "film", "player": player, "cases": names(cases), "modules": site.url(MODULES),
    });
    let keyframes = KEYFRAMES.replace("export ", "");
    let script = format!("const options = {options};\n{keyframes}\n{IN_PAGE}");
    let mut outcomes = Vec::new();
    for _ in 0..tries() {
        let round: Vec<Outcome> =
            serde_json::from_value(browser.run(&script).await).expect("outcomes as JSON");
        outcomes.extend(round);
    }
    report(client, cases, &outcomes);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn str0m_plays_in_each_case() {
    let server = serve().await;
    let mut outcomes = Vec::new();
    for _ in 0..tries() {
        for case in CASES {
            outcomes.push(by_str0m(&server, case).await);
        }
    }
    report("str0m", &CASES, &outcomes);
    server.stop().await;
}

async fn by_str0m(server: &TestServer, case: Case) -> Outcome {
    let by = Joining {
        recorded: true,
        codec: (case == Case::Vp8).then_some(Codec::Vp8),
        plainly: case == Case::Offer,
        ..Joining::by(Transport::Udp)
    };
    let viewer = Str0mViewer::join_by(server, "film", by).await;
    eventually("picture and sound are there", PATIENCE, || async {
        let received = viewer.received();
        received.frames > 0 && (received.audio_packets > 0 || case == Case::Offer)
    })
    .await;
    let mut plis = None;
    if case == Case::Pli {
        viewer.request_keyframe();
        eventually("another keyframe is there", PATIENCE, || async {
            keyframes(&viewer).len() > 1
        })
        .await;
        plis = viewer.info().await.map(|info| info.plis);
    }
    let (received, times) = (viewer.received(), keyframes(&viewer));
    let codec = viewer.recorded()[0].codec;
    let answered = viewer.answered;
    viewer.leave().await;
    let since = |at: Option<std::time::Instant>| at.map(|at| (at - answered).as_secs_f64());
    Outcome {
        case,
        dtls: since(received.connected_at),
        picture: since(received.picture_at),
        sound: received.audio_packets > 0,
        codec: Some(match codec {
            Codec::Vp8 => "VP8".to_owned(),
            _ => "H264".to_owned(),
        }),
        gap: times.windows(2).map(|two| two[1] - two[0]).reduce(f64::min),
        plis,
        error: None,
    }
}

/// When the keyframes of a viewer are shown, in seconds of media.
fn keyframes(viewer: &Str0mViewer) -> Vec<f64> {
    let pictures = viewer.recorded();
    let keyframes = pictures.iter().filter(|picture| picture.is_keyframe());
    keyframes
        .map(|picture| picture.time as f64 / 90_000.0)
        .collect()
}
