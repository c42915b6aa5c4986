//! The measured server: Weir, or a third-party server that is running already.

use std::net::TcpListener;

use anyhow::{Context, Result};

use super::cores::Cores;
use super::metrics::Metrics;
use super::source::TestVideo;
use crate::process::{live_server, release, start_server};
use testkit::process::{ProcessUsage, ServerProcess};

/// Weir's flags: all viewers of a measurement, on one shard.
const FLAGS: &[&str] = &[
    "--max-viewers",
    "4000",
    "--max-connecting",
    "4000",
    "--per-address",
    "off",
    "--shards",
    "1",
];
/// Name of Weir's stream.
const STREAM: &str = "video";
/// Names of its streams whose viewers get another codec than the source has.
const ENCODED: [&str; 3] = ["one", "two", "three"];

pub(crate) struct Target {
    pub(crate) name: String,
    /// WHEP endpoint.
    pub(crate) whep: String,
    metrics: Option<String>,
    process: Option<u32>,
    /// Stopped on drop.
    server: Option<ServerProcess>,
}

impl Target {
    /// Starts Weir with the source on the server's core. Afterwards this thread is on the viewers' core. `live`: the source is published, not played as
    /// a file.
    pub(crate) fn weir(source: &TestVideo, cores: Cores, live: bool) -> Result<Self> {
        let (name, program) = if live {
            ("Weir, live", live_server()?)
        } else {
            ("Weir", release("server")?)
        };
        cores.enter_server()?;
        let file = source
            .path
            .to_str()
            .context("the path of the video is not UTF-8")?;
        let free = TcpListener::bind("127.0.0.1:0")?;
        let counters = free.local_addr()?.to_string();
        drop(free);
        let flags = [FLAGS, &["--metrics-listen", &counters]].concat();
        let server = start_server(&program, &flags, &format!("{STREAM}={file}"));
        cores.enter_viewers()?;
        let server = server?;
        Ok(Self {
            name: name.to_owned(),
            whep: format!("{}/whep/{STREAM}", server.url),
            metrics: Some(format!("http://{counters}/metrics")),
            process: Some(server.child.id()),
            server: Some(server),
        })
    }

    /// Starts Weir with the source under several names, on all cores: what is encoded takes more than one. Returns the WHEP endpoints as well.
    pub(crate) fn weir_encoding(source: &TestVideo) -> Result<(ServerProcess, Vec<String>)> {
        let file = source
            .path
            .to_str()
            .context("the path of the video is not UTF-8")?;
        let [first, others @ ..] = ENCODED.map(|name| format!("{name}={file}"));
        let flags: Vec<&str> = FLAGS
            .iter()
            .copied()
            .chain(others.iter().map(String::as_str))
            .collect();
        let server = start_server(&release("server")?, &flags, &first)?;
        let endpoints = ENCODED.map(|name| format!("{}/whep/{name}", server.url));
        Ok((server, endpoints.to_vec()))
    }

    /// A server that plays the source already. Its process is pinned to the server's core.
    pub(crate) fn third_party(whep: &str, process: Option<u32>, cores: Cores) -> Result<Self> {
        if let Some(process) = process {
            cores.pin_server(process)?;
        }
        Ok(Self {
            name: whep.to_owned(),
            whep: whep.to_owned(),
            metrics: None,
            process,
            server: None,
        })
    }

    /// The server runs on after the measurement, so viewers have to leave.
    pub(crate) fn stays(&self) -> bool {
        self.server.is_none()
    }

    /// `None` when the process is unknown.
    pub(crate) fn usage(&self) -> Result<Option<ProcessUsage>> {
        let usage = self.process.map(ProcessUsage::read).transpose();
        usage
            .context("the usage of the server's process cannot be read; this benchmark needs Linux")
    }

    /// `None` when the server has no metrics.
    pub(crate) async fn metrics(&self, http: &reqwest::Client) -> Option<Metrics> {
        Metrics::of(http, self.metrics.as_deref()?).await
    }
}
