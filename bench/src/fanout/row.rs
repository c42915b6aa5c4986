//! One measurement of one server with a number of viewers.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use super::cores::Cores;
use super::limit::thread_cpu;
use super::metrics::Metrics;
use super::probe_report::ProbeReport;
use super::socket_drops::SocketDrops;
use super::source::TestVideo;
use super::target::Target;
use super::viewer::ViewerKind;
use super::viewer_pool::{Packets, Storm, ViewerPool};
use testkit::process::ProcessUsage;

/// The load of joining is over after this time.
const SETTLE: Duration = Duration::from_secs(2);

/// How each row is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) cores: Cores,
    pub(crate) window: Duration,
    pub(crate) probes: usize,
    /// Joins per second outside of the storm.
    pub(crate) rate: f64,
    pub(crate) storm: usize,
    pub(crate) storm_takes: Duration,
}

/// One row; `None` where the server's process or its counters are unknown.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) viewers: usize,
    /// CPU time of the server in ms per second.
    pub(crate) cpu: Option<f64>,
    /// Memory in bytes per viewer after the first.
    pub(crate) memory: Option<f64>,
    /// CPU time of a join in ms, without sending media meanwhile.
    pub(crate) join: Option<f64>,
    /// The server's counters during the measurement.
    pub(crate) metrics: Option<Metrics>,
    /// At the probes, in microseconds, ascending.
    pub(crate) late_at_probes: Vec<u64>,
    pub(crate) storm: Storm,
    pub(crate) metrics_in_storm: Option<Metrics>,
    pub(crate) packets: Option<Packets>,
    /// Duration of the measurement.
    pub(crate) seconds: f64,
    /// Of the probes, from the first join to the end of the storm.
    pub(crate) report: ProbeReport,
    /// Share of the viewers' core used by the viewers.
    pub(crate) busy: f64,
    /// CPU time of other processes on the server's core, in ms per second.
    pub(crate) others: Option<f64>,
}

/// A span of time and the server's usage at its start.
struct Interval {
    began: Instant,
    before: Option<ProcessUsage>,
}

impl Interval {
    fn begin(target: &Target) -> Result<Self> {
        Ok(Self {
            began: Instant::now(),
            before: target.usage()?,
        })
    }

    fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// CPU time of the server in this interval so far, in ms.
    fn cpu(&self, target: &Target) -> Result<Option<f64>> {
        let used = |(before, after): (ProcessUsage, ProcessUsage)| {
            (after.cpu - before.cpu).as_secs_f64() * 1e3
        };
        Ok(self.before.zip(target.usage()?).map(used))
    }
}

pub(crate) async fn measure(
    target: &Target,
    source: &TestVideo,
    plan: &Plan,
    viewers: usize,
) -> Result<Row> {
    let mut pool = ViewerPool::new(&target.whep, source)?;
    // The first viewer starts the source, which is a cost of its own.
    pool.grow(1, ViewerKind::Probe { loss: 0 }, plan.rate)
        .await?;
    sleep(SETTLE).await;
    let alone = Interval::begin(target)?;
    sleep(SETTLE).await;
    let alone_rate = alone.cpu(target)?.map(|cpu| cpu / alone.seconds());

    let ramp = Interval::begin(target)?;
    let probes = plan.probes.min(viewers);
    pool.grow(probes, ViewerKind::Probe { loss: 0 }, plan.rate)
        .await?;
    pool.grow(viewers, ViewerKind::Background, plan.rate)
        .await?;
    let (ramp_cpu, ramp_seconds) = (ramp.cpu(target)?, ramp.seconds());
    sleep(SETTLE).await;

    let mut report = pool.take_report();
    let (before, arrived_before) = (target.metrics(pool.http()).await, SocketDrops::now()?);
    let (core, own) = (plan.cores.server_busy()?, thread_cpu());
    let window = Interval::begin(target)?;
    sleep(plan.window).await;
    let (cpu, seconds) = (window.cpu(target)?, window.seconds());
    let busy = (thread_cpu() - own).as_secs_f64() / seconds;
    let core = plan.cores.server_busy()?.saturating_sub(core).as_secs_f64() * 1e3;
    let arrived = SocketDrops::now()?;
    let after = target.metrics(pool.http()).await;
    let memory = ramp.before.zip(target.usage()?);
    pool.check_connected().await?;
    let mut in_window = pool.take_report();
    in_window.late.sort_unstable();
    let late_at_probes = std::mem::take(&mut in_window.late);
    report.add(in_window);

    let storm = pool.storm(plan.storm, plan.storm_takes).await?;
    let after_storm = target.metrics(pool.http()).await;
    report.add(pool.take_report());

    let rate = cpu.map(|cpu| cpu / seconds);
    let more = (viewers - 1) as f64;
    let join = ramp_cpu
        .zip(alone_rate)
        .zip(rate)
        .map(|((ramp, alone), rate)| {
            // While the viewers joined, half of them on average were being sent to.
            (ramp - ramp_seconds * (alone + rate) / 2.0).max(0.0) / more
        });
    let row = Row {
        viewers,
        cpu: rate,
        memory: memory
            .map(|(before, after)| after.memory.saturating_sub(before.memory) as f64 / more)
            .filter(|_| viewers > 1),
        join: join.filter(|_| viewers > 1),
        metrics: after
            .as_ref()
            .zip(before)
            .map(|(after, before)| after.since(&before)),
        late_at_probes,
        metrics_in_storm: after_storm
            .zip(after)
            .map(|(after, before)| after.since(&before)),
        storm,
        packets: pool.packets(&arrived_before, &arrived),
        seconds,
        report,
        busy,
        others: cpu.map(|cpu| (core - cpu).max(0.0) / seconds),
    };
    if target.stays() {
        pool.leave().await?;
    }
    Ok(row)
}

/// A measurement in which the probes drop packets.
#[derive(Debug)]
pub(crate) struct LossRow {
    pub(crate) probes: usize,
    pub(crate) seconds: f64,
    pub(crate) report: ProbeReport,
    /// The server's counters meanwhile.
    pub(crate) metrics: Option<Metrics>,
}

/// `loss`: percentage of RTP packets.
pub(crate) async fn measure_loss(
    target: &Target,
    source: &TestVideo,
    plan: &Plan,
    loss: u64,
) -> Result<LossRow> {
    let mut pool = ViewerPool::new(&target.whep, source)?;
    pool.grow(plan.probes, ViewerKind::Probe { loss }, plan.rate)
        .await?;
    let (began, before) = (Instant::now(), target.metrics(pool.http()).await);
    // A whole pass over the video, including its end and start.
    sleep(Duration::from_secs_f64(source.length() + 5.0).max(plan.window)).await;
    let seconds = began.elapsed().as_secs_f64();
    let report = pool.take_report();
    let metrics = target.metrics(pool.http()).await.zip(before);
    let probes = pool.len();
    pool.leave().await?;
    Ok(LossRow {
        probes,
        seconds,
        report,
        metrics: metrics.map(|(after, before)| after.since(&before)),
    })
}
