//! Weir's server: shows video on a web page in under a second.
//!
//! A stream is a log of encoded video and audio; a viewer is a cursor on it.
//!
//! This package holds [`http`] (offers, WHEP, WHIP, rooms, the API, the web page), [`tls`] (certificates), [`publishing`] (who publishes to which stream) and [`config`] (the command
//! line). Everything else is a package in a folder beside it, and depends only on packages above it in this table.
//!
//! | package | what it does |
//! |---|---|
//! | `media` | FFmpeg: from a file to access units, and from these to RTP payloads |
//! | `timeline` | the log of a stream, and cursors on it; pure |
//! | [`limits`] | counting by address: what one client may use; pure |
//! | [`access`] | keys: who may do what; its rules are pure |
//! | [`stream`] | named sources, started by their first viewer, and their registry |
//! | `net` | UDP and TCP ports: sockets, routing of datagrams, batches |
//! | `transport` | one peer's ICE and DTLS, without sockets |
//! | `congestion` | RTCP feedback, and the bandwidth estimate; pure |
//! | [`egress`] | from a cursor to paced SRTP packets |
//! | [`connection`] | viewers over WebRTC |
//! | [`turn`] | a STUN and TURN server |
//! | [`room`] | rooms: membership and signaling; its rules are pure |
//!
//! [`serve`] runs them together.

pub mod config;
pub mod http;
pub mod publishing;
mod sent_bits;
pub mod tls;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::api::IceTransportPolicy;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::{Config, IceMode, Switch};
use crate::http::callers;
use crate::http::client_counting::ClientCounting;
use crate::http::connections::Connections;
use crate::http::events::EventHub;
use crate::http::ice::Ice;
use crate::http::listen::{Service, serve as serve_port};
use crate::http::listing::Listing;
use crate::http::pace::ApiPace;
use crate::http::page::Builds;
use crate::http::router::{App, metrics_router, router};
use crate::http::trust::Https;
use crate::publishing::{Keys, Limits, Publishing};
use crate::tls::{Tls, TlsError};
use access::{Key, StateFolder};
use connection::Viewers;
use connection::{Options, SetupError};
use limits::Quota;
use room::registry::{RoomLimits, RoomRegistry};
use stream::registry::Registry;
use turn::{Secret, Turn, TurnError};

/// Connections of `--metrics-listen`: those of the page neither take their places nor lose any to them.
const MONITORS: Quota = Quota {
    total: 64,
    per_address: 64,
};

/// Sources that take longer to end are ended by the exit of the process.
const SOURCES_TIMEOUT: Duration = Duration::from_millis(1500);

/// A server with bound ports that does not serve HTTP yet.
#[derive(Debug)]
pub struct Server {
    registry: Registry,
    viewers: Viewers,
    turn: Option<Arc<Turn>>,
    rooms: RoomRegistry,
    publishing: Publishing,
    tls: Option<Tls>,
    /// The port of `--metrics-listen`.
    metrics: Option<TcpListener>,
    app: Arc<App>,
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Viewers(#[from] SetupError),
    #[error(
        "{0}; choose one with --turn-port, 0 for any free one, or leave TURN out with --turn off."
    )]
    Turn(#[from] TurnError),
    #[error("{0}.")]
    Tls(#[from] TlsError),
    #[error("Cannot listen on {address}: {error}; choose another address with --metrics-listen.")]
    Metrics {
        address: SocketAddr,
        error: std::io::Error,
    },
    #[error("The addresses of this machine cannot be listed: {0}.")]
    Interfaces(std::io::Error),
    /// Contradictory flags.
    #[error("{0}.")]
    Config(String),
}

impl Server {
    /// Binds the UDP, TURN and HTTPS ports, and finds the sources.
    ///
    /// # Errors
    /// Flags contradict each other, a port cannot be bound, or a system resource is missing.
    pub fn open(config: &Config) -> Result<Self, OpenError> {
        config.check().map_err(OpenError::Config)?;
        let streams = config.publish.streams();
        let streams = streams.map_err(|error| OpenError::Config(error.to_string()))?;
        let keys = Keys::open(streams, config.publish.state.store());
        let loopback = config.stays_on_loopback();
        let addresses = match loopback {
            true => net::loopback_addresses(),
            false => net::local_addresses(),
        };
        let viewers = Viewers::new(&Options {
            udp_port: config.udp_port,
            public_ip: config.public_ip,
            loopback,
            shards: config.shard_count(),
            tcp: config.ice_tcp == Switch::On,
            full_ice: config.ice == IceMode::Full,
        })?;
        let folder = config.publish.state.folder().map(StateFolder::new);
        let tls = Tls::open(&config.tls, folder, config.public_ip)?;
        let metrics = config.metrics.listen.map(|address| {
            let listener = std::net::TcpListener::bind(address).and_then(|listener| {
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener)
            });
            listener.map_err(|error| OpenError::Metrics { address, error })
        });
        let metrics = metrics.transpose()?;
        let secret = config.turn.secret().cloned().unwrap_or_else(Secret::random);
        let turn = match config.turn.switch {
            Switch::Off => None,
            Switch::On => Some(Arc::new(Turn::open(turn::Options {
                addresses: addresses.map_err(OpenError::Interfaces)?,
                port: config.turn.port,
                ports: config.turn.ports,
                secret: secret.clone(),
                public_ip: config.public_ip,
                allow_private: config.turn.allow_private,
                limits: config.turn.limits(config.limits.per_address == Switch::On),
                services: viewers.addresses(),
            })?)),
        };
        let registry = Registry::open_with(
            config.sources_or_default(),
            config.limits.limits(),
            config.grace,
            config.probe_helper.clone(),
        );
        let publishing = Publishing::new(
            keys,
            viewers.publishers().clone(),
            registry.clone(),
            Limits {
                publishers: config.publish.max_publishers,
                grace: Duration::from_secs(config.publish.publisher_grace.into()),
            },
        );
        let rooms = RoomRegistry::new(RoomLimits {
            rooms: config.max_rooms as usize,
            sockets: config.max_peers as usize,
            passwords: config.rooms.passwords(),
            plain_relay: config.plain_relay == Switch::On && config.room_limits.plain_relay,
            ..config.room_limits.clone()
        });
        let app = Arc::new(App {
            registry: registry.clone(),
            viewers: viewers.clone(),
            publishing: publishing.clone(),
            counting: Arc::new(ClientCounting::new(
                &config.limits.trusted_proxies,
                config.limits.per_address == Switch::On,
            )),
            connections: Connections::new(config.limits.connections()),
            events: EventHub::new(registry.clone()),
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
            callers: callers::rules(config).map_err(OpenError::Interfaces)?,
            pace: ApiPace::new(Instant::now()),
            listing: Listing::new(registry.clone()),
            metrics_token: config.metrics.token.as_ref().map(Key::hash),
            builds: Arc::new(Builds::open(config.dist.clone())),
            https: tls.as_ref().map(|tls| Https {
                certificates: tls.certificates().clone(),
                port: tls.address().port(),
            }),
            started: Instant::now(),
        });
        Ok(Self {
            registry,
            viewers,
            turn,
            rooms,
            publishing,
            tls,
            metrics,
            app,
        })
    }

    /// The addresses of the media ports.
    pub fn udp_addresses(&self) -> Vec<SocketAddr> {
        self.viewers.addresses()
    }

    /// HTTPS, with `--tls`.
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Where the counters are, with `--metrics-listen`.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref()?.local_addr().ok()
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

    pub fn publishing(&self) -> &Publishing {
        &self.publishing
    }

    pub fn rooms(&self) -> &RoomRegistry {
        &self.rooms
    }

    /// Serves until `shutdown` completes. Then rooms and viewers are closed, and the sources are joined.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(false);
        let pages = tokio::spawn(self.app.builds.clone().follow());
        let events = self.app.events.clone();
        let certificates = self.tls.as_ref().map(|tls| tls.certificates().clone());
        let certificates = certificates.map(|certificates| tokio::spawn(certificates.follow()));
        let service = Service {
            connections: self.app.connections.clone(),
            counting: self.app.counting.clone(),
            router: router(self.app.clone()),
        };
        let https = self.tls.map(Tls::into_parts).and_then(|parts| {
            let parts = parts.inspect_err(|error| tracing::error!(%error, "there is no HTTPS"));
            parts.ok()
        });
        let mut ports = JoinSet::new();
        if let Some((listener, config)) = https {
            let tls = Some(config.into());
            ports.spawn(serve_port(listener, tls, service.clone(), stopped.clone()));
        }
        if let Some(listener) = self.metrics {
            let service = Service {
                connections: Connections::new(MONITORS),
                router: metrics_router(self.app),
                ..service.clone()
            };
            ports.spawn(serve_port(listener, None, service, stopped.clone()));
        }
        ports.spawn(serve_port(listener, None, service, stopped));
        let mut listening = tokio::spawn(ports.join_all());
        let sweeps = tokio::spawn(self.rooms.clone().run_sweeps());
        let viewers = self.viewers.clone();
        let addresses = tokio::spawn(async move { viewers.follow_addresses().await });
        let publishing = self.publishing.clone();
        let keys = tokio::spawn(async move { publishing.follow_keys().await });
        let (viewers, registry) = (self.viewers.clone(), self.registry.clone());
        let sent = tokio::spawn(async move {
            sent_bits::report(viewers.shards(), registry.admission()).await;
        });
        tokio::select! {
            () = shutdown => {}
            // It ends early only by a panic; then the rest shuts down in order.
            _ = &mut listening => {}
        }
        stop.send_replace(true);
        pages.abort();
        events.close();
        sweeps.abort();
        addresses.abort();
        if let Some(certificates) = certificates {
            certificates.abort();
        }
        keys.abort();
        sent.abort();
        tokio::join!(self.rooms.close(), self.viewers.close());
        if let Some(turn) = self.turn {
            turn.close().await;
        }
        if tokio::time::timeout(SOURCES_TIMEOUT, self.registry.close())
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

/// Serves the web page and the API on `listener` until `shutdown` completes.
///
/// # Errors
/// As [`Server::open`].
pub async fn serve(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), OpenError> {
    Server::open(&config)?.run(listener, shutdown).await;
    Ok(())
}
