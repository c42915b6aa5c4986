//! A server and a viewer, and between them a router whose link can be impaired while it is in use.
//!
//! ```text
//!   viewer: 10.0.0.2 -- 10.0.0.1 [router: NAT, the link] 198.51.100.254 -- 198.51.100.1: the server
//! ```
//!
//! nftables drops packets; a token bucket filter sets rate and queue. The server sees the viewer as 203.0.113.1, until the
//! router gets another address.

use std::cell::Cell;

use super::video::Video;
use testkit::netns::Namespaces;

/// The server's address.
pub(crate) const SERVER: &str = "198.51.100.1";

const VIEWER_SIDE: &str = "viewer";
const ROUTER: &str = "router";
const SERVER_SIDE: &str = "server";

/// The queue from the router to the viewer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Queue {
    /// No limit.
    Free,
    /// A rate in bits a second, Ethernet headers included, and a tail-drop queue of `queue_ms` milliseconds.
    Bottleneck { bits: u64, queue_ms: u32 },
    /// One packet in `every` waits in a queue of its own, of `bits` a second, and arrives after packets sent later.
    TwoWays { every: u32, bits: u64 },
}

/// The namespaces and the server in them. Dropping it ends and removes both.
#[derive(Debug)]
pub(crate) struct Network {
    namespaces: Namespaces,
    /// How often the router changed its address.
    rebound: Cell<u8>,
}

impl Network {
    /// Starts a server that serves this video as `film`. `None` where namespaces cannot be made.
    pub(crate) fn build(video: &Video) -> Option<Self> {
        let mut namespaces = Namespaces::build("link", &[VIEWER_SIDE, ROUTER, SERVER_SIDE])?;
        namespaces.join((ROUTER, "lan"), (VIEWER_SIDE, "wire"));
        namespaces.join((ROUTER, "wan"), (SERVER_SIDE, "wire"));
        for (host, end, address) in [
            (VIEWER_SIDE, "wire", "10.0.0.2"),
            (ROUTER, "lan", "10.0.0.1"),
            (ROUTER, "wan", "198.51.100.254"),
            (SERVER_SIDE, "wire", SERVER),
        ] {
            namespaces.set(host, &format!("addr add {address}/24 dev {end}"));
            // A GSO batch would cross the veth, and be dropped, as one packet: the kernel has to split it first.
            namespaces.set(host, &format!("link set {end} gso_max_segs 1 up"));
        }
        namespaces.set(VIEWER_SIDE, "route add default via 10.0.0.1");
        namespaces.set(SERVER_SIDE, "route add default via 198.51.100.254");
        namespaces.forward(ROUTER);
        // Without this, removing the first address would remove the second too.
        let promote = "net.ipv4.conf.all.promote_secondaries=1";
        namespaces.run(VIEWER_SIDE, &["sysctl", "-q", "-w", promote]);
        let source = format!("film={}", video.path.display());
        namespaces.serve(SERVER_SIDE, &[&source, "--dist", testkit::dist()]);
        let network = Self {
            namespaces,
            rebound: Cell::new(0),
        };
        network.load_nat();
        Some(network)
    }

    /// Drops this share of UDP packets to the viewer at random, in percent. 100 drops everything in both directions, TCP too.
    pub(crate) fn lose(&self, percent: u8) {
        let rule = match percent {
            100 => "drop".to_owned(),
            _ => format!("oifname lan meta l4proto udp numgen random mod 100 < {percent} drop"),
        };
        self.load("loss", &rule);
    }

    /// Sets the queue. Packets in an earlier bottleneck stay there if the new queue is a bottleneck too.
    pub(crate) fn queue(&self, queue: Queue) {
        let tc = |words: &str| {
            let words: Vec<_> = ["tc"].into_iter().chain(words.split(' ')).collect();
            self.namespaces.run(ROUTER, &words)
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
                // htb takes a packet's priority as its class.
                let rule = format!(
                    "oifname lan meta l4proto udp numgen random mod {every} < 1 meta priority set 1:2"
                );
                self.load("ways", &rule);
            }
        }
    }

    /// The kernel's counters of the queue.
    pub(crate) fn queue_counters(&self) -> String {
        let queue = ["tc", "-s", "qdisc", "show", "dev", "lan"];
        let classes = ["tc", "-s", "class", "show", "dev", "lan"];
        self.namespaces.run(ROUTER, &queue) + &self.namespaces.run(ROUTER, &classes)
    }

    /// Gives the router another address: packets in flight to the old address are lost, and to the server the viewer has
    /// another address. The viewer cannot detect that.
    pub(crate) fn rebind(&self) {
        self.rebound.set(self.rebound.get() + 1);
        self.load_nat();
    }

    /// Whether packets have left from the router's present address.
    pub(crate) fn uses_new_address(&self) -> bool {
        let list = ["nft", "list", "chain", "ip", "nat", "leave"];
        !self
            .namespaces
            .run(ROUTER, &list)
            .contains("counter packets 0 ")
    }

    /// Replaces the address of the viewer's device.
    pub(crate) fn move_viewer(&self) {
        self.namespaces
            .set(VIEWER_SIDE, "addr add 10.0.0.3/24 dev wire");
        self.namespaces
            .set(VIEWER_SIDE, "addr del 10.0.0.2/24 dev wire");
    }

    /// Runs a future in the viewer's namespace.
    pub(crate) async fn at_viewer<F: Future>(&self, future: F) -> F::Output {
        self.namespaces.inside(VIEWER_SIDE, future).await
    }

    /// Runs a future in the server's namespace.
    pub(crate) async fn at_server<F: Future>(&self, future: F) -> F::Output {
        self.namespaces.inside(SERVER_SIDE, future).await
    }

    /// Each address has a connection tracking zone of its own, so mappings of an earlier address are dead.
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
        self.namespaces.load(ROUTER, &rules);
    }

    /// One rule about what passes the router, in host of the earlier one.
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
        self.namespaces.load(ROUTER, &rules);
    }
}
