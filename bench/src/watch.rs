//! `bench watch`: cost per viewer and time to the first picture.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;

use crate::process::Server;
use crate::viewer::{Seen, Viewer};

#[derive(Args)]
pub(crate) struct Watch {
    /// How many watch at once; one row each.
    #[arg(long, value_delimiter = ',', default_value = "1,10,50")]
    viewers: Vec<usize>,
    /// Seconds that each row is measured for.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// What is watched: a file, or `test:`. By default the clip in assets/.
    #[arg(long)]
    source: Option<String>,
}

/// Joins that are timed for each row, one after the other.
const JOINS: usize = 20;

impl Watch {
    pub(crate) fn run(self) -> Result<()> {
        let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/big-buck-bunny-720p.mp4");
        let source = self
            .source
            .clone()
            .unwrap_or_else(|| clip.display().to_string());
        println!("        | CPU ms a viewer-second | kB       | first picture | pictures/s,");
        println!("viewers |       all | one more   | one more | p50, p95 ms   | gaps");
        for &viewers in &self.viewers {
            println!("{}", self.row(&source, viewers)?);
        }
        println!("aims    |           |       3.00 |      600 |     -,  150   |");
        Ok(())
    }

    fn row(&self, source: &str, viewers: usize) -> Result<String> {
        let server = Server::start(&format!("film={source}"))?;
        let url = format!("{}/whep/film", server.url);
        // The first viewer starts the source; what that takes belongs to no viewer.
        let opener = Viewer::join(&url)?;
        opener.first_picture()?;
        let (one, alone) = self.cost(&server)?;
        let mut watching = vec![opener];
        for _ in 1..viewers {
            watching.push(Viewer::join(&url)?);
            // Fewer at once than a storm: this measures watching, not joining.
            std::thread::sleep(Duration::from_millis(20));
        }
        for viewer in &watching[1..] {
            viewer.first_picture()?;
        }
        let (cpu, memory) = self.cost(&server)?;
        // What the source costs, its sound encoded again, is in the first viewer's share.
        let (more_cpu, more_memory) = match viewers - 1 {
            0 => ("-".to_owned(), "-".to_owned()),
            more => (
                format!("{:.2}", (cpu - one) / more as f64),
                format!(
                    "{:.0}",
                    memory.saturating_sub(alone) as f64 / 1000.0 / more as f64
                ),
            ),
        };

        let mut joins = Vec::with_capacity(JOINS);
        for _ in 0..JOINS {
            let viewer = Viewer::join(&url)?;
            joins.push(viewer.first_picture()?);
            viewer.leave()?;
        }
        joins.sort();
        let percentile = |part: usize| {
            joins
                .get((joins.len() * part).div_ceil(100) - 1)
                .context("there were joins")
        };
        let (half, most) = (
            percentile(50)?.as_secs_f64() * 1000.0,
            percentile(95)?.as_secs_f64() * 1000.0,
        );

        let seen: Vec<Seen> = watching
            .into_iter()
            .map(Viewer::leave)
            .collect::<Result<_>>()?;
        let rate = |seen: &Seen| seen.pictures.saturating_sub(1) as f64 / seen.lasted.as_secs_f64();
        let pictures = seen.iter().map(rate).sum::<f64>() / viewers as f64;
        let gaps: u64 = seen.iter().map(|seen| seen.gaps).sum();
        let all = cpu / viewers as f64;
        Ok(format!(
            "{viewers:>7} | {all:>9.2} | {more_cpu:>10} | {more_memory:>8} | {half:>5.0}, {most:>4.0}   | {pictures:.1}, {gaps}"
        ))
    }

    /// CPU time that the server takes, in ms a second, and its resident memory in bytes, as things are.
    fn cost(&self, server: &Server) -> Result<(f64, u64)> {
        // What joining costs is over by then.
        std::thread::sleep(Duration::from_secs(2));
        let (before, began) = (server.usage()?, Instant::now());
        std::thread::sleep(Duration::from_secs(self.seconds));
        let after = server.usage()?;
        let cpu = (after.cpu - before.cpu).as_secs_f64() * 1000.0;
        Ok((cpu / began.elapsed().as_secs_f64(), after.memory))
    }
}
