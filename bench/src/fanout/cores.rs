//! The two cores of a measurement: the server has one to itself, those who watch have the other.

use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::process::TICKS;

/// Which is which. Threads and processes that are started later inherit where their starter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) viewers: usize,
}

impl Cores {
    /// The first two that this process may use; twice the same when there is one only.
    pub(crate) fn choose() -> Result<Self> {
        let allowed = sched_getaffinity(None).context("which cores there are is not told")?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let server = cores.next().context("there is a core")?;
        let viewers = cores.next().unwrap_or(server);
        Ok(Self { server, viewers })
    }

    /// This thread moves to the server's core.
    pub(crate) fn enter_server(self) -> Result<()> {
        hold(None, self.server)
    }

    /// This thread moves to the viewers' core.
    pub(crate) fn enter_viewers(self) -> Result<()> {
        hold(None, self.viewers)
    }

    /// What all processes have used of the server's core so far.
    pub(crate) fn server_busy(self) -> Result<Duration> {
        let table = std::fs::read_to_string("/proc/stat").context("/proc/stat cannot be read")?;
        busy(&table, self.server).context("/proc/stat is not as expected")
    }

    /// Every thread of a process that runs already moves to the server's core.
    pub(crate) fn hold_server(self, process: u32) -> Result<()> {
        let threads = format!("/proc/{process}/task");
        let listing = std::fs::read_dir(&threads)
            .with_context(|| format!("there is no process {process}"))?;
        for thread in listing {
            let name = thread?.file_name();
            let thread = name.to_str().and_then(|name| name.parse().ok());
            let thread = thread.and_then(Pid::from_raw);
            hold(
                Some(thread.context("a thread is not a number")?),
                self.server,
            )?;
        }
        Ok(())
    }
}

fn hold(thread: Option<Pid>, core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(thread, &set).context("the process cannot be held to a core")
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
    Some(Duration::from_millis(ticks * 1000 / TICKS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_busy_but_when_it_idles_or_waits() {
        let table = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\ncpu1 10 20 30 40 50 60 70 80 5 5\nintr 1\n";
        assert_eq!(busy(table, 1), Some(Duration::from_millis(2700)));
        assert_eq!(busy(table, 2), None);
    }
}
