//! STUN messages: the test vectors of RFC 5769, and what is malformed.

use std::net::SocketAddr;

use proptest::prelude::*;
use str0m::ice::{StunMessage, TransId};

use super::peer::{bytes, credentials, hmac};
use crate::ice::credentials::IceSession;
use crate::ice::stun::{self, Class, Message};

/// RFC 5769 2.1.
const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae8022001053\
    54554e207465737420636c69656e74002400046e0001ff80290008932ff9b151263b36000600096576746a3a68\
    3676592020200008 00149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
/// RFC 5769 2.2.
const RESPONSE: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465\
    737420766563746f7220002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7\
    80280004c07d4c96";
const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    let pairs = digits.chunks_exact(2);
    pairs.map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

/// The session of a receiver with this password; what it sends has the same.
fn session(password: &str) -> IceSession {
    let mut local = credentials("server");
    password.clone_into(&mut local.pwd);
    IceSession::new(local.clone(), local, 0)
}

#[test]
fn the_request_of_rfc_5769_is_read_and_authenticated() {
    let request = unhex(REQUEST);
    let message = Message::parse(&request).expect("it is well-formed");
    assert_eq!(message.class, Class::Request);
    assert_eq!(message.username, Some(&b"evtj:h6vY"[..]));
    assert_eq!(message.ufrags(), Some((&b"evtj"[..], &b"h6vY"[..])));
    assert_eq!(message.priority, 0x6e00_01ff);
    assert!(message.controlled && !message.use_candidate);
    assert!(message.is_authentic(&session(PASSWORD).local_integrity));
    assert!(!message.is_authentic(&session("another").local_integrity));
}

#[test]
fn the_response_of_rfc_5769_is_read_and_authenticated() {
    let response = unhex(RESPONSE);
    let message = Message::parse(&response).expect("it is well-formed");
    assert_eq!(message.class, Class::Success);
    assert!(message.is_authentic(&session(PASSWORD).local_integrity));
}

#[test]
fn a_message_with_any_signed_bit_changed_is_not_authentic() {
    let request = unhex(REQUEST);
    for bit in 0..(request.len() - 8) * 8 {
        let mut changed = request.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let message = Message::parse(&changed);
        let integrity = session(PASSWORD).local_integrity;
        assert!(!message.is_some_and(|message| message.is_authentic(&integrity)));
    }
}

#[test]
fn what_follows_message_integrity_does_not_count() {
    let mut request = unhex(REQUEST);
    // USE-CANDIDATE, which nobody has signed, in place of FINGERPRINT.
    request.truncate(request.len() - 8);
    request.extend([0, 0x25, 0, 0]);
    request[3] -= 4;
    let message = Message::parse(&request).expect("it is well-formed");
    assert!(message.is_authentic(&session(PASSWORD).local_integrity));
    assert!(!message.use_candidate);
}

#[test]
fn a_response_tells_the_peer_its_address_in_both_families() {
    for source in [
        "192.0.2.1:32853",
        "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
    ] {
        let source: SocketAddr = source.parse().expect("an address");
        let response = stun::success([9; 12], source, &session(PASSWORD).local_integrity);
        let response = StunMessage::parse(&response).expect("another codec reads it");
        assert!(response.verify(PASSWORD.as_bytes(), hmac));
        assert_eq!(response.mapped_address(), Some(source));
    }
}

#[test]
fn other_classes_and_methods_are_not_read() {
    let binding = unhex(RESPONSE);
    // An indication, an Allocate request, RFC 3489, a longer and a shorter datagram.
    for (offset, byte) in [(1, 0x11), (1, 0x03), (4, 0), (3, 0x40), (3, 0x38)] {
        let mut changed = binding.clone();
        (changed[0], changed[offset]) = (0, byte);
        assert!(Message::parse(&changed).is_none(), "{offset} {byte}");
    }
}

proptest! {
    #[test]
    fn no_datagram_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..120),
        plausible in any::<bool>(),
    ) {
        let mut datagram = bytes;
        if plausible && datagram.len() >= 20 {
            datagram.truncate(datagram.len() / 4 * 4);
            let length = (datagram.len() - 20) as u8;
            datagram[..8].copy_from_slice(&[0, 1, 0, length, 0x21, 0x12, 0xa4, 0x42]);
        }
        if let Some(message) = Message::parse(&datagram) {
            prop_assert!(!message.is_authentic(&session(PASSWORD).local_integrity));
        }
    }

    #[test]
    fn messages_of_another_codec_are_read(
        username in "[a-zA-Z0-9+/]{4,60}:[a-zA-Z0-9+/]{4,60}",
        priority in any::<u32>(),
        controlling in any::<bool>(),
        nominates in any::<bool>(),
    ) {
        let request = StunMessage::binding_request(
            &username, TransId::new(), controlling, 1, priority, nominates,
        );
        let request = bytes(request, PASSWORD);
        let message = Message::parse(&request).expect("it is well-formed");
        prop_assert!(message.is_authentic(&session(PASSWORD).local_integrity));
        prop_assert_eq!(message.username, Some(username.as_bytes()));
        prop_assert_eq!(message.priority, priority);
        prop_assert_eq!((message.controlled, message.use_candidate), (!controlling, nominates));
    }
}
