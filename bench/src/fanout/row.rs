//! One measurement: so many watch one server.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use super::arrivals::Arrivals;
use super::cores::Cores;
use super::crowd::{Crowd, Packets, Storm};
use super::limit::thread_cpu;
use super::metrics::Metrics;
use super::seen::Seen;
use super::source::Source;
use super::target::Target;
use super::watching::Kind;
use crate::process::Usage;

/// What joining costs is over after this.
const SETTLE: Duration = Duration::from_secs(2);

/// How each row is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) cores: Cores,
    pub(crate) window: Duration,
    pub(crate) probes: usize,
    /// Joins a second, when they are not to disturb.
    pub(crate) rate: f64,
    pub(crate) storm: usize,
    pub(crate) storm_takes: Duration,
}

/// What was measured; `None` where the server's process or its counters are not known.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) viewers: usize,
    /// CPU time of the server in ms a second.
    pub(crate) cpu: Option<f64>,
    /// Memory of each viewer but the first, in bytes.
    pub(crate) memory: Option<f64>,
    /// CPU time of a join in ms, what is sent meanwhile left out.
    pub(crate) join: Option<f64>,
    /// The server's own counters, while it was measured.
    pub(crate) metrics: Option<Metrics>,
    /// Of the probes, microseconds, rising.
    pub(crate) late_at_probes: Vec<u64>,
    pub(crate) storm: Storm,
    pub(crate) metrics_in_storm: Option<Metrics>,
    pub(crate) packets: Option<Packets>,
    /// How long it was measured for.
    pub(crate) seconds: f64,
    /// Of the probes, from the first join to the end of the storm.
    pub(crate) seen: Seen,
    /// How much of its core the crowd used.
    pub(crate) busy: f64,
    /// How much of the server's core was used by others, in ms a second.
    pub(crate) others: Option<f64>,
}

/// A stretch of time, and what the server used in it.
struct Stretch {
    began: Instant,
    before: Option<Usage>,
}

impl Stretch {
    fn begin(target: &Target) -> Result<Self> {
        Ok(Self {
            began: Instant::now(),
            before: target.usage()?,
        })
    }

    fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// CPU time of the server so far, in ms.
    fn cpu(&self, target: &Target) -> Result<Option<f64>> {
        let used = |(before, after): (Usage, Usage)| (after.cpu - before.cpu).as_secs_f64() * 1e3;
        Ok(self.before.zip(target.usage()?).map(used))
    }
}

pub(crate) async fn measure(
    target: &Target,
    source: &Source,
    plan: &Plan,
    viewers: usize,
) -> Result<Row> {
    let mut crowd = Crowd::new(&target.whep, source)?;
    // The first viewer starts the source; what that takes belongs to no other.
    crowd.grow(1, Kind::Probe { loss: 0 }, plan.rate).await?;
    sleep(SETTLE).await;
    let alone = Stretch::begin(target)?;
    sleep(SETTLE).await;
    let alone_rate = alone.cpu(target)?.map(|cpu| cpu / alone.seconds());

    let ramp = Stretch::begin(target)?;
    let probes = plan.probes.min(viewers);
    crowd
        .grow(probes, Kind::Probe { loss: 0 }, plan.rate)
        .await?;
    crowd.grow(viewers, Kind::Crowd, plan.rate).await?;
    let (ramp_cpu, ramp_seconds) = (ramp.cpu(target)?, ramp.seconds());
    sleep(SETTLE).await;

    let mut seen = crowd.take_seen();
    let (before, arrived_before) = (target.metrics(crowd.http()).await, Arrivals::now()?);
    let (core, own) = (plan.cores.server_busy()?, thread_cpu());
    let window = Stretch::begin(target)?;
    sleep(plan.window).await;
    let (cpu, seconds) = (window.cpu(target)?, window.seconds());
    let busy = (thread_cpu() - own).as_secs_f64() / seconds;
    let core = plan.cores.server_busy()?.saturating_sub(core).as_secs_f64() * 1e3;
    let arrived = Arrivals::now()?;
    let after = target.metrics(crowd.http()).await;
    let memory = ramp.before.zip(target.usage()?);
    crowd.all_here().await?;
    let mut in_window = crowd.take_seen();
    in_window.late.sort_unstable();
    let late_at_probes = std::mem::take(&mut in_window.late);
    seen.add(in_window);

    let storm = crowd.storm(plan.storm, plan.storm_takes).await?;
    let after_storm = target.metrics(crowd.http()).await;
    seen.add(crowd.take_seen());

    let rate = cpu.map(|cpu| cpu / seconds);
    let more = (viewers - 1) as f64;
    let join = ramp_cpu
        .zip(alone_rate)
        .zip(rate)
        .map(|((ramp, alone), rate)| {
            // Those who had come were sent to meanwhile: half of them on average.
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
        packets: crowd.packets(&arrived_before, &arrived),
        seconds,
        seen,
        busy,
        others: cpu.map(|cpu| (core - cpu).max(0.0) / seconds),
    };
    if target.stays() {
        crowd.leave().await?;
    }
    Ok(row)
}

/// Probes that lose packets, among others who do not.
#[derive(Debug)]
pub(crate) struct Repair {
    pub(crate) probes: usize,
    pub(crate) seconds: f64,
    pub(crate) seen: Seen,
    /// The server's own counters meanwhile.
    pub(crate) metrics: Option<Metrics>,
}

/// `loss`: percent of RTP packets.
pub(crate) async fn repair(
    target: &Target,
    source: &Source,
    plan: &Plan,
    loss: u64,
) -> Result<Repair> {
    let mut crowd = Crowd::new(&target.whep, source)?;
    crowd
        .grow(plan.probes, Kind::Probe { loss }, plan.rate)
        .await?;
    let (began, before) = (Instant::now(), target.metrics(crowd.http()).await);
    // A whole pass over the film, its beginning and end included.
    sleep(Duration::from_secs_f64(source.length() + 5.0).max(plan.window)).await;
    let seconds = began.elapsed().as_secs_f64();
    let seen = crowd.take_seen();
    let metrics = target.metrics(crowd.http()).await.zip(before);
    let probes = crowd.len();
    crowd.leave().await?;
    Ok(Repair {
        probes,
        seconds,
        seen,
        metrics: metrics.map(|(after, before)| after.since(&before)),
    })
}
