//! `GET /ws`: the WebSocket of rooms ([`shared::signaling`]).

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::response::Response;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use shared::signaling::{ErrorCode, MAX_MESSAGE};
use tokio::time::{sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

use super::callers::Permitted;
use super::client_counting::Counted;
use super::error::HttpError;
use super::frame_limits::{FrameLimits, TooManyFragments};
use super::router::App;
use room::SocketEnd;
use room::outbox::{CloseReason, Outbox, Outgoing};
use room::refusal::Refusal;
use room::socket::RoomSocket;

/// Bytes. Messages over the limit are read up to this length, so that the sender gets an error.
const MAX_READ: usize = 4 * MAX_MESSAGE;

/// Bytes. Most messages are candidates, which are short.
const BUFFER: usize = 4 * 1024;

/// Timeout for the remaining messages, and for the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

type WebSocket = WebSocketStream<FrameLimits<TokioIo<Upgraded>>>;

/// `?room=`: the room of a plain relay socket.
#[derive(Debug, Deserialize)]
pub(super) struct PlainRoom {
    room: Option<String>,
}

/// Opens the socket: 101, or an error.
pub(super) async fn open(
    State(app): State<Arc<App>>,
    client: Counted,
    _: Permitted,
    query: Result<Query<PlainRoom>, QueryRejection>,
    mut request: Request,
) -> Result<Response, HttpError> {
    let response = create_response_with_body(&request, Body::empty);
    let response = response.map_err(|_| HttpError::NotAWebSocket)?;
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let upgrade = upgrade.ok_or(HttpError::NotAWebSocket)?;
    let Query(PlainRoom { room }) = query.map_err(|_| HttpError::BadRoomQuery)?;
    let room_socket = app
        .rooms
        .connect(client.0, room.as_deref(), Instant::now())
        .map_err(HttpError::NoSocket)?;
    tokio::spawn(async move {
        // It fails when the connection ends before.
        if let Ok(upgraded) = upgrade.await {
            let stream = FrameLimits::new(TokioIo::new(upgraded));
            let config = WebSocketConfig::default()
                .read_buffer_size(BUFFER)
                .write_buffer_size(0)
                .max_frame_size(Some(MAX_READ))
                .max_message_size(Some(MAX_READ));
            let socket = WebSocket::from_raw_socket(stream, Role::Server, Some(config)).await;
            serve(socket, room_socket).await;
        }
    });
    Ok(response)
}

async fn serve(mut socket: WebSocket, mut room_socket: RoomSocket) {
    let outbox = room_socket.outbox();
    let overdue = async {
        outbox.closed().await;
        sleep(CLOSE_TIMEOUT).await;
    };
    let readable = tokio::select! {
        readable = relay_messages(&mut socket, &mut room_socket, &outbox) => readable,
        () = overdue => true,
    };
    room_socket.leave_room(SocketEnd::Dropped, Instant::now());
    outbox.close();
    let _ = timeout(CLOSE_TIMEOUT, close(&mut socket, &outbox, readable)).await;
}

/// Carries messages in both directions until either side ends. False: nothing more can be read from the socket.
async fn relay_messages(
    socket: &mut WebSocket,
    room_socket: &mut RoomSocket,
    outbox: &Outbox,
) -> bool {
    let limits = room_socket.limits().clone();
    let opened = Instant::now();
    let (mut received, mut pinged, mut readable) = (opened, opened, true);
    // Set anew only when it has to fire earlier: most messages move everything that may be due to later.
    let timer = sleep_until((opened + limits.idle).into());
    tokio::pin!(timer);
    loop {
        let idle = received + limits.idle;
        // Browsers answer pings even in a tab with throttled timers.
        let ping = received.max(pinged) + limits.idle / 3;
        let mut wake = idle.min(ping);
        let join = room_socket.join_timeout().map(|timeout| opened + timeout);
        let silent = room_socket.silent_at();
        // A message waits: what comes after it stays with the sender.
        let retry = room_socket.retry_at();
        for due in [join, silent, retry].into_iter().flatten() {
            wake = wake.min(due);
        }
        if timer.is_elapsed() || wake < timer.deadline().into_std() {
            timer.as_mut().reset(wake.into());
        }
        tokio::select! {
            next = outbox.next() => {
                let Outgoing::Text(text) = next else { return readable };
                match timeout(limits.write, socket.send(Message::Text(text.as_ref().into()))).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return false,
                    Err(_) => {
                        room_socket.abort(Instant::now());
                        return readable;
                    }
                }
            }
            frame = socket.next(), if readable && retry.is_none() => {
                received = Instant::now();
                room_socket.on_heads(socket.get_mut().take_heads(), received);
                match frame {
                    Some(Ok(Message::Text(text))) => room_socket.on_text(&text, received),
                    Some(Ok(Message::Binary(bytes))) => room_socket.on_binary(bytes.len(), received),
                    Some(Ok(Message::Ping(bytes) | Message::Pong(bytes))) => {
                        room_socket.on_control(bytes.len(), received);
                    }
                    Some(Ok(Message::Close(frame))) => {
                        if frame.is_some_and(|frame| frame.code == CloseCode::Away) {
                            room_socket.leave_room(SocketEnd::GoingAway, received);
                        }
                        return true;
                    }
                    None => return true,
                    // Only raw sockets have frames.
                    Some(Ok(Message::Frame(_))) => {}
                    Some(Err(error)) => {
                        let Some(refusal) = refusal(&error) else { return false };
                        room_socket.refuse(refusal, received);
                        readable = false;
                    }
                }
            }
            () = &mut timer => {
                let now = Instant::now();
                if retry.is_some_and(|due| now >= due) {
                    received = now;
                    room_socket.on_retry(now);
                } else if now >= idle {
                    room_socket.refuse(Refusal::idle(), now);
                } else if join.is_some_and(|due| now >= due) {
                    room_socket.on_join_timeout(now);
                } else if silent.is_some_and(|due| now >= due) {
                    room_socket.on_silence(now);
                } else if now >= ping {
                    pinged = now;
                    // A failure shows at the next send or receive.
                    let _ = timeout(limits.write, socket.send(Message::Ping(Default::default()))).await;
                }
            }
        }
    }
}

/// Sends the remaining messages and a Close, and waits for the Close of the client.
async fn close(socket: &mut WebSocket, outbox: &Outbox, readable: bool) {
    let end = loop {
        match outbox.next().await {
            Outgoing::Text(text) => {
                if socket
                    .send(Message::Text(text.as_ref().into()))
                    .await
                    .is_err()
                {
                    return;
                }
            }
            Outgoing::Close(end) => break end,
        }
    };
    if socket
        .send(Message::Close(Some(close_frame(end))))
        .await
        .is_err()
    {
        return;
    }
    if readable {
        while let Some(Ok(_)) = socket.next().await {}
    } else {
        // Closing with unread bytes would reset the connection and drop what was sent (RFC 1122 4.2.2.13).
        sleep(CLOSE_TIMEOUT).await;
    }
}

/// The refusal for input that is no message. `None`: the connection is broken.
fn refusal(error: &tungstenite::Error) -> Option<Refusal> {
    match error {
        tungstenite::Error::Capacity(_) => Some(Refusal::too_long()),
        tungstenite::Error::Utf8(_) => Some(Refusal::not_text()),
        // Of [`FrameLimits`].
        tungstenite::Error::Io(error) => match error.kind() {
            _ if error
                .get_ref()
                .is_some_and(|of| of.is::<TooManyFragments>()) =>
            {
                Some(Refusal::too_long())
            }
            io::ErrorKind::TimedOut => Some(Refusal::unfinished_message()),
            _ => None,
        },
        _ => None,
    }
}

/// Status codes of RFC 6455 7.4 and of its IANA registry. The reason is the name of the code, as in the error message before.
fn close_frame(end: CloseReason) -> CloseFrame {
    let CloseReason::Refused(code) = end else {
        return CloseFrame {
            code: 1000.into(),
            reason: "left".into(),
        };
    };
    let number: u16 = match code {
        ErrorCode::TooLong => 1009,
        ErrorCode::ShuttingDown => 1012,
        ErrorCode::ServerFull => 1013,
        _ => 1008,
    };
    let name = serde_json::to_value(code).ok();
    let name = name.as_ref().and_then(|name| name.as_str());
    CloseFrame {
        code: number.into(),
        reason: name.unwrap_or_default().into(),
    }
}
