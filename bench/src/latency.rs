//! `bench latency`: from a clock that is drawn in a browser to its picture at a viewer, beside the same without a server.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use crate::chromium::{self, WITHOUT_MDNS, milliseconds};
use crate::figure::{Figure, median};
use crate::process::{KEY, release, start_server};

const TARGET: Duration = Duration::from_millis(150);

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
        let measured = runtime.block_on(self.measure(&server.url));
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

    async fn measure(&self, url: &str) -> Value {
        let session = chromium::start(&[WITHOUT_MDNS]).await;
        // A page of the server that shows no stream.
        chromium::open(&session, &format!("{url}/#/settings")).await;
        let options = json!({ "stream": "live", "key": KEY, "samples": self.samples });
        let script = format!("const options = {options}; {}", include_str!("latency.js"));
        chromium::run(&session, &script).await
    }
}

fn times(values: &Value) -> Result<Vec<Duration>> {
    let values = values.as_array().context("a list of times")?;
    values.iter().map(milliseconds).collect()
}
