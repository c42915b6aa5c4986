//! A STUN and TURN server (RFC 8489, RFC 8656) over UDP and TCP, as a library.
//!
//! It listens on one port of every address that it is given. Clients authenticate with credentials of the TURN REST draft, which
//! [`Secret::issue`] makes and coturn accepts as well. An authenticated client gets a UDP port of this machine, and exchanges
//! datagrams through it with the peers that it names.
//!
//! # Example
//!
//! `cargo run -p turn --example relay` prints port, user name and password. With these, coturn's client relays through it:
//! `turnutils_uclient -y -c -u USER -w PASSWORD -p PORT 127.0.0.1`.
//!
//! ```no_run
#![doc = include_str!("../examples/relay.rs")]
//! ```
//!
//! # Limits and defences
//!
//! - Unauthenticated clients use no memory: nonces are computed, responses per source address are limited in a table of fixed
//!   size, TCP connections without an allocation are few and short.
//! - [`Limits`] bounds allocations in total, per user and per address, and the bytes per second of a user and of an address. No more is read from
//!   TCP connections than these may pass.
//! - An allocation ends a day after its credential, at the latest.
//! - Peers with private addresses, in any embedding, are forbidden (403), unless [`Options::allow_private`]; so are ports below 1024, except 443.
//! - Peers on this machine are other allocations, which are served in memory, and [`Options::services`]. A relayed port never
//!   sends to anything else on this machine.
//! - Not supported: TLS, TCP relaying (RFC 6062), DONT-FRAGMENT, reserved ports.
//!
//! # Modules
//!
//! | module | noun |
//! |---|---|
//! | [`credentials`] | user names that expire, and their passwords (pure) |
//! | `policy` | which peers may be relayed to (pure) |
//! | `quota` | limits on allocations and rates (pure) |
//! | `rate_limiter`, `response_limiter` | a rate limit in one atomic number; which unauthenticated requests are answered (pure) |
//! | `auth`, `nonce` | authentication of requests, stateless nonces (pure) |
//! | `bindings` | permissions and channels of one allocation (pure) |
//! | `frame`, `frame_reader` | STUN messages, ChannelData and Data indications; frames of a TCP stream (pure) |
//! | `attributes`, `response` | reading requests, writing responses (pure) |
//! | `allocation`, `lifetime`, `relays` | one relayed port; how long it lives; all of them |
//! | `service` | the effect of a request |
//! | `client`, `udp`, `tcp` | clients and their transports |
//! | `unauthenticated` | TCP connections without an allocation (pure) |
//! | `bind` | binding ports |
//!
//! # Why not an existing server crate
//!
//! `turn` 0.17 supports UDP only and stores a nonce for an hour for every datagram that requests one. `turn-server` 4.1 opens no
//! relayed ports: it passes datagrams between its own clients, so it cannot reach other peers. `turn-server-proto` 0.7 supports
//! both transports, but has no quotas and no filter, never removes users, stores a nonce for every source address, and searches a
//! list of all clients for each datagram. The codec below it, `turn-types`, is used here: it reads without copying, writes into a
//! slice, and is fuzzed by its author.

mod allocation;
mod attributes;
mod auth;
mod bind;
mod bindings;
mod client;
pub mod credentials;
mod frame;
mod frame_reader;
#[cfg(any(test, feature = "fuzzing"))]
pub mod harness;
mod lifetime;
mod nonce;
mod policy;
mod quota;
mod rate_limiter;
mod relays;
mod response;
mod response_limiter;
mod service;
#[cfg(test)]
mod service_tests;
mod tcp;
mod udp;
mod unauthenticated;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

pub use bind::{PortRange, TurnError};
pub use credentials::Secret;
pub use policy::is_public;
pub use quota::Limits;

use policy::PeerPolicy;
use service::{Service, ServiceConfig};

/// The configuration of a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// The addresses of this machine to listen on and to relay from, the preferred one first. Not the unspecified address:
    /// responses leave from the address that the request was sent to.
    pub addresses: Vec<IpAddr>,
    /// 0: any free port. `None`: 3478, or any free port when that is taken.
    pub port: Option<u16>,
    /// Relayed ports are taken from this range.
    pub ports: PortRange,
    /// Checks credentials.
    pub secret: Secret,
    /// An address that is forwarded to this machine: relayed addresses are announced with it.
    pub public_ip: Option<IpAddr>,
    /// Relay to private addresses too, and to every port of this machine.
    pub allow_private: bool,
    pub limits: Limits,
    /// Ports of this machine that may be relayed to. Weir names its media ports, so that a client without UDP can watch.
    pub services: Vec<SocketAddr>,
}

impl Options {
    /// Port 3478 or any free one, relayed ports from 49152 to 65535, default limits, public peers only.
    pub fn new(addresses: Vec<IpAddr>, secret: Secret) -> Self {
        Self {
            addresses,
            port: None,
            ports: PortRange::DYNAMIC,
            secret,
            public_ip: None,
            allow_private: false,
            limits: Limits::default(),
            services: Vec::new(),
        }
    }
}

/// A running server. It continues when dropped without [`Turn::close`].
#[derive(Debug)]
pub struct Turn {
    port: u16,
    second_port: Option<u16>,
    service: Arc<Service>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Turn {
    /// Binds the port and starts to serve, on the current tokio runtime.
    ///
    /// # Errors
    /// The requested port is taken or cannot be bound, or no port is free.
    pub fn open(options: Options) -> Result<Self, TurnError> {
        let addresses = options.addresses;
        let (port, listeners) = bind::open(&addresses, options.port)?;
        let (second_port, second) = bind::second(&addresses, port).unzip();
        let own: Vec<IpAddr> = addresses.iter().copied().chain(options.public_ip).collect();
        let service = Arc::new(Service::new(ServiceConfig {
            addresses,
            public_ip: options.public_ip,
            ports: options.ports,
            secret: options.secret,
            limits: options.limits,
            policy: PeerPolicy::new(own, options.services, options.allow_private),
        }));
        let mut tasks = vec![tokio::spawn(service::sweep(service.clone()))];
        let unauthenticated = Arc::default();
        for (udp, tcp) in listeners {
            tasks.push(tokio::spawn(udp::serve(Arc::new(udp), service.clone())));
            tasks.push(tokio::spawn(tcp::serve(
                tcp,
                service.clone(),
                Arc::clone(&unauthenticated),
            )));
        }
        for udp in second.into_iter().flatten() {
            tasks.push(tokio::spawn(udp::serve(Arc::new(udp), service.clone())));
        }
        Ok(Self {
            port,
            second_port,
            service,
            tasks: Mutex::new(tasks),
        })
    }

    /// The port, for UDP and TCP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The next port, for UDP only, if it was free. With two ports a client can determine the behaviour of its NAT (RFC 5780 4).
    pub fn second_port(&self) -> Option<u16> {
        self.second_port
    }

    /// Number of live allocations.
    pub fn allocations(&self) -> usize {
        self.service.allocations()
    }

    /// Stops serving, ends every allocation and releases all ports.
    pub async fn close(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in &tasks {
            task.abort();
        }
        for task in tasks {
            let _ = task.await;
        }
        self.service.close().await;
    }
}
