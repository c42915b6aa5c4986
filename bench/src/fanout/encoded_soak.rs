//! `bench soak --encoded`: viewers for whom the video is encoded come and go on three streams, and the server keeps none of the memory.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use shared::api::{StreamList, StreamState};
use testkit::process::ServerProcess;
use tokio::time::sleep;

use super::source::TestVideo;
use super::target::Target;
use super::viewer::{VideoCodec, ViewerKind};
use super::viewer_pool::ViewerPool;

/// Viewers of each stream.
const VIEWERS: usize = 3;
/// Joins per second.
const JOIN_RATE: f64 = 5.0;
/// All watch for this time.
const WATCHED: Duration = Duration::from_secs(3);
/// Sources stop this long after the server has noticed that the last viewer is gone, at the latest.
const STOPPED: Duration = Duration::from_secs(60);
/// The last of the memory goes back meanwhile.
const SETTLE: Duration = Duration::from_secs(2);
/// Relative growth of the idle server's memory, from the first cycle to the mean of the last third, that still counts as flat.
const MEMORY: f64 = 0.1;

pub(super) async fn run(cycles: u32, source: &TestVideo) -> Result<()> {
    let (server, endpoints) = Target::weir_encoding(source)?;
    let pools = endpoints
        .iter()
        .map(|endpoint| ViewerPool::of(VideoCodec::Vp8, endpoint, source));
    let mut pools = pools.collect::<Result<Vec<_>>>()?;
    println!("cycle | memory MB, watched | memory MB, idle | threads, idle | files, idle");
    println!(
        "    0 |                    | {:>15.1} |",
        server.usage().memory as f64 / 1e6
    );
    let mut idle = Vec::new();
    for cycle in 1..=cycles {
        for pool in &mut pools {
            // A joiner is connected with its first frame.
            pool.grow(VIEWERS, ViewerKind::Joiner, JOIN_RATE).await?;
        }
        sleep(WATCHED).await;
        let watched = server.usage().memory;
        for pool in &mut pools {
            pool.check_connected().await?;
            pool.scatter().await?;
        }
        wait_until_idle(&server, pools[0].http()).await?;
        let usage = server.usage();
        println!(
            "{cycle:>5} | {:>18.1} | {:>15.1} | {:>13} | {:>11}",
            watched as f64 / 1e6,
            usage.memory as f64 / 1e6,
            usage.threads,
            usage.files
        );
        idle.push(usage.memory as f64);
    }
    verdict(&idle)
}

/// Returns when no source runs.
async fn wait_until_idle(server: &ServerProcess, http: &reqwest::Client) -> Result<()> {
    let began = Instant::now();
    loop {
        let list = http.get(format!("{}/api/streams", server.url)).send();
        let list: StreamList = list.await?.json().await?;
        let mut states = list.streams.into_iter().map(|stream| stream.state);
        if states.all(|state| state == StreamState::Idle) {
            sleep(SETTLE).await;
            return Ok(());
        }
        ensure!(
            began.elapsed() < STOPPED,
            "sources still run {} s after their viewers have left",
            STOPPED.as_secs()
        );
        sleep(Duration::from_millis(500)).await;
    }
}

/// Compares the first cycle with the last third.
fn verdict(idle: &[f64]) -> Result<()> {
    let last = &idle[idle.len() - (idle.len() / 3).max(1)..];
    let (before, after) = (idle[0], last.iter().sum::<f64>() / last.len() as f64);
    if after > before * (1.0 + MEMORY) {
        bail!(
            "not flat: the idle server's memory grew from {:.1} to {:.1} MB",
            before / 1e6,
            after / 1e6
        );
    }
    println!("flat: the idle server takes as much memory as after the first cycle");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_server_that_grows_with_the_cycles_is_not_flat() {
        assert!(verdict(&[55e6, 57e6, 54e6, 56e6, 57e6, 56e6]).is_ok());
        assert!(verdict(&[55e6, 60e6, 65e6, 70e6, 75e6, 80e6]).is_err());
        assert!(verdict(&[55e6, 119e6]).is_err());
    }
}
