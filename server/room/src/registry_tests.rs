//! The limits of the registry.

use std::net::IpAddr;
use std::time::Instant;

use super::registry::{RoomLimits, RoomRegistry};
use super::socket::RoomSocket;

#[test]
fn one_address_cannot_use_every_socket() {
    let rooms = RoomRegistry::new(RoomLimits {
        sockets_per_address: 2,
        ..RoomLimits::default()
    });
    let now = Instant::now();
    let connect = |address: &str| {
        let address: IpAddr = address.parse().unwrap();
        rooms.connect(Some(address.into()), None, now).unwrap()
    };
    let one = connect("198.51.100.7");
    let two = connect("::ffff:198.51.100.7");
    assert!(!one.outbox().is_closed() && !two.outbox().is_closed());
    assert!(connect("198.51.100.7").outbox().is_closed());
    assert!(!connect("198.51.100.8").outbox().is_closed());
    drop(one);
    assert!(!connect("198.51.100.7").outbox().is_closed());
    // An IPv6 subscriber has a network. An address of the own network is an address like any other.
    let _neighbours = [connect("2001:db8::1"), connect("2001:db8::2")];
    assert!(connect("2001:db8::3").outbox().is_closed());
    let _near = [connect("192.168.0.7"), connect("192.168.0.7")];
    assert!(connect("192.168.0.7").outbox().is_closed());
    // A proxy that does not name its clients has many users.
    let proxied: Vec<RoomSocket> = (0..10)
        .map(|_| rooms.connect(None, None, now).unwrap())
        .collect();
    assert!(proxied.iter().all(|socket| !socket.outbox().is_closed()));
}
