//! Requests of somebody who has a credential, and means no good: signed well, with anything in them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CONNECT, CREATE_PERMISSION, REFRESH, SEND};
use turn_types::stun::attribute::{AttributeType, Nonce, RawAttribute, Realm, Username};
use turn_types::stun::message::{
    BINDING, IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageType,
    MessageWrite, MessageWriteExt, MessageWriteVec, Method, TransactionId,
};

use super::auth::REALM;
use super::client::{Client, Link, Outbox};
use super::credentials::{Credential, Secret};
use super::frame;
use super::policy::Policy;
use super::quota::Limits;
use super::service::{Service, Setup, Slot};

const METHODS: &[Method] = &[
    BINDING,
    ALLOCATE,
    REFRESH,
    CREATE_PERMISSION,
    CHANNEL_BIND,
    SEND,
    CONNECT,
];
/// CHANNEL-NUMBER, LIFETIME, XOR-PEER-ADDRESS, DATA, REQUESTED-ADDRESS-FAMILY, EVEN-PORT, REQUESTED-TRANSPORT, DONT-FRAGMENT,
/// RESERVATION-TOKEN, ADDITIONAL-ADDRESS-FAMILY, and some that nobody knows.
const TYPES: &[u16] = &[
    0x000c, 0x000d, 0x0012, 0x0013, 0x0017, 0x0018, 0x0019, 0x001a, 0x0022, 0x8000, 0x7abc, 0xfabc,
];

#[derive(Clone, Debug)]
struct Said {
    method: Method,
    class: MessageClass,
    attributes: Vec<(u16, Vec<u8>)>,
    signed: bool,
    /// Bytes that are changed afterwards.
    damage: Vec<(usize, u8)>,
}

fn said() -> impl Strategy<Value = Said> {
    // Values that mean something, and others.
    let value = prop_oneof![
        Just(vec![17, 0, 0, 0]),
        Just(vec![0x40, 0, 0, 0]),
        Just(vec![0, 1, 0x21, 0x13, 0xea, 0x12, 0xd5, 0x4b]),
        Just(vec![2, 0, 0, 0]),
        prop::collection::vec(any::<u8>(), 0..40),
    ];
    let attribute = (prop::sample::select(TYPES), value);
    let class = prop::sample::select(
        &[
            MessageClass::Request,
            MessageClass::Request,
            MessageClass::Indication,
            MessageClass::Success,
        ][..],
    );
    (
        prop::sample::select(METHODS),
        class,
        prop::collection::vec(attribute, 0..6),
        prop::bool::weighted(0.9),
        prop::collection::vec((0..200usize, any::<u8>()), 0..2),
    )
        .prop_map(|(method, class, attributes, signed, damage)| Said {
            method,
            class,
            attributes,
            signed,
            damage,
        })
}

/// A client whose answers are in an outbox.
struct Caller {
    service: Service,
    client: Client,
    outbox: Arc<Outbox>,
    slot: Slot,
    nonce: String,
    credential: Credential,
    now: Duration,
}

impl Caller {
    async fn new() -> Self {
        let own = IpAddr::from([127, 0, 0, 1]);
        let secret: Secret = "north-by-northwest".parse().unwrap();
        let credential = secret.issue("me", Duration::from_secs(3600), SystemTime::now());
        let service = Service::new(Setup {
            addresses: vec![own],
            public_ip: None,
            ports: "20000-60000".parse().unwrap(),
            secret,
            limits: Limits {
                all: 4,
                per_user: 4,
                per_address: 4,
                user_rate: 1_000_000,
            },
            policy: Policy::new(vec![own], Vec::new(), false),
        });
        let outbox = Arc::new(Outbox::default());
        let mut caller = Self {
            service,
            client: Client {
                local: own,
                remote: SocketAddr::new(own, 4000),
                link: Link::Tcp(outbox.clone()),
            },
            outbox,
            slot: None,
            nonce: String::new(),
            credential,
            now: Duration::from_secs(1),
        };
        caller.hear(&Message::builder_request(ALLOCATE, MessageWriteVec::new()).finish());
        let answer = caller.answers().await;
        let answer = Message::from_bytes(&answer).unwrap();
        caller.nonce = answer.attribute::<Nonce>().unwrap().nonce().to_owned();
        caller
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.now += Duration::from_millis(20);
        match frame::measure(bytes) {
            Ok(Some((frame::Kind::Message, length, _))) if length == bytes.len() => {
                self.service
                    .message(&mut self.slot, &self.client, bytes, self.now);
            }
            _ => {
                if let Some(allocation) = &self.slot {
                    self.service.channel_data(allocation, bytes, self.now);
                }
            }
        }
    }

    async fn answers(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.outbox.take(&mut bytes).await;
        bytes
    }

    fn write(&self, said: &Said) -> Vec<u8> {
        let kind = MessageType::from_class_method(said.class, said.method);
        let id = TransactionId::generate();
        let mut message = Message::builder(kind, id, MessageWriteVec::new());
        for (kind, value) in &said.attributes {
            let attribute = RawAttribute::new(AttributeType::new(*kind), value);
            let _ = message.add_attribute(&attribute);
        }
        if said.signed {
            let Credential { username, password } = self.credential.clone();
            let _ = message.add_attribute(&Username::new(&username).unwrap());
            let _ = message.add_attribute(&Realm::new(REALM).unwrap());
            let _ = message.add_attribute(&Nonce::new(&self.nonce).unwrap());
            let key = LongTermKeyCredentials::new(username, password, REALM.to_owned()).into();
            let _ = message.add_message_integrity(&key, IntegrityAlgorithm::Sha1);
        }
        let mut bytes = message.finish();
        for (at, byte) in &said.damage {
            let at = at % bytes.len();
            bytes[at] = *byte;
        }
        bytes
    }
}

#[tokio::test]
async fn whatever_a_user_says_the_server_goes_on() {
    let mut caller = Caller::new().await;
    let mut runner = TestRunner::deterministic();
    let mut allocated = 0;
    for _ in 0..5000 {
        let said = said().new_tree(&mut runner).unwrap().current();
        let bytes = caller.write(&said);
        caller.hear(&bytes);
        allocated += usize::from(caller.slot.is_some());
        caller.hear(&[0x40, 0x00, 0x00, 0x03, 1, 2, 3]);
        assert!(caller.service.allocations() <= 1, "{said:?}");
    }
    assert!(
        allocated > 100,
        "{allocated} found an allocation: too few to mean something"
    );
    caller.service.close().await;
    assert_eq!(caller.service.allocations(), 0);
}
