//! One connection: HTTP/1.1, or by TLS HTTP/1.1 or HTTP/2, with timeouts.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use limits::Exceeded;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

use super::activity::Activity;
use super::client_counting::ClientCounting;
use super::connections::{Connections, Slot};
use super::guarded_stream::GuardedStream;
use super::{host, path, proxied};
use crate::tls::HTTP_2;

/// Timeout for a request head, for a TLS handshake, and for idle connections.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// An HTTP/2 connection without requests is closed after this time: browsers keep one open, and a new one costs a handshake.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Timeout for the end of such a connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection is closed when its client has acknowledged nothing of what waits for this long: it is gone, or does not read.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// Requests at a time on an HTTP/2 connection.
const MAX_STREAMS: u32 = 100;

/// Bytes of a request's body that may come before it is read, and of all of a connection: offers are shorter.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// Bytes of an answer that wait for a slow client, for each request of an HTTP/2 connection.
const MAX_SEND_BUFFER: usize = 64 * 1024;

/// Bytes of the head of a request. A longer one gets 431.
const MAX_HEAD: usize = 16 * 1024;

/// Bytes that the system keeps of what a client has not acknowledged.
const SEND_BUFFER: usize = 256 * 1024;

/// A client of HTTP/2 that takes nothing of an answer for this long is disconnected.
const TAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// Of what a client has sent that is refused, reads of 4 kB.
const MAX_REFUSED_READS: usize = 8;

/// Seconds.
const RETRY_AFTER: u32 = 10;

/// For a client that does not speak TLS, such as a browser to which somebody typed http:// and this port.
const NOT_TLS: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n\
{\"error\":\"this port speaks HTTPS; write https:// before the address\",\"code\":\"https_only\"}\n";

/// What all ports serve, and within which limits.
#[derive(Clone, Debug)]
pub struct Service {
    pub router: Router,
    pub connections: Connections,
    pub counting: Arc<ClientCounting>,
}

/// Serves a connection that was accepted from this address. With `tls` it serves HTTPS.
pub(super) async fn serve(
    mut stream: TcpStream,
    mut from: SocketAddr,
    slot: Slot,
    service: Service,
    tls: Option<TlsAcceptor>,
    mut stop: watch::Receiver<bool>,
) {
    let evicted = slot.evicted();
    let serve = async {
        if service.counting.trusts(from.ip()) {
            let client = timeout(HEAD_TIMEOUT, proxied::client(&mut stream, from));
            let client = tokio::select! {
                client = client => client,
                () = stopping(&mut stop) => return,
            };
            let Ok(Ok(client)) = client else { return };
            if client != from {
                let counted = slot.count_for(service.counting.of_peer(client.ip()));
                if let Err(exceeded) = counted {
                    if tls.is_none() {
                        refuse(&stream, exceeded);
                    }
                    return;
                }
                from = client;
            }
        }
        let (router, activity) = (service.router, slot.activity().clone());
        let Some(tls) = tls else {
            let stream = GuardedStream::new(stream, slot);
            return http_1(stream, from, router, activity, &mut stop).await;
        };
        let handshake = timeout(HEAD_TIMEOUT, handshake(stream, slot, tls));
        let accepted = tokio::select! {
            accepted = handshake => accepted,
            () = stopping(&mut stop) => return,
        };
        let Ok(Some(stream)) = accepted else { return };
        match stream.get_ref().1.alpn_protocol() {
            Some(HTTP_2) => http_2(stream, from, router, activity, &mut stop).await,
            _ => http_1(stream, from, router, activity, &mut stop).await,
        }
    };
    tokio::select! {
        () = serve => {}
        () = evicted.notified() => {}
    }
}

/// Errors are caused by the client: it is too slow, does not speak TLS, or does not trust the certificate.
async fn handshake(
    mut stream: TcpStream,
    slot: Slot,
    tls: TlsAcceptor,
) -> Option<TlsStream<GuardedStream>> {
    let mut first = [0];
    // A TLS record of a handshake begins with 22 (RFC 8446 5.1), a request of HTTP with a letter.
    if stream.peek(&mut first).await.is_ok() && first[0].is_ascii_uppercase() {
        refuse_http(&mut stream).await;
        return None;
    }
    tls.accept(GuardedStream::new(stream, slot)).await.ok()
}

async fn refuse_http(stream: &mut TcpStream) {
    if stream.write_all(NOT_TLS.as_bytes()).await.is_ok() && stream.shutdown().await.is_ok() {
        // Closing with unread bytes would reset the connection and drop what was sent (RFC 1122 4.2.2.13).
        let mut rest = [0; 1024];
        let _ = timeout(CLOSE_TIMEOUT, async {
            while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
        })
        .await;
    }
}

async fn http_1(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    from: SocketAddr,
    router: Router,
    activity: Activity,
    stop: &mut watch::Receiver<bool>,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(|request| answer(router.clone(), request, from, activity.clone())),
        )
        .with_upgrades();
    tokio::pin!(connection);
    // Errors here are caused by the client: it closed the connection, or did not send HTTP.
    tokio::select! {
        _ = &mut connection => return,
        () = stopping(stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

async fn http_2(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    from: SocketAddr,
    router: Router,
    activity: Activity,
    stop: &mut watch::Receiver<bool>,
) {
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(WRITE_TIMEOUT)
        .keep_alive_timeout(WRITE_TIMEOUT)
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(MAX_SEND_BUFFER)
        .max_header_list_size(MAX_HEAD as u32)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(|request| answer(router.clone(), request, from, activity.clone())),
        );
    tokio::pin!(connection);
    tokio::select! {
        _ = &mut connection => return,
        () = activity.untaken_for(TAKE_TIMEOUT) => return,
        () = activity.idle_for(HEAD_TIMEOUT, IDLE_TIMEOUT) => {
            connection.as_mut().graceful_shutdown();
            let _ = timeout(CLOSE_TIMEOUT, connection).await;
            return;
        }
        () = stopping(stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
    from: SocketAddr,
    activity: Activity,
) -> Result<Response, std::convert::Infallible> {
    let in_progress = activity.begin();
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(from));
    let settled = host::settle(&mut request);
    // Before the route is chosen.
    path::normalize(request.uri_mut());
    let response = match settled {
        Ok(()) => router.oneshot(request).await?,
        Err(error) => error.into_response(),
    };
    Ok(in_progress.until_sent(response))
}

pub(super) fn set_options(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(stream).set_send_buffer_size(SEND_BUFFER);
    set_write_timeout(stream);
}

/// Answers to a connection that is one too many: what of it fits into the empty buffer of the socket.
pub(super) fn refuse(stream: &TcpStream, exceeded: Exceeded) {
    let (status, whose) = match exceeded {
        Exceeded::Address => ("429 Too Many Requests", "your address"),
        Exceeded::Total => ("503 Service Unavailable", "this server"),
    };
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nRetry-After: {RETRY_AFTER}\r\nConnection: close\r\n\r\n\
         {{\"error\":\"{whose} has too many connections; close some, or try again later\",\"code\":\"too_many_connections\"}}\n"
    );
    // Without waiting for the runtime, which does not know yet that the socket can be written to.
    let socket = socket2::SockRef::from(stream);
    let mut socket: &socket2::Socket = &socket;
    // Closing with unread bytes would reset the connection and drop what was sent (RFC 1122 4.2.2.13).
    let mut sent = [0; 4096];
    for _ in 0..MAX_REFUSED_READS {
        if !matches!(Read::read(&mut socket, &mut sent), Ok(1..)) {
            break;
        }
    }
    let _ = Write::write(&mut socket, text.as_bytes());
}

/// Also for a client whose window is closed (tcp(7), `TCP_USER_TIMEOUT`). Other systems have no such option, and their own timeouts.
#[cfg(target_os = "linux")]
fn set_write_timeout(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(WRITE_TIMEOUT));
}

#[cfg(not(target_os = "linux"))]
fn set_write_timeout(_: &TcpStream) {}

pub(super) async fn stopping(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is dropped: stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}
