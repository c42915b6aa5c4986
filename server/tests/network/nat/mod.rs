//! Terminal peers and browsers behind NATs, with the server or coturn as relay.

mod browsers;
mod network;
mod publishers;

use std::process::Command;

use network::{Host, Nat, Network, SERVER};
use serde_json::Value;
use testkit::skip;

/// Exchanges a message in both directions; returns the `connected` event of each peer.
async fn talk(network: &Network) -> [Value; 2] {
    let mut one = network.enter(1).await;
    let mut two = network.enter(2).await;
    let ways = [
        one.event("connected", |_| true).await,
        two.event("connected", |_| true).await,
    ];
    one.type_line("hello from one");
    two.receives("hello from one").await;
    two.type_line("hello from two");
    one.receives("hello from two").await;
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
        // The side that does not relay may see its peer's relayed address as peer-reflexive (RFC 8445 7.3.1.3).
        assert!(relay || way["remote_type"] == "prflx", "{way}");
    }
}

#[tokio::test]
async fn behind_full_cone_nats_two_peers_connect_directly() {
    let Some(mut network) = Network::build([Nat::FullCone; 2]) else {
        return;
    };
    // No relaying: on a busy machine the relayed pair may be nominated first.
    network.serve(&["--turn-max-allocations", "0"]);
    assert_direct(&talk(&network).await);
}

#[tokio::test]
async fn behind_symmetric_nats_two_peers_talk_through_this_server() {
    let Some(mut network) = Network::build([Nat::Symmetric; 2]) else {
        return;
    };
    network.serve(&[]);
    assert_relayed(&talk(&network).await);
}

#[tokio::test]
async fn behind_symmetric_nats_two_peers_talk_through_coturn() {
    let Some(mut network) = Network::build([Nat::Symmetric; 2]) else {
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
    network.start(Host::Public, &coturn);
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
    network.serve(&[&servers[..], &["--turn", "off"]].concat());
    assert_relayed(&talk(&network).await);
}

#[tokio::test]
async fn where_udp_is_blocked_a_peer_reports_it_with_advice() {
    let Some(mut network) = Network::build([Nat::Symmetric, Nat::NoUdp]) else {
        return;
    };
    network.serve(&[]);
    let _one = network.enter(1).await;
    let mut two = network.enter(2).await;
    let failed = two.event("failed", |_| true).await;
    let message = failed["message"].as_str().unwrap_or_default();
    assert!(message.contains("UDP seems to be blocked"), "{message}");
    assert!(message.contains("allow UDP to port 3478"), "{message}");
    assert!(message.contains("TURN over TCP"), "{message}");
}
