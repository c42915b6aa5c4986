//! aiortc and werift offer picture and sound, with each of their bundle policies, to streams that have one of them, and to one that has both. Browsers do
//! so in the browser tests (`bundle`).

use std::path::Path;
use std::process::{Command, Stdio};

use testkit::{TestServer, film, skip};

use super::clients::{FOLDER, TOOLS, has_node_clients};
use crate::clients::aiortc::PYTHON;

/// Policies, orders of the kinds, streams.
const TRIES: usize = 3 * 2 * 3;

#[tokio::test(flavor = "multi_thread")]
async fn aiortc_plays_sound_alone_and_a_picture_alone_with_each_bundle_policy() {
    if !Path::new(PYTHON).exists() {
        return skip("aiortc is missing; `cargo xtask setup` installs it");
    }
    let mut python = Command::new(PYTHON);
    python.arg(format!("{FOLDER}/one_kind.py"));
    each_try_plays(python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn werift_plays_sound_alone_and_a_picture_alone_with_each_bundle_policy() {
    if !has_node_clients() {
        return skip("werift is missing; `cargo xtask setup` installs it");
    }
    let mut node = Command::new("node");
    node.arg(format!("{FOLDER}/one_kind.mjs")).arg(TOOLS);
    each_try_plays(node).await;
}

async fn each_try_plays(mut script: Command) {
    let (sound, picture) = (film::sound(), film::picture());
    let server = TestServer::with(&[
        &format!("sound={}", sound.display()),
        &format!("picture={}", picture.display()),
        &format!("film={}", testkit::CLIP),
    ])
    .await;
    script.arg(&server.url).stdin(Stdio::null());
    script.stderr(Stdio::inherit());
    let output = tokio::task::spawn_blocking(move || script.output());
    let output = output.await.expect("no panic").expect("it starts");
    let text = String::from_utf8(output.stdout).expect("text");
    let played = text.lines().filter(|line| line.ends_with(": plays"));
    assert_eq!(played.count(), TRIES, "{text}");
    server.stop().await;
}
