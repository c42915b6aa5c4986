//! Authenticated requests with arbitrary contents.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CONNECT, CREATE_PERMISSION, REFRESH, SEND};
use turn_types::stun::message::{BINDING, MessageClass, Method};

use super::harness::Harness;

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
/// RESERVATION-TOKEN, ADDITIONAL-ADDRESS-FAMILY, and unassigned ones.
const TYPES: &[u16] = &[
    0x000c, 0x000d, 0x0012, 0x0013, 0x0017, 0x0018, 0x0019, 0x001a, 0x0022, 0x8000, 0x7abc, 0xfabc,
];

#[derive(Clone, Debug)]
struct TestMessage {
    method: Method,
    class: MessageClass,
    attributes: Vec<(u16, Vec<u8>)>,
    signed: bool,
    /// Bytes that are overwritten after signing.
    damage: Vec<(usize, u8)>,
}

fn test_message() -> impl Strategy<Value = TestMessage> {
    // Valid values, and others.
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
        .prop_map(|(method, class, attributes, signed, damage)| TestMessage {
            method,
            class,
            attributes,
            signed,
            damage,
        })
}

#[test]
fn the_server_survives_any_message_of_an_authenticated_user() {
    let mut harness = Harness::new(1);
    let mut runner = TestRunner::deterministic();
    let mut allocated = 0;
    for _ in 0..5000 {
        let message = test_message().new_tree(&mut runner).unwrap().current();
        let TestMessage {
            method,
            class,
            attributes,
            signed,
            damage,
        } = &message;
        let mut bytes = harness.message(0, *class, *method, attributes, *signed);
        for (at, byte) in damage {
            let at = at % bytes.len();
            bytes[at] = *byte;
        }
        harness.advance(Duration::from_millis(20));
        harness.datagram(0, &bytes);
        allocated += usize::from(harness.has_allocation(0));
        harness.datagram(0, &[0x40, 0x00, 0x00, 0x03, 1, 2, 3]);
        harness.sent(0);
        assert!(harness.allocations() <= 1, "{message:?}");
    }
    assert!(allocated > 100, "{allocated} of 5000 had an allocation");
    assert_eq!(harness.close(), 0);
}

/// LIFETIME, an hour; REQUESTED-TRANSPORT, UDP.
const HOUR: (u16, [u8; 4]) = (0x000d, [0, 0, 0x0e, 0x10]);
const UDP: (u16, [u8; 4]) = (0x0019, [17, 0, 0, 0]);

fn request(harness: &mut Harness, method: Method, (kind, value): (u16, [u8; 4])) {
    let attributes = [(kind, value.to_vec())];
    let bytes = harness.message(0, MessageClass::Request, method, &attributes, true);
    harness.datagram(0, &bytes);
}

#[test]
fn an_allocation_ends_a_day_after_its_credential_however_often_it_is_refreshed() {
    let mut harness = Harness::new(1);
    request(&mut harness, ALLOCATE, UDP);
    assert_eq!(harness.allocations(), 1);
    let half_hours = (1..1000).take_while(|_| {
        harness.renew_nonce(0);
        request(&mut harness, REFRESH, HOUR);
        harness.advance(Duration::from_secs(1800));
        harness.allocations() == 1
    });
    // The credential is valid for an hour.
    assert_eq!(half_hours.count(), 49);
    assert_eq!(harness.close(), 0);
}

/// 401 to requests without a user name is what forged ones get, too.
#[test]
fn requests_of_an_allocation_are_answered_while_forged_ones_are_not() {
    let mut harness = Harness::new(1);
    request(&mut harness, ALLOCATE, UDP);
    harness.sent(0);
    let forged = harness.message(0, MessageClass::Request, ALLOCATE, &[], false);
    for _ in 0..1000 {
        harness.datagram(0, &forged);
    }
    assert!(harness.sent(0).len() <= 200);
    request(&mut harness, REFRESH, HOUR);
    assert_eq!(harness.sent(0).len(), 1);
    assert_eq!(harness.close(), 0);
}
