//! ICE as a hammer: offers and PATCHes that name addresses of others.

use std::time::Duration;

use testkit::{TestViewer, Wants, sentence};
use tokio::net::{TcpListener, UdpSocket};

use super::{goes_on, serve, watch_with};

/// A media section that names the victim in each place where an address may be.
fn naming(sdp: &str, candidates: &str) -> String {
    let lines = sdp.lines().map(|line| match line {
        line if line.starts_with("c=") => "c=IN IP4 127.0.0.9\r\n".to_owned(),
        line if line.starts_with("a=ice-ufrag:") => format!("{line}\r\n{candidates}"),
        line => format!("{line}\r\n"),
    });
    lines.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_an_offer_or_a_patch_names_are_sent_no_datagram() {
    let server = serve().await;
    let victim = UdpSocket::bind("127.0.0.9:0").await.expect("a free port");
    let listener = TcpListener::bind("127.0.0.9:0").await.expect("a free port");
    let (udp, tcp) = (victim.local_addr(), listener.local_addr());
    let (udp, tcp) = (udp.expect("bound").port(), tcp.expect("bound").port());
    let lines = (0..30).map(|number| match number % 3 {
        0 => format!("a=candidate:{number} 1 udp 2130706431 127.0.0.9 {udp} typ host\r\n"),
        1 => format!(
            "a=candidate:{number} 1 udp 1694498815 127.0.0.9 {udp} typ srflx raddr 127.0.0.9 rport {udp}\r\n"
        ),
        _ => format!(
            "a=candidate:{number} 1 tcp 2105458943 127.0.0.9 {tcp} typ host tcptype passive\r\n"
        ),
    });
    let candidates: String = lines.collect();

    // One client connects, the other never appears.
    let (absent, offer) = TestViewer::offer(Wants::default()).await;
    let offer = naming(&offer, &candidates);
    let response = server.post("/whep/film", "application/sdp", offer).await;
    assert_eq!(response.status(), 201);
    let watching = watch_with(&server, |offer| naming(&offer, &candidates), str::to_owned).await;
    watching.viewer.packets_of("H264", 20).await;
    let credentials = watching.offer.lines().filter(|line| {
        line.starts_with("a=ice-ufrag:")
            || line.starts_with("a=ice-pwd:")
            || line.starts_with("a=mid:")
    });
    let credentials: Vec<_> = credentials.take(3).collect();
    let fragment = format!("{}\r\n{candidates}", credentials.join("\r\n"));
    let patch = server.http.patch(&watching.viewer.session);
    let patch = patch.header("content-type", "application/trickle-ice-sdpfrag");
    let response = patch.body(fragment).send().await.expect("an answer");
    assert_eq!(response.status(), 204, "{:?}", response.text().await);

    let mut datagram = [0; 2048];
    let hit = tokio::time::timeout(Duration::from_secs(3), async {
        tokio::select! {
            _ = victim.recv_from(&mut datagram) => "a datagram",
            _ = listener.accept() => "a connection",
        }
    })
    .await;
    assert!(hit.is_err(), "the victim got {hit:?}");
    goes_on(&watching.viewer).await;
    absent.leave().await;
    watching.viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_of_ice_lite_is_refused_with_a_sentence() {
    let server = serve().await;
    let (viewer, offer) = TestViewer::offer(Wants::default()).await;
    let lite = offer.replacen("m=", "a=ice-lite\r\nm=", 1);
    let refused = server.post("/whep/film", "application/sdp", lite).await;
    assert_eq!(refused.status(), 422);
    let sentence = sentence(refused).await;
    assert!(
        sentence.contains("a=ice-lite") && sentence.contains("full ICE"),
        "{sentence}"
    );
    assert_eq!(server.viewers.sessions(), 0);
    viewer.leave().await;
    server.stop().await;
}
