//! All viewers of one stream, some of them probes.

use std::net::UdpSocket;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::time::{interval, sleep};

use super::probe_report::ProbeReport;
use super::socket_drops::SocketDrops;
use super::source::TestVideo;
use super::viewer::{Joined, SentTimes, VideoCodec, ViewerConfig, ViewerKind};
use super::viewer_handle::BenchViewerHandle;

/// Viewers that join at the same time outside of a storm.
const MAX_JOINING: usize = 10;

#[derive(Debug)]
pub(crate) struct ViewerPool {
    config: Rc<ViewerConfig>,
    viewers: Vec<BenchViewerHandle>,
}

/// The result of a storm of joins.
#[derive(Debug, Default)]
pub(crate) struct Storm {
    /// From before the POST to the first complete frame, ascending.
    pub(crate) first_frames: Vec<Duration>,
    pub(crate) failed: usize,
}

/// Packets per background viewer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packets {
    pub(crate) mean: f64,
    pub(crate) least: u32,
    pub(crate) most: u32,
}

impl ViewerPool {
    /// An empty pool. `whep`: the endpoint of a stream that plays `source`.
    pub(crate) fn new(whep: &str, source: &TestVideo) -> Result<Self> {
        Self::of(VideoCodec::H264, whep, source)
    }

    /// As [`Self::new`], of viewers that offer this codec. Probes need that of the source.
    pub(crate) fn of(codec: VideoCodec, whep: &str, source: &TestVideo) -> Result<Self> {
        let whep: reqwest::Url = whep.parse().context("the WHEP endpoint is not a URL")?;
        let addresses = whep
            .socket_addrs(|| None)
            .context("the server has no address")?;
        let server = addresses.iter().find(|address| address.is_ipv4());
        let server = server.context("the server has no IPv4 address")?;
        // Sends nothing: connecting selects the local address that reaches the server.
        let route = UdpSocket::bind("0.0.0.0:0")?;
        route.connect(server)?;
        let crypto = str0m::crypto::from_feature_flags();
        let certificate = crypto.dtls_provider.generate_certificate();
        let config = ViewerConfig {
            // Each viewer uses a connection of its own, as browsers do, and no connection is reused while
            // the server closes it for being idle.
            http: reqwest::Client::builder()
                .no_proxy()
                .pool_max_idle_per_host(0)
                .build()?,
            address: route.local_addr()?.ip(),
            whep,
            codec,
            certificate: certificate.context("no certificate could be generated")?,
            video: Rc::clone(&source.video),
            audio: Rc::clone(&source.audio),
            began: Instant::now(),
            sent: SentTimes::default(),
        };
        Ok(Self {
            config: Rc::new(config),
            viewers: Vec::new(),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.viewers.len()
    }

    /// What a live source of the stream has to keep.
    pub(crate) fn sent(&self) -> &SentTimes {
        &self.config.sent
    }

    /// Begins to join: the handle says when it is connected.
    pub(crate) async fn join(&self, kind: ViewerKind) -> Result<BenchViewerHandle> {
        BenchViewerHandle::join(&self.config, kind).await
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.config.http
    }

    /// Adds viewers up to `total`, at most `rate` per second, and returns when all are connected.
    pub(crate) async fn grow(&mut self, total: usize, kind: ViewerKind, rate: f64) -> Result<()> {
        let first = self.len();
        let mut schedule = interval(Duration::from_secs_f64(1.0 / rate));
        for number in first..total {
            schedule.tick().await;
            if number >= first + MAX_JOINING {
                self.connected(number - MAX_JOINING).await?;
            }
            self.viewers
                .push(BenchViewerHandle::join(&self.config, kind).await?);
        }
        for number in first.max(total.saturating_sub(MAX_JOINING))..total {
            self.connected(number).await?;
        }
        Ok(())
    }

    async fn connected(&mut self, number: usize) -> Result<()> {
        let connected = self.viewers[number].connected().await;
        connected
            .map(drop)
            .with_context(|| format!("{number} viewers are connected, one more does not connect"))
    }

    /// `count` viewers join within `over`, without waiting for each other, and leave when each has received a frame.
    pub(crate) async fn storm(&self, count: usize, over: Duration) -> Result<Storm> {
        let mut schedule = interval(over.div_f64(count.max(1) as f64));
        let mut joiners = Vec::with_capacity(count);
        for _ in 0..count {
            schedule.tick().await;
            joiners.push(BenchViewerHandle::join(&self.config, ViewerKind::Joiner).await?);
        }
        let mut storm = Storm::default();
        let mut joined = Vec::with_capacity(count);
        for mut joiner in joiners {
            match joiner.connected().await {
                Ok(Joined { began, at }) => {
                    storm.first_frames.push(at - began);
                    joined.push(joiner);
                }
                Err(_) => storm.failed += 1,
            }
        }
        storm.first_frames.sort();
        for joiner in joined {
            joiner.leave().await?;
        }
        Ok(storm)
    }

    /// One viewer joins, and the oldest one that is not a probe leaves; with DELETE only if `with_delete`.
    pub(crate) async fn exchange(&mut self, with_delete: bool) -> Result<()> {
        let oldest = self
            .viewers
            .iter()
            .position(|viewer| viewer.kind == ViewerKind::Background);
        let oldest = self
            .viewers
            .remove(oldest.context("every viewer is a probe")?);
        if with_delete {
            oldest.leave().await?;
        } else {
            oldest.vanish();
        }
        self.viewers
            .push(BenchViewerHandle::join(&self.config, ViewerKind::Background).await?);
        Ok(())
    }

    /// All viewers leave, one after another.
    pub(crate) async fn leave(self) -> Result<()> {
        for viewer in self.viewers {
            viewer.leave().await?;
            sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// Every second viewer leaves, the others vanish.
    pub(crate) async fn scatter(&mut self) -> Result<()> {
        for (number, viewer) in self.viewers.drain(..).enumerate() {
            match number % 2 {
                0 => viewer.leave().await?,
                _ => viewer.vanish(),
            }
        }
        Ok(())
    }

    /// The reports of all probes since the last call.
    pub(crate) fn take_report(&self) -> ProbeReport {
        let mut all = ProbeReport::default();
        for viewer in &self.viewers {
            all.add(viewer.take_report());
        }
        all
    }

    /// RTP packets that the kernel dropped for the background viewers between two readings.
    pub(crate) fn packets(&self, before: &SocketDrops, after: &SocketDrops) -> Option<Packets> {
        let background = self
            .viewers
            .iter()
            .filter(|viewer| viewer.kind == ViewerKind::Background);
        let counts: Vec<u32> = background
            .map(|viewer| after.since(before, viewer.port))
            .collect();
        let sum: u64 = counts.iter().copied().map(u64::from).sum();
        Some(Packets {
            mean: sum as f64 / counts.len() as f64,
            least: *counts.iter().min()?,
            most: *counts.iter().max()?,
        })
    }

    /// An error when the server has ended a viewer's connection.
    pub(crate) async fn check_connected(&mut self) -> Result<()> {
        let (total, lost) = (
            self.len(),
            self.viewers.iter().filter(|viewer| viewer.is_lost()),
        );
        let count = lost.count();
        match self.viewers.iter_mut().find(|viewer| viewer.is_lost()) {
            Some(first) => {
                let why = first.ended().await;
                why.with_context(|| format!("{count} of {total} viewers have ended"))
            }
            None => Ok(()),
        }
    }
}
