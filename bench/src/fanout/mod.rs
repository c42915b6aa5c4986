//! `bench fanout`: the cost of one more viewer, compared with the limit of this machine; and `bench soak`.
//!
//! | module | noun |
//! |---|---|
//! | [`source`] | the video, as a list of access units |
//! | [`cores`] | one core for the server, one for the viewers |
//! | [`limit`] | the lowest possible cost: copying, encrypting and sending |
//! | [`target`] | the measured server |
//! | [`viewer`] | one viewer, from the offer to its end |
//! | [`viewer_handle`] | a viewer as the pool sees it |
//! | [`viewer_pool`] | all viewers of a server |
//! | [`answer`] | parts of an SDP answer |
//! | [`filter`] | a socket filter that drops RTP |
//! | [`socket_drops`] | the number of dropped packets |
//! | [`check`] | received access units compared with the source |
//! | [`probe_report`] | what probes received |
//! | [`lateness`] | the server's histogram of lateness |
//! | [`metrics`] | the server's counters |
//! | [`row`] | one measurement |
//! | [`table`] | measurements as text |
//! | [`soak`], [`encoded_soak`] | `bench soak`, and `bench soak --encoded` |

pub(crate) mod answer;
mod check;
pub(crate) mod cores;
mod encoded_soak;
mod filter;
mod lateness;
pub(crate) mod limit;
mod metrics;
mod probe_report;
mod row;
pub(crate) mod soak;
mod socket_drops;
pub(crate) mod source;
mod table;
mod target;
pub(crate) mod viewer;
mod viewer_handle;
pub(crate) mod viewer_pool;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use tokio::task::LocalSet;

use crate::process::raise_file_limit;
use cores::Cores;
use row::{Plan, Row};
use source::{FANOUT, TestVideo};
use target::Target;

/// The server runs on one core, all viewers on another. Every viewer answers as a browser does, but the kernel drops the
/// media of all viewers except the probes, which compare every frame and every audio packet with the file.
#[derive(Args)]
pub(crate) struct Fanout {
    /// Numbers of concurrent viewers; one row each.
    #[arg(long, value_delimiter = ',', default_value = "1,50,200,800,2000", value_parser = viewers)]
    viewers: Vec<usize>,
    /// Seconds that each row is measured.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Number of viewers that receive and check everything. Only these send
    /// transport-wide feedback.
    #[arg(long, default_value_t = 10, value_parser = viewers)]
    probes: usize,
    /// Joins per second outside of the storm.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    join_rate: u32,
    /// Number of viewers that join in the storm, while the others watch.
    #[arg(long, default_value_t = 200)]
    storm: usize,
    /// Seconds that the storm takes.
    #[arg(long, default_value_t = 2.0, value_parser = seconds)]
    storm_seconds: f64,
    /// Percentage of packets that probes drop in the last measurement.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=50))]
    loss: u64,
    /// Publish the video as a live stream, whose viewers follow its newest frame, instead of playing it as a file.
    #[arg(long, conflicts_with = "url")]
    live: bool,
    /// WHEP endpoint of a third-party server that plays target/bench/gop-2s.mp4 in a loop, measured instead of Weir.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Process id of that server, on this machine; without it CPU time and memory are not measured.
    #[arg(long, requires = "url")]
    pid: Option<u32>,
    /// WHEP endpoint of a third-party server that plays the same file, measured next to the first, row by row.
    #[arg(long, value_name = "URL")]
    beside: Option<String>,
    /// Process id of that server.
    #[arg(long, requires = "beside")]
    beside_pid: Option<u32>,
}

/// Folder of the video.
pub(crate) fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench")
}

impl Fanout {
    pub(crate) fn run(self) -> Result<()> {
        let most = self.viewers.iter().max().copied().unwrap_or(0) + self.storm;
        raise_file_limit(most as u64 * 2 + 500)?;
        let source = TestVideo::make(&folder(), FANOUT)?;
        let cores = Cores::choose()?;
        println!(
            "720p30 and audio, {:.2} Mbit/s in {:.0} packets per second; server on core {}, viewers on core {}",
            source.bitrate() / 1e6,
            source.packets(),
            cores.server,
            cores.viewers
        );
        cores.enter_server()?;
        let limit = limit::measure(&source)?;
        cores.enter_viewers()?;
        println!(
            "the limit of this machine (copy, AES-128-GCM, GSO): {:.3} ms of CPU per viewer-second",
            limit.as_secs_f64() * 1000.0
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut results = Results::default();
        let measured =
            LocalSet::new().block_on(&runtime, self.measure(&source, cores, &mut results));
        // Rows measured before a failure are printed all the same.
        for (name, rows) in &results.0 {
            table::print(name, rows, limit);
        }
        let repaired = LocalSet::new().block_on(&runtime, self.measure_loss(&source, cores));
        measured.and(repaired)
    }

    fn plan(&self, cores: Cores) -> Plan {
        Plan {
            cores,
            window: Duration::from_secs(self.seconds),
            probes: self.probes,
            rate: f64::from(self.join_rate),
            storm: self.storm,
            storm_takes: Duration::from_secs_f64(self.storm_seconds),
        }
    }

    /// Measures the servers in turn, so that both meet the same conditions.
    async fn measure(&self, source: &TestVideo, cores: Cores, results: &mut Results) -> Result<()> {
        for &viewers in &self.viewers {
            let first = self.first(source, cores)?;
            results
                .add(first, source, &self.plan(cores), viewers)
                .await?;
            if let Some(url) = &self.beside {
                let beside = Target::third_party(url, self.beside_pid, cores)?;
                results
                    .add(beside, source, &self.plan(cores), viewers)
                    .await?;
            }
        }
        Ok(())
    }

    async fn measure_loss(&self, source: &TestVideo, cores: Cores) -> Result<()> {
        if self.loss > 0 {
            let target = self.first(source, cores)?;
            eprintln!("{}: {} % loss", target.name, self.loss);
            let row = row::measure_loss(&target, source, &self.plan(cores), self.loss).await?;
            table::print_loss(&row, self.loss);
        }
        Ok(())
    }

    /// The first server. Weir is restarted for each row, so that rows do not depend on earlier ones.
    fn first(&self, source: &TestVideo, cores: Cores) -> Result<Target> {
        match &self.url {
            Some(url) => Target::third_party(url, self.pid, cores),
            None => Target::weir(source, cores, self.live),
        }
    }
}

/// Rows by name of server.
#[derive(Default)]
struct Results(Vec<(String, Vec<Row>)>);

impl Results {
    async fn add(
        &mut self,
        target: Target,
        source: &TestVideo,
        plan: &Plan,
        viewers: usize,
    ) -> Result<()> {
        eprintln!("{}: {viewers} viewers", target.name);
        let row = row::measure(&target, source, plan, viewers).await?;
        match self.0.iter_mut().find(|(name, _)| *name == target.name) {
            Some((_, rows)) => rows.push(row),
            None => self.0.push((target.name, vec![row])),
        }
        Ok(())
    }
}

fn viewers(argument: &str) -> Result<usize, String> {
    match argument.parse() {
        Ok(number @ 1..=10_000) => Ok(number),
        _ => Err("a number from 1 to 10000".to_owned()),
    }
}

fn seconds(argument: &str) -> Result<f64, String> {
    match argument.parse() {
        Ok(seconds) if (0.01..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("seconds, from 0.01 to 3600".to_owned()),
    }
}
