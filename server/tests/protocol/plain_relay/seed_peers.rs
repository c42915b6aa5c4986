//! Two scripts of a public example, which were written for a server that relays all it hears: aiortc for the data channel, aiohttp for the WebSocket.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use testkit::socket::TestMember;
use testkit::{PATIENCE, TestServer, eventually, skip};
use tokio::sync::oneshot;

use super::PlainPeer;
use crate::clients::aiortc::PYTHON;

const PEER_1: &str = include_str!("peer1.py");
const PEER_2: &str = include_str!("peer2.py");

/// A running script.
struct Script {
    python: Child,
    first_line: oneshot::Receiver<String>,
}

impl Script {
    /// Starts it with the address of this server in place of the one that is written in it.
    fn start(source: &str, server: &TestServer, room: &str) -> Self {
        let written = "http://localhost:8080/ws";
        assert!(source.contains(written));
        let source = source.replace(written, &format!("{}/ws{room}", server.url));
        let mut python = Command::new(PYTHON);
        python
            .args(["-u", "-c", &source])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut python = python.spawn().expect("Python starts");
        let mut stdout = BufReader::new(python.stdout.take().expect("piped"));
        let (sender, first_line) = oneshot::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            if stdout.read_line(&mut line).is_ok() {
                // The test may have ended.
                let _ = sender.send(line);
            }
        });
        Self { python, first_line }
    }

    async fn prints_hello(&mut self) {
        let line = tokio::time::timeout(2 * PATIENCE, &mut self.first_line).await;
        let line = line.expect("a line in time").expect("readable");
        assert_eq!(line, "Received: Hello from peer1!\n");
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.python.kill();
        let _ = self.python.wait();
    }
}

/// Whether the packages from PyPI are there.
fn has_packages() -> bool {
    let mut python = Command::new(PYTHON);
    python
        .args(["-c", "import aiohttp, aiortc"])
        .stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seeds_peers_chat_whichever_starts_first() {
    if !has_packages() {
        return skip("aiortc or aiohttp is missing; `cargo xtask setup` installs them");
    }
    let server = TestServer::with(&["test:"]).await;
    let mut typed = TestMember::join(&server.url, "demo", "Ada", 1).await;

    // The first peer is first: its offer waits, although a stranger hears it, too.
    let peer_1 = Script::start(PEER_1, &server, "");
    let mut stranger = PlainPeer::open(&server, "").await;
    assert!(stranger.hears().await.contains("offer"));
    let mut peer_2 = Script::start(PEER_2, &server, "");

    // The second peer is first: it says nothing.
    let mut silent = Script::start(PEER_2, &server, "?room=other");
    eventually("it listens", PATIENCE, || async {
        server.rooms.rooms() == 3
    })
    .await;
    let offering = Script::start(PEER_1, &server, "?room=other");

    peer_2.prints_hello().await;
    silent.prints_hello().await;
    assert!(stranger.hears().await.contains("answer"));
    typed.socket.expect_no_message().await;
    drop((peer_1, peer_2, silent, offering));
    server.stop().await;
}
