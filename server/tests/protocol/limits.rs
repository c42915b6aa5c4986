//! Limits by address, and on encoders: what one client uses up, others still have.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use reqwest::{Client, Response};
use shared::api::{ApiError, ErrorCode, StreamState, ViewerLimit};
use shared::signaling::ServerMessage;
use testkit::socket::{TestSocket, join};
use testkit::{PATIENCE, TestServer, TestViewer, Wants, eventually, sentence};

/// So that requests of these tests, all from loopback, come from no trusted proxy.
const NO_PROXY: [&str; 2] = ["--trusted-proxy", "192.0.2.0/24"];
const VP8: Wants = Wants {
    video: true,
    audio: true,
    h264: false,
    vp8: true,
    recorded: false,
};

async fn serve(arguments: &[&str]) -> TestServer {
    let film = format!("film={}", testkit::CLIP);
    TestServer::with(&[arguments, &[&film, "one=test:", "two=test:"]].concat()).await
}

/// Requests from this address of the machine.
fn client(address: &str) -> Client {
    let address: IpAddr = address.parse().unwrap();
    let builder = Client::builder().local_address(address);
    builder.build().unwrap()
}

async fn offer(
    server: &TestServer,
    http: &Client,
    header: Option<(&str, &str)>,
    sdp: &str,
) -> Response {
    let request = http.post(server.url("/whep/film"));
    let request = match header {
        Some((name, value)) => request.header(name, value),
        None => request,
    };
    let request = request.header("content-type", "application/sdp");
    request
        .body(sdp.to_owned())
        .send()
        .await
        .expect("an answer")
}

/// The statuses of one offer with each of these headers.
async fn statuses<'a>(
    server: &TestServer,
    sdp: &str,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<u16> {
    let mut statuses = Vec::new();
    for header in headers {
        let answer = offer(server, &server.http, Some(header), sdp).await;
        statuses.push(answer.status().as_u16());
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_floods_the_server_with_offers_locks_nobody_else_out() {
    let server = serve(&[&["--max-connecting", "60"], &NO_PROXY[..]].concat()).await;
    let (attacker, other) = (client("127.0.0.1"), client("127.0.0.2"));
    let (viewer, sdp) = TestViewer::offer(Wants::default()).await;
    let (mut answered, mut refused) = (0, Vec::new());
    let began = Instant::now();
    let mut clock = tokio::time::interval(Duration::from_millis(1000 / 67));
    for _ in 0..100 {
        clock.tick().await;
        let response = offer(&server, &attacker, None, &sdp).await;
        match response.status().as_u16() {
            201 => answered += 1,
            _ => refused.push(response),
        }
    }
    // A session that does not connect ends after some seconds, which a busy machine may take for the offers.
    let full = 1 + began.elapsed().as_secs() / 5;
    assert!((16..=16 * full).contains(&answered), "{answered}");
    for response in refused {
        assert_eq!(response.status(), 429);
        let seconds: u32 = response.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=10).contains(&seconds));
        let refusal: ApiError = response.json().await.unwrap();
        assert!(refusal.error.contains("network address"), "{refusal:?}");
        assert_eq!(refusal.code, ErrorCode::LimitReached);
        assert_eq!(refusal.limit, Some(ViewerLimit::ConnectingOfAddress));
    }
    let (mut watching, sdp) = TestViewer::offer_from("127.0.0.2", Wants::default()).await;
    let response = offer(&server, &other, None, &sdp).await;
    assert_eq!(response.status(), 201);
    watching.accept(response.text().await.unwrap()).await;
    watching.packets_of("H264", 20).await;
    let health = server.health().await;
    assert_eq!(health.viewers, 1);
    assert!(health.connecting <= 16, "{health:?}");
    let refused = health.refused["connecting_of_address"];
    assert_eq!(refused, 100 - answered, "{health:?}");
    watching.leave().await;
    viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_that_are_never_followed_by_a_connection_take_no_place_of_a_viewer() {
    let limits = ["--max-viewers", "1", "--max-egress-mbps", "2"];
    let server = serve(&limits).await;
    let (idle, sdp) = TestViewer::offer(Wants::default()).await;
    for _ in 0..10 {
        let answer = offer(&server, &server.http, None, &sdp).await;
        assert_eq!(answer.status(), 201);
    }
    let health = server.health().await;
    assert_eq!(
        (health.viewers, health.connecting, health.egress),
        (0, 10, 0)
    );
    assert_eq!(server.registry.get("film").unwrap().info().viewers, 0);
    let viewer = TestViewer::watch(&server, "film").await;
    viewer.packets_of("H264", 20).await;
    let full = offer(&server, &server.http, None, &sdp).await;
    assert_eq!(full.status(), 503);
    let too_many = TestServer::with(&["--max-connecting", "3", "test:"]).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let answer = too_many
            .post("/offer", "application/sdp", sdp.clone())
            .await;
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 503]);
    viewer.leave().await;
    idle.leave().await;
    too_many.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_is_never_followed_by_a_connection_runs_no_encoder() {
    let server = serve(&["--max-encoders", "2"]).await;
    let (viewer, sdp) = TestViewer::offer(VP8).await;
    let mut sessions = Vec::new();
    for stream in ["one", "two"] {
        let path = format!("/whep/{stream}");
        let answer = server.post(&path, "application/sdp", sdp.clone()).await;
        assert_eq!(answer.status(), 201);
        let session = answer.headers()["location"].to_str().unwrap();
        sessions.push(server.url(session));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    for stream in ["one", "two"] {
        let info = server.registry.get(stream).unwrap().info();
        assert_eq!(info.state, StreamState::Idle);
        assert!(info.renditions.is_empty());
    }
    // The places are reserved, and free again with the sessions.
    assert_eq!(server.health().await.encoders, 2);
    for session in sessions {
        assert_eq!(server.delete(&session).await.status(), 200);
    }
    assert_eq!(server.health().await.encoders, 0);
    viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_that_a_trusted_proxy_names_is_counted() {
    let server = serve(&[
        "--max-viewers-per-address",
        "2",
        "--max-connecting-per-address",
        "2",
    ])
    .await;
    let (viewer, sdp) = TestViewer::offer(Wants::default()).await;
    let name = "x-forwarded-for";
    // What a client adds itself, in front, does not make it another one.
    let same = [
        "203.0.113.7",
        "1.2.3.4, 203.0.113.7",
        "5.6.7.8, 203.0.113.7",
    ];
    let seen = statuses(&server, &sdp, same.map(|value| (name, value))).await;
    assert_eq!(seen, [201, 201, 429]);
    let forwarded = ("forwarded", "for=\"203.0.113.7:4711\";proto=https");
    assert_eq!(statuses(&server, &sdp, [forwarded]).await, [429]);
    // An IPv6 client has a whole /64 network.
    let network = [
        "2001:db8::1",
        "2001:db8::2:3",
        "2001:db8::4:5:6",
        "2001:db8:0:1::1",
    ];
    let seen = statuses(&server, &sdp, network.map(|value| (name, value))).await;
    assert_eq!(seen, [201, 201, 429, 201]);
    // Without a name a request counts in total only: a plain proxy must not make all viewers one.
    for _ in 0..4 {
        let answer = offer(&server, &server.http, None, &sdp).await;
        assert_eq!(answer.status(), 201);
    }
    viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_a_trusted_proxy_names_clients() {
    let limits = [
        "--max-viewers-per-address",
        "2",
        "--max-connecting-per-address",
        "2",
    ];
    let server = serve(&[&limits[..], &NO_PROXY].concat()).await;
    let (viewer, sdp) = TestViewer::offer(Wants::default()).await;
    let invented = [
        ("x-forwarded-for", "203.0.113.1"),
        ("forwarded", "for=203.0.113.2"),
        ("x-forwarded-for", "203.0.113.3"),
    ];
    assert_eq!(statuses(&server, &sdp, invented).await, [201, 201, 429]);
    viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counting_by_address_can_be_switched_off() {
    let limits = [
        "--max-viewers-per-address",
        "1",
        "--max-connecting-per-address",
        "1",
    ];
    let server = serve(&[&limits[..], &NO_PROXY, &["--per-address", "off"]].concat()).await;
    let (viewer, sdp) = TestViewer::offer(Wants::default()).await;
    for _ in 0..3 {
        let answer = offer(&server, &server.http, None, &sdp).await;
        assert_eq!(answer.status(), 201);
    }
    viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_needs_an_encoder_gets_one_of_a_limited_number() {
    let server = serve(&["--max-encoders", "1"]).await;
    let one = TestViewer::watch_with(&server, "one", VP8).await;
    one.packets_of("VP8", 5).await;
    let (other, sdp) = TestViewer::offer(VP8).await;
    let refused = server
        .post("/whep/two", "application/sdp", sdp.clone())
        .await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "10");
    let sentence = sentence(refused).await;
    assert!(
        sentence.contains("encodes") && sentence.contains("H.264"),
        "{sentence}"
    );
    let health = server.health().await;
    assert_eq!((health.encoders, health.max_encoders), (1, 1));
    assert_eq!(health.refused["encoders"], 1);

    // A rendition that runs already, and video that is passed through, need no further encoder.
    let shares = TestViewer::watch_with(&server, "one", VP8).await;
    shares.packets_of("VP8", 5).await;
    let passed_through = TestViewer::watch(&server, "film").await;
    passed_through.packets_of("H264", 5).await;

    // The encoder is there for another stream when its last viewer has gone.
    one.leave().await;
    shares.leave().await;
    eventually("its viewers have gone", PATIENCE, || async {
        server.registry.get("one").unwrap().info().viewers == 0
    })
    .await;
    let two = TestViewer::watch_with(&server, "two", VP8).await;
    two.packets_of("VP8", 5).await;
    let metrics = server.get("/metrics").await.text().await.unwrap();
    for line in [
        "weir_viewers 2",
        "weir_connecting 0",
        "weir_stream_viewers{stream=\"two\"} 1",
        "weir_encoders 1",
        "weir_encoders_limit 1",
        "weir_refused_total{limit=\"encoders\"} 1",
        "weir_refused_total{limit=\"viewers\"} 0",
    ] {
        assert!(
            metrics.lines().any(|there| there == line),
            "{line} in\n{metrics}"
        );
    }
    for viewer in [passed_through, two, other] {
        viewer.leave().await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_of_rooms_are_counted_by_address_too() {
    let server = serve(&NO_PROXY).await;
    let mut sockets = Vec::new();
    for _ in 0..250 {
        sockets.push(TestSocket::open(&server.url).await);
    }
    let mut one_more = TestSocket::open(&server.url).await;
    let sentence = one_more.ended(ErrorCode::ServerFull, 1013).await;
    assert!(sentence.contains("from your address"), "{sentence}");
    drop(sockets);
    eventually("they are gone", PATIENCE, || async {
        server.rooms.sockets() <= 1
    })
    .await;
    let mut member = TestSocket::open(&server.url).await;
    member.send_message(&join("demo", "peer", 1)).await;
    assert!(matches!(
        member.receive().await,
        ServerMessage::Welcome { .. }
    ));
    server.stop().await;
}
