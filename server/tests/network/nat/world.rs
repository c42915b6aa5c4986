//! A small internet in network namespaces: a public net with the server, and two homes behind routers.
//!
//! ```text
//!   home 1: 10.1.0.2 -- 10.1.0.1 [router 1] 198.51.100.11 --+
//!                                                           +-- 198.51.100.1: the server, and coturn
//!   home 2: 10.2.0.2 -- 10.2.0.1 [router 2] 198.51.100.12 --+
//! ```
//!
//! Nothing of it touches the network of the machine, and all of it is gone with the [`World`].

use std::process::Child;

use testkit::netns::Spaces;

/// The server's address on the public net.
pub(crate) const SERVER: &str = "198.51.100.1";

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
    fn space(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Home(1) => "home1",
            Self::Home(_) => "home2",
        }
    }
}

/// The namespaces, and the programs in them. Dropped, both are gone.
#[derive(Debug)]
pub(crate) struct World(Spaces);

impl World {
    /// Nothing when this is not possible here, which is said.
    pub(crate) fn build(routers: [Nat; 2]) -> Option<Self> {
        let places = ["public", "router1", "home1", "router2", "home2"];
        let spaces = Spaces::build("nat", &places)?;
        spaces.set("public", "link add bridge0 type bridge");
        spaces.set("public", &format!("addr add {SERVER}/24 dev bridge0"));
        spaces.set("public", "link set bridge0 up");
        // The rest of the internet, where private addresses lead nowhere: nobody has this hardware address.
        let nobody = "198.51.100.254";
        spaces.set(
            "public",
            &format!("neigh add {nobody} lladdr 02:00:00:00:00:fe dev bridge0"),
        );
        spaces.set("public", &format!("route add default via {nobody}"));
        for (number, nat) in (1..).zip(routers) {
            build_home(&spaces, number, nat);
        }
        Some(Self(spaces))
    }

    /// Starts the server on port 8000 of the public net, and waits until it says where it is.
    pub(crate) fn serve(&mut self, arguments: &[&str]) {
        let film = format!("film={}", testkit::CLIP);
        let fixed = [film.as_str(), "--udp-port", "0"];
        self.0
            .serve(Place::Public.space(), &[&fixed, arguments].concat());
    }

    /// Starts a program, which ends with the world. Its standard streams are piped, but for errors.
    pub(crate) fn start(&mut self, place: Place, command: &[&str]) -> &mut Child {
        self.0.start(place.space(), command)
    }

    /// Runs a future as if this process were there: whatever sockets it opens and programs it starts are there.
    pub(crate) async fn inside<F: Future>(&self, place: Place, future: F) -> F::Output {
        self.0.inside(place.space(), future).await
    }
}

fn build_home(spaces: &Spaces, number: u8, nat: Nat) {
    let [router, home] = ["router", "home"].map(|place| format!("{place}{number}"));
    let port = format!("port{number}");
    spaces.join((&router, "wan"), ("public", &port));
    spaces.join((&router, "lan"), (&home, "wire"));
    spaces.set("public", &format!("link set {port} master bridge0 up"));
    let outside = format!("addr add 198.51.100.1{number}/24 dev wan");
    spaces.set(&router, &outside);
    spaces.set(&router, &format!("addr add 10.{number}.0.1/24 dev lan"));
    spaces.set(&router, "link set wan up");
    spaces.set(&router, "link set lan up");
    spaces.set(&home, &format!("addr add 10.{number}.0.2/24 dev wire"));
    spaces.set(&home, "link set wire up");
    spaces.set(&home, &format!("route add default via 10.{number}.0.1"));
    spaces.forward(&router);
    spaces.load(&router, &rules(number, nat));
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
