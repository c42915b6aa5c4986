//! `bench soak`: many watch, some come and go, and nothing may grow.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::task::LocalSet;
use tokio::time::{interval, sleep};

use super::cores::Cores;
use super::crowd::Crowd;
use super::lateness::bound;
use super::source::Source;
use super::target::Target;
use super::watching::Kind;
use crate::process::need_files;

/// Half of those who leave tell the server, half just vanish. What the server has is printed every minute.
#[derive(Args)]
pub(crate) struct Soak {
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(4..=10_000))]
    minutes: u64,
    #[arg(long, default_value_t = 500, value_parser = super::viewers)]
    viewers: usize,
    /// Joins a second, and as many who leave.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=100))]
    churn: u32,
    /// How many of the viewers receive and check everything, and stay.
    #[arg(long, default_value_t = 5, value_parser = super::viewers)]
    probes: usize,
}

/// Joins a second at the beginning.
const JOIN_RATE: f64 = 50.0;
/// Those who vanish are missed after this, and until then there are more and more of them.
const WARM_UP: Duration = Duration::from_secs(60);
/// Memory may differ by this much between the first and the last third, and is still flat.
const MEMORY: f64 = 0.05;

/// What the server had in a minute.
struct Minute {
    memory: f64,
    files: f64,
    /// p99 in ms.
    late: Option<f64>,
}

impl Soak {
    pub(crate) fn run(self) -> Result<()> {
        need_files(self.viewers as u64 * 2 + 500)?;
        let source = Source::make(&super::folder())?;
        let cores = Cores::choose()?;
        let target = Target::weir(&source, cores)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        LocalSet::new().block_on(&runtime, self.soak(&target, &source))
    }

    async fn soak(&self, target: &Target, source: &Source) -> Result<()> {
        let mut crowd = Crowd::new(&target.whep, source)?;
        crowd
            .grow(
                self.probes.min(self.viewers),
                Kind::Probe { loss: 0 },
                JOIN_RATE,
            )
            .await?;
        crowd.grow(self.viewers, Kind::Crowd, JOIN_RATE).await?;
        eprintln!(
            "{} watch, {} a second come and go",
            self.viewers, self.churn
        );
        self.exchange(&mut crowd, WARM_UP).await?;
        crowd.take_seen();
        println!(
            "minute | memory MB | files | CPU ms a viewer-second | lateness p99 ms | units at probes: missing, out of order, damaged, mistimed"
        );
        let mut minutes = Vec::new();
        let mut wrong = 0;
        for minute in 1..=self.minutes {
            let (before, began) = (
                target.usage()?.context("Weir is a process")?,
                Instant::now(),
            );
            let metrics = target.metrics(crowd.http()).await;
            self.exchange(&mut crowd, Duration::from_secs(60)).await?;
            let after = target.usage()?.context("Weir is a process")?;
            let metrics = target.metrics(crowd.http()).await.zip(metrics);
            let lateness = metrics.and_then(|(after, before)| after.since(&before).lateness);
            let late = lateness.and_then(|lateness| lateness.percentile(99.0));
            let cpu = (after.cpu - before.cpu).as_secs_f64() * 1e3 / began.elapsed().as_secs_f64();
            let seen = crowd.take_seen();
            let mut units = seen.pictures;
            units.add(&seen.sound);
            wrong += units.wrong();
            println!(
                "{minute:>6} | {:>9.1} | {:>5} | {:>22.2} | {:>15} | {}, {}, {}, {}",
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
        crowd.leave().await?;
        verdict(&minutes, self.churn, wrong)
    }

    /// For so long, viewers come and go.
    async fn exchange(&self, crowd: &mut Crowd, over: Duration) -> Result<()> {
        if self.churn == 0 {
            sleep(over).await;
        } else {
            let mut pace = interval(Duration::from_secs(1) / self.churn);
            for turn in 0..over.as_secs() * u64::from(self.churn) {
                pace.tick().await;
                crowd.exchange(turn % 2 == 0).await?;
            }
        }
        crowd.all_here().await
    }
}

/// Compares the first third with the last.
fn verdict(minutes: &[Minute], churn: u32, wrong: u64) -> Result<()> {
    let third = (minutes.len() / 3).max(1);
    let (first, last) = (&minutes[..third], &minutes[minutes.len() - third..]);
    let mean = |part: &[Minute], of: fn(&Minute) -> f64| {
        part.iter().map(of).sum::<f64>() / part.len() as f64
    };
    let mut uneven = Vec::new();
    let (before, after) = (mean(first, |m| m.memory), mean(last, |m| m.memory));
    if after > before * (1.0 + MEMORY) {
        uneven.push(format!(
            "memory grew from {:.1} to {:.1} MB",
            before / 1e6,
            after / 1e6
        ));
    }
    let (before, after) = (mean(first, |m| m.files), mean(last, |m| m.files));
    // Requests of who comes and goes at the moment.
    if after > before + 10.0 + 2.0 * f64::from(churn) {
        uneven.push(format!("open files grew from {before:.0} to {after:.0}"));
    }
    let most = |part: &[Minute]| {
        part.iter()
            .filter_map(|minute| minute.late)
            .reduce(f64::max)
    };
    if let Some((before, after)) = most(first).zip(most(last))
        && after > before
    {
        uneven.push(format!("lateness p99 grew from <{before} to <{after} ms"));
    }
    if wrong > 0 {
        uneven.push(format!("{wrong} units at probes were wrong"));
    }
    if !uneven.is_empty() {
        bail!("not flat: {}", uneven.join("; "));
    }
    println!("flat: memory, files and lateness of the last third are as those of the first");
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
    fn what_stays_as_it_is_is_flat_and_what_grows_is_not() {
        assert!(verdict(&minutes(|_| 1e8), 5, 0).is_ok());
        assert!(verdict(&minutes(|n| 1e8 + n * 2e6), 5, 0).is_err());
        assert!(verdict(&minutes(|_| 1e8), 5, 1).is_err());
        let mut late = minutes(|_| 1e8);
        late[8].late = Some(10.0);
        assert!(verdict(&late, 5, 0).is_err());
    }
}
