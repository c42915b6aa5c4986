//! More files than are asked for at a time, between terminal peers.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{TestPeer, TestServer, repetitions, write_file};

/// For a thousand files of up to 1 MB, on a machine that is busy.
const LONG: Duration = Duration::from_secs(600);

async fn server() -> TestServer {
    TestServer::with(&["test:"]).await
}

/// Files of 1 byte to `longest` bytes in a new folder, and the arguments that offer them in order.
fn files(folder: &Path, count: usize, longest: usize) -> (Vec<PathBuf>, Vec<String>) {
    std::fs::create_dir(folder).unwrap();
    let path = |at: usize| {
        let path = folder.join(format!("{at:04}.bin"));
        write_file(&path, 1 + (longest - 1) * at / count);
        path
    };
    let paths: Vec<PathBuf> = (0..count).map(path).collect();
    let arguments = paths.iter().flat_map(|path| {
        let path = path.to_str().unwrap().to_owned();
        ["--file".to_owned(), path]
    });
    let arguments = arguments.collect();
    (paths, arguments)
}

fn start(url: &str, name: &str, save: &Path, files: &[String]) -> TestPeer {
    let mut arguments = vec!["--save", save.to_str().unwrap()];
    arguments.extend(files.iter().map(String::as_str));
    TestPeer::start(url, "many", name, &arguments).with_timeout(LONG)
}

/// The names of the files that arrived, in order.
fn received(peer: &TestPeer) -> Vec<String> {
    let events = peer.seen.iter();
    let received = events.filter(|event| event["what"] == "received");
    received
        .map(|event| event["file"].as_str().unwrap().to_owned())
        .collect()
}

fn same(paths: &[PathBuf], save: &Path) {
    for path in paths {
        let name = path.file_name().unwrap();
        let copy = std::fs::read(save.join(name)).unwrap();
        assert!(copy == std::fs::read(path).unwrap(), "{name:?}");
    }
    assert_eq!(std::fs::read_dir(save).unwrap().count(), paths.len());
}

fn bye(peer: &TestPeer) -> &Value {
    let bye = peer.seen.iter().find(|event| event["event"] == "bye");
    &bye.expect("it says why it ends")["message"]
}

#[tokio::test]
async fn many_small_files_arrive_both_ways_in_the_order_of_offering() {
    let (count, longest) = repetitions((60, 20_000), (1_000, 1_000_000));
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (from_ann, ann_offers) = files(&path("ann"), count, longest);
    let (from_bob, bob_offers) = files(&path("bob"), count, longest);
    let mut ann = start(&server.url, "ann", &path("to-ann"), &ann_offers);
    let mut bob = start(&server.url, "bob", &path("to-bob"), &bob_offers);
    let began = Instant::now();
    let last = format!("{:04}.bin", count - 1);
    let is_last = |event: &Value| event["what"] == "received" && event["file"] == last;
    ann.event("file", is_last).await;
    bob.event("file", is_last).await;
    println!("{count} files each way in {:?}", began.elapsed());
    ann.end_input();
    assert!(ann.ended().await.success());
    bob.end_input();
    assert!(bob.ended().await.success());
    let all = format!("left the room; {count} of {count} files arrived");
    for (peer, sent, save) in [(&ann, &from_bob, "to-ann"), (&bob, &from_ann, "to-bob")] {
        assert_eq!(*bye(peer), all);
        let names = sent.iter().map(|path| path.file_name().unwrap());
        let names: Vec<_> = names.map(|name| name.to_str().unwrap()).collect();
        assert_eq!(received(peer), names);
        same(sent, &path(save));
    }
    server.stop().await;
}

#[tokio::test]
async fn files_go_on_where_they_were_when_the_receiver_is_suspended() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (sent, offers) = files(&folder.path().join("out"), 40, 2_000_000);
    let save = folder.path().join("in");
    let mut bob = start(&server.url, "bob", &save, &[]);
    bob.event("welcome", |_| true).await;
    let mut ann = start(&server.url, "ann", &folder.path().join("none"), &offers);
    bob.event("file", |event| event["what"] == "received").await;
    bob.signal("STOP");
    ann.event("disconnected", |_| true).await;
    bob.signal("CONT");
    bob.event("file", |event| {
        event["what"] == "received" && event["file"] == "0039.bin"
    })
    .await;
    ann.end_input();
    assert!(ann.ended().await.success());
    same(&sent, &save);
    server.stop().await;
}

#[tokio::test]
async fn a_giver_ends_and_says_how_many_of_how_many_files_arrived() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (sent, mut offers) = files(&folder.path().join("out"), 4, 100);
    offers.extend(["--file".to_owned(), "/no/such/file".to_owned()]);
    let mut bob = TestPeer::with(
        {
            let mut command = std::process::Command::new(testkit::process::program("peer"));
            command.current_dir(folder.path());
            command
        },
        &server.url,
        "many",
        "bob",
        &[],
    );
    bob.event("welcome", |_| true).await;
    let mut ann = start(&server.url, "ann", &folder.path().join("none"), &offers);
    for _ in 0..4 {
        bob.event("file", |event| event["what"] == "offer").await;
    }
    // Removed, changed, and longer than it was.
    std::fs::remove_file(&sent[0]).unwrap();
    write_file(&sent[1], 1_000);
    for name in ["0000.bin", "0001.bin", "0002.bin", "0003.bin"] {
        bob.type_line(&format!("/accept {name}"));
    }
    for _ in 0..2 {
        let failed = bob.event("file", |event| event["what"] == "failed").await;
        assert_eq!(failed["message"], "Withdrawn by the sender.");
    }
    ann.end_input();
    assert_eq!(ann.ended().await.code(), Some(1));
    assert_eq!(*bye(&ann), "left the room; 2 of 5 files arrived");
    assert_eq!(received_after(&mut bob).await, ["0002.bin", "0003.bin"]);
    server.stop().await;
}

async fn received_after(peer: &mut TestPeer) -> Vec<String> {
    peer.event("left", |_| true).await;
    received(peer)
}
