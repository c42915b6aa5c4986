//! aiortc and werift offer picture and sound, with their bundle policies, to streams that have one of them. Browsers do so in the browser tests
//! (`bundle`).

use std::path::Path;
use std::process::{Command, Stdio};

use testkit::{TestServer, film, skip};

use super::clients::{FOLDER, TOOLS, has_node_clients};
use crate::clients::aiortc::PYTHON;

/// For each policy: orders of the kinds, streams.
const TRIES: usize = 2 * 2;

#[tokio::test(flavor = "multi_thread")]
async fn aiortc_plays_sound_alone_and_a_picture_alone_with_two_bundle_policies() {
    if !Path::new(PYTHON).exists() {
        return skip("aiortc is missing; `cargo xtask setup` installs it");
    }
    let mut python = Command::new(PYTHON);
    python.arg(format!("{FOLDER}/one_kind.py"));
    each_try_plays(python, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn werift_plays_sound_alone_and_a_picture_alone_with_each_bundle_policy() {
    if !has_node_clients() {
        return skip("werift is missing; `cargo xtask setup` installs it");
    }
    let mut node = Command::new("node");
    node.arg(format!("{FOLDER}/one_kind.mjs")).arg(TOOLS);
    each_try_plays(node, 3).await;
}

async fn each_try_plays(mut script: Command, policies: usize) {
    let (sound, picture) = (film::sound(), film::picture());
    let server = TestServer::with(&[
        &format!("sound={}", sound.display()),
        &format!("picture={}", picture.display()),
    ])
    .await;
    script.arg(&server.url).stdin(Stdio::null());
    script.stderr(Stdio::inherit());
    let output = tokio::task::spawn_blocking(move || script.output());
    let output = output.await.expect("no panic").expect("it starts");
    let text = String::from_utf8(output.stdout).expect("text");
    let played = text.lines().filter(|line| line.ends_with(": plays"));
    assert_eq!(played.count(), policies * TRIES, "{text}");
    server.stop().await;
}
