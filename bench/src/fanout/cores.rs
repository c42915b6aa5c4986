//! The two cores of a measurement: the server has one to itself, those who watch have the other.

use anyhow::{Context, Result};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

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
