//! `bench latency`: from a clock that is drawn in a browser to its picture at a viewer, beside the same without a server.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use testkit::webdriver::{CHROMIUM, Session};

use crate::figure::{Figure, median};
use crate::process::{release, start_server};

const KEY: &str = "2f1d6c9ab3e047d58e6a0b1c2d3e4f50";
/// The two connections of the page would not find each other by the names that stand for addresses.
const WITHOUT_MDNS: &str = "--disable-features=WebRtcHideLocalIpsWithMdns";
const TARGET: Duration = Duration::from_millis(150);
/// Of both measurements.
const LIMIT: Duration = Duration::from_secs(120);

#[derive(Args)]
pub(crate) struct LatencyBench {
    /// Pictures of which the clock is read. The median counts.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=1000))]
    samples: u16,
}

impl LatencyBench {
    pub(crate) fn run(&self) -> Result<()> {
        let publish = format!("live={KEY}");
        let server = start_server(&release("server")?, &["--publish", &publish], "test:")?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let measured = runtime.block_on(self.measure(&server.url))?;
        println!(
            "a clock of 640x360 in H.264, drawn, captured, sent, and read from the picture, in one Chromium over loopback\n"
        );
        let mut direct = times(&measured["direct"])?;
        let figure = Figure::of_median(
            "picture through Weir (WHIP, WHEP)",
            TARGET,
            times(&measured["weir"])?,
        );
        figure.print();
        println!(
            "the same without a server, from one RTCPeerConnection to another\n    median of {}: {:.0} ms",
            direct.len(),
            1e3 * median(&mut direct).as_secs_f64()
        );
        Ok(())
    }

    async fn measure(&self, url: &str) -> Result<Value> {
        let flags = CHROMIUM.into_iter().chain([WITHOUT_MDNS]);
        let flags: Vec<_> = flags.collect();
        let capabilities =
            json!({ "browserName": "chrome", "goog:chromeOptions": { "args": flags } });
        let session = Session::start("chromedriver", capabilities).await;
        // A page of the server that shows no stream.
        let page = json!({ "url": format!("{url}/#/settings") });
        session.command("POST", "/url", page).await;
        let options = json!({ "stream": "live", "key": KEY, "samples": self.samples });
        let script = format!("const options = {options}; {}", include_str!("latency.js"));
        execute(&session, &script).await;
        let measured = tokio::time::timeout(LIMIT, async {
            loop {
                let measured = execute(&session, "return window.measured ?? null").await;
                if !measured.is_null() {
                    return measured;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
        let measured = measured.await.context("Chromium shows no picture")?;
        if let Some(error) = measured["error"].as_str() {
            bail!("Chromium cannot measure: {error}");
        }
        Ok(measured)
    }
}

async fn execute(session: &Session, script: &str) -> Value {
    let body = json!({ "script": script, "args": [] });
    session.command("POST", "/execute/sync", body).await
}

fn times(values: &Value) -> Result<Vec<Duration>> {
    let values = values.as_array().context("a list of times")?;
    let times = values.iter().filter_map(Value::as_f64);
    Ok(times.map(|ms| Duration::from_secs_f64(ms / 1e3)).collect())
}
