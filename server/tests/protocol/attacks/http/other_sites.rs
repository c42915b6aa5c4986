//! Pages of other sites in the browsers of people who reach the server: by another origin, and by a name that leads to it (DNS rebinding).

use shared::api::ErrorCode;
use testkit::{TestServer, TestViewer, Wants};

use super::{NO_PROXY, WEBSOCKET, exchange, get};

const SITE: &str = "https://pages.example";

/// As a browser asks before: whether the page may send this.
async fn preflight(server: &TestServer, path: &str, origin: &str) -> String {
    let fields = format!(
        "Host: 127.0.0.1:8000\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: POST\r\n\
         Access-Control-Request-Headers: content-type\r\nAccess-Control-Request-Private-Network: true\r\n"
    );
    let request = format!("OPTIONS {path} HTTP/1.1\r\n{fields}\r\n");
    let (status, answer) = exchange(server, &request).await;
    assert_eq!(status, 204, "{answer}");
    answer
}

fn says(answer: &str, field: &str) -> bool {
    answer.lines().any(|line| line == field)
}

async fn home_server(arguments: &[&str]) -> TestServer {
    let film = format!("film={}", testkit::CLIP);
    TestServer::with(&[arguments, &[&film]].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_to_the_server_opens_neither_rooms_nor_relays() {
    let server = home_server(&[]).await;
    let rebound = "Host: evil.example:8000\r\n";
    let with_origin = format!("{rebound}Origin: http://evil.example:8000\r\n");
    // A page can set these at its own origin, and the browser is on loopback, as a proxy may be.
    let as_proxy =
        format!("{rebound}X-Forwarded-Host: localhost\r\nX-Forwarded-For: 192.0.2.1\r\n");
    for fields in [rebound, &with_origin, &as_proxy] {
        let (status, answer) = get(&server, "/api/ice", fields).await;
        assert_eq!(status, 421, "{answer}");
        assert!(
            answer.contains("--host evil.example ") && !answer.contains("turn:"),
            "{answer}"
        );
        let error = answer.split_once("\r\n\r\n").unwrap().1;
        let error: shared::api::ApiError = serde_json::from_str(error).unwrap();
        assert_eq!(error.code, ErrorCode::UnknownHost);
        let (status, _) = get(&server, "/ws", &format!("{fields}{WEBSOCKET}")).await;
        assert_eq!(status, 421);
    }
    let absolute = "GET http://evil.example/api/ice HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n";
    assert_eq!(exchange(&server, absolute).await.0, 421);
    assert_eq!(server.rooms.sockets(), 0);
    // It may watch, as every page.
    assert_eq!(get(&server, "/api/streams", rebound).await.0, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_the_network_need_no_flag_and_others_one() {
    let server = home_server(&["--host", "video.example.org"]).await;
    for host in [
        "127.0.0.1:8000",
        "192.168.1.5:8000",
        "[fd00::5]:8000",
        "localhost:8000",
        "nas:8000",
        "nas.local:8000",
        "nas.lan",
        "Video.Example.ORG:8000",
    ] {
        let fields = format!("Host: {host}\r\nOrigin: http://{host}\r\n");
        let (status, answer) = get(&server, "/api/ice", &fields).await;
        assert_eq!(status, 200, "{host}: {answer}");
        assert!(answer.contains("turn:"), "{answer}");
        assert!(says(
            &answer,
            &format!("access-control-allow-origin: http://{host}")
        ));
        let (status, _) = get(&server, "/ws", &format!("{fields}{WEBSOCKET}")).await;
        assert_eq!(status, 101, "{host}");
    }
    for host in ["home.dyndns.example:8000", "example.org:8000"] {
        let fields = format!("Host: {host}\r\n");
        assert_eq!(get(&server, "/api/ice", &fields).await.0, 421);
        for path in ["/api/streams", "/api/events", "/"] {
            assert_eq!(get(&server, path, &fields).await.0, 200, "{path}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_origin_watch_and_have_no_rooms() {
    let server = home_server(&[]).await;
    // `null`: a page that is opened as a file.
    for origin in ["null", SITE] {
        let answer = preflight(&server, "/offer", origin).await;
        assert!(says(&answer, "access-control-allow-origin: *"), "{answer}");
        assert!(!answer.contains("private-network: true"), "{answer}");
        let (viewer, offer) = TestViewer::offer(Wants::default()).await;
        let fields = format!(
            "Host: 127.0.0.1:8000\r\nOrigin: {origin}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n",
            offer.len()
        );
        let request = format!("POST /offer HTTP/1.1\r\n{fields}\r\n{offer}");
        let (status, answer) = exchange(&server, request).await;
        assert_eq!(status, 200, "{answer}");
        viewer.leave().await;
        let fields = format!("Host: 127.0.0.1:8000\r\nOrigin: {origin}\r\n");
        for path in ["/api/streams", "/api/events", "/session/none"] {
            let (_, answer) = get(&server, path, &fields).await;
            assert!(says(&answer, "access-control-allow-origin: *"), "{answer}");
            assert!(!answer.contains("allow-credentials"), "{answer}");
        }
        for (path, more) in [("/api/ice", ""), ("/ws", WEBSOCKET)] {
            let (status, answer) = get(&server, path, &format!("{fields}{more}")).await;
            assert_eq!(status, 403, "{answer}");
            // The page can read it.
            assert!(says(&answer, "access-control-allow-origin: *"), "{answer}");
            assert!(answer.contains("foreign_origin"), "{answer}");
            assert_eq!(
                answer.contains(&format!("--cors-origin {SITE}")),
                origin == SITE
            );
        }
        let answer = preflight(&server, "/api/ice", origin).await;
        assert!(!answer.contains("access-control-allow-headers"), "{answer}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_host_works_with_a_public_server_and_with_one_that_names_it() {
    for (arguments, is_named) in [
        (&["--public-ip", "203.0.113.5"][..], false),
        (&["--cors-origin", SITE], true),
    ] {
        let server = home_server(arguments).await;
        let fields = format!("Host: 127.0.0.1:8000\r\nOrigin: {SITE}\r\n");
        let (status, answer) = get(&server, "/api/ice", &fields).await;
        assert_eq!(status, 200, "{answer}");
        assert!(
            says(&answer, &format!("access-control-allow-origin: {SITE}")),
            "{answer}"
        );
        let (status, _) = get(&server, "/ws", &format!("{fields}{WEBSOCKET}")).await;
        assert_eq!(status, 101);
        let answer = preflight(&server, "/offer", SITE).await;
        let private = says(&answer, "access-control-allow-private-network: true");
        assert_eq!(private, is_named, "{answer}");
        let others = fields.replace("pages", "other");
        let (status, _) = get(&server, "/api/ice", &others).await;
        assert_eq!(status, if is_named { 403 } else { 200 });
        server.stop().await;
    }
}

/// The proxy asks under its own name for the server, and a page names its origin in a `POST` and a WebSocket, in a `GET` only to others.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_may_have_relays_by_post_when_it_may_have_rooms() {
    let server = home_server(&["--cors-origin", SITE]).await;
    for (host, origin, expected) in [
        ("127.0.0.1:8000", SITE, 200),
        ("127.0.0.1:8000", "http://127.0.0.1:8000", 200),
        ("127.0.0.1:8000", "https://video.example", 403),
        ("127.0.0.1:8000", "null", 403),
        ("evil.example:8000", "http://evil.example:8000", 421),
    ] {
        let fields = format!("Host: {host}\r\nOrigin: {origin}\r\n");
        let request = format!("POST /api/ice HTTP/1.1\r\n{fields}Content-Length: 0\r\n\r\n");
        let (status, answer) = exchange(&server, &request).await;
        assert_eq!(status, expected, "{answer}");
        let any = expected != 200;
        assert_eq!(
            says(&answer, "access-control-allow-origin: *"),
            any,
            "{answer}"
        );
        assert_eq!(answer.contains("turn:"), expected == 200, "{answer}");
        let (status, _) = get(&server, "/ws", &format!("{fields}{WEBSOCKET}")).await;
        let socket = if expected == 200 { 101 } else { expected };
        assert_eq!(status, socket, "{host} {origin}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trunk_serve_needs_no_flag_and_only_on_this_machine() {
    let server = home_server(&[]).await;
    for origin in [
        "http://127.0.0.1:8080",
        "http://localhost:8080",
        "http://[::1]:8080",
    ] {
        let fields = format!("Host: 127.0.0.1\r\nOrigin: {origin}\r\n");
        let (status, answer) = get(&server, "/api/ice", &fields).await;
        assert_eq!(status, 200, "{answer}");
        let (status, _) = get(&server, "/ws", &format!("{fields}{WEBSOCKET}")).await;
        assert_eq!(status, 101, "{origin}");
    }
    let fields = "Host: 127.0.0.1\r\nOrigin: http://localhost.evil.example:8080\r\n";
    assert_eq!(get(&server, "/api/ice", fields).await.0, 403);
    server.stop().await;
}

/// What Caddy sends without a further setting.
#[tokio::test(flavor = "multi_thread")]
async fn behind_a_bare_proxy_everybody_watches_and_a_named_proxy_opens_the_rooms() {
    let fields = "Host: video.example.org\r\nOrigin: https://video.example.org\r\nX-Forwarded-For: 192.0.2.1\r\n\
                  X-Forwarded-Host: video.example.org\r\nX-Forwarded-Proto: https\r\n";
    for (arguments, status) in [
        (&[][..], 421),
        (&["--trusted-proxy", "127.0.0.1"], 200),
        (&["--host", "video.example.org"], 200),
        (&NO_PROXY, 421),
    ] {
        let server = home_server(arguments).await;
        assert_eq!(get(&server, "/api/streams", fields).await.0, 200);
        assert_eq!(
            get(&server, "/api/ice", fields).await.0,
            status,
            "{arguments:?}"
        );
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn relay_credentials_are_linked_for_callers_that_may_have_them() {
    let server = home_server(&[
        "--ice-server",
        "turn:turn.example.org",
        "--ice-server",
        "stun:stun.example.org",
        "--turn-secret",
        "north-by-northwest",
    ])
    .await;
    for path in ["/whep/film", "/whip/cam"] {
        for (fields, permitted) in [
            ("Host: 127.0.0.1:8000\r\n".to_owned(), true),
            (format!("Host: 127.0.0.1:8000\r\nOrigin: {SITE}\r\n"), false),
            ("Host: evil.example\r\n".to_owned(), false),
        ] {
            let request = format!("OPTIONS {path} HTTP/1.1\r\n{fields}\r\n");
            let (status, answer) = exchange(&server, request).await;
            assert_eq!(status, 204, "{answer}");
            assert!(answer.contains("<stun:stun.example.org>"), "{answer}");
            let has_credential = answer.contains("credential=");
            assert_eq!(has_credential, permitted, "{path} {fields}: {answer}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_one_host_is_refused() {
    let server = home_server(&[]).await;
    for (request, status) in [
        ("GET /api/health HTTP/1.1\r\n\r\n", 400),
        (
            "GET /api/health HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            400,
        ),
        (
            "GET /api/health HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
            400,
        ),
        ("GET /api/health HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ("GET http://a/api/health HTTP/1.1\r\n\r\n", 400),
        ("GET http://a/api/health HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        ("GET /api/health HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        ("GET /api/health HTTP/1.0\r\n\r\n", 200),
    ] {
        assert_eq!(exchange(&server, request).await.0, status, "{request}");
    }
    server.stop().await;
}
