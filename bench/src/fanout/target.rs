//! What is measured: Weir, or any server that is there already.

use anyhow::{Context, Result};

use super::cores::Cores;
use super::metrics::Metrics;
use super::source::Source;
use crate::process::{Server, Usage};

/// For Weir: all viewers of a measurement, on one shard.
const FLAGS: &[&str] = &["--max-viewers", "4000", "--shards", "1"];
/// The name of its stream.
const STREAM: &str = "film";

pub(crate) struct Target {
    pub(crate) name: String,
    /// Its WHEP endpoint.
    pub(crate) whep: String,
    metrics: Option<String>,
    process: Option<u32>,
    /// Ends with this.
    server: Option<Server>,
}

impl Target {
    /// Weir, started on its core with the source. This thread is on the viewers' core afterwards.
    pub(crate) fn weir(source: &Source, cores: Cores) -> Result<Self> {
        cores.enter_server()?;
        let file = source
            .path
            .to_str()
            .context("the folder has a strange name")?;
        let server = Server::start_with(FLAGS, &format!("{STREAM}={file}"));
        cores.enter_viewers()?;
        let server = server?;
        Ok(Self {
            name: "Weir".to_owned(),
            whep: format!("{}/whep/{STREAM}", server.url),
            metrics: Some(format!("{}/metrics", server.url)),
            process: Some(server.id()),
            server: Some(server),
        })
    }

    /// A server that plays the source already. Its process is held to the server's core.
    pub(crate) fn other(whep: &str, process: Option<u32>, cores: Cores) -> Result<Self> {
        if let Some(process) = process {
            cores.hold_server(process)?;
        }
        Ok(Self {
            name: whep.to_owned(),
            whep: whep.to_owned(),
            metrics: None,
            process,
            server: None,
        })
    }

    /// It goes on after the measurement, so whoever watches has to leave.
    pub(crate) fn stays(&self) -> bool {
        self.server.is_none()
    }

    /// `None` when the process is not known.
    pub(crate) fn usage(&self) -> Result<Option<Usage>> {
        self.process.map(Usage::of).transpose()
    }

    /// `None` when the server does not tell.
    pub(crate) async fn metrics(&self, http: &reqwest::Client) -> Option<Metrics> {
        Metrics::of(http, self.metrics.as_deref()?).await
    }
}
