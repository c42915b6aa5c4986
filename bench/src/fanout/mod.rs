//! `bench fanout`: what one more viewer costs, beside the least that this machine allows; and `bench soak`.
//!
//! | module | noun |
//! |---|---|
//! | [`source`] | the film, known unit by unit |
//! | [`cores`] | one core for the server, one for those who watch |
//! | [`limit`] | copying, sealing and sending, and nothing else |
//! | [`target`] | the server that is measured |
//! | [`watching`] | what a viewer does, from the offer to the end |
//! | [`watcher`] | one of many viewers on one thread |
//! | [`answer`] | what a viewer reads in an SDP answer |
//! | [`filter`] | what the kernel drops for the crowd |
//! | [`arrivals`] | how much of it there was |
//! | [`check`] | what a probe received, held against the film |
//! | [`seen`] | what probes received |
//! | [`crowd`] | all viewers of a server |
//! | [`lateness`] | the server's own histogram |
//! | [`metrics`] | all that the server counts itself |
//! | [`row`] | one measurement |
//! | [`table`] | measurements as text |
//! | [`soak`] | hours of it |

mod answer;
mod arrivals;
mod check;
mod cores;
mod crowd;
mod filter;
mod lateness;
mod limit;
mod metrics;
mod row;
mod seen;
pub(crate) mod soak;
mod source;
mod table;
mod target;
mod watcher;
mod watching;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use tokio::task::LocalSet;

use crate::process::need_files;
use cores::Cores;
use row::{Plan, Row};
use source::Source;
use target::Target;

/// The server gets one core and all viewers another. All receive and answer as browsers do, but the kernel drops the
/// media of all but the probes, which check every picture and every packet of sound against the file.
#[derive(Args)]
pub(crate) struct Fanout {
    /// How many watch at once; one row each.
    #[arg(long, value_delimiter = ',', default_value = "1,50,200,800,2000", value_parser = viewers)]
    viewers: Vec<usize>,
    /// Seconds that each row is measured for.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// How many of the viewers receive and check everything. They are also the only ones that answer with
    /// transport-wide feedback.
    #[arg(long, default_value_t = 10, value_parser = viewers)]
    probes: usize,
    /// Joins a second while they are not measured.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    join_rate: u32,
    /// How many join in a storm, while the others watch.
    #[arg(long, default_value_t = 200)]
    storm: usize,
    /// Seconds that the storm takes.
    #[arg(long, default_value_t = 2.0, value_parser = seconds)]
    storm_seconds: f64,
    /// Percent of packets that probes lose in the last measurement.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=50))]
    loss: u64,
    /// A WHEP endpoint of a server that plays target/bench/fanout.mp4 in a loop, to be measured instead of Weir.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Its process, on this machine; without it there is no CPU time.
    #[arg(long, requires = "url")]
    pid: Option<u32>,
    /// A WHEP endpoint of another such server, measured beside, row by row.
    #[arg(long, value_name = "URL")]
    beside: Option<String>,
    /// The process of that one.
    #[arg(long, requires = "beside")]
    beside_pid: Option<u32>,
}

/// Where the film is made.
fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench")
}

impl Fanout {
    pub(crate) fn run(self) -> Result<()> {
        let most = self.viewers.iter().max().copied().unwrap_or(0) + self.storm;
        need_files(most as u64 * 2 + 500)?;
        let source = Source::make(&folder())?;
        let cores = Cores::choose()?;
        println!(
            "720p30 and sound, {:.2} Mbit/s in {:.0} packets a second; the server on core {}, viewers on core {}",
            source.bitrate() / 1e6,
            source.packets(),
            cores.server,
            cores.viewers
        );
        cores.enter_server()?;
        let limit = limit::measure(&source)?;
        cores.enter_viewers()?;
        println!(
            "the limit of this machine (copy, AES-128-GCM, GSO): {:.3} ms of CPU a viewer-second",
            limit.as_secs_f64() * 1000.0
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut results = Results::default();
        let measured =
            LocalSet::new().block_on(&runtime, self.measure(&source, cores, &mut results));
        // What was measured besides a failure is worth having.
        for (name, rows) in &results.0 {
            table::print(name, rows, limit);
        }
        let repaired = LocalSet::new().block_on(&runtime, self.repair(&source, cores));
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

    /// Rows of both servers in turn, so that both meet the same machine.
    async fn measure(&self, source: &Source, cores: Cores, results: &mut Results) -> Result<()> {
        for &viewers in &self.viewers {
            let first = self.first(source, cores)?;
            results
                .add(first, source, &self.plan(cores), viewers)
                .await?;
            if let Some(url) = &self.beside {
                let beside = Target::other(url, self.beside_pid, cores)?;
                results
                    .add(beside, source, &self.plan(cores), viewers)
                    .await?;
            }
        }
        Ok(())
    }

    async fn repair(&self, source: &Source, cores: Cores) -> Result<()> {
        if self.loss > 0 {
            let target = self.first(source, cores)?;
            eprintln!("{}: {} % loss", target.name, self.loss);
            let repair = row::repair(&target, source, &self.plan(cores), self.loss).await?;
            table::print_repair(&repair, self.loss);
        }
        Ok(())
    }

    /// The server that the bench is about. Weir begins anew, so that rows do not depend on those before.
    fn first(&self, source: &Source, cores: Cores) -> Result<Target> {
        match &self.url {
            Some(url) => Target::other(url, self.pid, cores),
            None => Target::weir(source, cores),
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
        source: &Source,
        plan: &Plan,
        viewers: usize,
    ) -> Result<()> {
        eprintln!("{}: {viewers} watch", target.name);
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
