//! Fuzzes a peer's connection (ICE and DTLS) with datagrams of the peer and of others, answers to its checks, and time.
//!
//! The first byte of an input, modulo 2, is the role in DTLS. The rest is a list of events; the first byte of an event, modulo 8, is
//! its type, and an address is one byte:
//!
//! | byte | meaning |
//! |---|---|
//! | 0 | a signed check from an address, its attributes by the bits of the next byte |
//! | 1 | the same with a byte changed: its offset, its value |
//! | 2 | an answer to a check of ours: which, an address (0: where it went), 0 for an error |
//! | 3 | a datagram from an address: its length, then the datagram |
//! | 4 | time passes: two bytes of milliseconds |
//! | 5 | a restart of ICE; the peer adopts the new credentials if the next byte is odd |
//! | 6 | the next DTLS datagram of a real peer, from an address; the offset and value of a byte to change, 0 for none |
//! | 7 | an authentic media packet, or, if the next byte is 0, the end |

mod input;

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use net::datagram::DatagramKind;
use net::routes::Remote;
use transport::dtls::{Dtls, DtlsParams, Fingerprint, Identity, Profile, Role};
use transport::ice::{Credentials, MAX_PATHS, Verdict};
use transport::{Event, Transport, TransportParams};
use turn_types::stun::attribute::{AttributeType, RawAttribute, Username};
use turn_types::stun::message::{
    BINDING, IntegrityAlgorithm, Message, MessageClass, MessageType, MessageWrite, MessageWriteExt,
    MessageWriteVec, ShortTermCredentials, TransactionId,
};

use crate::input::Input;
use input::remote;

static IDENTITIES: LazyLock<[Identity; 2]> =
    LazyLock::new(|| [(); 2].map(|()| Identity::generate().expect("a key")));

const PROFILES: [Profile; 2] = [Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80];

/// Checks of ours that can be answered yet.
const MAX_CHECKS: usize = 64;

/// What an address has sent and got.
#[derive(Debug, Default)]
struct Ledger {
    received: usize,
    sent: usize,
    answered: bool,
}

struct Connection {
    now: Instant,
    transport: Transport,
    /// What the peer believes: ours, and its own.
    credentials: [Credentials; 2],
    restarts: usize,
    peer: Dtls,
    ledgers: HashMap<Remote, Ledger>,
    learned: HashSet<Remote>,
    checks: Vec<(Remote, Vec<u8>)>,
    connected: bool,
    ended: bool,
}

/// Runs one input. Panics when an invariant does not hold.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let roles = [Role::Client, Role::Server];
    let role = usize::from(input.byte() % 2);
    let mut connection = Connection::new(roles[role], roles[1 - role]);
    while let Some(event) = input.next() {
        connection.apply(event % 8, &mut input);
        connection.observe();
        connection.transport.handle_timeout(connection.now);
        connection.observe();
        let next = connection.transport.next_timeout();
        assert_eq!(next.is_none(), connection.ended);
        assert!(next.is_none_or(|next| next > connection.now), "it spins");
    }
}

impl Connection {
    fn new(role: Role, other: Role) -> Self {
        let now = Instant::now();
        let [ours, theirs] = &*IDENTITIES;
        let dtls = |role, peer: &Identity| DtlsParams {
            role,
            fingerprints: vec![Fingerprint::parse(peer.fingerprint()).expect("ours")],
            profiles: PROFILES.to_vec(),
        };
        let credentials = credentials(0);
        let [local, remote] = credentials.clone();
        let params = TransportParams {
            local,
            remote,
            dtls: dtls(role, theirs),
            silence: Duration::from_secs(30),
        };
        let mut peer = Dtls::new(theirs, dtls(other, ours)).expect("complete");
        peer.start(now);
        Self {
            now,
            transport: Transport::new(ours, params, now).expect("complete"),
            credentials,
            restarts: 0,
            peer,
            ledgers: HashMap::new(),
            learned: HashSet::new(),
            checks: Vec::new(),
            connected: false,
            ended: false,
        }
    }

    fn apply(&mut self, event: u8, input: &mut Input<'_>) {
        match event {
            0 => {
                let (from, check) = (input.remote(), self.check(input));
                self.receive(from, &check);
            }
            1 => {
                let (from, check) = (input.remote(), self.check(input));
                self.receive(from, &input.change(check));
            }
            2 => self.answer(input),
            3 => {
                let (from, length) = (input.remote(), input.byte());
                let datagram = input.take(length.into());
                self.receive(from, datagram);
            }
            4 => {
                let milliseconds = u16::from_be_bytes([input.byte(), input.byte()]);
                self.now += Duration::from_millis(milliseconds.into());
                self.peer.handle_timeout(self.now);
            }
            5 => {
                self.restarts += 1;
                let next = credentials(self.restarts);
                let [local, remote] = next.clone();
                self.transport.restart(local, remote, self.now);
                if input.byte() % 2 == 1 {
                    self.credentials = next;
                }
            }
            6 => {
                let from = input.remote();
                let datagram = self.peer.poll_transmit().unwrap_or_default();
                self.receive(from, &input.change(datagram));
            }
            _ if input.byte() == 0 => {
                self.transport.close(self.now);
                self.ended = true;
            }
            _ => self.transport.on_media(self.now),
        }
    }

    /// USE-CANDIDATE, ICE-CONTROLLED, a PRIORITY of four, without the peer's ufrag, with an unknown attribute; two bits of the
    /// transaction.
    fn check(&self, input: &mut Input<'_>) -> Vec<u8> {
        let [ours, theirs] = &self.credentials;
        let bits = input.byte();
        let theirs = if bits & 16 == 0 { &theirs.ufrag } else { "" };
        let username = Username::new(&format!("{}:{theirs}", ours.ufrag)).expect("short");
        let priority = u32::from(bits >> 2 & 3).to_be_bytes();
        let mut attributes = vec![(0x0024, &priority[..])];
        attributes.extend((bits & 1 != 0).then_some((0x0025, &[][..])));
        let role = if bits & 2 == 0 { 0x802A } else { 0x8029 };
        attributes.push((role, &[7; 8]));
        attributes.extend((bits & 32 != 0).then_some((0x7abc, &[1, 2, 3][..])));
        let transaction = self.checks.len() as u128 * 4 + u128::from(bits >> 6);
        signed(
            MessageClass::Request,
            transaction.into(),
            Some(&username),
            &attributes,
            &ours.pwd,
        )
    }

    /// Answers one of our checks.
    fn answer(&mut self, input: &mut Input<'_>) {
        let (which, elsewhere, success) = (input.byte(), input.byte(), input.byte());
        let Some(which) = usize::from(which).checked_rem(self.checks.len()) else {
            return;
        };
        let (sent_to, check) = self.checks.swap_remove(which);
        let transaction = Message::from_bytes(&check).expect("ours").transaction_id();
        let class = match success {
            0 => MessageClass::Error,
            _ => MessageClass::Success,
        };
        let response = signed(class, transaction, None, &[], &self.credentials[1].pwd);
        let from = match elsewhere {
            0 => sent_to,
            _ => remote(elsewhere),
        };
        if self.receive(from, &response) == Verdict::Ours {
            assert_eq!(from, sent_to, "an answer from elsewhere");
            self.ledgers.entry(from).or_default().answered |= success != 0;
        }
    }

    fn receive(&mut self, from: Remote, datagram: &[u8]) -> Verdict {
        let verdict = self.transport.receive(self.now, from, datagram);
        let is_request = DatagramKind::of(datagram) == DatagramKind::Stun && datagram[0] == 0;
        if verdict == Verdict::Ours && is_request {
            self.ledgers.entry(from).or_default().received += datagram.len();
        }
        verdict
    }

    /// Notes what the connection did.
    fn observe(&mut self) {
        while let Some(event) = self.transport.poll_event() {
            assert!(!self.ended, "{event:?} after the end");
            match event {
                Event::Learned(remote) => assert!(self.learned.insert(remote)),
                Event::Forgotten(remote) => assert!(self.learned.remove(&remote)),
                Event::Selected(remote) => assert!(self.ledgers[&remote].answered),
                Event::RestartDone => assert!(self.restarts > 0),
                Event::Connected(_) => assert!(!std::mem::replace(&mut self.connected, true)),
                Event::Ended(_) => self.ended = true,
            }
        }
        assert!(self.learned.len() <= MAX_PATHS);
        assert_eq!(self.transport.is_connected(), self.connected && !self.ended);
        while let Some((to, datagram)) = self.transport.poll_transmit() {
            let ledger = self.ledgers.entry(to).or_default();
            if DatagramKind::of(&datagram) != DatagramKind::Stun {
                assert!(ledger.answered && self.transport.selected() == Some(to));
                self.peer.receive(self.now, &datagram);
                continue;
            }
            ledger.sent += datagram.len();
            let is_fair = ledger.answered || ledger.sent <= 3 * ledger.received;
            assert!(is_fair, "{to:?}: {ledger:?}");
            let message = Message::from_bytes(&datagram).expect("well-formed");
            if message.class() == MessageClass::Request && self.checks.len() < MAX_CHECKS {
                self.checks.push((to, datagram));
            }
        }
    }
}

/// A Binding message with these attributes (type and value).
fn signed(
    class: MessageClass,
    transaction: TransactionId,
    username: Option<&Username>,
    attributes: &[(u16, &[u8])],
    password: &str,
) -> Vec<u8> {
    let kind = MessageType::from_class_method(class, BINDING);
    let mut message = Message::builder(kind, transaction, MessageWriteVec::new());
    if let Some(username) = username {
        message.add_attribute(username).expect("it fits");
    }
    for (kind, value) in attributes {
        let attribute = RawAttribute::new(AttributeType::new(*kind), value);
        message.add_attribute(&attribute).expect("it fits");
    }
    let key = ShortTermCredentials::new(password.to_owned()).into();
    let added = message.add_message_integrity(&key, IntegrityAlgorithm::Sha1);
    added.expect("it fits");
    message.add_fingerprint().expect("it fits");
    message.finish()
}

/// Ours and the peer's.
fn credentials(restarts: usize) -> [Credentials; 2] {
    ["ours", "theirs"].map(|side| Credentials {
        ufrag: format!("{side}{restarts}"),
        pwd: format!("{side}-password-{restarts}"),
    })
}
