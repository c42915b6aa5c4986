//! What the program may do and shows: names that control a terminal, secrets in the log, ports beside loopback.

use std::fs::{self, File};
use std::net::{IpAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use shared::api::IceConfig;
use tempfile::TempDir;
use testkit::process::program;
use testkit::{PATIENCE, TestViewer, Wants, eventually};

/// A running server, whose output is kept in files.
struct Observed {
    child: Child,
    url: String,
    output: TempDir,
}

impl Observed {
    async fn start(arguments: &[&str]) -> Self {
        let output = tempfile::tempdir().unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let file = |name: &str| File::create(output.path().join(name)).unwrap();
        let child = Command::new(program("server"))
            .env("WEIR_STATE", "/nonexistent/weir")
            .args(["--listen", &address, "--udp-port", "0", "--turn-port", "0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        let observed = Self {
            child,
            url: format!("http://{address}"),
            output,
        };
        eventually("it has started", PATIENCE, || async {
            observed.printed("stdout").contains("Ctrl-C")
        })
        .await;
        observed
    }

    fn printed(&self, stream: &str) -> String {
        let octets = fs::read(self.output.path().join(stream)).unwrap();
        String::from_utf8_lossy(&octets).into_owned()
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        reqwest::get(format!("{}{path}", self.url)).await.unwrap()
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_of_a_file_controls_the_terminal_or_forges_a_line_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    // The title of the terminal, a line of its own, and text that runs backwards.
    let name = "a\x1b]0;owned\x07\nERROR forged\u{202e}4pm";
    fs::write(folder.path().join(format!("{name}.mp4")), "no film").unwrap();
    let server = Observed::start(&["--log", "debug", folder.path().to_str().unwrap()]).await;
    eventually("the log names the file", PATIENCE, || async {
        server.get("/api/streams").await;
        server.printed("stderr").contains("owned")
    })
    .await;
    for stream in ["stdout", "stderr"] {
        let printed = server.printed(stream);
        let is_bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!printed.contains(is_bad), "{stream}: {printed:?}");
        let forged = printed.lines().any(|line| line.starts_with("ERROR forged"));
        assert!(!forged, "{stream}: {printed:?}");
    }
    assert!(server.printed("stdout").contains("Streams: a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_of_a_session_is_not_in_the_log() {
    let secret = "0123456789abcdef0123456789abcdef";
    let server = Observed::start(&["--log", "debug", "test:"]).await;
    for path in [
        format!("/session/{secret}"),
        format!("/session/p{secret}"),
        format!("/session/{secret}/playhead"),
        format!("//session//{secret}/x/"),
    ] {
        let answer = server.get(&path).await;
        assert_eq!(answer.status(), 404, "{path}");
    }
    let log = server.printed("stderr");
    assert!(log.contains("/session/…"), "{log}");
    assert!(!log.contains("0123456789abcdef"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_loopback_has_media_and_relays_there_alone() {
    let server = Observed::start(&["test:"]).await;
    let (viewer, offer) = TestViewer::offer(Wants::default()).await;
    let client = reqwest::Client::new();
    let request = client.post(format!("{}/offer", server.url)).body(offer);
    let request = request.header("content-type", "application/sdp");
    let answer = request.send().await.unwrap().text().await.unwrap();
    let candidates: Vec<IpAddr> = answer
        .lines()
        .filter_map(|line| line.strip_prefix("a=candidate:"))
        .map(|candidate| candidate.split(' ').nth(4).unwrap().parse().unwrap())
        .collect();
    assert!(!candidates.is_empty(), "{answer}");
    assert!(candidates.iter().all(IpAddr::is_loopback), "{candidates:?}");
    let ice: IceConfig = server.get("/api/ice").await.json().await.unwrap();
    let stun = &ice.ice_servers[0].urls[0];
    let port: u16 = stun.rsplit(':').next().unwrap().parse().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    for address in net::local_addresses().unwrap() {
        let reached = TcpStream::connect_timeout(&(address, port).into(), Duration::from_secs(2));
        assert_eq!(reached.is_ok(), address.is_loopback(), "{address}");
    }
    viewer.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn root_is_warned() {
    let id = Command::new("id").arg("-u").output().unwrap().stdout;
    let server = Observed::start(&["test:"]).await;
    let warned = server.printed("stderr").contains("runs as root");
    assert_eq!(warned, id.trim_ascii() == b"0");
}
