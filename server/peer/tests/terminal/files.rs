//! Files between terminal peers.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};
use testkit::process::program;
use testkit::{TestPeer, TestServer, write_file};

const MEGABYTE: usize = 1024 * 1024;

async fn server() -> TestServer {
    TestServer::with(&["test:"]).await
}

fn hash(path: &Path) -> Vec<u8> {
    Sha256::digest(std::fs::read(path).expect("the file exists")).to_vec()
}

fn is(what: &str) -> impl Fn(&Value) -> bool + '_ {
    move |event| event["what"] == what
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[tokio::test]
async fn a_file_arrives_whole_and_its_sender_leaves() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (source, save) = (folder.path().join("big.bin"), folder.path().join("in"));
    write_file(&source, 20 * MEGABYTE + 7);
    let mut bob = TestPeer::start(&server.url, "files", "bob", &["--save", text(&save)]);
    bob.event("welcome", |_| true).await;
    let mut ann = TestPeer::start(&server.url, "files", "ann", &["--file", text(&source)]);
    ann.end_input();
    bob.event("file", is("receiving")).await;
    let began = Instant::now();
    let received = bob.event("file", is("received")).await;
    let seconds = began.elapsed().as_secs_f64();
    println!("20 MB in {seconds:.2} s, {received}");
    assert_eq!(received["path"], text(&save.join("big.bin")));
    assert!(ann.ended().await.success());
    assert!(ann.seen.iter().any(|event| event["what"] == "sent"));
    assert_eq!(hash(&source), hash(&save.join("big.bin")));
    assert_eq!(std::fs::read_dir(&save).unwrap().count(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_received_file_overwrites_nothing() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("a.txt"), folder.path().join("b/a.txt"));
    std::fs::create_dir(folder.path().join("b")).unwrap();
    std::fs::write(&one, "one").unwrap();
    std::fs::write(&two, "").unwrap();
    let save = folder.path().join("in");
    let mut bob = TestPeer::start(&server.url, "names", "bob", &["--save", text(&save)]);
    let arguments = ["--file", text(&one), "--file", text(&two)];
    let mut ann = TestPeer::start(&server.url, "names", "ann", &arguments);
    bob.event("file", is("received")).await;
    bob.event("file", is("received")).await;
    let mut contents = ["a.txt", "a (2).txt"].map(|name| std::fs::read(save.join(name)).unwrap());
    contents.sort();
    assert_eq!(contents, [b"".to_vec(), b"one".to_vec()]);
    ann.type_line("/file /no/such/file");
    let error = ann.event("error", |_| true).await;
    assert!(error["message"].as_str().unwrap().contains("/no/such/file"));
    server.stop().await;
}

#[tokio::test]
async fn a_file_is_received_only_when_accepted_and_can_be_cancelled() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("video.mp4");
    write_file(&source, 60 * MEGABYTE);
    let save = folder.path().join("in");
    std::fs::create_dir(&save).unwrap();
    let mut command = std::process::Command::new(program("peer"));
    command.current_dir(&save);
    let mut bob = TestPeer::with(command, &server.url, "cancel", "bob", &[]);
    let mut ann = TestPeer::start(&server.url, "cancel", "ann", &["--file", text(&source)]);
    let offer = bob.event("file", is("offer")).await;
    assert_eq!(offer["file"], "video.mp4");
    bob.events_within(Duration::from_millis(300)).await;
    assert_eq!(std::fs::read_dir(&save).unwrap().count(), 0);
    bob.type_line("/accept video.mp4");
    bob.event("file", |event| event["bytes"].as_u64() > Some(0))
        .await;
    // The chat works during the transfer.
    ann.type_line("meanwhile");
    bob.receives("meanwhile").await;
    bob.type_line("/cancel");
    bob.event("file", is("cancelled")).await;
    ann.event("file", is("cancelled")).await;
    bob.events_within(Duration::from_millis(500)).await;
    assert_eq!(std::fs::read_dir(&save).unwrap().count(), 0);
    for (name, memory) in [("ann", ann.memory()), ("bob", bob.memory())] {
        assert!(
            memory < 100 * MEGABYTE as u64,
            "{name} holds {memory} bytes"
        );
    }
    server.stop().await;
}
