//! A member of a room, over a WebSocket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use shared::signaling::{
    Candidate, ClientMessage, ErrorCode, Peer, PeerId, PeerKey, PeerKind, RoomPassword,
    ServerMessage, VERSION,
};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};

/// The time to wait for a message.
const TIMEOUT: Duration = crate::PATIENCE;

pub struct TestSocket {
    pub socket: WebSocketStream<TcpStream>,
}

/// A member that has joined.
pub struct TestMember {
    pub socket: TestSocket,
    pub me: Peer,
    /// Members that joined earlier.
    pub others: Vec<Peer>,
}

/// The close code and reason of a WebSocket.
#[derive(Debug, PartialEq, Eq)]
pub struct Closed {
    pub number: u16,
    pub reason: String,
}

pub fn key(number: u128) -> PeerKey {
    PeerKey::from_random(number)
}

pub fn join(room: &str, name: &str, key_number: u128) -> ClientMessage {
    ClientMessage::Join {
        version: VERSION,
        room: room.to_owned(),
        name: name.to_owned(),
        key: key(key_number),
        kind: PeerKind::Terminal,
        native: true,
        password: None,
    }
}

/// The same with a password.
pub fn join_with_password(
    room: &str,
    name: &str,
    key_number: u128,
    password: &str,
) -> ClientMessage {
    let mut message = join(room, name, key_number);
    if let ClientMessage::Join { password: of, .. } = &mut message {
        *of = RoomPassword::typed(password).expect("short");
    }
    message
}

pub fn offer(to: &PeerId, sdp: impl Into<String>) -> ClientMessage {
    ClientMessage::Offer {
        to: to.clone(),
        sdp: sdp.into(),
    }
}

pub fn candidate(to: &PeerId, line: &str) -> ClientMessage {
    ClientMessage::Candidate {
        to: to.clone(),
        candidate: Candidate {
            candidate: line.to_owned(),
            sdp_mid: Some("0".to_owned()),
            sdp_m_line_index: Some(0),
            username_fragment: None,
        },
    }
}

impl TestSocket {
    /// Opens a socket at a server (`http://...`).
    pub async fn open(server: &str) -> Self {
        Self::open_from(server, None)
            .await
            .expect("the socket opens")
    }

    /// Opens a socket with an `Origin` header, as a page does.
    pub async fn open_from(
        server: &str,
        origin: Option<&str>,
    ) -> Result<Self, Box<tungstenite::Error>> {
        let header = origin.map(|origin| ("origin", origin));
        Self::open_with(server, "/ws", header.as_slice()).await
    }

    /// Opens a socket at a path, which may have a query, with these headers.
    pub async fn open_with(
        server: &str,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Box<tungstenite::Error>> {
        let address = server.trim_start_matches("http://");
        let mut request = format!("ws://{address}{path}")
            .into_client_request()
            .expect("a URL");
        for (name, value) in headers {
            let value = value.parse().expect("a header");
            request.headers_mut().insert(*name, value);
        }
        let stream = TcpStream::connect(address).await.expect("the server runs");
        let (socket, _) = tokio_tungstenite::client_async(request, stream)
            .await
            .map_err(Box::new)?;
        Ok(Self { socket })
    }

    pub async fn send_message(&mut self, message: &ClientMessage) {
        let text = serde_json::to_string(message).expect("messages serialize");
        self.send(Message::text(text)).await;
    }

    pub async fn send(&mut self, message: Message) {
        self.socket.send(message).await.expect("sent");
    }

    /// The next message, or the close frame.
    pub async fn next_or_closed(&mut self) -> Result<ServerMessage, Closed> {
        let text = self.next_text_or_closed().await?;
        Ok(serde_json::from_str(&text).expect("a message"))
    }

    /// The next text, as it is, or the close frame.
    pub async fn next_text_or_closed(&mut self) -> Result<String, Closed> {
        loop {
            let next = tokio::time::timeout(TIMEOUT, self.socket.next()).await;
            match next.expect("a message in time") {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(frame))) => {
                    let frame = frame.expect("a reason");
                    return Err(Closed {
                        number: frame.code.into(),
                        reason: frame.reason.to_string(),
                    });
                }
                Some(Ok(_)) => {}
                other => panic!("closed without a reason: {other:?}"),
            }
        }
    }

    pub async fn receive(&mut self) -> ServerMessage {
        self.next_or_closed().await.expect("a message")
    }

    /// Expects an error; returns its code and its sentence.
    pub async fn refused(&mut self) -> (ErrorCode, String) {
        match self.receive().await {
            ServerMessage::Error { code, message, .. } => (code, message),
            other => panic!("not refused, but received {other:?}"),
        }
    }

    /// Expects an error of `code` and then the close code `number`, and nothing after. Returns the error's sentence.
    pub async fn ended(&mut self, code: ErrorCode, number: u16) -> String {
        let (refused, sentence) = self.refused().await;
        assert_eq!(refused, code, "{sentence}");
        self.closed(code, number).await;
        sentence
    }

    /// Expects the close frame, with the code's name as its reason.
    pub async fn closed(&mut self, code: ErrorCode, number: u16) {
        let closed = self.next_or_closed().await.expect_err("it is closed");
        let name = serde_json::to_value(code).expect("a name");
        assert_eq!(Some(closed.reason.as_str()), name.as_str());
        assert_eq!(closed.number, number, "{}", closed.reason);
        let rest = tokio::time::timeout(TIMEOUT, self.socket.next()).await;
        let rest = rest.expect("the connection ends");
        assert!(!matches!(rest, Some(Ok(_))), "{rest:?}");
    }

    /// Expects that no message is queued: sends a ping, and the next message is the pong.
    pub async fn expect_no_message(&mut self) {
        self.send_message(&ClientMessage::Ping).await;
        assert_eq!(self.receive().await, ServerMessage::Pong);
    }
}

impl TestMember {
    pub async fn join(server: &str, room: &str, name: &str, key_number: u128) -> Self {
        let mut socket = TestSocket::open(server).await;
        socket.send_message(&join(room, name, key_number)).await;
        match socket.receive().await {
            ServerMessage::Welcome { you, peers, .. } => Self {
                socket,
                me: you,
                others: peers,
            },
            other => panic!("not welcome: {other:?}"),
        }
    }

    pub fn id(&self) -> &PeerId {
        &self.me.id
    }

    pub async fn send_message(&mut self, message: &ClientMessage) {
        self.socket.send_message(message).await;
    }

    pub async fn receive(&mut self) -> ServerMessage {
        self.socket.receive().await
    }

    /// Closes the socket as a browser does whose page is closed or loaded again.
    pub async fn close_page(mut self) {
        let frame = CloseFrame {
            code: 1001.into(),
            reason: "".into(),
        };
        self.socket.send(Message::Close(Some(frame))).await;
    }

    /// Drops the connection without a close frame.
    pub fn drop_socket(self) {
        drop(self);
    }
}
