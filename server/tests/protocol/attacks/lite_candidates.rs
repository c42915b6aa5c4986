//! `--ice full`: what an offer of a lite agent can make the server send to hosts that it names.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use testkit::{TestServer, TestViewer, Wants, sentence};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// Candidates of one offer; ten are checked.
const NAMED: usize = 12;
const OFFERS: usize = 2;
/// The server gives up a connection after 15 s.
const TIME: Duration = Duration::from_secs(17);

/// An offer that says `a=ice-lite` and names these addresses.
async fn lite_offer(named: &[SocketAddr]) -> (TestViewer, String) {
    let (viewer, offer) = TestViewer::offer(Wants::default()).await;
    let mut lines = String::new();
    for line in offer.lines() {
        if line.starts_with("a=candidate:") {
            continue;
        }
        if line.starts_with("m=") && !lines.contains("a=ice-lite") {
            lines += "a=ice-lite\r\n";
        }
        lines += &format!("{line}\r\n");
        if line.starts_with("a=ice-ufrag:") {
            for (number, address) in named.iter().enumerate() {
                let priority = 2_130_706_431 - number;
                let (ip, port) = (address.ip(), address.port());
                lines += &format!("a=candidate:{number} 1 udp {priority} {ip} {port} typ host\r\n");
            }
        }
    }
    (viewer, lines)
}

async fn serve(arguments: &[&str]) -> TestServer {
    let film = format!("film={}", testkit::CLIP);
    TestServer::with(&[&["--ice", "full", &film], arguments].concat()).await
}

/// A victim, and what it gets: when, and how many bytes.
async fn listen(victim: UdpSocket) -> Vec<(Instant, usize)> {
    let (mut received, mut datagram) = (Vec::new(), [0; 2048]);
    let end = tokio::time::sleep(TIME);
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => return received,
            Ok(length) = victim.recv(&mut datagram) => received.push((Instant::now(), length)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lite_offers_that_name_victims_draw_seven_small_requests_to_each_and_twenty_a_second_in_all()
 {
    // The request comes from a private address, or no victim on this machine would be checked.
    let server = serve(&["--trusted-proxy", "192.0.2.1"]).await;
    let mut victims = Vec::new();
    for _ in 0..NAMED {
        let victim = UdpSocket::bind("127.0.0.9:0").await;
        victims.push(victim.expect("a free port"));
    }
    let named = victims
        .iter()
        .map(|victim| victim.local_addr().expect("bound"));
    let named: Vec<_> = named.collect();
    let mut listening = JoinSet::new();
    for (number, victim) in victims.into_iter().enumerate() {
        listening.spawn(async move { (number, listen(victim).await) });
    }
    let mut viewers = Vec::new();
    for _ in 0..OFFERS {
        let (viewer, offer) = lite_offer(&named).await;
        let response = server.post("/whep/film", "application/sdp", offer).await;
        assert_eq!(response.status(), 201, "{:?}", response.text().await);
        viewers.push(viewer);
    }

    let mut all = Vec::new();
    for (number, received) in listening.join_all().await {
        let expected = if number < 10 { 7 * OFFERS } else { 0 };
        assert_eq!(received.len(), expected, "victim {number}");
        all.extend(received);
    }
    all.sort_unstable();
    assert!(all.iter().all(|(_, bytes)| *bytes < 200), "{all:?}");
    // Twenty a second; a datagram may be read late.
    for window in all.windows(31) {
        let took = window[30].0 - window[0].0;
        assert!(took > Duration::from_secs(1), "31 in {took:?}");
    }
    for viewer in viewers {
        viewer.leave().await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_from_a_public_address_aims_the_server_at_no_private_one() {
    let server = serve(&[]).await;
    let victim = UdpSocket::bind("127.0.0.9:0").await.expect("a free port");
    let (viewer, offer) = lite_offer(&[victim.local_addr().expect("bound")]).await;
    // Of a trusted proxy that names a public client, and of one that names none.
    for client in [Some("203.0.113.7"), None] {
        let mut request = server.http.post(server.url("/whep/film"));
        if let Some(client) = client {
            request = request.header("x-forwarded-for", client);
        }
        let request = request.header("content-type", "application/sdp");
        let refused = request.body(offer.clone()).send().await;
        let refused = refused.expect("an answer");
        assert_eq!(refused.status(), 422);
        let sentence = sentence(refused).await;
        assert!(sentence.contains("a private one only"), "{sentence}");
    }
    let received = tokio::time::timeout(Duration::from_secs(1), victim.recv(&mut [0; 2048])).await;
    assert!(received.is_err(), "the victim got {received:?}");
    assert_eq!(server.viewers.sessions(), 0);
    viewer.leave().await;
    server.stop().await;
}
