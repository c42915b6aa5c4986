//! A server in this process, on free ports.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::server::Server;
use ::server::config::Config;
use ::server::publishing::Publishing;
use ::server::tls::Tls;
use clap::Parser;
use connection::Viewers;
use reqwest::{Method, Response};
use room::registry::{RoomLimits, RoomRegistry};
use shared::api::Health;
use stream::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use turn::Turn;

use crate::PATIENCE;

pub struct TestServer {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// Where it serves HTTPS, with `--tls`.
    pub https: Option<SocketAddr>,
    pub viewers: Viewers,
    pub registry: Registry,
    /// `None` with `--turn off`.
    pub turn: Option<Arc<Turn>>,
    pub rooms: RoomRegistry,
    pub publishing: Publishing,
    pub http: reqwest::Client,
    /// `http://127.0.0.1:PORT`, of `--metrics-listen`.
    metrics: String,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

impl TestServer {
    /// Serves the clip in assets/ as the stream `film`.
    pub async fn start() -> Self {
        Self::with(&[&format!("film={}", crate::CLIP)]).await
    }

    /// With these command-line arguments in addition to free ports.
    pub async fn with(arguments: &[&str]) -> Self {
        Self::at("127.0.0.1:0", arguments).await
    }

    /// As [`Self::with`], listening on this address.
    pub async fn at(address: &str, arguments: &[&str]) -> Self {
        Self::run(address, config(arguments)).await
    }

    /// With changed limits on rooms.
    pub async fn with_limits(change: impl FnOnce(&mut RoomLimits)) -> Self {
        let mut config = config(&["test:"]);
        change(&mut config.room_limits);
        Self::run("127.0.0.1:0", config).await
    }

    async fn run(address: &str, mut config: Config) -> Self {
        let listener = listen(address).await;
        config.listen = listener.local_addr().expect("bound");
        // Firefox does not connect to loopback addresses.
        config.loopback = Some(false);
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let server = Server::open(&config).expect("free ports");
        let (viewers, registry) = (server.viewers().clone(), server.registry().clone());
        let turn = server.turn().cloned();
        let metrics = server.metrics_address().expect("--metrics-listen");
        let https = server.tls().map(Tls::address);
        let (rooms, publishing) = (server.rooms().clone(), server.publishing().clone());
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.run(listener, async {
            let _ = stopped.await;
        }));
        Self {
            url,
            https,
            viewers,
            registry,
            turn,
            rooms,
            publishing,
            http: reqwest::Client::new(),
            metrics: format!("http://{metrics}"),
            stop: Some(stop),
            running: Some(running),
        }
    }

    /// The counters have a port of their own.
    pub fn url(&self, path: &str) -> String {
        let server = match path.trim_matches('/') {
            "metrics" => &self.metrics,
            _ => &self.url,
        };
        format!("{server}{path}")
    }

    /// Stops the server, and returns how long that took.
    pub async fn stop(mut self) -> Duration {
        let began = Instant::now();
        let _ = self.stop.take().expect("stopped once").send(());
        self.running
            .take()
            .expect("stopped once")
            .await
            .expect("the server does not panic");
        began.elapsed()
    }

    /// Sends a request without a body to a path, or to an absolute URL.
    pub async fn request(&self, method: Method, path: &str) -> Response {
        let url = match path.starts_with("http") {
            true => path.to_owned(),
            false => self.url(path),
        };
        let request = self.http.request(method, url);
        request.send().await.expect("an answer")
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).await
    }

    /// `GET /api/health`.
    pub async fn health(&self) -> Health {
        self.get("/api/health").await.json().await.expect("JSON")
    }

    pub async fn delete(&self, path: &str) -> Response {
        self.request(Method::DELETE, path).await
    }

    pub async fn post(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> Response {
        self.http
            .post(self.url(path))
            .header("content-type", content_type)
            .body(body)
            .send()
            .await
            .expect("an answer")
    }
}

/// A port that was released may be in use for a moment, by a connection to somewhere else.
async fn listen(address: &str) -> TcpListener {
    let began = Instant::now();
    loop {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse && began.elapsed() < PATIENCE => {
                sleep(Duration::from_millis(20)).await;
            }
            bound => return bound.expect("a free port"),
        }
    }
}

fn config(arguments: &[&str]) -> Config {
    let arguments = [
        &[
            "server",
            "--udp-port",
            "0",
            "--turn-port",
            "0",
            "--tls-listen",
            "127.0.0.1:0",
            "--metrics-listen",
            "127.0.0.1:0",
        ],
        arguments,
    ]
    .concat();
    let mut config = Config::try_parse_from(arguments).expect("the arguments are valid");
    config.grace = Duration::from_millis(300);
    // Tests do within ten seconds what people do later.
    config.room_limits.presence = Duration::ZERO;
    // Not the keys of who runs the tests.
    let no_state = || "/nonexistent/weir".into();
    config.publish.state.folder.get_or_insert_with(no_state);
    config
}
