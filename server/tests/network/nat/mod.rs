//! People behind NATs: native peers, the server, coturn, in network namespaces that the tests make.
//!
//! They need root; without it they are skipped.

mod browsers;
mod chat;
mod world;

use std::process::Command;

use chat::Peer;
use serde_json::Value;
use testkit::skip;
use world::{Nat, Place, SERVER, World};

/// Both say something, and hear each other. How each is connected, at the end.
fn talk(world: &mut World) -> [Value; 2] {
    let mut one = Peer::enter(world, 1);
    let mut two = Peer::enter(world, 2);
    let ways = [&mut one, &mut two].map(|peer| peer.wait_for("connected", |_| true));
    one.say("hello from one");
    two.hear("hello from one");
    two.say("hello from two");
    one.hear("hello from two");
    ways
}

#[track_caller]
fn assert_direct(ways: &[Value; 2]) {
    for way in ways {
        assert_eq!(way["relayed"], false, "{way}");
        for kind in ["local_type", "remote_type"] {
            let direct = ["host", "srflx", "prflx"]
                .iter()
                .any(|direct| way[kind] == *direct);
            assert!(direct, "{way}");
        }
    }
}

#[track_caller]
fn assert_relayed(ways: &[Value; 2]) {
    for way in ways {
        assert_eq!(way["relayed"], true, "{way}");
        let relay = way["local_type"] == "relay" || way["remote_type"] == "relay";
        // A side whose peer relays may take the relayed address for a peer-reflexive one.
        assert!(relay || way["remote_type"] == "prflx", "{way}");
    }
}

#[test]
fn behind_full_cone_nats_two_peers_connect_directly() {
    let Some(mut world) = World::build([Nat::FullCone; 2]) else {
        return;
    };
    // Nothing is relayed: on a busy machine a relay may be the first way that is found, and the first one is kept.
    world.serve(&["--turn-max-allocations", "0"]);
    assert_direct(&talk(&mut world));
}

#[test]
fn behind_symmetric_nats_two_peers_talk_through_this_server() {
    let Some(mut world) = World::build([Nat::Symmetric; 2]) else {
        return;
    };
    world.serve(&[]);
    assert_relayed(&talk(&mut world));
}

#[test]
fn behind_symmetric_nats_two_peers_talk_through_coturn() {
    let Some(mut world) = World::build([Nat::Symmetric; 2]) else {
        return;
    };
    if Command::new("turnserver").arg("-h").output().is_err() {
        return skip("turnserver is missing; `cargo xtask setup` installs coturn");
    }
    let secret = "north-by-northwest";
    let auth = format!("--static-auth-secret={secret}");
    let listen = format!("--listening-ip={SERVER}");
    let coturn = [
        "turnserver",
        "-n",
        "--use-auth-secret",
        &auth,
        "--realm=example.org",
        &listen,
        "--no-cli",
        "--no-tls",
        "--no-dtls",
        "--log-file=stdout",
        "--pidfile=/dev/null",
    ];
    world.start(Place::Public, &coturn);
    let turn = format!("turn:{SERVER}:3478?transport=udp");
    let stun = format!("stun:{SERVER}:3478");
    let servers = [
        "--ice-server",
        &stun,
        "--ice-server",
        &turn,
        "--turn-secret",
        secret,
    ];
    world.serve(&[&servers[..], &["--turn", "off"]].concat());
    assert_relayed(&talk(&mut world));
}

#[test]
fn where_udp_is_blocked_a_peer_says_so_and_what_helps() {
    let Some(mut world) = World::build([Nat::Symmetric, Nat::NoUdp]) else {
        return;
    };
    world.serve(&[]);
    let _one = Peer::enter(&mut world, 1);
    let mut two = Peer::enter(&mut world, 2);
    let failed = two.wait_for("failed", |_| true);
    let message = failed["message"].as_str().unwrap_or_default();
    assert!(message.contains("UDP seems to be blocked"), "{message}");
    assert!(message.contains("allow UDP to port 3478"), "{message}");
    assert!(message.contains("TURN over TCP"), "{message}");
}
