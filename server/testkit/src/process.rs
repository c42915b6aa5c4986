//! Runs a program of the workspace, or one test, in a separate process.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running `server`, killed on drop.
pub struct ServerProcess {
    pub child: Child,
    /// `http://127.0.0.1:PORT`
    pub url: String,
}

/// Linux counts CPU time for user space in hundredths of a second (time(7), USER_HZ).
pub const TICKS_PER_SECOND: u64 = 100;

/// Resources that a process has used.
#[derive(Clone, Copy, Debug)]
pub struct ProcessUsage {
    /// CPU time in user and kernel mode.
    pub cpu: Duration,
    /// Resident memory, in bytes.
    pub memory: u64,
    pub threads: usize,
    /// Open files, sockets among them.
    pub files: usize,
}

impl ServerProcess {
    /// Starts the server beside this test on free ports with these arguments, and waits until it listens.
    pub fn start<A: AsRef<OsStr>>(arguments: &[A]) -> Self {
        Self::with(Command::new(program("server")), arguments)
    }

    /// The same with another command, which gets the arguments.
    pub fn with<A: AsRef<OsStr>>(mut command: Command, arguments: &[A]) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("bound").port();
        drop(free);
        // Not the keys of who runs the tests.
        if !arguments
            .iter()
            .any(|argument| argument.as_ref() == "--state")
        {
            command.env("WEIR_STATE", "/nonexistent/weir");
        }
        let mut child = command
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(["--udp-port", "0", "--turn-port", "0", "--log", "warn"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("the server prints text");
        assert!(line.contains("Watch at"), "{line}");
        Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        }
    }

    /// Sends a signal: `-TERM`, `-INT`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args([name, &id]).status();
        assert!(status.expect("there is kill").success());
    }

    /// Waits for the exit; returns the exit code, or `None` when a signal ended the process.
    pub fn exits_within(&mut self, limit: Duration) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it was started") {
                return status.code();
            }
            assert!(began.elapsed() < limit, "still running after {limit:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn usage(&self) -> ProcessUsage {
        ProcessUsage::of(self.child.id())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl ProcessUsage {
    /// Of a running process, by its id.
    ///
    /// # Panics
    /// There is no such process, or this is not Linux.
    pub fn of(process: u32) -> Self {
        Self::read(process).expect("the process runs, on Linux")
    }

    /// Of a process, by its id.
    ///
    /// # Errors
    /// There is no such process, or this is not Linux.
    pub fn read(process: u32) -> io::Result<Self> {
        let folder = format!("/proc/{process}");
        let stat = fs::read_to_string(format!("{folder}/stat"))?;
        let status = fs::read_to_string(format!("{folder}/status"))?;
        let files = fs::read_dir(format!("{folder}/fd"))?.count();
        let parsed = cpu(&stat)
            .zip(status_field(&status, "VmRSS:"))
            .zip(status_field(&status, "Threads:"));
        let Some(((cpu, kilobytes), threads)) = parsed else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        Ok(Self {
            cpu,
            memory: kilobytes * 1024,
            threads: threads as usize,
            files,
        })
    }

    /// Of this process. Other tests in the process count too; [`in_own_process`] excludes them.
    pub fn own() -> Self {
        Self::of(std::process::id())
    }
}

/// proc(5): utime and stime are the 12th and 13th fields after the name, which ends with the last ')'.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.map(str::parse::<u64>).sum::<Result<_, _>>().ok()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

fn status_field(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_whitespace().next()?.parse().ok()
}

/// A built program of the workspace, from beside this test.
///
/// # Panics
/// When it has not been built. `cargo test --workspace` builds it; so does `cargo xtask test NAME`.
pub fn program(name: &str) -> PathBuf {
    let path = profile_folder().join(name);
    assert!(
        path.is_file(),
        "{} is missing: run `cargo build --package {name}`, or all tests by `cargo test --workspace`",
        path.display()
    );
    path
}

/// A folder for files that tests create and reuse in the next run: `target/tmp`.
pub fn scratch() -> PathBuf {
    let folder = profile_folder().parent().expect("target/").join("tmp");
    fs::create_dir_all(&folder).expect("target/ is writable");
    folder
}

/// Runs the test of this name (with its modules) alone in a child process, for tests that count files, memory or threads.
/// Returns true in the child process; in the parent false, after the child has passed: the caller then returns.
///
/// # Panics
/// When the test failed in the child process.
pub fn in_own_process(test: &str) -> bool {
    const ALONE: &str = "WEIR_TEST_IN_OWN_PROCESS";
    if env::var_os(ALONE).is_some() {
        return true;
    }
    let output = Command::new(env::current_exe().expect("a test is a program"))
        .args([test, "--exact", "--nocapture"])
        .env(ALONE, "1")
        .output()
        .expect("a test can be started");
    let printed = String::from_utf8_lossy(&output.stdout);
    print!("{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{test} failed in its own process");
    assert!(printed.contains("1 passed"), "there is no test {test}");
    false
}

/// The folder of built programs: `target/debug`.
fn profile_folder() -> PathBuf {
    let test = env::current_exe().expect("a test is a program");
    let folder = test.parent().expect("a program is in a folder");
    // Tests are in `deps`, programs such as `bench` beside it.
    match folder.file_name().and_then(OsStr::to_str) {
        Some("deps") => folder.parent().map(Path::to_owned).expect("target/"),
        _ => folder.to_owned(),
    }
}
