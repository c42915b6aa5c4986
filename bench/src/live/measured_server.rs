//! The server of one measurement, on its core.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use testkit::process::{ProcessUsage, ServerProcess};
use tokio::time::sleep;

use crate::fanout::cores::Cores;
use crate::process::{KEY, release, start_server};

/// All viewers on one shard, and no limit that a bench would meet.
const FLAGS: &[&str] = &[
    "--max-viewers",
    "4000",
    "--max-connecting",
    "4000",
    "--max-publishers",
    "1000",
    "--per-address",
    "off",
    "--shards",
    "1",
];

/// Stopped on drop.
pub(super) struct MeasuredServer {
    process: ServerProcess,
}

impl MeasuredServer {
    /// With a file under the name `film`, and streams to publish, named `live0`, `live1`, ….
    pub(super) fn start(cores: Cores, film: &str, streams: usize) -> Result<Self> {
        cores.enter_server()?;
        let declared =
            (0..streams).flat_map(|index| ["--publish".into(), format!("live{index}={KEY}")]);
        let declared: Vec<String> = declared.collect();
        let declared = declared.iter().map(String::as_str);
        let flags: Vec<_> = FLAGS.iter().copied().chain(declared).collect();
        let process = start_server(&release("server")?, &flags, &format!("film={film}"));
        cores.enter_viewers()?;
        Ok(Self { process: process? })
    }

    pub(super) fn whip(&self, index: usize) -> String {
        format!("{}/whip/live{index}", self.process.url)
    }

    /// Of a stream that may have no publisher yet.
    pub(super) fn whep(&self, index: usize) -> String {
        format!("{}/whep/live{index}?wait=1", self.process.url)
    }

    pub(super) fn whep_of_film(&self) -> String {
        format!("{}/whep/film", self.process.url)
    }

    /// CPU time a second, over this time.
    pub(super) async fn cpu(&self, window: Duration) -> Result<f64> {
        let read = || {
            let usage = ProcessUsage::read(self.process.child.id());
            usage.context("the usage of the server's process cannot be read; this needs Linux")
        };
        let (before, began) = (read()?.cpu, Instant::now());
        sleep(window).await;
        Ok((read()?.cpu - before).as_secs_f64() / began.elapsed().as_secs_f64())
    }
}
