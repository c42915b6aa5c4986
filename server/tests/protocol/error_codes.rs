//! Every route says each of its errors as a sentence and a code.

use reqwest::{Method, RequestBuilder};
use shared::api::{ApiError, ErrorCode, StreamInfo, StreamState};
use testkit::film::sound;
use testkit::{TestServer, TestViewer, Wants};

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const BARE: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";

/// Sends a request, and expects this error, with a sentence of its own words.
async fn expect(what: &str, request: RequestBuilder, status: u16, code: ErrorCode) {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), status, "{what}");
    let body = response.text().await.unwrap();
    let error: ApiError =
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{what}: {error}: {body}"));
    assert_eq!(error.code, code, "{what}: {body}");
    assert!(
        error.error.len() > 20 && error.error.ends_with('.'),
        "{what}: {body}"
    );
    for foreign in [
        "Invalid data",
        "os error",
        "serde",
        "expected",
        "at line",
        "Custom",
    ] {
        assert!(!error.error.contains(foreign), "{what}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_says_its_errors_as_codes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("text.mp4"),
        "This is a text, not a film.",
    )
    .unwrap();
    std::fs::write(folder.path().join("empty.mp4"), "").unwrap();
    let film = format!("film={}", testkit::CLIP);
    let tone = format!("tone={}", sound().display());
    let server = TestServer::with(&[
        "--cors-origin",
        "https://friend.example",
        &film,
        &tone,
        "pattern=test:",
        folder.path().to_str().unwrap(),
    ])
    .await;
    let request = |method: Method, path: &str| server.http.request(method, server.url(path));
    let post = |path: &str, kind: &str, body: String| {
        request(Method::POST, path)
            .header("content-type", kind)
            .body(body)
    };
    let (viewer, offer) = TestViewer::offer(Wants::default()).await;
    let without = |line: &str| -> String {
        let kept = offer.lines().filter(|kept| !kept.contains(line));
        kept.flat_map(|line| [line, "\r\n"]).collect()
    };

    use ErrorCode as C;
    let lite = offer.replacen("a=group", "a=ice-lite\r\na=group", 1);
    let sending = offer.replace("a=recvonly", "a=sendonly");
    let foreign = offer
        .replace("H264", "H999")
        .replace("VP8", "VP9999")
        .replace("opus", "flac");
    let bodies: [(&str, String, u16, C); 9] = [
        ("application/json", "{}".into(), 415, C::WrongContentType),
        (SDP, "v=0\r\n".repeat(13_200), 413, C::BodyTooLarge),
        (SDP, "hello".into(), 400, C::BadSdp),
        (SDP, without("ice-pwd"), 422, C::UnusableOffer),
        (SDP, without("fingerprint"), 422, C::UnusableOffer),
        (SDP, sending, 422, C::UnusableOffer),
        (SDP, lite, 422, C::IceLite),
        (SDP, BARE.into(), 406, C::NothingWanted),
        (SDP, foreign, 406, C::NoCommonCodec),
    ];
    for path in ["/offer?stream=film", "/whep/film"] {
        for (kind, body, status, code) in &bodies {
            let what = format!("POST {path}: {code:?}");
            expect(&what, post(path, kind, body.clone()), *status, *code).await;
        }
        let binary = request(Method::POST, path).header("content-type", SDP);
        let binary = binary.body(vec![0xFF, 0xFE]);
        expect(path, binary, 400, C::BadBody).await;
    }
    for (name, code) in [("text", C::NotMedia), ("empty", C::FileEmpty)] {
        let what = format!("POST /whep/{name}");
        expect(&what, post(&what[5..], SDP, offer.clone()), 409, code).await;
        let info = server.get(&format!("/api/streams/{name}")).await;
        let state = info.json::<StreamInfo>().await.unwrap().state;
        assert!(
            matches!(&state, StreamState::Failed { code: said, .. } if *said == code),
            "{state:?}"
        );
        let path = format!("/api/streams/{name}/poster.jpg");
        expect(&path, request(Method::GET, &path), 409, code).await;
    }
    for (method, path, status, code) in [
        (Method::POST, "/offer?stream=a&stream=b", 400, C::BadQuery),
        (Method::POST, "/offer?stream=none", 404, C::NoSuchStream),
        (Method::POST, "/whep/none", 404, C::NoSuchStream),
        (Method::OPTIONS, "/whep/none", 404, C::NoSuchStream),
        (Method::POST, "/whep/%FF", 400, C::BadPath),
        (Method::GET, "/api/streams/none", 404, C::NoSuchStream),
        (Method::GET, "/api/streams/%FF", 400, C::BadPath),
        (
            Method::GET,
            "/api/streams/none/poster.jpg",
            404,
            C::NoSuchStream,
        ),
        (Method::GET, "/api/streams/tone/poster.jpg", 404, C::NoVideo),
        (Method::GET, "/session/none", 404, C::NoSuchSession),
        (Method::PATCH, "/session/none", 404, C::NoSuchSession),
        (Method::DELETE, "/session/none", 404, C::NoSuchSession),
        (Method::GET, "/ws", 426, C::NotAWebsocket),
        (Method::GET, "/nowhere", 404, C::NoSuchRoute),
        (Method::POST, "/nowhere", 404, C::NoSuchRoute),
    ] {
        let what = format!("{method} {path}");
        let request = request(method, path).header("content-type", SDP).body(BARE);
        expect(&what, request, status, code).await;
    }
    for path in [
        "/offer",
        "/whep/film",
        "/session/none",
        "/api/streams",
        "/api/streams/film",
        "/api/streams/film/poster.jpg",
        "/api/ice",
        "/api/health",
        "/metrics",
        "/ws",
    ] {
        expect(path, request(Method::PUT, path), 405, C::MethodNotAllowed).await;
    }

    let created = post("/whep/film", SDP, offer.clone()).send().await.unwrap();
    assert_eq!(created.status(), 201);
    let session = created.headers()["location"].to_str().unwrap().to_owned();
    let patch = |kind: &str, body: &str| {
        let request = request(Method::PATCH, &session);
        request.header("content-type", kind).body(body.to_owned())
    };
    let restart = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n";
    expect("PATCH", patch(SDP, restart), 415, C::WrongContentType).await;
    expect("PATCH", patch(FRAGMENT, "hello"), 400, C::BadFragment).await;
    expect("PATCH", patch(FRAGMENT, restart), 428, C::IfMatchRequired).await;
    let stale = patch(FRAGMENT, restart).header("if-match", "\"stale\"");
    expect("PATCH", stale, 412, C::SessionChanged).await;

    let socket = |path: &str| {
        let request = request(Method::GET, path);
        let request = request
            .header("connection", "upgrade")
            .header("upgrade", "websocket");
        let request = request.header("sec-websocket-version", "13");
        request.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    let foreign = socket("/ws").header("origin", "https://stranger.example");
    expect("GET /ws", foreign, 403, C::ForeignOrigin).await;
    expect("GET /ws", socket("/ws?room=a&room=b"), 400, C::BadQuery).await;
    let long = format!("/ws?room={}", "x".repeat(65));
    expect("GET /ws", socket(&long), 400, C::BadName).await;
    viewer.leave().await;
    server.stop().await;
}
