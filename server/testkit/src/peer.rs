//! The terminal peer (package `peer`) as a child process: command line, lines on standard input, JSON events on standard output.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::process::{ProcessUsage, program, scratch};

/// The time to wait for an event. Long, for a machine that compiles at the same time.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The environment variable with the folder where the peer keeps its key.
const STATE: &str = "XDG_STATE_HOME";

pub struct TestPeer {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    events: mpsc::UnboundedReceiver<Value>,
    event_timeout: Duration,
    /// All events that were read from the peer, in order.
    pub seen: Vec<Value>,
}

impl TestPeer {
    /// Joins `room` of the server at `url`.
    pub fn start(url: &str, room: &str, name: &str, arguments: &[&str]) -> Self {
        Self::with(Command::new(program("peer")), url, room, name, arguments)
    }

    /// The same with another command, which gets the arguments.
    pub fn with(
        mut command: Command,
        url: &str,
        room: &str,
        name: &str,
        arguments: &[&str],
    ) -> Self {
        // Keys of tests stay out of the user's home.
        let is_set = command.get_envs().any(|(name, _)| name == STATE);
        if !is_set {
            command.env(STATE, scratch());
        }
        let mut child = command
            .args(["--server", url, "--room", room, "--name", name, "--json"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peer starts");
        let output = child.stdout.take().expect("piped");
        let (sender, events) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let Ok(line) = line else { return };
                let event = serde_json::from_str(&line).expect("every line is JSON");
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Self {
            name: name.to_owned(),
            input: child.stdin.take(),
            child,
            events,
            event_timeout: TIMEOUT,
            seen: Vec::new(),
        }
    }

    /// Waits for an event up to `timeout` instead of 30 s.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.event_timeout = timeout;
        self
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the input is open");
        writeln!(input, "{line}").expect("the peer reads");
    }

    /// Ends its standard input.
    pub fn end_input(&mut self) {
        self.input = None;
    }

    /// Waits for an event of this kind for which `fits` holds. Every event read goes to [`Self::seen`].
    pub async fn event(&mut self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + self.event_timeout;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let next = timeout(left, self.events.recv()).await;
            let Ok(Some(event)) = next else {
                let seen: Vec<_> = self.seen.iter().map(Value::to_string).collect();
                let name = &self.name;
                panic!(
                    "{name} printed no {kind:?} event, only\n{}",
                    seen.join("\n")
                );
            };
            self.seen.push(event.clone());
            if event["event"] == kind && fits(&event) {
                return event;
            }
        }
    }

    /// Waits until the chat with `name` is open.
    pub async fn connected_to(&mut self, name: &str) -> Value {
        self.event("connected", |event| event["name"] == name).await
    }

    /// Waits for a chat message with this text.
    pub async fn receives(&mut self, text: &str) -> Value {
        self.event("message", |event| event["text"] == text).await
    }

    /// The events that arrive within `time`.
    pub async fn events_within(&mut self, time: Duration) -> Vec<Value> {
        let until = Instant::now() + time;
        let mut events = Vec::new();
        while let Ok(Some(event)) = timeout(
            until.saturating_duration_since(Instant::now()),
            self.events.recv(),
        )
        .await
        {
            events.push(event);
        }
        self.seen.extend(events.iter().cloned());
        events
    }

    /// The texts of the messages received so far, in order.
    pub fn texts(&self) -> Vec<&str> {
        let messages = self.seen.iter().filter(|event| event["event"] == "message");
        messages
            .filter_map(|event| event["text"].as_str())
            .collect()
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Sends a signal: `STOP`, `CONT`, `INT`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.expect("there is kill").success());
    }

    /// Waits until the process has exited.
    pub async fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + TIMEOUT;
        loop {
            if let Some(status) = self.child.try_wait().expect("it was started") {
                while let Some(event) = self.events.recv().await {
                    self.seen.push(event);
                }
                return status;
            }
            assert!(Instant::now() < until, "{} does not end", self.name);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Resident memory, in bytes.
    pub fn memory(&self) -> u64 {
        ProcessUsage::of(self.child.id()).memory
    }
}

impl Drop for TestPeer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a file of `bytes` pseudorandom bytes, different in every test process.
pub fn write_file(path: &Path, bytes: usize) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ u64::from(std::process::id());
    // Eight bytes at a time: tests are not optimized, and write a gigabyte.
    let mut contents = vec![0; bytes.next_multiple_of(8)];
    for word in contents.chunks_exact_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        word.copy_from_slice(&state.to_le_bytes());
    }
    contents.truncate(bytes);
    std::fs::write(path, contents).expect("a file can be written");
}
