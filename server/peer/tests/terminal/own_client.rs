//! The examples of docs/your-own-client.md.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Instant;

use shared::signaling::{ClientMessage, ServerMessage};
use testkit::socket::TestMember;
use testkit::{PATIENCE, TestPeer, TestServer, skip};
use tokio::sync::mpsc;
use tokio::time::timeout;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const DOCUMENT: &str = include_str!("../../../../docs/your-own-client.md");
const PYTHON: &str = include_str!("../../../../docs/your-own-client/chat.py");
const JAVASCRIPT: &str = include_str!("../../../../docs/your-own-client/chat.mjs");
/// Runs the script that is its first argument. aiortc would leave out the loopback address, which is all that some machines have.
const LAUNCHER: &str = "import runpy, sys, aioice.ice
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ['127.0.0.1']
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')";

/// A running example, killed on drop.
struct Example {
    child: Child,
    input: ChildStdin,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Example {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let (sender, lines) = mpsc::unbounded_channel();
        let output = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self {
            input: child.stdin.take().expect("piped"),
            child,
            lines,
        }
    }

    async fn prints(&mut self, wanted: &str) {
        // A connection that does not come about is given up after 20 s, and another is made.
        let until = Instant::now() + 2 * PATIENCE;
        let mut seen = Vec::new();
        while seen.last().is_none_or(|line| line != wanted) {
            let left = until.saturating_duration_since(Instant::now());
            match timeout(left, self.lines.recv()).await {
                Ok(Some(line)) => seen.push(line),
                _ => panic!("not {wanted:?}, only {seen:?}"),
            }
        }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_document_shows_the_examples_as_they_are() {
    for (language, example) in [("python", PYTHON), ("js", JAVASCRIPT)] {
        let block = format!("```{language}\n{example}```\n");
        assert!(
            DOCUMENT.contains(&block),
            "{language} differs from its file"
        );
        assert!(example.lines().count() <= 70, "{language}");
    }
}

#[tokio::test]
async fn the_example_in_python_chats() {
    let python = format!("{ROOT}/.tools/python/bin/python");
    if !Path::new(&python).exists() {
        return skip("aiortc is missing; `cargo xtask setup` installs it");
    }
    chats("python", || {
        let mut command = Command::new(&python);
        command.args(["-c", LAUNCHER]);
        command.arg(format!("{ROOT}/docs/your-own-client/chat.py"));
        command
    })
    .await;
}

#[tokio::test]
async fn the_example_in_javascript_chats() {
    let modules = format!("{ROOT}/.tools/node_modules");
    if !Path::new(&modules).join("node-datachannel").exists() {
        return skip("node-datachannel is missing; `cargo xtask setup` installs it");
    }
    let addresses = if_addrs::get_if_addrs().unwrap_or_default();
    if addresses.iter().all(|interface| interface.is_loopback()) {
        return skip("libdatachannel leaves out the loopback address, and there is no other");
    }
    // Node finds packages in folders above a script.
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(&modules, folder.path().join("node_modules")).unwrap();
    let script = folder.path().join("chat.mjs");
    std::fs::write(&script, JAVASCRIPT).unwrap();
    chats("javascript", || {
        let mut command = Command::new("node");
        command.arg(&script);
        command
    })
    .await;
}

/// In both orders of joining.
async fn chats(room: &str, command: impl Fn() -> Command) {
    let server = TestServer::with(&["test:"]).await;
    for own_first in [true, false] {
        let room = format!("{room}-{own_first}");
        let start_own = || {
            let mut command = command();
            command.args([&server.url, &room, "own"]);
            Example::start(command)
        };
        let start_ann =
            || TestPeer::start(&server.url, &room, "ann", &["--send", "written before"]);
        let (mut own, mut ann);
        if own_first {
            let mut door = TestMember::join(&server.url, &room, "door", 9).await;
            own = start_own();
            while !matches!(door.receive().await, ServerMessage::Arrived { .. }) {}
            door.send_message(&ClientMessage::Leave).await;
            ann = start_ann();
        } else {
            ann = start_ann();
            ann.event("welcome", |_| true).await;
            own = start_own();
        }
        own.prints("* ann is connected").await;
        own.prints("ann: written before").await;
        writeln!(own.input, "你好 from a client of my own").unwrap();
        ann.receives("你好 from a client of my own").await;
        ann.type_line("hello yourself");
        own.prints("ann: hello yourself").await;
        // It acknowledges.
        let said = ann.event("said", |event| event["text"] == "hello yourself");
        let number = said.await["number"].clone();
        ann.event("received", |event| event["number"] == number)
            .await;
    }
    server.stop().await;
}
