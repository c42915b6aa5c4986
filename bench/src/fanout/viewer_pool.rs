//! All who watch one stream, some of them probes.

use std::net::UdpSocket;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::time::{interval, sleep};

use super::arrivals::Arrivals;
use super::seen::Seen;
use super::source::Source;
use super::watcher::Watcher;
use super::watching::{Kind, Setup};

/// Who begins to join before the first of them has come: more would be a storm.
const AT_ONCE: usize = 10;

#[derive(Debug)]
pub(crate) struct Crowd {
    setup: Rc<Setup>,
    watchers: Vec<Watcher>,
}

/// What came of many joins.
#[derive(Debug, Default)]
pub(crate) struct Storm {
    /// From before the POST to the first whole picture, rising.
    pub(crate) first_pictures: Vec<Duration>,
    pub(crate) failed: usize,
}

/// How many reached one of the crowd.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packets {
    pub(crate) mean: f64,
    pub(crate) least: u32,
    pub(crate) most: u32,
}

impl Crowd {
    /// Nobody yet. `whep`: the endpoint of a stream that plays `source`.
    pub(crate) fn new(whep: &str, source: &Source) -> Result<Self> {
        let whep: reqwest::Url = whep.parse().context("the WHEP endpoint is not a URL")?;
        let addresses = whep
            .socket_addrs(|| None)
            .context("the server has no address")?;
        let server = addresses.iter().find(|address| address.is_ipv4());
        let server = server.context("the server has no IPv4 address")?;
        // Nothing is sent: it tells which address of this machine is used to reach the server.
        let route = UdpSocket::bind("0.0.0.0:0")?;
        route.connect(server)?;
        let crypto = str0m::crypto::from_feature_flags();
        let certificate = crypto.dtls_provider.generate_certificate();
        let setup = Setup {
            // Each viewer comes with a connection of its own, as browsers do; and none is used in the very moment when
            // the server ends it for having been idle.
            http: reqwest::Client::builder()
                .no_proxy()
                .pool_max_idle_per_host(0)
                .build()?,
            address: route.local_addr()?.ip(),
            whep,
            certificate: certificate.context("no certificate can be made")?,
            pictures: Rc::clone(&source.pictures),
            sound: Rc::clone(&source.sound),
            began: Instant::now(),
        };
        Ok(Self {
            setup: Rc::new(setup),
            watchers: Vec::new(),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.watchers.len()
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.setup.http
    }

    /// Lets more join until there are `total`, at most `rate` a second, and returns when they have come.
    pub(crate) async fn grow(&mut self, total: usize, kind: Kind, rate: f64) -> Result<()> {
        let first = self.len();
        let mut pace = interval(Duration::from_secs_f64(1.0 / rate));
        for number in first..total {
            pace.tick().await;
            if number >= first + AT_ONCE {
                self.came(number - AT_ONCE).await?;
            }
            self.watchers.push(Watcher::join(&self.setup, kind).await?);
        }
        for number in first.max(total.saturating_sub(AT_ONCE))..total {
            self.came(number).await?;
        }
        Ok(())
    }

    async fn came(&mut self, number: usize) -> Result<()> {
        let came = self.watchers[number].came().await;
        came.map(drop)
            .with_context(|| format!("{number} watch, and one more does not come"))
    }

    /// So many join within `over`, whether or not those before have come, and leave when all have seen a picture.
    pub(crate) async fn storm(&self, count: usize, over: Duration) -> Result<Storm> {
        let mut pace = interval(over.div_f64(count.max(1) as f64));
        let mut newcomers = Vec::with_capacity(count);
        for _ in 0..count {
            pace.tick().await;
            newcomers.push(Watcher::join(&self.setup, Kind::Newcomer).await?);
        }
        let mut storm = Storm::default();
        let mut came = Vec::with_capacity(count);
        for mut newcomer in newcomers {
            match newcomer.came().await {
                Ok(after) => {
                    storm.first_pictures.push(after);
                    came.push(newcomer);
                }
                Err(_) => storm.failed += 1,
            }
        }
        storm.first_pictures.sort();
        for newcomer in came {
            newcomer.leave().await?;
        }
        Ok(storm)
    }

    /// One joins, and one that is no probe, the longest there, leaves; without a word unless `politely`.
    pub(crate) async fn exchange(&mut self, politely: bool) -> Result<()> {
        let oldest = self
            .watchers
            .iter()
            .position(|watcher| watcher.kind == Kind::Crowd);
        let oldest = self
            .watchers
            .remove(oldest.context("there are only probes")?);
        if politely {
            oldest.leave().await?;
        } else {
            oldest.vanish();
        }
        self.watchers
            .push(Watcher::join(&self.setup, Kind::Crowd).await?);
        Ok(())
    }

    /// All leave, gently.
    pub(crate) async fn leave(self) -> Result<()> {
        for watcher in self.watchers {
            watcher.leave().await?;
            sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// What the probes received since this was asked last.
    pub(crate) fn take_seen(&self) -> Seen {
        let mut all = Seen::default();
        for watcher in &self.watchers {
            all.add(watcher.take_seen());
        }
        all
    }

    /// RTP packets that the kernel dropped for the crowd between two moments.
    pub(crate) fn packets(&self, before: &Arrivals, after: &Arrivals) -> Option<Packets> {
        let crowd = self
            .watchers
            .iter()
            .filter(|watcher| watcher.kind == Kind::Crowd);
        let counts: Vec<u32> = crowd
            .map(|watcher| after.since(before, watcher.port))
            .collect();
        let sum: u64 = counts.iter().copied().map(u64::from).sum();
        Some(Packets {
            mean: sum as f64 / counts.len() as f64,
            least: *counts.iter().min()?,
            most: *counts.iter().max()?,
        })
    }

    /// An error when somebody has been thrown out.
    pub(crate) async fn all_here(&mut self) -> Result<()> {
        let (total, lost) = (
            self.len(),
            self.watchers.iter().filter(|watcher| watcher.is_lost()),
        );
        let count = lost.count();
        match self.watchers.iter_mut().find(|watcher| watcher.is_lost()) {
            Some(first) => {
                let why = first.ended().await;
                why.with_context(|| format!("{count} of {total} viewers are gone"))
            }
            None => Ok(()),
        }
    }
}
