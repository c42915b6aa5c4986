//! Network namespaces: places with a network of their own, joined as a test wants it.
//!
//! Nothing of it touches the network of the machine, and all of it is gone with the [`Spaces`]. Only root can make them.

use std::fs::{self, File};
use std::future::poll_fn;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::process::program;
use crate::skip;

/// Some namespaces, and the programs in them. Dropped, both are gone.
#[derive(Debug)]
pub struct Spaces {
    name: String,
    places: Vec<&'static str>,
    programs: Vec<Child>,
    _alone: MutexGuard<'static, ()>,
}

/// Worlds starve each other on a small machine, and haste decides what is found: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

impl Spaces {
    /// Makes a namespace for each place. `kind` tells those of one test target from those of others.
    ///
    /// None when this machine cannot make them: the test is skipped.
    pub fn build(kind: &str, places: &[&'static str]) -> Option<Self> {
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
        let spaces = Self {
            name: format!("{prefix}{}-{number}", std::process::id()),
            places: places.to_vec(),
            programs: Vec::new(),
            _alone: ALONE.lock().unwrap_or_else(PoisonError::into_inner),
        };
        for place in places {
            ip(&format!("netns add {}", spaces.space(place)));
            spaces.set(place, "link set lo up");
        }
        Some(spaces)
    }

    /// Joins two places by a cable: in each is an end of it, of that name.
    pub fn join(&self, (here, end): (&str, &str), (there, other_end): (&str, &str)) {
        let [here, there] = [here, there].map(|place| self.space(place));
        ip(&format!(
            "link add {end} netns {here} type veth peer name {other_end} netns {there}"
        ));
    }

    /// `ip` in a namespace.
    pub fn set(&self, place: &str, arguments: &str) {
        ip(&format!("-n {} {arguments}", self.space(place)));
    }

    /// Runs a program there to its end, which has to be a good one. What it says.
    pub fn run(&self, place: &str, arguments: &[&str]) -> String {
        run(self.command(place, arguments))
    }

    /// Lets packets through that are for others.
    pub fn forward(&self, place: &str) {
        self.run(place, &["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"]);
    }

    /// Loads a ruleset of nftables.
    pub fn load(&self, place: &str, rules: &str) {
        let mut command = self.command(place, &["nft", "-f", "-"]);
        let mut nft = command.stdin(Stdio::piped()).spawn().expect("nft is there");
        let mut stdin = nft.stdin.take().expect("piped");
        stdin.write_all(rules.as_bytes()).expect("nft reads");
        drop(stdin);
        assert!(
            nft.wait().expect("nft ends").success(),
            "nft refused:\n{rules}"
        );
    }

    /// Starts a program, which ends with the namespaces. Its standard streams are piped, but for errors.
    pub fn start(&mut self, place: &str, command: &[&str]) -> &mut Child {
        let child = self
            .command(place, command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("ip is there");
        self.programs.push(child);
        self.programs.last_mut().expect("just pushed")
    }

    /// Starts the server on port 8000 there, and waits until it says where it is.
    pub fn serve(&mut self, place: &str, arguments: &[&str]) {
        let program = program("server");
        let program = program.to_str().expect("the path is UTF-8");
        let fixed = [program, "--listen", "0.0.0.0:8000", "--log", "warn"];
        let server = self.start(place, &[&fixed, arguments].concat());
        let stdout = server.stdout.take().expect("piped");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        assert!(
            lines.any(|line| line.contains("Watch at")),
            "the server does not start"
        );
        thread::spawn(move || lines.for_each(drop));
    }

    /// Runs a future as if this process were there: whatever sockets it opens and programs it starts are there.
    pub async fn inside<F: Future>(&self, place: &str, future: F) -> F::Output {
        let there = self.space(place);
        let there = File::open(format!("/run/netns/{there}")).expect("a namespace");
        let back = File::open("/proc/thread-self/ns/net").expect("a namespace");
        let mut future = pin!(future);
        poll_fn(|context| {
            // Only for the time of a poll: other tests are on this thread too.
            go(&there);
            let outcome = future.as_mut().poll(context);
            go(&back);
            outcome
        })
        .await
    }

    fn command(&self, place: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.space(place)])
            .args(arguments);
        command
    }

    fn space(&self, place: &str) -> String {
        format!("{}-{place}", self.name)
    }
}

impl Drop for Spaces {
    fn drop(&mut self) {
        // `ip netns exec` becomes the program, so this is the program.
        for program in &mut self.programs {
            let _ = program.kill();
            let _ = program.wait();
        }
        for place in &self.places {
            let space = self.space(place);
            let _ = Command::new("ip").args(["netns", "del", &space]).output();
        }
    }
}

/// What tests that were killed have left behind.
fn sweep(prefix: &str) {
    let spaces = Command::new("ip").args(["netns", "list"]).output();
    let spaces = spaces.map(|output| output.stdout).unwrap_or_default();
    for space in String::from_utf8_lossy(&spaces).split_whitespace() {
        let pid = space
            .strip_prefix(prefix)
            .and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| fs::metadata(format!("/proc/{pid}")).is_err()) {
            let _ = Command::new("ip").args(["netns", "del", space]).status();
        }
    }
}

/// Moves this thread into a namespace.
fn go(space: &File) {
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
