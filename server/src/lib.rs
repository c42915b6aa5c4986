//! Weir's server: puts video on a web page in under a second.
//!
//! A stream is a log of coded pictures and sound; a viewer is a cursor on it.
//!
//! This package is [`http`] (offers, WHEP, rooms, the API, the page) and [`config`] (the command line). The rest are packages of
//! their own, in folders beside this one; each depends only on those above it, and Cargo keeps it so.
//!
//! | package | what it does |
//! |---|---|
//! | `media` | FFmpeg: from a file to access units; access units cut into RTP payloads |
//! | `timeline` | the log of a stream, and cursors on it; pure |
//! | [`stream`] | named sources, started by their first viewer; the registry of all |
//! | `net` | UDP and TCP ports: sockets, routing of datagrams, batches |
//! | `congestion` | what receivers report over RTCP, and the rate that follows; pure |
//! | [`egress`] | from a cursor to SRTP packets, in time |
//! | [`connection`] | viewers over WebRTC |
//! | [`turn`] | STUN and TURN, for peers behind any NAT |
//! | [`room`] | who is in which room, and who is sent what; its rules are pure |
//!
//! [`serve`] puts them together.

pub mod config;
pub mod http;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::api::IceTransportPolicy;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::{Config, Switch};
use crate::http::ice::Ice;
use crate::http::router::{App, router};
use connection::Viewers;
use connection::{Options, SetupError};
use room::registry::{Limits, RoomRegistry};
use stream::registry::Registry;
use turn::{Secret, Turn, TurnError};

/// Sources that have not ended by then are left to the end of the process.
const SOURCES_END: Duration = Duration::from_millis(1500);

/// A server that is set up, and not yet listening.
#[derive(Debug)]
pub struct Server {
    registry: Registry,
    viewers: Viewers,
    turn: Option<Arc<Turn>>,
    rooms: RoomRegistry,
    app: Arc<App>,
}

/// Why the server cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Viewers(#[from] SetupError),
    #[error(transparent)]
    Turn(#[from] TurnError),
    #[error("The addresses of this machine cannot be listed: {0}.")]
    Interfaces(std::io::Error),
    /// Flags that do not go together.
    #[error("{0}.")]
    Config(String),
}

impl Server {
    /// Opens the UDP port and that of TURN, and looks for the sources.
    ///
    /// # Errors
    /// A port is taken.
    pub fn open(config: &Config) -> Result<Self, OpenError> {
        config.check().map_err(OpenError::Config)?;
        let viewers = Viewers::new(&Options {
            udp_port: config.udp_port,
            public_ip: config.public_ip,
            shards: config.shard_count(),
            tcp: config.ice_tcp == Switch::On,
            sealing: config.sealing,
        })?;
        let secret = config.turn.secret.clone().unwrap_or_else(Secret::random);
        let turn = match config.turn.switch {
            Switch::Off => None,
            Switch::On => Some(Arc::new(Turn::open(turn::Options {
                addresses: net::local_addresses().map_err(OpenError::Interfaces)?,
                port: config.turn.port,
                ports: config.turn.ports,
                secret: secret.clone(),
                public_ip: config.public_ip,
                allow_private: config.turn.allow_private,
                limits: config.turn.limits(),
                services: viewers.addresses().to_vec(),
            })?)),
        };
        let registry = Registry::open(
            config.sources_or_default(),
            config.viewer_limits(),
            config.grace,
        );
        let rooms = RoomRegistry::new(Limits {
            rooms: config.max_rooms as usize,
            sockets: config.max_peers as usize,
            ..config.room_limits.clone()
        });
        let app = Arc::new(App {
            registry: registry.clone(),
            viewers: viewers.clone(),
            ice: Ice {
                servers: config.ice_servers.clone(),
                secret,
                turn_port: turn.as_deref().map(Turn::port),
                second_port: turn.as_deref().and_then(Turn::second_port),
                public_ip: config.public_ip,
                policy: match config.relay_only {
                    true => IceTransportPolicy::Relay,
                    false => IceTransportPolicy::All,
                },
            },
            rooms: rooms.clone(),
            cors_origins: config.cors_origins.clone(),
            dist: config.dist.clone(),
            started: Instant::now(),
        });
        Ok(Self {
            registry,
            viewers,
            turn,
            rooms,
            app,
        })
    }

    /// Where viewers connect to.
    pub fn udp_addresses(&self) -> &[SocketAddr] {
        self.viewers.addresses()
    }

    pub fn viewers(&self) -> &Viewers {
        &self.viewers
    }

    /// The STUN and TURN server, unless it is off.
    pub fn turn(&self) -> Option<&Arc<Turn>> {
        self.turn.as_ref()
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub fn rooms(&self) -> &RoomRegistry {
        &self.rooms
    }

    /// Serves until `shutdown` is done; then peers and viewers are told, and the sources are joined.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(false);
        let mut listening = tokio::spawn(http::listen::serve(listener, router(self.app), stopped));
        let clock = tokio::spawn(self.rooms.clone().run_sweeps());
        tokio::select! {
            () = shutdown => {}
            // It only ends before when it panicked; the rest is then shut down in order.
            _ = &mut listening => {}
        }
        stop.send_replace(true);
        clock.abort();
        tokio::join!(self.rooms.close(), self.viewers.close());
        if let Some(turn) = self.turn {
            turn.close().await;
        }
        if tokio::time::timeout(SOURCES_END, self.registry.close())
            .await
            .is_err()
        {
            tracing::warn!("a source did not end in time");
        }
        if !listening.is_finished() {
            let _ = listening.await;
        }
    }
}

/// Serves the web page and the API on `listener` until `shutdown` is done.
///
/// # Errors
/// A port is taken.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), OpenError> {
    Server::open(&config)?.run(listener, shutdown).await;
    Ok(())
}
