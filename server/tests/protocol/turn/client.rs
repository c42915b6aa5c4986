//! A TURN client over a real UDP or TCP socket that sends any request, valid or not.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use testkit::PATIENCE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;
use turn_types::AddressFamily;
use turn_types::attribute::{
    ChannelNumber, Data, Lifetime, RequestedAddressFamily, RequestedTransport, XorPeerAddress,
    XorRelayedAddress,
};
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH, SEND};
use turn_types::stun::attribute::{ErrorCode, Nonce, Realm, Username, XorMappedAddress};
use turn_types::stun::message::{
    BINDING, IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageWrite,
    MessageWriteExt, MessageWriteVec, Method, TransactionId,
};

use super::By;

/// Longer than a reply over loopback takes.
pub(crate) const SOON: Duration = Duration::from_secs(2);

pub(crate) struct TurnClient {
    link: Link,
    pub(crate) username: String,
    pub(crate) password: String,
    realm: String,
    nonce: String,
    arrived: VecDeque<Received>,
}

enum Link {
    Udp(UdpSocket),
    Tcp(TcpStream, Vec<u8>),
}

/// Data that a peer sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    From(SocketAddr, Vec<u8>),
    Channel(u16, Vec<u8>),
}

type Attributes<'a> = &'a dyn Fn(&mut MessageWriteVec, TransactionId);

impl TurnClient {
    /// From this address of the machine.
    pub(crate) async fn new(
        by: By,
        from: IpAddr,
        server: SocketAddr,
        username: &str,
        password: &str,
    ) -> Self {
        let from = SocketAddr::new(from, 0);
        let link = match by {
            By::Udp => {
                let socket = UdpSocket::bind(from).await.unwrap();
                socket.connect(server).await.unwrap();
                Link::Udp(socket)
            }
            By::Tcp => {
                let socket = match from {
                    SocketAddr::V4(_) => TcpSocket::new_v4().unwrap(),
                    SocketAddr::V6(_) => TcpSocket::new_v6().unwrap(),
                };
                socket.bind(from).unwrap();
                Link::Tcp(socket.connect(server).await.unwrap(), Vec::new())
            }
        };
        Self {
            link,
            username: username.to_owned(),
            password: password.to_owned(),
            realm: String::new(),
            nonce: String::new(),
            arrived: VecDeque::new(),
        }
    }

    pub(crate) fn local(&self) -> SocketAddr {
        match &self.link {
            Link::Udp(socket) => socket.local_addr().unwrap(),
            Link::Tcp(stream, _) => stream.local_addr().unwrap(),
        }
    }

    /// The client's address as the server sees it.
    pub(crate) async fn binding(&mut self) -> SocketAddr {
        let request = Message::builder_request(BINDING, MessageWriteVec::new()).finish();
        self.write(&request).await;
        let answer = self.answer_to(&request).await.expect("an answer");
        let answer = Message::from_bytes(&answer).unwrap();
        let seen: XorMappedAddress = answer.attribute().unwrap();
        seen.addr(answer.transaction_id())
    }

    pub(crate) async fn allocate(&mut self) -> Result<SocketAddr, u16> {
        self.allocate_with(RequestedTransport::UDP, None).await
    }

    pub(crate) async fn allocate_ipv6(&mut self) -> Result<SocketAddr, u16> {
        self.allocate_with(RequestedTransport::UDP, Some(AddressFamily::IPV6))
            .await
    }

    pub(crate) async fn allocate_with(
        &mut self,
        protocol: u8,
        family: Option<AddressFamily>,
    ) -> Result<SocketAddr, u16> {
        let answer = self
            .request(ALLOCATE, &|message, _| {
                let transport = RequestedTransport::new(protocol);
                message.add_attribute(&transport).unwrap();
                if let Some(family) = family {
                    let family = RequestedAddressFamily::new(family);
                    message.add_attribute(&family).unwrap();
                }
            })
            .await?;
        let answer = Message::from_bytes(&answer).unwrap();
        let relayed: XorRelayedAddress = answer.attribute().unwrap();
        Ok(relayed.addr(answer.transaction_id()))
    }

    /// Returns the granted lifetime in seconds.
    pub(crate) async fn refresh(&mut self, lifetime: u32) -> Result<u32, u16> {
        let answer = self
            .request(REFRESH, &|message, _| {
                message.add_attribute(&Lifetime::new(lifetime)).unwrap();
            })
            .await?;
        let answer = Message::from_bytes(&answer).unwrap();
        Ok(answer.attribute::<Lifetime>().unwrap().seconds())
    }

    pub(crate) async fn permit(&mut self, peer: SocketAddr) -> Result<(), u16> {
        self.request(CREATE_PERMISSION, &|message, id| {
            message
                .add_attribute(&XorPeerAddress::new(peer, id))
                .unwrap();
        })
        .await
        .map(|_| ())
    }

    pub(crate) async fn bind(&mut self, number: u16, peer: SocketAddr) -> Result<(), u16> {
        self.request(CHANNEL_BIND, &|message, id| {
            message.add_attribute(&ChannelNumber::new(number)).unwrap();
            message
                .add_attribute(&XorPeerAddress::new(peer, id))
                .unwrap();
        })
        .await
        .map(|_| ())
    }

    pub(crate) async fn send(&mut self, peer: SocketAddr, data: &[u8]) {
        let mut message = Message::builder_indication(SEND, MessageWriteVec::new());
        let id = message.transaction_id();
        message
            .add_attribute(&XorPeerAddress::new(peer, id))
            .unwrap();
        message.add_attribute(&Data::new(data)).unwrap();
        self.write(&message.finish()).await;
    }

    pub(crate) async fn send_on(&mut self, number: u16, data: &[u8]) {
        let length = u16::try_from(data.len()).unwrap();
        let mut frame = [number.to_be_bytes(), length.to_be_bytes()].concat();
        frame.extend_from_slice(data);
        if matches!(self.link, Link::Tcp(..)) {
            frame.resize(frame.len().next_multiple_of(4), 0);
        }
        self.write(&frame).await;
    }

    /// The next datagram of a peer.
    pub(crate) async fn receive(&mut self) -> Option<Received> {
        loop {
            if let Some(received) = self.arrived.pop_front() {
                return Some(received);
            }
            let frame = timeout(PATIENCE, self.read()).await.ok()??;
            self.sort(&frame);
        }
    }

    /// Sends a request, and repeats it with credentials after a 401. Returns the response, or the error code.
    pub(crate) async fn request(
        &mut self,
        method: Method,
        attributes: Attributes<'_>,
    ) -> Result<Vec<u8>, u16> {
        let mut challenged = false;
        loop {
            let mut request = Message::builder_request(method, MessageWriteVec::new());
            let id = request.transaction_id();
            attributes(&mut request, id);
            if !self.nonce.is_empty() {
                request
                    .add_attribute(&Username::new(&self.username).unwrap())
                    .unwrap();
                request
                    .add_attribute(&Realm::new(&self.realm).unwrap())
                    .unwrap();
                request
                    .add_attribute(&Nonce::new(&self.nonce).unwrap())
                    .unwrap();
                let key = self.credentials().into();
                request
                    .add_message_integrity(&key, IntegrityAlgorithm::Sha1)
                    .unwrap();
            }
            request.add_fingerprint().unwrap();
            let request = request.finish();
            self.write(&request).await;
            let bytes = self.answer_to(&request).await.expect("an answer");
            let answer = Message::from_bytes(&bytes).unwrap();
            if answer.class() == MessageClass::Success {
                let key = self.credentials().into();
                answer
                    .validate_integrity(&key)
                    .expect("the answer is signed");
                return Ok(bytes);
            }
            let code = answer.attribute::<ErrorCode>().unwrap().code();
            if challenged || !matches!(code, ErrorCode::UNAUTHORIZED | ErrorCode::STALE_NONCE) {
                return Err(code);
            }
            challenged = true;
            self.realm = answer.attribute::<Realm>().unwrap().realm().to_owned();
            self.nonce = answer.attribute::<Nonce>().unwrap().nonce().to_owned();
        }
    }

    fn credentials(&self) -> LongTermKeyCredentials {
        let (username, password) = (self.username.clone(), self.password.clone());
        LongTermKeyCredentials::new(username, password, self.realm.clone())
    }

    async fn answer_to(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        let id = &request[4..20];
        timeout(PATIENCE, async {
            loop {
                let frame = self.read().await?;
                if frame.len() >= 20 && &frame[4..20] == id {
                    return Some(frame);
                }
                self.sort(&frame);
            }
        })
        .await
        .ok()?
    }

    fn sort(&mut self, frame: &[u8]) {
        if frame[0] >> 6 == 1 {
            let length = usize::from(u16::from_be_bytes([frame[2], frame[3]]));
            let number = u16::from_be_bytes([frame[0], frame[1]]);
            let data = frame[4..4 + length].to_vec();
            self.arrived.push_back(Received::Channel(number, data));
        } else if let Ok(message) = Message::from_bytes(frame)
            && let Ok(peer) = message.attribute::<XorPeerAddress>()
        {
            let data = message.attribute::<Data>().unwrap().data().to_vec();
            let peer = peer.addr(message.transaction_id());
            self.arrived.push_back(Received::From(peer, data));
        }
    }

    pub(crate) async fn write(&mut self, frame: &[u8]) {
        match &mut self.link {
            Link::Udp(socket) => {
                let _ = socket.send(frame).await;
            }
            Link::Tcp(stream, _) => {
                let _ = stream.write_all(frame).await;
            }
        }
    }

    /// One frame; `None` when the connection is closed.
    pub(crate) async fn read(&mut self) -> Option<Vec<u8>> {
        match &mut self.link {
            Link::Udp(socket) => {
                let mut buffer = vec![0; 65_536];
                let length = socket.recv(&mut buffer).await.ok()?;
                buffer.truncate(length);
                Some(buffer)
            }
            Link::Tcp(stream, buffer) => loop {
                if let [first, _, high, low, ..] = buffer[..] {
                    let length = usize::from(u16::from_be_bytes([high, low]));
                    let length = if first >> 6 == 1 {
                        (4 + length).next_multiple_of(4)
                    } else {
                        20 + length
                    };
                    if buffer.len() >= length {
                        return Some(buffer.drain(..length).collect());
                    }
                }
                if stream.read_buf(buffer).await.ok()? == 0 {
                    return None;
                }
            },
        }
    }
}
