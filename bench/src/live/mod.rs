//! `bench live`: what a published stream costs, and how fast it is; each figure with its target.
//!
//! | module | noun |
//! |---|---|
//! | [`publisher`] | a publisher, by str0m |
//! | [`measured_server`] | the server, on its core |

mod measured_server;
mod publisher;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use crate::fanout::cores::Cores;
use crate::fanout::source::{FANOUT, Recipe, TestVideo};
use crate::fanout::viewer::{Joined, SentTimes, ViewerKind};
use crate::fanout::viewer_pool::ViewerPool;
use crate::fanout::{folder, limit};
use crate::figure::{Figure, median};
use crate::process::raise_file_limit;
use measured_server::MeasuredServer;
use publisher::BenchPublisher;

/// A keyframe every 8.3 s, as x264 sends it where nothing is set.
const LONG_GOP: Recipe = Recipe {
    file: "gop-8s.mp4",
    seconds: 25,
    gop: 250,
};
/// Viewers of which the cost of one more follows: of few, and of many.
const FEW: usize = 20;
const MANY: usize = 200;
/// The load of joining is over after this time.
const SETTLE: Duration = Duration::from_secs(3);
/// Joins a second.
const RATE: f64 = 50.0;

/// The server runs on one core, publishers and viewers on another. Costs are CPU time of the server's process.
#[derive(Args)]
pub(crate) struct Live {
    /// Seconds of each measurement of costs.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Publishers, each with a viewer.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=900))]
    publishers: u16,
    /// Viewers that wait for a publisher.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=3900))]
    viewers: u16,
    /// Tries of what is measured once a try.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    tries: u16,
}

impl Live {
    pub(crate) fn run(&self) -> Result<()> {
        raise_file_limit(10_000)?;
        let bench = Bench {
            usual: TestVideo::make(&folder(), FANOUT)?,
            long_gop: TestVideo::make(&folder(), LONG_GOP)?,
            cores: Cores::choose()?,
            window: Duration::from_secs(self.seconds),
        };
        bench.cores.enter_server()?;
        let limit = limit::measure(&bench.usual)?.as_secs_f64();
        bench.cores.enter_viewers()?;
        println!(
            "720p30 and audio, {:.2} Mbit/s; server on core {}, publishers and viewers on core {}\n\
             the limit of this machine (copy, AES-128-GCM, GSO): {:.3} ms of CPU per viewer-second\n",
            bench.usual.bitrate() / 1e6,
            bench.cores.server,
            bench.cores.viewers,
            1e3 * limit,
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let measured = async {
            bench.ingest(limit).await?.print();
            bench.one_more_viewer(limit).await?.print();
            bench.waiting(self.tries.into()).await?.print();
            for figure in bench.join_in_long_gop(self.tries.into()).await? {
                figure.print();
            }
            bench.all_wait(self.viewers.into()).await?.print();
            bench.many_publishers(self.publishers.into()).await?.print();
            anyhow::Ok(())
        };
        LocalSet::new().block_on(&runtime, measured)
    }
}

struct Bench {
    usual: TestVideo,
    long_gop: TestVideo,
    cores: Cores,
    window: Duration,
}

/// Of viewers of many publishers, one in so many checks each frame.
const CHECKED: usize = 10;
/// Publishers without viewers, of which the cost of one follows.
const INGESTED: usize = 20;

impl Bench {
    fn server(&self, streams: usize) -> Result<MeasuredServer> {
        let film = self.usual.path.to_str();
        MeasuredServer::start(self.cores, film.context("the path is UTF-8")?, streams)
    }

    /// Publishes the usual video to the first streams.
    async fn publish(&self, server: &MeasuredServer, count: usize) -> Result<Vec<BenchPublisher>> {
        let mut publishers = Vec::with_capacity(count);
        for index in 0..count {
            let whip = server.whip(index);
            let publisher = BenchPublisher::start(&whip, &self.usual, SentTimes::default());
            publishers.push(publisher.await?);
            // Not all keyframes at once.
            sleep(Duration::from_millis(37)).await;
        }
        sleep(SETTLE).await;
        let connected = publishers.iter().filter(|one| one.began().is_some());
        let connected = connected.count();
        ensure!(
            connected == count,
            "{connected} of {count} publishers are connected"
        );
        Ok(publishers)
    }

    async fn ingest(&self, limit: f64) -> Result<Figure> {
        let server = self.server(INGESTED)?;
        sleep(SETTLE).await;
        let idle = server.cpu(self.window).await?;
        let _publishers = self.publish(&server, INGESTED).await?;
        let busy = server.cpu(self.window).await?;
        let each = (busy - idle) / INGESTED as f64;
        Ok(Figure {
            what: "ingest of a stream, CPU a second",
            target: "1.0 ms".to_owned(),
            measured: format!("{:.2} ms, {:.1} times the limit", 1e3 * each, each / limit),
            is_met: each <= 1e-3,
        })
    }

    /// CPU time a second of one more viewer of this endpoint.
    async fn slope(&self, server: &MeasuredServer, whep: &str) -> Result<f64> {
        let mut pool = ViewerPool::new(whep, &self.usual)?;
        pool.grow(FEW, ViewerKind::Background, RATE).await?;
        sleep(SETTLE).await;
        let few = server.cpu(self.window).await?;
        pool.grow(MANY, ViewerKind::Background, RATE).await?;
        sleep(SETTLE).await;
        let many = server.cpu(self.window).await?;
        pool.check_connected().await?;
        pool.leave().await?;
        Ok((many - few) / (MANY - FEW) as f64)
    }

    async fn one_more_viewer(&self, limit: f64) -> Result<Figure> {
        let server = self.server(1)?;
        let of_file = self.slope(&server, &server.whep_of_film()).await?;
        // The file is not played any more.
        sleep(SETTLE).await;
        let _publisher = self.publish(&server, 1).await?;
        let of_live = self.slope(&server, &server.whep(0)).await?;
        let ratio = of_live / of_file;
        Ok(Figure {
            what: "one more viewer of a live stream, CPU a second",
            target: "within 10 % of a file's".to_owned(),
            measured: format!(
                "{:.2} ms, {:.2} times the limit; of a file {:.2} ms: {:+.0} %",
                1e3 * of_live,
                of_live / limit,
                1e3 * of_file,
                100.0 * (ratio - 1.0)
            ),
            is_met: ratio <= 1.1,
        })
    }

    async fn waiting(&self, tries: usize) -> Result<Figure> {
        let server = self.server(1)?;
        let mut times = Vec::new();
        for _ in 0..tries {
            let pool = ViewerPool::new(&server.whep(0), &self.usual)?;
            let mut viewer = pool.join(ViewerKind::Joiner).await?;
            // It is connected by then.
            sleep(Duration::from_secs(1)).await;
            let whip = server.whip(0);
            let publisher = BenchPublisher::start(&whip, &self.usual, SentTimes::default());
            let publisher = publisher.await?;
            let Joined { at, .. } = viewer.connected().await?;
            let keyframe = publisher.began().context("it has sent a keyframe")?;
            times.push(at - keyframe);
            publisher.stop().await?;
            drop(viewer);
        }
        Ok(Figure::of_median(
            "keyframe to picture at a waiting viewer",
            Duration::from_millis(150),
            times,
        ))
    }

    async fn join_in_long_gop(&self, tries: usize) -> Result<[Figure; 2]> {
        let server = self.server(1)?;
        let pool = ViewerPool::new(&server.whep(0), &self.long_gop)?;
        let whip = server.whip(0);
        let publisher = BenchPublisher::start(&whip, &self.long_gop, pool.sent().clone());
        let publisher = publisher.await?;
        sleep(SETTLE).await;
        let (mut pictures, mut edges) = (Vec::new(), Vec::new());
        for _ in 0..tries {
            // All over the GOP.
            sleep(Duration::from_millis(1_700)).await;
            for (kind, times) in [
                (ViewerKind::Joiner, &mut pictures),
                (ViewerKind::Edge, &mut edges),
            ] {
                let mut viewer = pool.join(kind).await?;
                let Joined { began, at } = viewer.connected().await?;
                times.push(at - began);
                viewer.leave().await?;
            }
        }
        publisher.stop().await?;
        Ok([
            Figure::of_median(
                "join in a GOP of 8.3 s: POST to picture",
                Duration::from_millis(100),
                pictures,
            ),
            Figure::of_median(
                "join in a GOP of 8.3 s: POST to the live edge",
                Duration::from_secs(1),
                edges,
            ),
        ])
    }

    async fn all_wait(&self, viewers: usize) -> Result<Figure> {
        let server = self.server(1)?;
        let pool = ViewerPool::new(&server.whep(0), &self.usual)?;
        let mut waiting = Vec::new();
        for _ in 0..viewers {
            waiting.push(pool.join(ViewerKind::Joiner).await?);
            sleep(Duration::from_millis(20)).await;
        }
        sleep(SETTLE).await;
        let whip = server.whip(0);
        let publisher = BenchPublisher::start(&whip, &self.usual, SentTimes::default());
        let publisher = publisher.await?;
        let mut at = Vec::new();
        for viewer in &mut waiting {
            at.push(viewer.connected().await?.at);
        }
        let keyframe = publisher.began().context("it has sent a keyframe")?;
        let mut times: Vec<_> = at.into_iter().map(|at| at - keyframe).collect();
        times.sort();
        let last = times.last().copied().unwrap_or_default();
        Ok(Figure {
            what: "viewers who wait: keyframe to the picture of the last",
            target: "1 s".to_owned(),
            measured: format!(
                "{} viewers: {:.0} ms; median {:.0} ms",
                times.len(),
                1e3 * last.as_secs_f64(),
                1e3 * median(&mut times).as_secs_f64()
            ),
            is_met: last <= Duration::from_secs(1),
        })
    }

    async fn many_publishers(&self, count: usize) -> Result<Figure> {
        let server = self.server(count)?;
        let _publishers = self.publish(&server, count).await?;
        let mut pools = Vec::new();
        for index in 0..count {
            let mut pool = ViewerPool::new(&server.whep(index), &self.usual)?;
            let kind = match index % CHECKED {
                0 => ViewerKind::Probe { loss: 0 },
                _ => ViewerKind::Background,
            };
            let joined = pool.grow(1, kind, RATE);
            timeout(Duration::from_secs(30), joined).await??;
            pools.push(pool);
        }
        sleep(SETTLE).await;
        pools.iter().for_each(|pool| drop(pool.take_report()));
        let began = Instant::now();
        let busy = server.cpu(self.window).await?;
        let seconds = began.elapsed().as_secs_f64();
        let (mut fewest, mut missing) = (u64::MAX, 0);
        for (index, pool) in pools.iter_mut().enumerate() {
            pool.check_connected().await?;
            let video = pool.take_report().video;
            missing += video.missing + video.damaged + video.disordered;
            if index % CHECKED == 0 {
                fewest = fewest.min(video.whole);
            }
        }
        let fps = fewest as f64 / seconds;
        Ok(Figure {
            what: "publishers with a viewer each on one core",
            target: format!("{count}, nothing missing"),
            measured: format!(
                "{count} use {:.0} % of it; at least {fps:.1} frames a second, {missing} missing",
                100.0 * busy
            ),
            is_met: missing == 0 && fps > 29.0,
        })
    }
}
