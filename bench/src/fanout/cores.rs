//! The two cores of a measurement: one for the server, one for the viewers.

use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use testkit::process::TICKS_PER_SECOND;

/// The core of each side. Threads and processes inherit the core of the thread that starts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) viewers: usize,
}

impl Cores {
    /// The first two cores that this process may use; the same one twice when there is only one.
    pub(crate) fn choose() -> Result<Self> {
        let allowed = sched_getaffinity(None).context("the allowed cores cannot be read")?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let server = cores.next().context("there is a core")?;
        let viewers = cores.next().unwrap_or(server);
        Ok(Self { server, viewers })
    }

    /// Moves this thread to the server's core.
    pub(crate) fn enter_server(self) -> Result<()> {
        pin(None, self.server)
    }

    /// Moves this thread to the viewers' core.
    pub(crate) fn enter_viewers(self) -> Result<()> {
        pin(None, self.viewers)
    }

    /// CPU time of all processes on the server's core so far.
    pub(crate) fn server_busy(self) -> Result<Duration> {
        let table = std::fs::read_to_string("/proc/stat").context("/proc/stat cannot be read")?;
        busy(&table, self.server).context("/proc/stat is not as expected")
    }

    /// Moves every thread of a running process to the server's core.
    pub(crate) fn pin_server(self, process: u32) -> Result<()> {
        let threads = format!("/proc/{process}/task");
        let listing = std::fs::read_dir(&threads)
            .with_context(|| format!("there is no process {process}"))?;
        for thread in listing {
            let name = thread?.file_name();
            let thread = name.to_str().and_then(|name| name.parse().ok());
            let thread = thread.and_then(Pid::from_raw);
            pin(
                Some(thread.context("a thread is not a number")?),
                self.server,
            )?;
        }
        Ok(())
    }
}

fn pin(thread: Option<Pid>, core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(thread, &set).context("the thread cannot be pinned to a core")
}

/// proc(5), /proc/stat: user, nice, system, idle, iowait, irq, softirq and steal of each core.
fn busy(table: &str, core: usize) -> Option<Duration> {
    let name = format!("cpu{core}");
    let mut lines = table.lines().map(str::split_whitespace);
    let fields = lines.find_map(|mut fields| (fields.next() == Some(&name)).then_some(fields))?;
    let ticks: Option<Vec<u64>> = fields.take(8).map(|field| field.parse().ok()).collect();
    let ticks: u64 = match ticks?.as_slice() {
        [user, nice, system, _, _, irq, softirq, steal] => {
            user + nice + system + irq + softirq + steal
        }
        _ => return None,
    };
    Some(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_busy_unless_it_idles_or_waits_for_io() {
        let table = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\ncpu1 10 20 30 40 50 60 70 80 5 5\nintr 1\n";
        assert_eq!(busy(table, 1), Some(Duration::from_millis(2700)));
        assert_eq!(busy(table, 2), None);
    }
}
