//! The WebSocket to the server: joins the room, and joins again when the connection is lost.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use shared::api::IceConfig;
use shared::retry::{Backoff, Retry};
use shared::signaling::{
    ClientMessage, ErrorCode, MAX_MESSAGE, PING_INTERVAL_S, Peer, PeerKey, PeerKind, RoomPassword,
    ServerMessage, VERSION,
};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::ice;
use crate::server_url::ServerUrl;

/// A connection that lasts longer resets the waits between attempts.
const STABLE_MS: u64 = 5_000;
/// For connecting, and for the server's first answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The server answers pings, so a longer silence means that the path is dead.
const IDLE_TIMEOUT: Duration = Duration::from_secs(PING_INTERVAL_S * 2 + 5);
/// `welcome` lists every peer of a room; a relayed message is as long as a peer may send.
const MAX_MESSAGE_RECEIVED: usize = 2 * MAX_MESSAGE;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The server, the room, and who joins it.
#[derive(Clone, Debug)]
pub(crate) struct JoinParams {
    pub(crate) server: ServerUrl,
    pub(crate) room: String,
    pub(crate) name: String,
    pub(crate) key: PeerKey,
    pub(crate) password: Option<RoomPassword>,
}

/// An event of the signaling connection.
#[derive(Debug)]
pub(crate) enum SignalingEvent {
    /// This peer is in the room.
    Welcome {
        room: String,
        you: Peer,
        peers: Vec<Peer>,
        /// The STUN and TURN servers of the server, or why they are unknown.
        ice: Result<IceConfig, String>,
    },
    /// Any later message.
    Message(ServerMessage),
    /// The connection is lost or could not be made; attempts go on. A sentence.
    Down { why: String },
    /// The server refused the peer, and the user has to change something: the server's sentence.
    Refused { message: String },
}

/// Runs until the server refuses the peer or the receiver of the events is gone.
pub(crate) async fn run(
    params: JoinParams,
    mut outgoing: mpsc::Receiver<ClientMessage>,
    events: mpsc::Sender<SignalingEvent>,
) {
    let mut attempts = Attempts {
        started: Instant::now(),
        retry: Retry::new(Backoff::SERVER, STABLE_MS),
    };
    loop {
        let ended = run_once(&params, &mut outgoing, &events, &mut attempts).await;
        let why = match ended {
            ConnectionEnd::Left => return,
            ConnectionEnd::Refused(message) => {
                let _ = events.send(SignalingEvent::Refused { message }).await;
                return;
            }
            ConnectionEnd::Lost(why) => why,
        };
        if events.send(SignalingEvent::Down { why }).await.is_err() {
            return;
        }
        if !pause(attempts.failed(), &mut outgoing).await {
            return;
        }
    }
}

/// The attempts to be in the room, on the clock of this machine.
struct Attempts {
    started: Instant,
    retry: Retry,
}

impl Attempts {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn succeeded(&mut self) {
        self.retry.on_succeeded(self.now_ms());
    }

    /// The wait before the next one.
    fn failed(&mut self) -> Duration {
        Duration::from_millis(self.retry.on_failed(self.now_ms(), jitter(), 0))
    }
}

/// Waits, and drops outgoing messages meanwhile. False: the peer is leaving.
async fn pause(wait: Duration, outgoing: &mut mpsc::Receiver<ClientMessage>) -> bool {
    let over = sleep(wait);
    tokio::pin!(over);
    loop {
        tokio::select! {
            () = &mut over => return true,
            message = outgoing.recv() => match message {
                None | Some(ClientMessage::Leave) => return false,
                Some(_) => {}
            },
        }
    }
}

/// 0.0 to 1.0, at random.
pub(crate) fn jitter() -> f64 {
    f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX)
}

enum ConnectionEnd {
    /// This peer left.
    Left,
    Refused(String),
    Lost(String),
}

/// One connection, from opening to end.
async fn run_once(
    params: &JoinParams,
    outgoing: &mut mpsc::Receiver<ClientMessage>,
    events: &mpsc::Sender<SignalingEvent>,
    attempts: &mut Attempts,
) -> ConnectionEnd {
    let mut socket = match timeout(TIMEOUT, open(params)).await {
        Ok(Ok(socket)) => socket,
        Ok(Err(why)) => return ConnectionEnd::Lost(why),
        Err(_) => return ConnectionEnd::Lost(unreachable(params, "it does not answer")),
    };
    let ice = ice::fetch(&params.server).await;
    let first = timeout(TIMEOUT, next(&mut socket)).await;
    let welcome = match first {
        Ok(Ok(ServerMessage::Welcome {
            room, you, peers, ..
        })) => SignalingEvent::Welcome {
            room,
            you,
            peers,
            ice,
        },
        Ok(Ok(ServerMessage::Error { code, message, .. })) => {
            return refusal(code, message);
        }
        Ok(Ok(_)) => {
            let why = "The server's first message was not `welcome`".to_owned();
            return ConnectionEnd::Lost(why);
        }
        Ok(Err(why)) => return ConnectionEnd::Lost(why),
        Err(_) => return ConnectionEnd::Lost("The server does not answer".to_owned()),
    };
    // Messages from before the connection: their receivers see this peer arrive and negotiate again.
    while outgoing.try_recv().is_ok() {}
    if events.send(welcome).await.is_err() {
        return ConnectionEnd::Left;
    }
    attempts.succeeded();
    relay(&mut socket, outgoing, events).await
}

async fn open(params: &JoinParams) -> Result<Socket, String> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_RECEIVED))
        .max_frame_size(Some(MAX_MESSAGE_RECEIVED));
    let url = params.server.signaling();
    let (mut socket, _) = connect_async_with_config(&url, Some(config), true)
        .await
        .map_err(|error| match error {
            Error::Http(response) if response.status() == StatusCode::MISDIRECTED_REQUEST => {
                format!(
                    "{} does not know that {host} is its name. Use its address (--server), or ask its owner to start it with --host {host}.",
                    params.server,
                    host = params.server.host()
                )
            }
            Error::Http(response) => format!(
                "{} has no rooms (it answers {} to {url}). Is it a Weir server?",
                params.server,
                response.status()
            ),
            Error::Io(error) => unreachable(params, &error.to_string()),
            other => {
                tracing::debug!(error = %other, "no WebSocket could be opened");
                unreachable(params, "its answer is not that of a WebSocket")
            }
        })?;
    let join = ClientMessage::Join {
        version: VERSION,
        room: params.room.clone(),
        name: params.name.clone(),
        key: params.key.clone(),
        kind: PeerKind::Terminal,
        native: true,
        password: params.password.clone(),
    };
    send(&mut socket, &join).await?;
    Ok(socket)
}

fn unreachable(params: &JoinParams, why: &str) -> String {
    format!(
        "The server {} cannot be reached ({why}). Is it running, and is the address right (--server)?",
        params.server
    )
}

/// Carries messages both ways until the connection ends.
async fn relay(
    socket: &mut Socket,
    outgoing: &mut mpsc::Receiver<ClientMessage>,
    events: &mpsc::Sender<SignalingEvent>,
) -> ConnectionEnd {
    let mut ping = tokio::time::interval(Duration::from_secs(PING_INTERVAL_S));
    ping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last_received = Instant::now();
    loop {
        let sent = tokio::select! {
            message = next(socket) => {
                last_received = Instant::now();
                match message {
                    Ok(ServerMessage::Pong) => {}
                    Ok(ServerMessage::Error { code, message, .. }) if code.is_final() => {
                        return refusal(code, message);
                    }
                    Ok(message) => {
                        if events.send(SignalingEvent::Message(message)).await.is_err() {
                            return ConnectionEnd::Left;
                        }
                    }
                    Err(why) => return ConnectionEnd::Lost(why),
                }
                continue;
            }
            message = outgoing.recv() => match message {
                None | Some(ClientMessage::Leave) => {
                    let _ = send(socket, &ClientMessage::Leave).await;
                    let _ = socket.close(None).await;
                    return ConnectionEnd::Left;
                }
                Some(message) => send(socket, &message).await,
            },
            _ = ping.tick() => {
                if last_received.elapsed() > IDLE_TIMEOUT {
                    return ConnectionEnd::Lost("The server stopped responding".to_owned());
                }
                send(socket, &ClientMessage::Ping).await
            }
        };
        if let Err(why) = sent {
            return ConnectionEnd::Lost(why);
        }
    }
}

fn refusal(code: ErrorCode, message: String) -> ConnectionEnd {
    if code.needs_user_action() {
        ConnectionEnd::Refused(message)
    } else {
        ConnectionEnd::Lost(message)
    }
}

async fn send(socket: &mut Socket, message: &ClientMessage) -> Result<(), String> {
    let text = serde_json::to_string(message).map_err(|error| error.to_string())?;
    let sent = timeout(TIMEOUT, socket.send(Message::text(text))).await;
    match sent {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(lost(&error)),
        Err(_) => Err("The server does not accept messages".to_owned()),
    }
}

/// The cause is for the log, except that of the operating system.
fn lost(error: &Error) -> String {
    tracing::debug!(%error, "the connection to the server was lost");
    match error {
        Error::Io(error) => format!("The connection to the server was lost ({error})"),
        _ => "The connection to the server was lost".to_owned(),
    }
}

/// The next message of a known type.
async fn next(socket: &mut Socket) -> Result<ServerMessage, String> {
    loop {
        let text = match socket.next().await {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(frame))) => {
                let why = frame.map(|frame| frame.reason.to_string());
                let why = why.filter(|why| !why.is_empty());
                return Err(why.unwrap_or_else(|| "The server closed the connection".to_owned()));
            }
            Some(Ok(_)) => continue,
            Some(Err(error)) => return Err(lost(&error)),
            None => return Err("The connection to the server was lost".to_owned()),
        };
        match serde_json::from_str(&text) {
            Ok(message) => return Ok(message),
            Err(error) => tracing::debug!(%error, "an unknown message was ignored"),
        }
    }
}
