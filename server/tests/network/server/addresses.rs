//! Addresses that the server's machine gets and loses while it runs.

use std::time::Duration;

use super::network::Network;
use testkit::{PATIENCE, eventually};

/// The server looks for changes every few seconds.
const NOTICED: Duration = Duration::from_secs(15);

/// Waits until a new viewer is offered this address, or is not.
async fn offered(network: &Network, address: &str, expected: bool) {
    let what = format!("{address} is offered: {expected}");
    eventually(&what, NOTICED, || async {
        let answer = network.answer().await;
        let candidate = format!(" {address} ");
        let mut lines = answer.lines();
        expected == lines.any(|line| line.contains("a=candidate:") && line.contains(&candidate))
    })
    .await;
}

#[test]
fn viewers_connect_to_an_address_that_the_server_gets_while_it_runs() {
    let Some(network) = Network::build() else {
        return;
    };
    network.block_on(|| new_addresses(&network));
}

async fn new_addresses(network: &Network) {
    let early = network.watch("10.2.0.2", "10.2.0.1").await;
    early.packets_of("H264", 20).await;
    network.set("addr add 10.3.0.*/24 dev link1");
    // A prefix that a router announces; nodad: it can be used at once.
    network.set("addr add fd00:3::*/64 dev link1 nodad");
    for (from, to) in [("10.3.0.2", "10.3.0.1"), ("[fd00:3::2]", "fd00:3::1")] {
        offered(network, to, true).await;
        let viewer = network.watch(from, to).await;
        viewer.packets_of("H264", 50).await;
        assert_eq!(viewer.received("H264").gaps, 0);
        viewer.leave().await;
    }
    let before = early.packets();
    eventually("the first plays on", PATIENCE, || async {
        early.packets() > before + 50
    })
    .await;
    assert_eq!(early.received("H264").gaps, 0);
}

#[test]
fn an_address_that_the_server_loses_is_not_offered_and_its_socket_is_closed() {
    let Some(network) = Network::build() else {
        return;
    };
    network.block_on(|| lost_address(&network));
}

async fn lost_address(network: &Network) {
    let early = network.watch("10.2.0.2", "10.2.0.1").await;
    early.packets_of("H264", 20).await;
    let cut_off = network.watch("10.1.0.2", "10.1.0.1").await;
    cut_off.packets_of("H264", 20).await;
    assert!(network.sockets().contains("10.1.0.1:"));
    network.set("addr del 10.1.0.*/24 dev link1");
    offered(network, "10.1.0.1", false).await;
    let sockets = network.sockets();
    assert!(!sockets.contains("10.1.0.1:"), "{sockets}");
    assert!(sockets.contains("10.2.0.1:"), "{sockets}");

    // As after a cable was pulled out and put in again.
    network.set("addr add 10.1.0.*/24 dev link1");
    offered(network, "10.1.0.1", true).await;
    let viewer = network.watch("10.1.0.2", "10.1.0.1").await;
    viewer.packets_of("H264", 50).await;
    let before = early.packets();
    eventually("the first plays on", PATIENCE, || async {
        early.packets() > before + 50
    })
    .await;
    assert_eq!(early.received("H264").gaps, 0);
}
