//! A server in a process of its own, and what Linux says that it uses.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A running server. Dropping it ends it.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

/// Lets this process, and those that it starts, open so many files.
pub(crate) fn need_files(count: u64) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < count) {
        let raised = Rlimit {
            current: Some(count),
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, raised).with_context(|| {
            format!("this needs {count} open files; `ulimit -Hn` tells how many there may be")
        })?;
    }
    Ok(())
}

/// The release build of a program.
pub(crate) fn release(program: &str) -> Result<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/release")
        .join(program);
    if !path.is_file() {
        bail!(
            "there is no release build of the {program} yet; `cargo build --release -p {program}` makes it"
        );
    }
    Ok(path)
}

/// What a process has used so far.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    /// Resident memory, in bytes.
    pub(crate) memory: u64,
    pub(crate) threads: u64,
    /// Open ones, sockets among them.
    pub(crate) files: usize,
}

impl Usage {
    /// Of a process, by its id.
    pub(crate) fn of(process: u32) -> Result<Self> {
        let read = |name: &str| {
            let path = format!("/proc/{}/{name}", process);
            std::fs::read_to_string(&path)
                .with_context(|| format!("{path} cannot be read; this bench needs Linux"))
        };
        // proc(5): utime and stime are the 12th and 13th fields after the name, which ends with the last ')'.
        let stat = read("stat")?;
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let field = |index: usize| {
            fields
                .get(index)
                .and_then(|field| field.parse::<u64>().ok())
        };
        let ticks = field(11)
            .zip(field(12))
            .context("/proc/PID/stat is not as expected")?;
        let status = read("status")?;
        let number = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name));
            let value =
                value.and_then(|value| value.split_whitespace().next()?.parse::<u64>().ok());
            value.context("/proc/PID/status is not as expected")
        };
        let files = std::fs::read_dir(format!("/proc/{}/fd", process))?.count();
        Ok(Self {
            cpu: Duration::from_millis((ticks.0 + ticks.1) * 1000 / TICKS),
            memory: number("VmRSS:")? * 1024,
            threads: number("Threads:")?,
            files,
        })
    }
}

impl Server {
    /// The release build of the server, on free ports, showing `source`.
    pub(crate) fn start(source: &str) -> Result<Self> {
        Self::start_with(&[], source)
    }

    /// The same with more flags.
    pub(crate) fn start_with(flags: &[&str], source: &str) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(release("server")?);
        command.args([
            "--listen",
            &format!("127.0.0.1:{port}"),
            "--udp-port",
            "0",
            "--turn-port",
            "0",
            "--dist",
            concat!(env!("CARGO_MANIFEST_DIR"), "/../dist"),
            "--log",
            "warn",
        ]);
        command.args(flags).arg(source);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let server = Self {
            child: child.context("the server does not start")?,
            url: format!("http://127.0.0.1:{port}"),
        };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while ureq::get(format!("{}/api/health", self.url))
            .call()
            .is_err()
        {
            if Instant::now() > deadline {
                bail!("the server does not answer at {}", self.url);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn usage(&self) -> Result<Usage> {
        Usage::of(self.id())
    }
}

/// Linux counts CPU time for user space in hundredths of a second (time(7), USER_HZ).
pub(crate) const TICKS: u64 = 100;

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing is lost by a hard end, and nothing can be done when it fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
