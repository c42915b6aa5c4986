//! A public network with the server, and two home networks behind routers.
//!
//! ```text
//!   home 1: 10.1.0.2 -- 10.1.0.1 [router 1] 198.51.100.11 --+
//!                                                           +-- 198.51.100.1: the server, and coturn
//!   home 2: 10.2.0.2 -- 10.2.0.1 [router 2] 198.51.100.12 --+
//! ```
//!
//! Nothing touches the network of the machine; dropping the [`Network`] removes everything.

use std::process::Child;
use std::time::Duration;

use testkit::TestPeer;
use testkit::netns::Namespaces;
use testkit::process::program;

/// The server's address on the public network.
pub(crate) const SERVER: &str = "198.51.100.1";

/// Long enough for a connection on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What a router does to UDP.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Nat {
    /// One public port for each internal port, open to any source (RFC 4787 4.1, 5: endpoint-independent mapping and filtering).
    FullCone,
    /// Another public port for each destination, open to that destination only (address and port-dependent mapping and filtering).
    Symmetric,
    /// TCP only.
    NoUdp,
}

/// Where a program runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Host {
    Public,
    /// 1 or 2.
    Home(u8),
}

impl Host {
    fn namespace(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Home(1) => "home1",
            Self::Home(_) => "home2",
        }
    }
}

/// The namespaces and the programs in them. Dropping it ends and removes both.
#[derive(Debug)]
pub(crate) struct Network(Namespaces);

impl Network {
    /// `None` where namespaces cannot be made: [`Namespaces::build`].
    pub(crate) fn build(routers: [Nat; 2]) -> Option<Self> {
        let hosts = ["public", "router1", "home1", "router2", "home2"];
        let namespaces = Namespaces::build("nat", &hosts)?;
        namespaces.set("public", "link add bridge0 type bridge");
        namespaces.set("public", &format!("addr add {SERVER}/24 dev bridge0"));
        namespaces.set("public", "link set bridge0 up");
        // The default route leads to a hardware address that no interface has, so that private addresses are unreachable.
        let unused = "198.51.100.254";
        namespaces.set(
            "public",
            &format!("neigh add {unused} lladdr 02:00:00:00:00:fe dev bridge0"),
        );
        namespaces.set("public", &format!("route add default via {unused}"));
        for (number, nat) in (1..).zip(routers) {
            build_home(&namespaces, number, nat);
        }
        Some(Self(namespaces))
    }

    /// Starts the server on port 8000 of the public network, and waits until it listens.
    pub(crate) fn serve(&mut self, arguments: &[&str]) {
        let film = format!("film={}", testkit::CLIP);
        let fixed = [film.as_str(), "--udp-port", "0"];
        self.0
            .serve(Host::Public.namespace(), &[&fixed, arguments].concat());
    }

    /// Starts a program with standard input and output piped. It is killed with the network.
    pub(crate) fn start(&mut self, host: Host, command: &[&str]) -> &mut Child {
        self.0.start(host.namespace(), command)
    }

    /// Starts a terminal peer in a home, and waits until it has joined the room `demo`.
    pub(crate) async fn enter(&self, home: u8) -> TestPeer {
        let program = program("peer");
        let program = program.to_str().expect("the path is UTF-8");
        let command = self.0.command(Host::Home(home).namespace(), &[program]);
        let server = format!("http://{SERVER}:8000");
        let name = format!("peer{home}");
        let peer = TestPeer::with(command, &server, "demo", &name, &[]);
        let mut peer = peer.with_timeout(TIMEOUT);
        peer.event("welcome", |_| true).await;
        peer
    }

    /// The router of a home loses its mappings, as at a restart: what leaves then gets another public port, where the NAT is symmetric.
    pub(crate) fn forget_mappings(&self, home: u8) {
        // The kernel removes what `masquerade` has made when the interface goes down.
        let router = format!("router{home}");
        self.0.set(&router, "link set wan down");
        self.0.set(&router, "link set wan up");
    }

    /// Polls a future inside of the namespace: sockets that it opens and programs that it starts belong there.
    pub(crate) async fn inside<F: Future>(&self, host: Host, future: F) -> F::Output {
        self.0.inside(host.namespace(), future).await
    }
}

fn build_home(namespaces: &Namespaces, number: u8, nat: Nat) {
    let [router, home] = ["router", "home"].map(|host| format!("{host}{number}"));
    let port = format!("port{number}");
    namespaces.join((&router, "wan"), ("public", &port));
    namespaces.join((&router, "lan"), (&home, "wire"));
    namespaces.set("public", &format!("link set {port} master bridge0 up"));
    let outside = format!("addr add 198.51.100.1{number}/24 dev wan");
    namespaces.set(&router, &outside);
    namespaces.set(&router, &format!("addr add 10.{number}.0.1/24 dev lan"));
    namespaces.set(&router, "link set wan up");
    namespaces.set(&router, "link set lan up");
    namespaces.set(&home, &format!("addr add 10.{number}.0.2/24 dev wire"));
    namespaces.set(&home, "link set wire up");
    namespaces.set(&home, &format!("route add default via 10.{number}.0.1"));
    namespaces.forward(&router);
    namespaces.load(&router, &rules(number, nat));
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
