//! `bench soak`: viewers join and leave for minutes, and nothing may grow.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::task::LocalSet;
use tokio::time::{interval, sleep};

use super::cores::Cores;
use super::encoded_soak;
use super::lateness::bound;
use super::source::{FANOUT, TestVideo};
use super::target::Target;
use super::viewer::ViewerKind;
use super::viewer_pool::ViewerPool;
use crate::process::raise_file_limit;

/// Half of the viewers that leave send DELETE, half just vanish. The server's usage is printed every minute.
#[derive(Args)]
pub(crate) struct Soak {
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(4..=10_000))]
    minutes: u64,
    #[arg(long, default_value_t = 500, value_parser = super::viewers)]
    viewers: usize,
    /// Joins per second, and as many departures.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=100))]
    churn: u32,
    /// Number of viewers that stay, and receive and check everything.
    #[arg(long, default_value_t = 5, value_parser = super::viewers)]
    probes: usize,
    /// Instead: so many times, three viewers on each of three streams join and leave, for whom the video is encoded (VP8).
    #[arg(long, value_name = "CYCLES", conflicts_with_all = ["minutes", "viewers", "churn", "probes"],
        value_parser = clap::value_parser!(u32).range(2..=1000))]
    encoded: Option<u32>,
}

/// Joins per second at the start.
const JOIN_RATE: f64 = 50.0;
/// The server notices after this time that a viewer vanished; until then their number grows.
const WARM_UP: Duration = Duration::from_secs(60);
/// Relative growth of memory between the first and the last third that still counts as flat.
const MEMORY: f64 = 0.05;

/// The server's usage in one minute.
struct Minute {
    memory: f64,
    files: f64,
    /// p99 in ms.
    late: Option<f64>,
}

impl Soak {
    pub(crate) fn run(self) -> Result<()> {
        raise_file_limit(self.viewers as u64 * 2 + 500)?;
        let source = TestVideo::make(&super::folder(), FANOUT)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        if let Some(cycles) = self.encoded {
            let soak = encoded_soak::run(cycles, &source);
            return LocalSet::new().block_on(&runtime, soak);
        }
        let cores = Cores::choose()?;
        let target = Target::weir(&source, cores, false)?;
        LocalSet::new().block_on(&runtime, self.soak(&target, &source))
    }

    async fn soak(&self, target: &Target, source: &TestVideo) -> Result<()> {
        let mut pool = ViewerPool::new(&target.whep, source)?;
        pool.grow(
            self.probes.min(self.viewers),
            ViewerKind::Probe { loss: 0 },
            JOIN_RATE,
        )
        .await?;
        pool.grow(self.viewers, ViewerKind::Background, JOIN_RATE)
            .await?;
        eprintln!(
            "{} viewers, {} joins and departures per second",
            self.viewers, self.churn
        );
        self.exchange(&mut pool, WARM_UP).await?;
        pool.take_report();
        println!(
            "minute | memory MB | files | CPU ms per viewer-second | lateness p99 ms | units at probes: missing, out of order, damaged, mistimed"
        );
        let mut minutes = Vec::new();
        let mut wrong = 0;
        for minute in 1..=self.minutes {
            let (before, began) = (
                target.usage()?.context("Weir is a process")?,
                Instant::now(),
            );
            let metrics = target.metrics(pool.http()).await;
            self.exchange(&mut pool, Duration::from_secs(60)).await?;
            let after = target.usage()?.context("Weir is a process")?;
            let metrics = target.metrics(pool.http()).await.zip(metrics);
            let lateness = metrics.and_then(|(after, before)| after.since(&before).lateness);
            let late = lateness.and_then(|lateness| lateness.percentile(99.0));
            let cpu = (after.cpu - before.cpu).as_secs_f64() * 1e3 / began.elapsed().as_secs_f64();
            let report = pool.take_report();
            let mut units = report.video;
            units.add(&report.audio);
            wrong += units.wrong();
            println!(
                "{minute:>6} | {:>9.1} | {:>5} | {:>24.2} | {:>15} | {}, {}, {}, {}",
                after.memory as f64 / 1e6,
                after.files,
                cpu / self.viewers as f64,
                bound(late),
                units.missing,
                units.disordered,
                units.damaged,
                units.mistimed
            );
            minutes.push(Minute {
                memory: after.memory as f64,
                files: after.files as f64,
                late,
            });
        }
        pool.leave().await?;
        verdict(&minutes, self.churn, wrong)
    }

    /// Viewers join and leave for this time.
    async fn exchange(&self, pool: &mut ViewerPool, over: Duration) -> Result<()> {
        if self.churn == 0 {
            sleep(over).await;
        } else {
            let mut pace = interval(Duration::from_secs(1) / self.churn);
            for turn in 0..over.as_secs() * u64::from(self.churn) {
                pace.tick().await;
                pool.exchange(turn % 2 == 0).await?;
            }
        }
        pool.check_connected().await
    }
}

/// Compares the first third with the last.
fn verdict(minutes: &[Minute], churn: u32, wrong: u64) -> Result<()> {
    let third = (minutes.len() / 3).max(1);
    let (first, last) = (&minutes[..third], &minutes[minutes.len() - third..]);
    let mean = |part: &[Minute], of: fn(&Minute) -> f64| {
        part.iter().map(of).sum::<f64>() / part.len() as f64
    };
    let mut problems = Vec::new();
    let (before, after) = (mean(first, |m| m.memory), mean(last, |m| m.memory));
    if after > before * (1.0 + MEMORY) {
        problems.push(format!(
            "memory grew from {:.1} to {:.1} MB",
            before / 1e6,
            after / 1e6
        ));
    }
    let (before, after) = (mean(first, |m| m.files), mean(last, |m| m.files));
    // Viewers that are joining or leaving have requests open.
    if after > before + 10.0 + 2.0 * f64::from(churn) {
        problems.push(format!("open files grew from {before:.0} to {after:.0}"));
    }
    let most = |part: &[Minute]| {
        part.iter()
            .filter_map(|minute| minute.late)
            .reduce(f64::max)
    };
    if let Some((before, after)) = most(first).zip(most(last))
        && after > before
    {
        problems.push(format!("lateness p99 grew from <{before} to <{after} ms"));
    }
    if wrong > 0 {
        problems.push(format!("{wrong} units at probes were wrong"));
    }
    if !problems.is_empty() {
        bail!("not flat: {}", problems.join("; "));
    }
    println!("flat: memory, files and lateness of the last third match the first");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(memory: impl Fn(f64) -> f64) -> Vec<Minute> {
        let minute = |n| Minute {
            memory: memory(f64::from(n)),
            files: 40.0,
            late: Some(5.0),
        };
        (0..9).map(minute).collect()
    }

    #[test]
    fn constant_usage_is_flat_and_growth_is_not() {
        assert!(verdict(&minutes(|_| 1e8), 5, 0).is_ok());
        assert!(verdict(&minutes(|n| 1e8 + n * 2e6), 5, 0).is_err());
        assert!(verdict(&minutes(|_| 1e8), 5, 1).is_err());
        let mut late = minutes(|_| 1e8);
        late[8].late = Some(10.0);
        assert!(verdict(&late, 5, 0).is_err());
    }
}
