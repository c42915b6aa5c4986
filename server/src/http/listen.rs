//! The accept loop, with timeouts.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::util::MapRequest;

use super::path;

/// Timeout for a request head, and for idle connections.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection is closed when its client has acknowledged nothing of what waits for this long: it is gone, or does not read.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// Delay after a failed accept, usually for lack of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Timeout for requests in progress at shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Accepts and serves until `stop` is true. Then it stops accepting, waits for requests in progress, and returns.
pub async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let stopped = stop.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    connections.spawn(connection(stream, from, router.clone(), stopped.clone()));
                }
                // The client closed the connection before it was accepted.
                Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
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

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    set_write_timeout(&stream);
    let router = MapRequest::new(router, move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(from));
        // Before the route is chosen.
        path::normalize(request.uri_mut());
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    tokio::pin!(connection);
    // Errors here are caused by the client: it closed the connection, or did not send HTTP.
    tokio::select! {
        result = &mut connection => {
            let _ = result;
            return;
        }
        () = stopping(&mut stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// Also for a client whose window is closed (tcp(7), `TCP_USER_TIMEOUT`). Other systems have no such option, and their own timeouts.
#[cfg(target_os = "linux")]
fn set_write_timeout(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(WRITE_TIMEOUT));
}

#[cfg(not(target_os = "linux"))]
fn set_write_timeout(_: &TcpStream) {}

async fn stopping(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is dropped: stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}
