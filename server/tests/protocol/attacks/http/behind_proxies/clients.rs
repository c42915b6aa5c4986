//! What clients of nginx and Caddy may take, which host they are linked to, and what reaches them.

use std::time::Instant;

use reqwest::StatusCode;
use shared::api::IceConfig;
use shared::signaling::{ErrorCode, ServerMessage};
use testkit::socket::{TestSocket, join, offer};
use testkit::{PATIENCE, TestServer};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::super::connect;
use super::{HOST, PROXY_IS_TRUSTED, Proxy, client};

/// What the server allows.
const SOCKETS_PER_ADDRESS: u128 = 250;
const BURST: usize = 100;

async fn serve() -> (TestServer, Vec<Proxy>) {
    let server = TestServer::with(&[&PROXY_IS_TRUSTED[..], &["test:"]].concat()).await;
    let proxies = Proxy::documented(&server.url).await;
    (server, proxies)
}

/// A socket of rooms, from this address of a client that claims another one and another host each time.
async fn socket(proxy: &Proxy, from: &str, number: u128) -> TestSocket {
    let mut request = proxy
        .url
        .replace("http", "ws")
        .into_client_request()
        .unwrap();
    *request.uri_mut() = format!("ws://{HOST}/ws").parse().unwrap();
    let claimed = format!("203.0.113.{}", number % 250);
    for (name, value) in [
        ("host", HOST),
        ("origin", "https://video.example.org"),
        ("x-forwarded-for", &claimed),
        ("forwarded", &format!("for={claimed}")),
        ("x-forwarded-host", "evil.example"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let stream = connect(&proxy.url, from).await;
    let (socket, _) = tokio_tungstenite::client_async(request, stream)
        .await
        .unwrap();
    TestSocket { socket }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_nginx_or_caddy_has_the_rooms_of_one_address_whatever_it_claims() {
    let (server, proxies) = serve().await;
    for (number, proxy) in (2..).step_by(2).zip(&proxies) {
        let greedy = format!("127.0.0.{number}");
        let mut open = Vec::new();
        for number in 0..SOCKETS_PER_ADDRESS {
            let mut socket = socket(proxy, &greedy, number).await;
            let room = format!("room-{number}");
            socket.send_message(&join(&room, "Mallory", number)).await;
            let came = socket.receive().await;
            assert!(matches!(came, ServerMessage::Welcome { .. }), "{came:?}");
            open.push(socket);
        }
        let mut refused = socket(proxy, &greedy, SOCKETS_PER_ADDRESS).await;
        let (code, sentence) = refused.refused().await;
        assert_eq!(code, ErrorCode::ServerFull, "{sentence}");
        let other = format!("127.0.0.{}", number + 1);
        let mut welcome = socket(proxy, &other, 0).await;
        welcome.send_message(&join("demo", "Ann", 1_000)).await;
        let came = welcome.receive().await;
        assert!(matches!(came, ServerMessage::Welcome { .. }), "{came:?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_nginx_or_caddy_gets_the_relay_credentials_of_one_address() {
    let (server, proxies) = serve().await;
    for (number, proxy) in (2..).step_by(2).zip(&proxies) {
        let greedy = client(&format!("127.0.0.{number}"));
        let url = format!("{}/api/ice", proxy.url);
        let (mut issued, mut refused) = (0, 0);
        let began = Instant::now();
        while refused == 0 {
            assert!(began.elapsed() < PATIENCE, "none of {issued} is refused");
            let requests = (0..BURST).map(|claimed| {
                let claimed = format!("203.0.113.{claimed}");
                let request = greedy.get(&url).header("host", HOST);
                let request = request.header("x-forwarded-for", claimed);
                tokio::spawn(request.send())
            });
            for request in requests.collect::<Vec<_>>() {
                let answer = request.await.unwrap().unwrap();
                match answer.status() {
                    StatusCode::OK => issued += 1,
                    status => {
                        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
                        assert_eq!(answer.headers()["retry-after"], "1");
                        refused += 1;
                    }
                }
            }
        }
        assert!(issued >= BURST, "{issued} credentials");
        let other = client(&format!("127.0.0.{}", number + 1));
        let answer = other.get(&url).header("host", HOST).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "others are served");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_lead_to_the_host_that_nginx_or_caddy_was_asked_for() {
    let (server, proxies) = serve().await;
    for proxy in &proxies {
        let request = client("127.0.0.2").get(format!("{}/api/ice", proxy.url));
        let request = request
            .header("host", HOST)
            .header("x-forwarded-host", "evil.example");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let config: IceConfig = answer.json().await.unwrap();
        for url in config.ice_servers.iter().flat_map(|server| &server.urls) {
            assert!(url.contains(&format!(":{HOST}:")), "{url}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_and_events_pass_nginx_and_caddy() {
    let (server, proxies) = serve().await;
    for proxy in &proxies {
        let [mut ann, mut ben] = [
            socket(proxy, "127.0.0.2", 1).await,
            socket(proxy, "127.0.0.3", 2).await,
        ];
        let mut ids = Vec::new();
        for (socket, name, number) in [(&mut ann, "Ann", 1), (&mut ben, "Ben", 2)] {
            socket.send_message(&join("demo", name, number)).await;
            let ServerMessage::Welcome { you, .. } = socket.receive().await else {
                panic!("{name} is not welcome");
            };
            ids.push(you.id);
        }
        let arrived = ann.receive().await;
        assert!(
            matches!(arrived, ServerMessage::Arrived { .. }),
            "{arrived:?}"
        );
        ben.send_message(&offer(&ids[0], "hello")).await;
        let came = ann.receive().await;
        assert!(
            matches!(&came, ServerMessage::Offer { sdp, .. } if sdp == "hello"),
            "{came:?}"
        );
        // An event arrives while the answer goes on.
        let request = client("127.0.0.2").get(format!("{}/api/events", proxy.url));
        let mut events = request.header("host", HOST).send().await.unwrap();
        let first = timeout(PATIENCE, events.chunk()).await;
        let first = first.expect("in time").unwrap().expect("no end");
        let first = String::from_utf8_lossy(&first);
        assert!(first.contains("\ndata: "), "{first}");
    }
    server.stop().await;
}
