//! Network namespaces, connected by virtual Ethernet (veth) pairs.
//!
//! The machine's own network is unchanged, and dropping the [`Namespaces`] removes everything. Only root can create them.

use std::fs::{self, File};
use std::future::poll_fn;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::panic::resume_unwind;
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::process::program;
use crate::skip;

/// One namespace for each simulated host, and the programs in them. Dropping it kills the programs and removes the namespaces.
#[derive(Debug)]
pub struct Namespaces {
    name: String,
    hosts: Vec<&'static str>,
    programs: Vec<Child>,
    _alone: MutexGuard<'static, ()>,
}

/// Only one test at a time has namespaces: on a small machine tests slow each other down, and late packets make ICE select other paths.
static ALONE: Mutex<()> = Mutex::new(());

impl Namespaces {
    /// Creates a namespace for each host. `kind` is a part of their names.
    ///
    /// `None` when this machine cannot create them: the test is skipped.
    pub fn build(kind: &str, hosts: &[&'static str]) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let root = Command::new("id").arg("-u").output();
        let root = root.is_ok_and(|output| output.stdout == b"0\n");
        let has = |tool: &str| Command::new(tool).arg("-V").output().is_ok();
        if !root || !["ip", "nft", "tc"].into_iter().all(has) {
            skip(
                "network namespaces need Linux, root, and the packages iproute2 and nftables; \
                 `cargo xtask setup` installs them, sudo makes root",
            );
            return None;
        }
        let prefix = format!("weir-{kind}-");
        sweep(&prefix);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let namespaces = Self {
            name: format!("{prefix}{}-{number}", std::process::id()),
            hosts: hosts.to_vec(),
            programs: Vec::new(),
            _alone: ALONE.lock().unwrap_or_else(PoisonError::into_inner),
        };
        for host in hosts {
            ip(&format!("netns add {}", namespaces.namespace(host)));
            namespaces.set(host, "link set lo up");
        }
        Some(namespaces)
    }

    /// Joins two hosts by a veth pair, with these interface names.
    pub fn join(&self, (here, end): (&str, &str), (there, other_end): (&str, &str)) {
        let [here, there] = [here, there].map(|host| self.namespace(host));
        ip(&format!(
            "link add {end} netns {here} type veth peer name {other_end} netns {there}"
        ));
    }

    /// Runs `ip` in a namespace.
    pub fn set(&self, host: &str, arguments: &str) {
        ip(&format!("-n {} {arguments}", self.namespace(host)));
    }

    /// Runs a program to its end and returns its output. Panics when it fails.
    pub fn run(&self, host: &str, arguments: &[&str]) -> String {
        run(self.command(host, arguments))
    }

    /// Forwards packets, as a router does.
    pub fn forward(&self, host: &str) {
        self.run(host, &["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"]);
    }

    /// Loads an nftables ruleset.
    pub fn load(&self, host: &str, rules: &str) {
        let mut command = self.command(host, &["nft", "-f", "-"]);
        let mut nft = command.stdin(Stdio::piped()).spawn().expect("nft is there");
        let mut stdin = nft.stdin.take().expect("piped");
        stdin.write_all(rules.as_bytes()).expect("nft reads");
        drop(stdin);
        assert!(
            nft.wait().expect("nft ends").success(),
            "nft refused:\n{rules}"
        );
    }

    /// Starts a program with standard input and output piped. It is killed with the namespaces.
    pub fn start(&mut self, host: &str, command: &[&str]) -> &mut Child {
        let child = self
            .command(host, command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("ip is there");
        self.programs.push(child);
        self.programs.last_mut().expect("just pushed")
    }

    /// Starts the server on port 8000, and waits until it listens.
    pub fn serve(&mut self, host: &str, arguments: &[&str]) {
        let program = program("server");
        let program = program.to_str().expect("the path is UTF-8");
        let fixed = [program, "--listen", "0.0.0.0:8000", "--log", "warn"];
        let server = self.start(host, &[&fixed, arguments].concat());
        let stdout = server.stdout.take().expect("piped");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        assert!(
            lines.any(|line| line.contains("Watch at")),
            "the server does not start"
        );
        thread::spawn(move || lines.for_each(drop));
    }

    /// Polls a future inside the namespace: the sockets that it opens and the programs that it starts are in that namespace.
    pub async fn inside<F: Future>(&self, host: &str, future: F) -> F::Output {
        let there = self.open(host);
        let back = File::open("/proc/thread-self/ns/net").expect("a namespace");
        let mut future = pin!(future);
        poll_fn(|context| {
            // The thread leaves the namespace after each poll, because other tests run on it too.
            enter(&there);
            let outcome = future.as_mut().poll(context);
            enter(&back);
            outcome
        })
        .await
    }

    /// As [`Self::inside`], on threads of its own: tasks that the future spawns are in the namespace as well.
    pub fn block_on<F: Future>(&self, host: &str, future: impl FnOnce() -> F + Send) -> F::Output
    where
        F::Output: Send,
    {
        let there = self.open(host);
        let run = || {
            enter(&there);
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            let runtime = runtime.worker_threads(2).enable_all().build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(future())
        };
        let outcome = thread::scope(|scope| scope.spawn(run).join());
        outcome.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn open(&self, host: &str) -> File {
        let there = self.namespace(host);
        File::open(format!("/run/netns/{there}")).expect("a namespace")
    }

    /// A command that runs a program in a namespace.
    pub fn command(&self, host: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.namespace(host)])
            .args(arguments);
        command
    }

    fn namespace(&self, host: &str) -> String {
        format!("{}-{host}", self.name)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        // `ip netns exec` replaces itself by the program, so this kills the program.
        for program in &mut self.programs {
            let _ = program.kill();
            let _ = program.wait();
        }
        for host in &self.hosts {
            let space = self.namespace(host);
            let _ = Command::new("ip").args(["netns", "del", &space]).output();
        }
    }
}

/// Removes namespaces of tests that were killed.
fn sweep(prefix: &str) {
    let namespaces = Command::new("ip").args(["netns", "list"]).output();
    let namespaces = namespaces.map(|output| output.stdout).unwrap_or_default();
    for space in String::from_utf8_lossy(&namespaces).split_whitespace() {
        let pid = space
            .strip_prefix(prefix)
            .and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| fs::metadata(format!("/proc/{pid}")).is_err()) {
            let _ = Command::new("ip").args(["netns", "del", space]).status();
        }
    }
}

/// Moves this thread into a namespace.
fn enter(space: &File) {
    let network = Some(LinkNameSpaceType::Network);
    move_into_link_name_space(space.as_fd(), network).expect("root may go anywhere");
}

fn ip(arguments: &str) {
    let mut command = Command::new("ip");
    command.args(arguments.split(' '));
    run(command);
}

fn run(mut command: Command) -> String {
    let output = command.output().expect("it was there a moment ago");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
