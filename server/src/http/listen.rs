//! The accept loop of a port.

use std::io;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

pub use super::connection::Service;
use super::connection::{self, stopping};

/// Delay after a failed accept, usually for lack of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The same failure is logged again after this time.
const SAME_FAILURE: Duration = Duration::from_secs(60);

/// Timeout for requests in progress at shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Accepts and serves until `stop` is true. Then it stops accepting, waits for requests in progress, and returns. With `tls` it serves HTTPS.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    service: Service,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let stopped = stop.clone();
    let mut logged: Option<(String, Instant)> = None;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    connection::set_options(&stream);
                    let slot = match service.connections.admit(service.counting.of_peer(from.ip())) {
                        Ok(slot) => slot,
                        Err(exceeded) => {
                            if tls.is_none() {
                                connection::refuse(&stream, exceeded);
                            }
                            continue;
                        }
                    };
                    let (service, tls, stopped) = (service.clone(), tls.clone(), stopped.clone());
                    connections.spawn(connection::serve(stream, from, slot, service, tls, stopped));
                    // A connection that makes room is closed by its own task.
                    tokio::task::yield_now().await;
                }
                // The client closed the connection before it was accepted.
                Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {}
                Err(error) => {
                    let text = error.to_string();
                    let is_known = |(known, at): &(String, Instant)| *known == text && at.elapsed() < SAME_FAILURE;
                    if !logged.as_ref().is_some_and(is_known) {
                        tracing::warn!(%error, "a connection could not be accepted");
                        logged = Some((text, Instant::now()));
                    }
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = stopping(&mut stop) => break,
        }
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    // Unfinished requests are dropped with the set.
    let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, finished).await;
}
