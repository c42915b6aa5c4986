//! The embedded STUN and TURN server (RFC 8489, RFC 8656): how people behind any NAT meet.
//!
//! One port, over UDP and over TCP, on every address of this machine. A client that proves a
//! credential of ours (TURN REST draft) gets a UDP port of this machine, and what arrives there
//! from peers that it named.
//!
//! | module | noun |
//! |---|---|
//! | [`credentials`] | user names that expire, and their passwords (pure) |
//! | `policy` | which peers may be relayed to (pure) |
//! | `quota` | how many allocations, and how many bytes a second (pure) |
//! | `meter` | a rate, in one atomic number (pure) |
//! | `auth` | who asks (pure) |
//! | `nonce` | nonces that need no memory (pure) |
//! | `bindings` | permissions and channels of one allocation (pure) |
//! | `frame` | ChannelData, Data indications, and messages in a TCP stream (pure) |
//! | `attributes`, `answer` | requests as they are read, responses as they are written (pure) |
//! | `allocation`, `relays` | one relayed port; all of them |
//! | `service` | what a request does |
//! | `client`, `udp`, `tcp` | the way to a client, and the listeners |
//! | `bind` | opening the port |
//!
//! # Why not a ready server
//!
//! Three crates were read. `turn` 0.17 speaks UDP only and keeps a nonce for every datagram
//! that asks for one, for an hour. `turn-server` 4.1 opens no relayed ports: it hands datagrams from one of its
//! clients to another, so it cannot reach a peer that is not its client too. `turn-server-proto` 0.7
//! speaks both transports, but users are only ever added, there is no quota and no filter, it
//! keeps a nonce for every address that sent anything, and searches a list of all clients for
//! each datagram. Wrapping it means to parse every message before it does. The codec below it, `turn-types`,
//! is what we take: it reads without copying, writes into a slice, and is fuzzed by its author.
//!
//! # What a hostile client finds
//!
//! Nothing is kept for anybody without a credential: nonces are computed, answers to a source address are
//! limited in a table of fixed size, TCP connections without an allocation are few and short.
//! Peers with private addresses are refused. Another allocation of this server is always
//! allowed, and served in memory: no datagram to an address of this machine leaves a
//! relayed port, so the rest of the machine stays out of reach.

mod allocation;
mod answer;
mod attributes;
mod auth;
mod bind;
mod bindings;
mod client;
pub mod credentials;
mod frame;
mod meter;
mod nonce;
mod policy;
mod quota;
mod relays;
mod service;
#[cfg(test)]
mod service_tests;
mod tcp;
mod udp;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

pub use bind::{Ports, TurnError};
pub use credentials::Secret;
pub use policy::is_public;
pub use quota::Limits;

use policy::Policy;
use service::{Service, Setup};

/// What the server is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The addresses of this machine to listen on and to relay from. Not the unspecified address: a reply leaves from the address that was asked.
    pub addresses: Vec<IpAddr>,
    /// 0: any free one. Absent: 3478, or any free one when that is taken.
    pub port: Option<u16>,
    /// Relayed ports are taken from here.
    pub ports: Ports,
    pub secret: Secret,
    /// An address that is forwarded to this machine: relayed addresses are told as this one.
    pub public_ip: Option<IpAddr>,
    /// Relay to private addresses too.
    pub allow_private: bool,
    pub limits: Limits,
    /// Other ports of this very server, which may be relayed to: somebody without UDP can watch through TURN.
    pub services: Vec<SocketAddr>,
}

/// A running STUN and TURN server. Dropped without [`Turn::close`], it goes on.
#[derive(Debug)]
pub struct Turn {
    port: u16,
    second_port: Option<u16>,
    service: Arc<Service>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Turn {
    /// Opens the port, and serves. Call it inside of a tokio runtime.
    ///
    /// # Errors
    /// A port that was asked for is taken, or none is free.
    pub fn open(options: Options) -> Result<Self, TurnError> {
        let addresses = options.addresses;
        let (port, listeners) = bind::open(&addresses, options.port)?;
        let (second_port, second) = bind::second(&addresses, port).unzip();
        let own: Vec<IpAddr> = addresses.iter().copied().chain(options.public_ip).collect();
        let service = Arc::new(Service::new(Setup {
            addresses,
            public_ip: options.public_ip,
            ports: options.ports,
            secret: options.secret,
            limits: options.limits,
            policy: Policy::new(own, options.services, options.allow_private),
        }));
        let mut tasks = vec![tokio::spawn(service::sweep(service.clone()))];
        let pending = Arc::default();
        for (udp, tcp) in listeners {
            tasks.push(tokio::spawn(udp::serve(Arc::new(udp), service.clone())));
            tasks.push(tokio::spawn(tcp::serve(
                tcp,
                service.clone(),
                Arc::clone(&pending),
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

    /// The one port, of UDP and of TCP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port after it, of UDP alone, when it was free: whoever sees two ports can tell what kind of NAT it has.
    pub fn second_port(&self) -> Option<u16> {
        self.second_port
    }

    /// Allocations that live now.
    pub fn allocations(&self) -> usize {
        self.service.allocations()
    }

    /// Ends every allocation and frees every port.
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
