//! A small internet in network namespaces: a public net with the server, and two homes behind routers.
//!
//! ```text
//!   home 1: 10.1.0.2 -- 10.1.0.1 [router 1] 198.51.100.11 --+
//!                                                           +-- 198.51.100.1: the server, and coturn
//!   home 2: 10.2.0.2 -- 10.2.0.1 [router 2] 198.51.100.12 --+
//! ```
//!
//! Nothing of it touches the network of the machine, and all of it is gone with the [`World`].

use std::fs::{self, File};
use std::future::poll_fn;
use std::io::Write;
use std::os::fd::AsFd;
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The server's address on the public net.
pub(crate) const SERVER: &str = "198.51.100.1";
const PREFIX: &str = "weir-nat-";

/// What a router does to UDP.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Nat {
    /// One public port for each port inside, and anybody may answer there (RFC 4787: endpoint-independent mapping and filtering).
    FullCone,
    /// Another public port for each destination, and only that may answer: the hardest kind.
    Symmetric,
    /// TCP only.
    NoUdp,
}

/// Where a program runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Public,
    /// 1 or 2.
    Home(u8),
}

impl Place {
    fn space(self) -> String {
        match self {
            Self::Public => "public".to_owned(),
            Self::Home(number) => format!("home{number}"),
        }
    }
}

/// The namespaces, and the programs in them. Dropped, both are gone.
#[derive(Debug)]
pub(crate) struct World {
    name: String,
    programs: Vec<Child>,
    _alone: MutexGuard<'static, ()>,
}

/// Worlds starve each other on a small machine, and haste decides which way is found: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

impl World {
    /// Nothing when this is not possible here, which is said.
    pub(crate) fn build(routers: [Nat; 2]) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let root = Command::new("id").arg("-u").output();
        let root = root.is_ok_and(|output| output.stdout == b"0\n");
        let has = |tool: &str| Command::new(tool).arg("-V").output().is_ok();
        if !root || !has("ip") || !has("nft") {
            println!(
                "skipped: network namespaces need Linux, root, and the packages iproute2 and nftables; \
                 `cargo xtask setup` installs them, sudo makes root"
            );
            return None;
        }
        sweep();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let world = Self {
            name: format!("{PREFIX}{}-{number}", std::process::id()),
            programs: Vec::new(),
            _alone: ALONE.lock().unwrap_or_else(PoisonError::into_inner),
        };
        for place in ["public", "router1", "home1", "router2", "home2"] {
            ip(&format!("netns add {}", world.space(place)));
            world.set(place, "link set lo up");
        }
        world.set("public", "link add bridge0 type bridge");
        world.set("public", &format!("addr add {SERVER}/24 dev bridge0"));
        world.set("public", "link set bridge0 up");
        // The rest of the internet, where private addresses lead nowhere: nobody has this hardware address.
        let nobody = "198.51.100.254";
        world.set(
            "public",
            &format!("neigh add {nobody} lladdr 02:00:00:00:00:fe dev bridge0"),
        );
        world.set("public", &format!("route add default via {nobody}"));
        for (number, nat) in (1..).zip(routers) {
            world.build_home(number, nat);
        }
        Some(world)
    }

    fn build_home(&self, number: u8, nat: Nat) {
        let [router, home] = ["router", "home"].map(|place| format!("{place}{number}"));
        let [public, outside, inside] = ["public", &router, &home].map(|place| self.space(place));
        ip(&format!(
            "link add wan netns {outside} type veth peer name port{number} netns {public}"
        ));
        ip(&format!(
            "link add lan netns {outside} type veth peer name wire netns {inside}"
        ));
        self.set(
            "public",
            &format!("link set port{number} master bridge0 up"),
        );
        self.set(
            &router,
            &format!("addr add 198.51.100.1{number}/24 dev wan"),
        );
        self.set(&router, &format!("addr add 10.{number}.0.1/24 dev lan"));
        self.set(&router, "link set wan up");
        self.set(&router, "link set lan up");
        self.set(&home, &format!("addr add 10.{number}.0.2/24 dev wire"));
        self.set(&home, "link set wire up");
        self.set(&home, &format!("route add default via 10.{number}.0.1"));
        let forward = ["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"];
        run(self.command(&router, &forward));
        self.load(&router, &rules(number, nat));
    }

    /// Loads a ruleset of nftables.
    fn load(&self, place: &str, rules: &str) {
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

    /// Starts a program, which ends with the world. Its standard streams are piped, but for errors.
    pub(crate) fn start(&mut self, place: Place, command: &[&str]) -> &mut Child {
        let child = self
            .command(&place.space(), command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("ip is there");
        self.programs.push(child);
        self.programs.last_mut().expect("just pushed")
    }

    /// Runs a future as if this process were there: whatever sockets it opens and programs it starts are there.
    pub(crate) async fn inside<F: Future>(&self, place: Place, future: F) -> F::Output {
        let there = self.space(&place.space());
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

    /// `ip` in a namespace.
    fn set(&self, place: &str, arguments: &str) {
        ip(&format!("-n {} {arguments}", self.space(place)));
    }

    fn space(&self, place: &str) -> String {
        format!("{}-{place}", self.name)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // `ip netns exec` becomes the program, so this is the program.
        for program in &mut self.programs {
            let _ = program.kill();
            let _ = program.wait();
        }
        remove(&self.name);
    }
}

fn rules(number: u8, nat: Nat) -> String {
    let masquerade = match nat {
        Nat::FullCone | Nat::NoUdp => "masquerade",
        Nat::Symmetric => "masquerade random,fully-random",
    };
    let invite = match nat {
        Nat::FullCone => format!("iifname wan udp dport 1024-65535 dnat to 10.{number}.0.2"),
        Nat::Symmetric | Nat::NoUdp => String::new(),
    };
    let block = match nat {
        Nat::NoUdp => "meta l4proto udp drop",
        Nat::FullCone | Nat::Symmetric => "iifname wan ct state new ct status and dnat == 0 drop",
    };
    format!(
        "table ip nat {{
            chain leave {{
                type nat hook postrouting priority srcnat
                oifname wan {masquerade}
            }}
            chain enter {{
                type nat hook prerouting priority dstnat
                {invite}
            }}
        }}
        table ip filter {{
            chain pass {{
                type filter hook forward priority filter
                {block}
            }}
            chain stop {{
                type filter hook input priority filter
                iifname wan drop
            }}
        }}
"
    )
}

/// What tests that were killed have left behind.
fn sweep() {
    let spaces = Command::new("ip").args(["netns", "list"]).output();
    let spaces = spaces.map(|output| output.stdout).unwrap_or_default();
    for space in String::from_utf8_lossy(&spaces).split_whitespace() {
        let pid = space
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| fs::metadata(format!("/proc/{pid}")).is_err()) {
            let _ = Command::new("ip").args(["netns", "del", space]).status();
        }
    }
}

fn remove(world: &str) {
    for place in ["home1", "home2", "router1", "router2", "public"] {
        let space = format!("{world}-{place}");
        let _ = Command::new("ip").args(["netns", "del", &space]).output();
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

fn run(mut command: Command) {
    let output = command.output().expect("it was there a moment ago");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
}
