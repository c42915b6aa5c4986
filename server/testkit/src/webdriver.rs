//! Sessions of W3C WebDriver 2: JSON over HTTP to chromedriver or geckodriver.

use std::{
    fmt,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Chromium's arguments: headless, without background network requests.
pub const CHROMIUM: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // The machine may have no other interface.
    "--allow-loopback-in-peer-connection",
];

/// The time for one command, including waits in scripts. Long, for busy machines.
const TIMEOUT: Duration = Duration::from_secs(120);

/// One browser with a fresh profile. Dropping it ends the browser and its driver.
pub struct Session {
    http: reqwest::Client,
    address: SocketAddr,
    id: String,
    driver: Child,
    /// Contains the browser's profile.
    _folder: TempDir,
}

/// A command that the browser has not carried out.
#[derive(Debug)]
pub struct Refused {
    /// An error code of WebDriver.
    error: String,
    sentence: String,
}

impl Refused {
    /// Whether the page is changing just now: the element was replaced, is covered or hidden, or its document is on its way out.
    pub fn is_passing(&self) -> bool {
        [
            "stale element reference",
            "no such element",
            "element click intercepted",
            "element not interactable",
            "detached shadow root",
        ]
        .contains(&self.error.as_str())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.sentence)
    }
}

impl Session {
    /// Starts `program` on a free port and opens a browser with these capabilities.
    pub async fn start(program: &str, capabilities: Value) -> Self {
        let folder = TempDir::with_prefix("weir-browser-").expect("a folder for the profile");
        let port = free_port();
        let driver = Command::new(program)
            .arg(format!("--port={port}"))
            // geckodriver's second port has a fixed default, which two drivers cannot share.
            .args((program == "geckodriver").then_some("--websocket-port=0"))
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A separate process group, so that `drop` can kill the browser with its driver.
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("cannot start {program} ({error}): `cargo xtask setup` installs it")
            });
        let mut session = Self {
            http: reqwest::Client::builder()
                .timeout(TIMEOUT)
                .build()
                .expect("an HTTP client without TLS"),
            address: (Ipv4Addr::LOCALHOST, port).into(),
            id: String::new(),
            driver,
            _folder: folder,
        };
        session.wait_until_ready(program).await;
        let body = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let answer = session.try_send("POST", "/session", body).await;
        let answer = answer.unwrap_or_else(|refused| panic!("{refused}"));
        session.id = answer["sessionId"]
            .as_str()
            .expect("a new session has an id")
            .to_owned();
        session
    }

    async fn wait_until_ready(&mut self, program: &str) {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let url = format!("http://{}/status", self.address);
            if let Ok(answer) = self.http.get(url).send().await
                && answer.status().is_success()
            {
                return;
            }
            let ended = self.driver.try_wait().expect("the driver is our child");
            assert!(ended.is_none(), "{program} ended at once: {ended:?}");
            assert!(Instant::now() < deadline, "{program} does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends one command; `path` follows `/session/{id}`.
    pub async fn command(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.try_command(method, path, body).await;
        answer.unwrap_or_else(|refused| panic!("{refused}"))
    }

    /// The same for a command that may fail: see [`Refused::is_passing`].
    pub async fn try_command(
        &self,
        method: &str,
        path: &str,
        body: Value,
    ) -> Result<Value, Refused> {
        let path = format!("/session/{}{path}", self.id);
        self.try_send(method, &path, body).await
    }

    async fn try_send(&self, method: &str, path: &str, body: Value) -> Result<Value, Refused> {
        let url = format!("http://{}{path}", self.address);
        let request = match method {
            "GET" => self.http.get(url),
            "DELETE" => self.http.delete(url),
            _ => self.http.post(url).json(&body),
        };
        let answer = request.send().await;
        let answer: Value = answer
            .unwrap_or_else(|error| panic!("the browser's driver does not answer {path}: {error}"))
            .json()
            .await
            .expect("a driver answers in JSON");
        let value = &answer["value"];
        match value["error"].as_str() {
            Some(error) => Err(Refused {
                error: error.to_owned(),
                sentence: format!(
                    "the browser reports {error}: {}\nto {path} {body}",
                    value["message"]
                ),
            }),
            None => Ok(value.clone()),
        }
    }

    /// Kills the browser and its driver (SIGKILL).
    pub fn kill(&self) {
        // Only the processes left in this driver's group.
        let group = format!("-{}", self.driver.id());
        let _ = Command::new("kill")
            .args(["-KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
    }

    /// Asks the browser to close if it still listens. Blocking, for `drop`.
    fn close(&self) -> std::io::Result<()> {
        let limit = Duration::from_secs(10);
        let mut stream = TcpStream::connect_timeout(&self.address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        let Self { address, id, .. } = self;
        write!(
            stream,
            "DELETE /session/{id} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )?;
        // The driver responds when the browser has ended.
        stream.read(&mut [0; 512]).map(drop)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.close();
        self.kill();
        let _ = self.driver.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("a bound address").port()
}
