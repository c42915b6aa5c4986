//! The service with clients that have no sockets: for tests and fuzzing. Relayed ports are real ones, of the loopback interface.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::runtime::{Builder, Runtime};
use turn_types::message::ALLOCATE;
use turn_types::stun::attribute::{AttributeType, Nonce, RawAttribute, Realm, Username};
use turn_types::stun::message::{
    IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageType, MessageWrite,
    MessageWriteExt, MessageWriteVec, Method, TransactionId,
};

use super::auth::REALM;
use super::bind::PortRange;
use super::client::{Client, Outbox, Transport};
use super::credentials::{Credential, Secret};
use super::frame::{self, FrameKind, PeerData};
use super::frame_reader::FrameReader;
use super::policy::PeerPolicy;
use super::quota::Limits;
use super::service::{AllocationSlot, Service, ServiceConfig};

const OWN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A service, its clients, and a clock.
#[derive(Debug)]
pub struct Harness {
    service: Service,
    clients: Vec<TestClient>,
    credential: Credential,
    /// Since the server started.
    now: Duration,
    /// Its reactor owns the relayed sockets. Tasks do not run before [`Harness::close`].
    runtime: Runtime,
}

#[derive(Debug)]
struct TestClient {
    client: Client,
    outbox: Arc<Outbox>,
    slot: AllocationSlot,
    stream: FrameReader,
    nonce: String,
}

impl Harness {
    /// A service with `clients` clients, each with a nonce.
    ///
    /// # Panics
    /// The system provides no reactor.
    pub fn new(clients: usize) -> Self {
        let secret: Secret = "north-by-northwest".parse().expect("long enough");
        let credential = secret.issue("me", Duration::from_secs(3600), SystemTime::now());
        let service = Service::new(ServiceConfig {
            addresses: vec![OWN],
            public_ip: None,
            ports: PortRange::DYNAMIC,
            secret,
            limits: Limits {
                all: 4,
                per_user: 4,
                per_address: 4,
                user_rate: 1_000_000,
                address_rate: 1_000_000,
            },
            policy: PeerPolicy::new(vec![OWN], Vec::new(), false),
        });
        let mut harness = Self {
            service,
            clients: (0..clients).map(TestClient::new).collect(),
            credential,
            now: Duration::from_secs(1),
            runtime: Builder::new_current_thread()
                .enable_io()
                .build()
                .expect("a reactor"),
        };
        for client in 0..clients {
            harness.renew_nonce(client);
        }
        harness
    }

    /// Gets a new nonce for a client, which is asked for without an allocation, too.
    ///
    /// # Panics
    /// The client is sent no challenge.
    pub fn renew_nonce(&mut self, client: usize) {
        self.sent(client);
        let request = self.message(client, MessageClass::Request, ALLOCATE, &[], false);
        self.datagram(client, &request);
        let challenge = self.sent(client).remove(0);
        let challenge = Message::from_bytes(&challenge).expect("a response");
        let nonce: Nonce = challenge.attribute().expect("of a challenge");
        self.clients[client].nonce = nonce.nonce().to_owned();
    }

    /// A datagram from a client.
    pub fn datagram(&mut self, client: usize, bytes: &[u8]) {
        if let Some((kind, frame)) = frame::in_datagram(bytes) {
            self.frame(client, kind, frame);
        }
    }

    /// The next bytes of a client's TCP stream. False: the server closes the connection, which ends the allocation.
    pub fn stream(&mut self, client: usize, bytes: &[u8]) -> bool {
        for chunk in bytes.chunks(1024) {
            let mut stream =
                std::mem::replace(&mut self.clients[client].stream, FrameReader::new());
            stream.space()[..chunk.len()].copy_from_slice(chunk);
            stream.add(chunk.len());
            loop {
                match stream.next() {
                    Ok(Some((kind, frame))) => self.frame(client, kind, frame),
                    Ok(None) => break,
                    Err(_) => {
                        if let Some(allocation) = self.clients[client].slot.take() {
                            self.service.end(&allocation);
                        }
                        return false;
                    }
                }
            }
            self.clients[client].stream = stream;
        }
        true
    }

    /// A datagram from a peer, at the client's relayed port.
    pub fn peer_datagram(&mut self, client: usize, peer: SocketAddr, bytes: &[u8]) {
        let mut data = PeerData::new();
        if let Some(allocation) = &self.clients[client].slot
            && data.copy(bytes)
        {
            allocation.deliver(peer, &mut data, self.now);
        }
    }

    /// Advances the clock, and ends allocations that have expired.
    pub fn advance(&mut self, time: Duration) {
        self.now += time;
        self.service.sweep(self.now);
    }

    /// The frames that a client has been sent since the last call.
    ///
    /// # Panics
    /// They are not well-formed.
    pub fn sent(&mut self, client: usize) -> Vec<Vec<u8>> {
        let bytes = self.clients[client].outbox.try_take();
        let mut frames = Vec::new();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let measured = frame::measure(rest).expect("a frame");
            let (kind, length, next) = measured.expect("a whole header");
            if kind == FrameKind::Message {
                Message::from_bytes(&rest[..length]).expect("a message");
            }
            frames.push(rest[..length].to_vec());
            rest = &rest[next..];
        }
        frames
    }

    /// A STUN message with these attributes (type and value). Signed, it has user name, realm, nonce and integrity as well.
    ///
    /// # Panics
    /// MESSAGE-INTEGRITY or FINGERPRINT is among the attributes.
    pub fn message(
        &self,
        client: usize,
        class: MessageClass,
        method: Method,
        attributes: &[(u16, Vec<u8>)],
        signed: bool,
    ) -> Vec<u8> {
        let kind = MessageType::from_class_method(class, method);
        let mut message = Message::builder(kind, TransactionId::generate(), MessageWriteVec::new());
        for (kind, value) in attributes {
            // The builder returns errors for some orders of attributes.
            let _ = message.add_attribute(&RawAttribute::new(AttributeType::new(*kind), value));
        }
        if signed {
            let Credential { username, password } = self.credential.clone();
            let nonce = &self.clients[client].nonce;
            let _ = message.add_attribute(&Username::new(&username).expect("short"));
            let _ = message.add_attribute(&Realm::new(REALM).expect("short"));
            let _ = message.add_attribute(&Nonce::new(nonce).expect("short"));
            let key = LongTermKeyCredentials::new(username, password, REALM.to_owned()).into();
            let _ = message.add_message_integrity(&key, IntegrityAlgorithm::Sha1);
        }
        message.finish()
    }

    pub fn allocations(&self) -> usize {
        self.service.allocations()
    }

    pub fn has_allocation(&self, client: usize) -> bool {
        self.clients[client].slot.is_some()
    }

    /// Ends all allocations, and returns how many are left.
    pub fn close(self) -> usize {
        self.runtime.block_on(self.service.close());
        self.service.allocations()
    }

    fn frame(&mut self, client: usize, kind: FrameKind, frame: &[u8]) {
        let _reactor = self.runtime.enter();
        let TestClient { client, slot, .. } = &mut self.clients[client];
        match (kind, &*slot) {
            (FrameKind::Message, _) => self.service.message(slot, client, frame, self.now),
            (FrameKind::Channel, Some(allocation)) => {
                self.service.channel_data(allocation, frame, self.now);
            }
            (FrameKind::Channel, None) => {}
        }
    }
}

impl TestClient {
    fn new(number: usize) -> Self {
        let outbox = Arc::new(Outbox::default());
        let port = 4000 + u16::try_from(number).expect("few clients");
        Self {
            client: Client {
                local: OWN,
                remote: SocketAddr::new(OWN, port),
                transport: Transport::Tcp(outbox.clone()),
            },
            outbox,
            slot: None,
            stream: FrameReader::new(),
            nonce: String::new(),
        }
    }
}
