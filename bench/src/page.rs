//! `bench page`: how long a browser takes from nothing to the first paint, and to the first picture of a stream.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use crate::chromium;
use crate::process::{release, start_server};
use testkit::webdriver::Session;
use testkit::{CLIP, PATIENCE};

#[derive(Args)]
pub(crate) struct PageBench {
    /// Number of visits on each path, each with an empty cache. The median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    times: u32,
    /// Print when each file was asked for and when it was there.
    #[arg(long)]
    files: bool,
}

/// A visitor's machine and network, as Chromium slows itself down.
struct Visitor {
    name: &'static str,
    slower_cpu: u32,
    /// kbit/s
    rate: u32,
    /// Added to each request.
    latency: Duration,
    /// Seconds.
    aims: [Option<f64>; 2],
}

const VISITORS: [Visitor; 2] = [
    Visitor {
        name: "CPU 4 times slower, 1.6 Mbit/s, 150 ms",
        slower_cpu: 4,
        rate: 1600,
        latency: Duration::from_millis(150),
        aims: [Some(0.6), Some(4.0)],
    },
    Visitor {
        name: "10 Mbit/s, 75 ms",
        slower_cpu: 1,
        rate: 10_000,
        latency: Duration::from_millis(75),
        aims: [None, Some(1.3)],
    },
];

/// Runs before the page's own scripts.
const NOTE_FIRST_PICTURE: &str = "
    performance.setResourceTimingBufferSize(1000);
    const seek = () => {
        const video = document.querySelector('video');
        if (video) video.requestVideoFrameCallback(now => { window.firstPicture = now; });
        else requestAnimationFrame(seek);
    };
    seek();
";

/// `null` until the first picture is there.
const READ: &str = "
    if (!window.firstPicture) return null;
    const paint = performance.getEntriesByName('first-contentful-paint')[0];
    const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    return {
        paint: paint?.startTime, picture: window.firstPicture,
        files: entries.filter(entry => !entry.name.startsWith('data:')).map(entry => ({
            name: new URL(entry.name).pathname, start: entry.startTime, end: entry.responseEnd,
            wire: entry.transferSize, size: entry.decodedBodySize,
        })),
    };
";

/// One visit, in milliseconds since the navigation.
struct Visit {
    paint: f64,
    picture: f64,
    files: Vec<Transfer>,
}

struct Transfer {
    name: String,
    start: f64,
    end: f64,
    /// Bytes, with headers.
    wire: u64,
    size: u64,
}

impl PageBench {
    pub(crate) fn run(&self) -> Result<()> {
        let source = format!("film={CLIP}");
        let server = start_server(&release("server")?, &[], &source)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        println!(
            "the page of a stream in Chromium, with an empty cache, over loopback; median of {} visits.\n\
             Chromium slows HTTP down, but not WebRTC: the media comes at the speed of loopback.\n",
            self.times
        );
        let address = format!("{}/#/watch/film", server.url);
        let mut sizes = None;
        for visitor in &VISITORS {
            let mut visits = runtime.block_on(self.visits(visitor, &address))?;
            let mut median = |value: fn(&Visit) -> f64| {
                visits.sort_by(|one, other| value(one).total_cmp(&value(other)));
                value(&visits[visits.len() / 2]) / 1000.0
            };
            let times = [median(|visit| visit.paint), median(|visit| visit.picture)];
            println!("{}", visitor.name);
            for ((what, time), aim) in ["first paint", "first picture"]
                .into_iter()
                .zip(times)
                .zip(visitor.aims)
            {
                let aim = aim.map_or(String::new(), |aim| format!("   (aim {aim:.1} s)"));
                println!("    {what:<14} {time:>5.2} s{aim}");
            }
            let middle = visits.swap_remove(visits.len() / 2);
            if self.files {
                middle.print_files();
            }
            sizes = Some(middle);
        }
        if let Some(visit) = sizes {
            visit.print_sizes();
        }
        Ok(())
    }

    async fn visits(&self, visitor: &Visitor, address: &str) -> Result<Vec<Visit>> {
        let mut visits = Vec::new();
        for _ in 0..self.times {
            // A browser of its own, so that no cache of any kind is warm.
            let session = chromium::start(&[]).await;
            for (command, parameters) in visitor.commands() {
                let body = json!({ "cmd": command, "params": parameters });
                session.command("POST", "/goog/cdp/execute", body).await;
            }
            chromium::open(&session, address).await;
            visits.push(visit(&session).await?);
        }
        Ok(visits)
    }
}

impl Visitor {
    /// Of the Chrome DevTools Protocol.
    fn commands(&self) -> [(&'static str, Value); 4] {
        let bytes_a_second = self.rate * 1000 / 8;
        [
            ("Network.enable", json!({})),
            (
                "Network.emulateNetworkConditions",
                json!({
                    "offline": false,
                    "latency": self.latency.as_millis() as u64,
                    "downloadThroughput": bytes_a_second,
                    "uploadThroughput": bytes_a_second / 2,
                }),
            ),
            (
                "Emulation.setCPUThrottlingRate",
                json!({ "rate": self.slower_cpu }),
            ),
            (
                "Page.addScriptToEvaluateOnNewDocument",
                json!({ "source": NOTE_FIRST_PICTURE }),
            ),
        ]
    }
}

async fn visit(session: &Session) -> Result<Visit> {
    let body = json!({ "script": READ, "args": [] });
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            let found = session.command("POST", "/execute/sync", body.clone()).await;
            if !found.is_null() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let found = found
        .await
        .context("no picture came: `cargo xtask run` shows the page")?;
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let files = found["files"].as_array().context("a list of files")?;
    let files = files.iter().map(|file| Transfer {
        name: file["name"].as_str().unwrap_or_default().to_owned(),
        start: number(&file["start"]),
        end: number(&file["end"]),
        wire: number(&file["wire"]) as u64,
        size: number(&file["size"]) as u64,
    });
    Ok(Visit {
        paint: number(&found["paint"]),
        picture: number(&found["picture"]),
        files: files.collect(),
    })
}

impl Visit {
    fn print_files(&self) {
        for file in &self.files {
            println!(
                "    {:>5.0} to {:>5.0} ms  {}",
                file.start, file.end, file.name
            );
        }
    }

    /// Of each file once: what is preloaded has two entries.
    fn print_sizes(&self) {
        let mut files = BTreeMap::new();
        for file in &self.files {
            let (wire, size) = files.entry(&file.name).or_insert((0, 0));
            *wire = file.wire.max(*wire);
            *size = file.size.max(*size);
        }
        println!("\nkB on the wire, and unpacked, up to the first picture");
        for (name, (wire, size)) in &files {
            print_line(*wire, *size, name);
        }
        let sum = files
            .values()
            .fold((0, 0), |sum, file| (sum.0 + file.0, sum.1 + file.1));
        print_line(sum.0, sum.1, "together");
    }
}

fn print_line(wire: u64, size: u64, name: &str) {
    let [wire, size] = [wire, size].map(|bytes| bytes as f64 / 1000.0);
    println!("    {wire:>7.1} {size:>8.1}  {name}");
}
