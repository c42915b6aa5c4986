//! The accept loop, with its time limits.

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

/// A client that has not sent its request's head by then is let go; so is an idle connection.
const HEAD: Duration = Duration::from_secs(10);

/// Out of file descriptors, most likely: some of them come back.
const AFTER_A_FAILED_ACCEPT: Duration = Duration::from_millis(100);

/// Requests under way when the server stops have this long.
const FAREWELL: Duration = Duration::from_secs(1);

/// Accepts and serves until `stop` is true. Then it accepts no more, lets the requests under way
/// finish, and returns.
pub async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let stopped = stop.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    connections.spawn(connection(stream, from, router.clone(), stopped.clone()));
                }
                // The client went away while it was waiting.
                Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(AFTER_A_FAILED_ACCEPT).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = stopping(&mut stop) => break,
        }
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    // What is not finished then is dropped with the set.
    let _ = tokio::time::timeout(FAREWELL, finished).await;
}

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let router = MapRequest::new(router, move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(from));
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    tokio::pin!(connection);
    // Errors here are the client's: it went away, or sent what is not HTTP.
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

async fn stopping(stop: &mut watch::Receiver<bool>) {
    // An error: the one who could say so is gone, which says the same.
    let _ = stop.wait_for(|stop| *stop).await;
}
