//! The key of a stream that has none is shown on a terminal, once, and nowhere else.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use testkit::process::program;
use testkit::skip;

/// Ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only when it has ended. The server on the terminal gets a hangup.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn arguments(folder: &Path) -> String {
    format!(
        "--listen 127.0.0.1:0 --udp-port 0 --turn off --publish cam --state {}/state test:",
        folder.display()
    )
}

/// Starts a command, and returns what it prints up to the line that says this.
fn output_of(mut command: Command, last: &str) -> String {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut running = Running(command.spawn().expect("it starts"));
    let output = running.0.stdout.take().expect("piped");
    let mut text = String::new();
    for line in BufReader::new(output).lines() {
        text += &line.expect("text");
        text.push('\n');
        if text.contains(last) {
            return text;
        }
    }
    panic!("it ended without {last:?}: {text}");
}

#[test]
fn a_key_is_shown_on_a_terminal_once_and_is_in_no_log() {
    if Command::new("script").arg("--version").output().is_err() {
        return skip("script (bsdutils) is missing");
    }
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let start = |last: &str| {
        let server = program("server");
        let line = format!(
            "exec {} {} 2>>{}",
            server.display(),
            arguments(folder.path()),
            log.display()
        );
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]);
        output_of(command, last)
    };
    let first = start("whipclientsink name=out");
    let mut lines = first.lines();
    let token = lines.find_map(|line| line.trim().strip_prefix("Bearer Token"));
    let key = token.expect("the key is shown").trim();
    assert_eq!(key.len(), 32, "{first}");
    // Alone, and for a browser, OBS, FFmpeg and GStreamer.
    assert_eq!(first.matches(key).count(), 5, "{first}");
    start("Ctrl-C stops the server");
    let kept = fs::read_to_string(folder.path().join("state/keys.json")).unwrap();
    let logged = fs::read_to_string(&log).unwrap();
    // The same key is valid after a restart: no other is made, and shown.
    assert_eq!(kept.matches("sha256").count(), 1, "{kept}");
    assert!(!kept.contains(key), "{kept}");
    assert!(!logged.contains(key), "{logged}");
}

#[test]
fn without_a_terminal_no_key_is_made_and_the_log_says_what_to_type() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut command = Command::new(program("server"));
    command
        .args(arguments(folder.path()).split(' '))
        .stderr(fs::File::create(&log).unwrap());
    let text = output_of(command, "Ctrl-C stops the server");
    assert!(!text.contains("Bearer"), "{text}");
    assert!(!folder.path().join("state").exists());
    let logged = fs::read_to_string(&log).unwrap();
    assert!(logged.contains("type `server key new cam`"), "{logged}");
}
