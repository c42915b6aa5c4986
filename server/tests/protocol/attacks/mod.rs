//! What strangers can do to the server, and by it to others: each test does what an attack did. All traffic is on the loopback network.

mod attacker;
mod check;
mod fingerprints;
mod hammer;
mod hostile_files;
mod http;
mod lite_candidates;
pub(crate) mod lossy_handshake;
mod peer_reflexive_flood;
mod pli_storm;
mod redirected_media;
mod relay;
mod relay_places;
mod relayed_floods;
mod restart_flood;
mod rights;
mod rooms;
mod silent_connections;
mod stray_datagrams;
mod unchecked_offers;

use testkit::{PATIENCE, TestServer, TestViewer, Wants, eventually};

use relay::Relay;
pub(crate) use relay::{Delayed, Direction, Relay as ViewerRelay, address_of};

/// A server with one port, which serves the clip in assets/ as the stream `film`.
async fn serve() -> TestServer {
    let film = format!("film={}", testkit::CLIP);
    TestServer::with(&["--shards", "1", &film]).await
}

/// A viewer, its offer, and the answer as the server gave it.
struct Watching {
    viewer: TestViewer,
    offer: String,
    answer: String,
}

/// Watches the film, with changes to offer and answer on their way.
async fn watch_with(
    server: &TestServer,
    to_server: impl FnOnce(String) -> String,
    to_viewer: impl FnOnce(&str) -> String,
) -> Watching {
    let (mut viewer, offer) = TestViewer::offer(Wants::default()).await;
    let offer = to_server(offer);
    let response = server
        .post("/whep/film", "application/sdp", offer.clone())
        .await;
    assert_eq!(response.status(), 201, "{:?}", response.text().await);
    let location = response.headers()["location"].to_str().expect("ASCII");
    viewer.session = server.url(location);
    let answer = response.text().await.expect("an answer");
    viewer.accept(to_viewer(&answer)).await;
    Watching {
        viewer,
        offer,
        answer,
    }
}

async fn watch(server: &TestServer) -> Watching {
    watch_with(server, |offer| offer, str::to_owned).await
}

async fn watch_through(server: &TestServer, relay: &Relay) -> Watching {
    watch_with(server, |offer| offer, |answer| relay.rewrite(answer)).await
}

/// Waits until the viewer has received half a second more of the film.
async fn goes_on(viewer: &TestViewer) {
    let before = viewer.received("H264").markers;
    eventually("the viewer watches on", PATIENCE, || async {
        viewer.received("H264").markers > before + 12
    })
    .await;
}
