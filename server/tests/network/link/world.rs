//! A server and a viewer, and between them a router whose line can be made worse while it is in use.
//!
//! ```text
//!   viewer: 10.0.0.2 -- 10.0.0.1 [router: NAT, the line] 198.51.100.254 -- 198.51.100.1: the server
//! ```
//!
//! Lost packets are nftables' work, the rate and the queue are a token bucket filter's. To the server the viewer is
//! 203.0.113.1, until the router gets another address.

use std::cell::Cell;

use super::film::Film;
use testkit::netns::Spaces;

/// The server's address.
pub(crate) const SERVER: &str = "198.51.100.1";

const VIEWER_SIDE: &str = "viewer";
const ROUTER: &str = "router";
const SERVER_SIDE: &str = "server";

/// How the line from the router to the viewer queues.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Queue {
    /// As fast as it comes.
    Free,
    /// So many bits a second, Ethernet headers included; more than fits into `queue_ms` milliseconds is dropped at the tail.
    Bottleneck { bits: u64, queue_ms: u32 },
    /// One packet in `every` takes a way of its own, of so many bits a second, and comes later than those behind it.
    TwoWays { every: u32, bits: u64 },
}

/// The namespaces, and the server in them. Dropped, both are gone.
#[derive(Debug)]
pub(crate) struct World {
    spaces: Spaces,
    /// How often the router got another address.
    rebound: Cell<u8>,
}

impl World {
    /// With a server that shows this film as `film`. Nothing when this is not possible here, which is said.
    pub(crate) fn build(film: &Film) -> Option<Self> {
        let mut spaces = Spaces::build("link", &[VIEWER_SIDE, ROUTER, SERVER_SIDE])?;
        spaces.join((ROUTER, "lan"), (VIEWER_SIDE, "wire"));
        spaces.join((ROUTER, "wan"), (SERVER_SIDE, "wire"));
        for (place, end, address) in [
            (VIEWER_SIDE, "wire", "10.0.0.2"),
            (ROUTER, "lan", "10.0.0.1"),
            (ROUTER, "wan", "198.51.100.254"),
            (SERVER_SIDE, "wire", SERVER),
        ] {
            spaces.set(place, &format!("addr add {address}/24 dev {end}"));
            // A batch that the kernel is to cut (GSO) would pass as one packet, and be lost as one. So it is cut at once.
            spaces.set(place, &format!("link set {end} gso_max_segs 1 up"));
        }
        spaces.set(VIEWER_SIDE, "route add default via 10.0.0.1");
        spaces.set(SERVER_SIDE, "route add default via 198.51.100.254");
        spaces.forward(ROUTER);
        // Else with its first address the viewer would lose the second.
        let promote = "net.ipv4.conf.all.promote_secondaries=1";
        spaces.run(VIEWER_SIDE, &["sysctl", "-q", "-w", promote]);
        let film = format!("film={}", film.path.display());
        spaces.serve(SERVER_SIDE, &[&film, "--dist", testkit::dist()]);
        let world = Self {
            spaces,
            rebound: Cell::new(0),
        };
        world.load_nat();
        Some(world)
    }

    /// From now on this share of UDP packets to the viewer is lost, each by chance. 100 is a cut of both directions, TCP too.
    pub(crate) fn lose(&self, percent: u8) {
        let rule = match percent {
            100 => "drop".to_owned(),
            _ => format!("oifname lan meta l4proto udp numgen random mod 100 < {percent} drop"),
        };
        self.load("loss", &rule);
    }

    /// From now on the line queues so. What waits in an earlier bottleneck stays there if there is one again.
    pub(crate) fn queue(&self, queue: Queue) {
        let tc = |words: &str| {
            let words: Vec<_> = ["tc"].into_iter().chain(words.split(' ')).collect();
            self.spaces.run(ROUTER, &words)
        };
        self.load("ways", "");
        match queue {
            Queue::Free => {
                tc("qdisc replace dev lan root pfifo limit 1000");
            }
            Queue::Bottleneck { bits, queue_ms } => {
                let limit = bits * u64::from(queue_ms) / 8_000;
                tc(&format!(
                    "qdisc replace dev lan root tbf rate {bits}bit burst 3000 limit {limit}"
                ));
            }
            Queue::TwoWays { every, bits } => {
                tc("qdisc replace dev lan root handle 1: htb default 1");
                tc("class replace dev lan parent 1: classid 1:1 htb rate 1gbit");
                tc(&format!(
                    "class replace dev lan parent 1: classid 1:2 htb rate {bits}bit ceil {bits}bit burst 1600 cburst 1600"
                ));
                // The priority of a packet is the class that it waits in.
                let rule = format!(
                    "oifname lan meta l4proto udp numgen random mod {every} < 1 meta priority set 1:2"
                );
                self.load("ways", &rule);
            }
        }
    }

    /// What the kernel has counted at the line's queue.
    pub(crate) fn queue_counters(&self) -> String {
        let queue = ["tc", "-s", "qdisc", "show", "dev", "lan"];
        let classes = ["tc", "-s", "class", "show", "dev", "lan"];
        self.spaces.run(ROUTER, &queue) + &self.spaces.run(ROUTER, &classes)
    }

    /// The router gets another address: what was under way to the old one is lost, and the server hears the viewer from
    /// another place, which the viewer has no way to notice.
    pub(crate) fn rebind(&self) {
        self.rebound.set(self.rebound.get() + 1);
        self.load_nat();
    }

    /// Whether anything has gone out by the router's present address.
    pub(crate) fn uses_new_address(&self) -> bool {
        let list = ["nft", "list", "chain", "ip", "nat", "leave"];
        !self
            .spaces
            .run(ROUTER, &list)
            .contains("counter packets 0 ")
    }

    /// The viewer's device gets another address, and loses the one that it had.
    pub(crate) fn move_viewer(&self) {
        self.spaces
            .set(VIEWER_SIDE, "addr add 10.0.0.3/24 dev wire");
        self.spaces
            .set(VIEWER_SIDE, "addr del 10.0.0.2/24 dev wire");
    }

    /// Runs a future where the viewer is.
    pub(crate) async fn at_viewer<F: Future>(&self, future: F) -> F::Output {
        self.spaces.inside(VIEWER_SIDE, future).await
    }

    /// Runs a future where the server is, in front of the line.
    pub(crate) async fn at_server<F: Future>(&self, future: F) -> F::Output {
        self.spaces.inside(SERVER_SIDE, future).await
    }

    /// Each address has connections of its own (a zone), so those of an earlier one lead nowhere.
    fn load_nat(&self) {
        let number = self.rebound.get() + 1;
        let rules = format!(
            "table ip nat
            delete table ip nat
            table ip nat {{
                chain zone {{
                    type filter hook prerouting priority raw
                    ct zone set {number}
                }}
                chain leave {{
                    type nat hook postrouting priority srcnat
                    oifname wan counter snat to 203.0.113.{number}
                }}
                chain pass {{
                    type filter hook forward priority filter
                    iifname wan ct state new,invalid drop
                }}
            }}"
        );
        self.spaces.load(ROUTER, &rules);
    }

    /// One rule about what passes the router, in place of the earlier one.
    fn load(&self, table: &str, rule: &str) {
        let rules = format!(
            "table ip {table}
            delete table ip {table}
            table ip {table} {{
                chain pass {{
                    type filter hook forward priority filter
                    {rule}
                }}
            }}"
        );
        self.spaces.load(ROUTER, &rules);
    }
}
