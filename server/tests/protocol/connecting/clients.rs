//! The clients: each connects to the stream `film`, and returns what became of its tries.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::Value;
use testkit::browser::TestBrowser;
use testkit::{TestServer, eventually};

use super::Times;
use crate::clients::aiortc::PYTHON;
use crate::clients::str0m_viewer::{Joining, Str0mViewer};
use crate::clients::transport::Transport;

/// Installed by `cargo xtask setup`.
pub(crate) const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.tools");
pub(super) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/protocol/connecting");
/// The body of an async function, which has `options`.
const IN_PAGE: &str = include_str!("connect.js");

pub(crate) async fn connect_py<T: DeserializeOwned>(
    server: &TestServer,
    arguments: &[String],
) -> Vec<T> {
    let mut command = Command::new(PYTHON);
    command.arg(format!("{FOLDER}/connect.py"));
    command.args([&server.url, "film"]).args(arguments);
    lines(command).await
}

/// That of the system, which has GStreamer's bindings.
pub(crate) const SYSTEM_PYTHON: &str = "/usr/bin/python3";

pub(crate) fn has_webrtcbin() -> bool {
    let ask =
        "import gi; gi.require_version('GstWebRTC', '1.0'); from gi.repository import GstWebRTC";
    let mut python = Command::new(SYSTEM_PYTHON);
    let status = python.args(["-c", ask]).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// `element`: webrtcbin, or whepsrc from the plugins in a folder.
pub(crate) async fn connect_gstreamer<T: DeserializeOwned>(
    server: &TestServer,
    element: &str,
    plugins: Option<&Path>,
    cases: &str,
) -> Vec<T> {
    let mut command = Command::new(SYSTEM_PYTHON);
    if let Some(plugins) = plugins {
        command.env("GST_PLUGIN_PATH", plugins);
        command.env("GST_REGISTRY", plugins.join("registry"));
    }
    command.arg(format!("{FOLDER}/gstreamer.py"));
    command.args([element, &server.url, "film", cases]);
    lines(command).await
}

/// Its sources are in the folder `pion`.
const PION_VIEWER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.tools/bin/pion-viewer");

pub(crate) fn has_pion() -> bool {
    Path::new(PION_VIEWER).exists()
}

pub(crate) async fn connect_pion<T: DeserializeOwned>(server: &TestServer, cases: &str) -> Vec<T> {
    let mut command = Command::new(PION_VIEWER);
    command.args([&server.url, "film", cases]);
    lines(command).await
}

pub(crate) fn has_node_clients() -> bool {
    let installed = |package| Path::new(TOOLS).join("node_modules").join(package).exists();
    ["werift", "node-datachannel", "@roamhq/wrtc"]
        .into_iter()
        .all(installed)
}

pub(crate) async fn connect_mjs<T: DeserializeOwned>(
    server: &TestServer,
    library: &str,
    arguments: &[String],
) -> Vec<T> {
    let mut command = Command::new("node");
    command.arg(format!("{FOLDER}/connect.mjs"));
    command
        .args([TOOLS, library, &server.url, "film"])
        .args(arguments);
    lines(command).await
}

/// Runs a script that prints a line for each try.
async fn lines<T: DeserializeOwned>(mut script: Command) -> Vec<T> {
    script.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = tokio::task::spawn_blocking(move || script.output());
    let output = output.await.expect("no panic").expect("it starts");
    assert!(output.status.success(), "the script fails");
    let text = String::from_utf8(output.stdout).expect("text");
    let lines = text.lines();
    let times = lines.map(|line| serde_json::from_str(line).expect("an outcome as JSON"));
    times.collect()
}

/// On a page of the server.
pub(super) async fn connect_js(browser: &TestBrowser, options: &Value) -> Vec<Times> {
    let times = browser
        .run(&format!("const options = {options}; {IN_PAGE}"))
        .await;
    serde_json::from_value(times.clone()).unwrap_or_else(|error| panic!("{error}: {times}"))
}

pub(super) async fn connect_str0m(server: &TestServer, lite: bool) -> Times {
    let by = Joining {
        answer_is_lite: lite,
        ..Joining::by(Transport::Udp)
    };
    let viewer = Str0mViewer::join_by(server, "film", by).await;
    eventually("a picture is there", Duration::from_secs(20), || async {
        viewer.received().frames > 0
    })
    .await;
    let (seen, answered) = (viewer.received(), viewer.answered);
    viewer.leave().await;
    let since = |at: Option<Instant>| at.map(|at| (at - answered).as_secs_f64());
    Times {
        ice: None,
        dtls: since(seen.connected_at),
        picture: since(seen.picture_at),
    }
}
