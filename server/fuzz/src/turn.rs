//! UDP datagrams, TCP streams and authenticated requests of several clients, and datagrams of peers, to a TURN server.
//!
//! An input is a list of events. The first byte of an event, modulo 8, is its kind; a client is a byte, modulo 3:
//!
//! | byte | meaning |
//! |---|---|
//! | 0 | a UDP datagram of a client: two bytes of length, then the datagram |
//! | 1 | bytes of a client's TCP stream: two bytes of length, then the bytes |
//! | 2 | a signed STUN message: a client, then class, method and attributes as in `Input::message` |
//! | 3 | the same, not signed |
//! | 4 | the same as 2, with one byte changed: its offset, its value |
//! | 5 | a datagram of a peer to a client's relayed port: the last byte of its address, a byte of length, the datagram |
//! | 6 | time passes: 4 s for each unit of the byte that follows |
//! | 7 | ChannelData of a client: the channel's number after 0x4000, a byte of length, the data |

use std::net::SocketAddr;
use std::time::Duration;

use crate::input::Input;
use turn::harness::Harness;
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH, SEND};
use turn_types::stun::message::{BINDING, Message, MessageClass, Method};

const CLIENTS: usize = 3;

const METHODS: [Method; 6] = [
    BINDING,
    ALLOCATE,
    REFRESH,
    CREATE_PERMISSION,
    CHANNEL_BIND,
    SEND,
];

const CLASSES: [MessageClass; 4] = [
    MessageClass::Request,
    MessageClass::Indication,
    MessageClass::Success,
    MessageClass::Error,
];

/// CHANNEL-NUMBER, LIFETIME, XOR-PEER-ADDRESS, DATA, REQUESTED-ADDRESS-FAMILY, EVEN-PORT, REQUESTED-TRANSPORT, DONT-FRAGMENT,
/// RESERVATION-TOKEN, USERNAME, ADDITIONAL-ADDRESS-FAMILY, and an unassigned one.
const TYPES: [u16; 12] = [
    0x000c, 0x000d, 0x0012, 0x0013, 0x0017, 0x0018, 0x0019, 0x001a, 0x0022, 0x0006, 0x8000, 0x7abc,
];

/// Runs one input. Panics when an invariant does not hold.
pub fn run(data: &[u8]) {
    let mut server = Harness::new(CLIENTS);
    let mut input = Input(data);
    let mut has_signed = false;
    while let Some(event) = input.next() {
        let client = usize::from(input.byte()) % CLIENTS;
        match event % 8 {
            0 => server.datagram(client, input.long()),
            1 => {
                if !server.stream(client, input.long()) {
                    assert!(!server.has_allocation(client), "the connection is closed");
                }
            }
            2 => {
                has_signed = true;
                let message = input.message(&server, client, true);
                request(&mut server, client, &message);
            }
            3 => {
                let message = input.message(&server, client, false);
                request(&mut server, client, &message);
            }
            4 => {
                has_signed = true;
                let mut message = input.message(&server, client, true);
                let offset = usize::from(input.byte()) % message.len();
                message[offset] = input.byte();
                server.datagram(client, &message);
            }
            5 => {
                let peer = SocketAddr::from(([203, 0, 113, input.byte()], 5000));
                server.peer_datagram(client, peer, input.short());
            }
            6 => server.advance(Duration::from_secs(4) * u32::from(input.byte())),
            _ => {
                let (number, data) = (input.byte(), input.short());
                let length = u8::try_from(data.len()).expect("a byte");
                let frame = [&[0x40, number, 0, length], data].concat();
                server.datagram(client, &frame);
            }
        }
        for client in 0..CLIENTS {
            server.sent(client);
        }
        let allocations = (0..CLIENTS).filter(|client| server.has_allocation(*client));
        assert!(server.allocations() <= allocations.count());
        assert!(
            has_signed || server.allocations() == 0,
            "without a password"
        );
    }
    assert_eq!(server.close(), 0, "every allocation ends");
}

/// Sends a well-formed message. At most one response follows, to this request.
fn request(server: &mut Harness, client: usize, bytes: &[u8]) {
    server.sent(client);
    server.datagram(client, bytes);
    let sent = server.sent(client);
    assert!(sent.len() <= 1, "one response");
    let (Some(sent), Ok(request)) = (sent.first(), Message::from_bytes(bytes)) else {
        return;
    };
    let response = Message::from_bytes(sent).expect("a message");
    assert_eq!(request.class(), MessageClass::Request);
    assert!(response.is_response());
    assert_eq!(response.method(), request.method());
    assert_eq!(response.transaction_id(), request.transaction_id());
}

impl<'a> Input<'a> {
    /// Up to 65535 bytes.
    fn long(&mut self) -> &'a [u8] {
        let length = u16::from_be_bytes([self.byte(), self.byte()]);
        self.take(length.into())
    }

    /// A byte each of class, method and number of attributes, of these up to seven; then for each attribute its type, a byte of
    /// length, and its value.
    fn message(&mut self, server: &Harness, client: usize, signed: bool) -> Vec<u8> {
        let class = CLASSES[usize::from(self.byte()) % CLASSES.len()];
        let method = METHODS[usize::from(self.byte()) % METHODS.len()];
        let attributes: Vec<(u16, Vec<u8>)> = (0..self.byte() % 8)
            .map(|_| {
                let kind = TYPES[usize::from(self.byte()) % TYPES.len()];
                (kind, self.short().to_vec())
            })
            .collect();
        server.message(client, class, method, &attributes, signed)
    }
}
