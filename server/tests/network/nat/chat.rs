//! Terminal peers in one room.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::process::program;

use super::network::{Host, Network, SERVER};

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal peer that prints its events as JSON.
pub(crate) struct Peer {
    name: String,
    stdin: ChildStdin,
    events: Receiver<Value>,
    seen: Vec<Value>,
}

impl Peer {
    /// Enters the room from a home.
    pub(crate) fn enter(network: &mut Network, home: u8) -> Self {
        let name = format!("peer{home}");
        let server = format!("http://{SERVER}:8000");
        let program = program("peer");
        let program = program.to_str().expect("the path is UTF-8");
        let peer = [
            program, "--json", "--room", "demo", "--server", &server, "--name", &name,
        ];
        let child = network.start(Host::Home(home), &peer);
        let stdin = child.stdin.take().expect("piped");
        let events = events(child.stdout.take().expect("piped"));
        let mut peer = Self {
            name,
            stdin,
            events,
            seen: Vec::new(),
        };
        peer.wait_for("welcome", |_| true);
        peer
    }

    pub(crate) fn say(&mut self, text: &str) {
        writeln!(self.stdin, "{text}").expect("the peer reads");
    }

    pub(crate) fn expect_text(&mut self, text: &str) {
        self.wait_for("message", |event| event["text"] == text);
    }

    /// The next event of this kind that fits.
    pub(crate) fn wait_for(&mut self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(event) = self.events.recv_timeout(left) else {
                panic!(
                    "{} saw no {kind} that fits, but:\n{:#?}",
                    self.name, self.seen
                );
            };
            self.seen.push(event.clone());
            if event["event"] == kind && fits(&event) {
                return event;
            }
        }
    }
}

fn events(stdout: ChildStdout) -> Receiver<Value> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
            if sender.send(event).is_err() {
                break;
            }
        }
    });
    receiver
}
