//! A browser that publishes behind a NAT of the kernel, and one behind another NAT that watches.

use serde_json::json;
use testkit::browser::TestBrowser;

use super::network::{Host, Nat, Network, SERVER};

const KEY: &str = "2f1d6c9ab3e047d58e6a0b1c2d3e4f50";
/// The body of an async function, which has `options`.
const PUBLISH: &str = include_str!("../../protocol/publishing/publish.js");
const PUBLISHER: Host = Host::Home(1);
const VIEWER: Host = Host::Home(2);

/// A viewer sees the publisher behind this router, also after the router has forgotten its mappings.
async fn is_watched_behind(nat: Nat) {
    let Some(mut network) = Network::build([nat, Nat::Symmetric]) else {
        return;
    };
    let publish = format!("cam={KEY}");
    network.serve(&["--dist", testkit::dist(), "--publish", &publish]);
    let server = format!("http://{SERVER}:8000");
    let publisher = network
        .inside(PUBLISHER, TestBrowser::shared_chromium())
        .await;
    network
        .inside(PUBLISHER, async {
            publisher.open(&server).await;
            let options = json!({ "server": server, "stream": "cam", "key": KEY });
            let publish = format!("const options = {options}; {PUBLISH}");
            assert_eq!(publisher.run(&publish).await, 201);
        })
        .await;
    let viewer = network.inside(VIEWER, publisher.and_chromium()).await;
    let watches = async |what: &str| {
        // As many new pictures as come in two seconds.
        let moves = "await (async () => {
            const video = document.querySelector('video');
            const shown = () => video?.getVideoPlaybackQuality().totalVideoFrames ?? 0;
            window.since ??= shown();
            return shown() >= window.since + 50 && shown();
        })()";
        let moves = viewer.until(what, moves);
        network.inside(VIEWER, moves).await
    };
    network
        .inside(VIEWER, viewer.open(&format!("{server}/#/watch/cam")))
        .await;
    watches("the publisher is seen").await;
    network.forget_mappings(1);
    // What is under way still comes.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    network
        .inside(VIEWER, viewer.run("window.since = undefined"))
        .await;
    watches("the publisher is seen by its new mapping").await;
    let state = publisher.run("return encoder.connection.connectionState");
    let state = network.inside(PUBLISHER, state).await;
    // Their drivers are reachable from their own namespaces only.
    network.inside(VIEWER, async { drop(viewer) }).await;
    network.inside(PUBLISHER, async { drop(publisher) }).await;
    assert_eq!(state, "connected", "it needed no new session");
}

#[tokio::test]
async fn a_publisher_behind_a_full_cone_nat_is_watched_when_its_mapping_is_lost() {
    is_watched_behind(Nat::FullCone).await;
}

#[tokio::test]
async fn a_publisher_behind_a_symmetric_nat_is_watched_when_its_mapping_is_lost() {
    is_watched_behind(Nat::Symmetric).await;
}
