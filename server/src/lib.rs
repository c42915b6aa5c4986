//! Weir's server: puts video on a web page in under a second.
//!
//! A stream is a log of coded pictures and sound; a viewer is a cursor on it.
//!
//! | module | what it does | may import |
//! |---|---|---|
//! | [`media`] | FFmpeg: from a file to access units, packetized | |
//! | [`timeline`] | the log in GOPs, and cursors on it; pure | `media` |
//! | [`stream`] | named sources, started by their first viewer; the registry of all | `timeline` |
//! | [`egress`] | from a cursor to RTP packets, in time | `stream` |
//! | [`peer`] | viewers over WebRTC, on one UDP port | `egress` |
//! | [`room`] | who is in which room, and who is told what; its rules are pure | |
//! | [`http`] | offers, WHEP, rooms, the API, the page | `peer`, `room` |
//! | [`config`] | the command line | |
//!
//! [`serve`] puts them together.

pub mod config;
pub mod egress;
pub mod http;
pub mod media;
pub mod peer;
pub mod room;
pub mod stream;
pub mod timeline;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::Config;
use crate::http::router::{App, router};
use crate::peer::Peers;
use crate::peer::peers::{Options, PeersError};
use crate::room::registry::{Limits, Rooms};
use crate::stream::registry::Registry;

/// Sources that have not ended by then are left to the end of the process.
const SOURCES_END: Duration = Duration::from_millis(1500);

/// A server that is set up, and not yet listening.
#[derive(Debug)]
pub struct Server {
    registry: Registry,
    peers: Peers,
    rooms: Rooms,
    app: Arc<App>,
}

impl Server {
    /// Opens the UDP port and looks for the sources.
    ///
    /// # Errors
    /// The UDP port is taken.
    pub fn open(config: &Config) -> Result<Self, PeersError> {
        let peers = Peers::new(&Options {
            udp_port: config.udp_port,
            public_ip: config.public_ip,
        })?;
        let registry = Registry::open(
            config.sources_or_default(),
            config.max_viewers,
            config.grace,
        );
        let rooms = Rooms::new(Limits {
            rooms: config.max_rooms as usize,
            sockets: config.max_peers as usize,
            ..config.room_limits.clone()
        });
        let app = Arc::new(App {
            registry: registry.clone(),
            peers: peers.clone(),
            rooms: rooms.clone(),
            ice_servers: config.ice_servers.clone(),
            cors_origins: config.cors_origins.clone(),
            dist: config.dist.clone(),
            started: Instant::now(),
        });
        Ok(Self {
            registry,
            peers,
            rooms,
            app,
        })
    }

    /// Where viewers connect to.
    pub fn udp_addresses(&self) -> &[SocketAddr] {
        self.peers.addresses()
    }

    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    /// Serves until `shutdown` is done; then peers and viewers are told, and the sources are joined.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(false);
        let mut listening = tokio::spawn(http::listen::serve(listener, router(self.app), stopped));
        let clock = tokio::spawn(self.rooms.clone().keep_time());
        tokio::select! {
            () = shutdown => {}
            // It only ends before when it panicked; the rest is then shut down in order.
            _ = &mut listening => {}
        }
        stop.send_replace(true);
        clock.abort();
        tokio::join!(self.rooms.close(), self.peers.close());
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
/// The UDP port is taken.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), PeersError> {
    Server::open(&config)?.run(listener, shutdown).await;
    Ok(())
}
