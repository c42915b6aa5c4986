//! Invalid requests get a clear error, and other viewers keep playing.

use std::time::Duration;

use reqwest::Method;
use testkit::{PATIENCE, TestServer, TestViewer, Wants, eventually, sentence};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A server with a viewer that must not be disturbed.
async fn watched() -> (TestServer, TestViewer) {
    let server = TestServer::start().await;
    let viewer = TestViewer::watch(&server, "film").await;
    viewer.packets_of("H264", 20).await;
    (server, viewer)
}

async fn still_plays(viewer: &TestViewer) {
    let before = viewer.packets();
    eventually("the others play on", PATIENCE, || async {
        viewer.packets() > before + 50
    })
    .await;
    assert_eq!(viewer.received("H264").gaps, 0);
}

/// Posts to /offer and /whep; both responses have to be the same.
async fn refused(server: &TestServer, content_type: &str, body: &str, status: u16, says: &str) {
    for path in ["/offer?stream=film", "/whep/film"] {
        let response = server.post(path, content_type, body.to_owned()).await;
        assert_eq!(response.status(), status, "{path}");
        let sentence = sentence(response).await;
        assert!(sentence.contains(says), "{path}: {sentence}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_offer_are_refused() {
    let (server, viewer) = watched().await;
    let sdp = "application/sdp";
    refused(
        &server,
        "application/json",
        "{\"sdp\":\"v=0\"}",
        415,
        "application/sdp",
    )
    .await;
    refused(&server, sdp, "", 400, "empty").await;
    refused(&server, sdp, "hello", 400, "not SDP").await;
    refused(&server, sdp, "v=0\r\n\u{1}\u{2}\u{3}", 400, "not SDP").await;
    refused(&server, sdp, &"v=0\r\n".repeat(200_000), 413, "larger").await;
    refused(
        &server,
        sdp,
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
        406,
        "video",
    )
    .await;
    let binary = server.post("/offer", sdp, vec![0xFF, 0xFE, 0x00]).await;
    assert_eq!(binary.status(), 400);
    still_plays(&viewer).await;
    server.stop().await;
}

/// A client that sends its whole body before it reads: the connection may not break before the answer.
#[tokio::test(flavor = "multi_thread")]
async fn the_refusal_of_a_body_that_nobody_reads_reaches_its_sender() {
    let server = TestServer::with(&["test:"]).await;
    let requests = [
        ("POST /offer", "application/sdp", 413),
        ("POST /offer", "text/plain", 415),
        ("POST /whep/nothing", "application/sdp", 404),
        ("POST /api/streams", "application/sdp", 405),
        ("POST /nowhere", "application/sdp", 404),
        ("PATCH /session/0", "application/trickle-ice-sdpfrag", 404),
    ];
    for (request, content_type, status) in requests {
        for sized in [true, false] {
            let answer = post_at_length(&server, request, content_type, sized).await;
            let expected = format!("HTTP/1.1 {status} ");
            assert!(
                answer.starts_with(&expected),
                "{request}, {content_type}: {answer}"
            );
        }
    }
    server.stop().await;
}

/// Writes a body of 3 MB to the socket directly, with a Content-Length or in chunks, and then reads all that comes back.
async fn post_at_length(
    server: &TestServer,
    request: &str,
    content_type: &str,
    sized: bool,
) -> String {
    const CHUNK: usize = 60_000;
    const CHUNKS: usize = 50;
    let framing = match sized {
        true => format!("Content-Length: {}", CHUNK * CHUNKS),
        false => "Transfer-Encoding: chunked".to_owned(),
    };
    let head = format!(
        "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {content_type}\r\n{framing}\r\n\r\n"
    );
    let chunk = "v=0\r\n".repeat(CHUNK / 5);
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://"))
        .await
        .unwrap();
    let answer = async {
        stream.write_all(head.as_bytes()).await?;
        for _ in 0..CHUNKS {
            let framed = match sized {
                true => chunk.clone(),
                false => format!("{CHUNK:x}\r\n{chunk}\r\n"),
            };
            stream.write_all(framed.as_bytes()).await?;
        }
        if !sized {
            stream.write_all(b"0\r\n\r\n").await?;
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = answer.await;
    let answer = answer.unwrap_or_else(|error| panic!("{request}, {content_type}: {error}"));
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_that_do_not_fit_are_refused() {
    let (server, viewer) = watched().await;
    let (sender, offer) = TestViewer::offer(Wants::default()).await;
    let sending = offer.replace("a=recvonly", "a=sendonly");
    refused(&server, "application/sdp", &sending, 422, "recvonly").await;
    let (other, offer) = TestViewer::offer(Wants {
        audio: false,
        vp8: false,
        h264: false,
        ..Wants::default()
    })
    .await;
    refused(&server, "application/sdp", &offer, 406, "H264").await;
    // An SDP that was shortened by hand.
    let (third, offer) = TestViewer::offer(Wants::default()).await;
    let without = |name: &str| {
        offer
            .lines()
            .filter(|line| !line.contains(name))
            .collect::<Vec<_>>()
            .join("\r\n")
    };
    refused(
        &server,
        "application/sdp",
        &without("ice-pwd"),
        422,
        "ICE credentials",
    )
    .await;
    refused(
        &server,
        "application/sdp",
        &without("fingerprint"),
        422,
        "fingerprint",
    )
    .await;
    refused(&server, "application/sdp", &without("a=mid"), 422, "a=mid").await;
    refused(
        &server,
        "application/sdp",
        &offer.replace("a=fingerprint:sha-256 ", "a=fingerprint:"),
        422,
        "offer",
    )
    .await;
    assert_eq!(
        (server.registry.viewers(), server.viewers.sessions()),
        (1, 1),
        "refused offers leave nothing behind"
    );
    still_plays(&viewer).await;
    for viewer in [sender, other, third] {
        viewer.leave().await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_do_not_exist_are_not_found() {
    let (server, viewer) = watched().await;
    let names = [
        "nothing",
        "..%2F..%2Fetc%2Fpasswd",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "%00",
        "%F0%9F%8E%AC",
        "a%20b%3Fc",
    ];
    for name in names {
        for path in [format!("/whep/{name}"), format!("/offer?stream={name}")] {
            let response = server.post(&path, "application/sdp", "v=0\r\n").await;
            assert_eq!(response.status(), 404, "{path}");
            assert!(
                sentence(response).await.contains("no stream called"),
                "{path}"
            );
        }
        let response = server.get(&format!("/api/streams/{name}")).await;
        assert_eq!(response.status(), 404, "{name}");
    }
    let broken = server.post("/whep/%FF", "application/sdp", "v=0\r\n").await;
    assert_eq!(broken.status(), 400);
    assert!(sentence(broken).await.contains("UTF-8"));
    still_plays(&viewer).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_do_not_leave_the_folder_of_the_page() {
    let dist = tempfile::tempdir().unwrap();
    std::fs::write(dist.path().join("index.html"), "<title>Weir</title>").unwrap();
    std::fs::write(dist.path().join("client-0123456789abcdef_bg.wasm"), "wasm").unwrap();
    let server = TestServer::with(&["--dist", dist.path().to_str().unwrap(), "test:"]).await;
    let page = server.get("/").await;
    assert_eq!(page.headers()["cache-control"], "no-cache");
    assert!(page.text().await.unwrap().contains("Weir"));
    let wasm = server.get("/client-0123456789abcdef_bg.wasm").await;
    assert_eq!(wasm.headers()["content-type"], "application/wasm");
    assert!(
        wasm.headers()["cache-control"]
            .to_str()
            .unwrap()
            .contains("immutable")
    );
    for path in [
        "/../Cargo.toml",
        "/..%2fCargo.toml",
        "/%2e%2e/Cargo.toml",
        "//etc/passwd",
        "/..%5c..%5cCargo.toml",
    ] {
        let answer = get_by_hand(&server, path).await;
        assert!(
            answer.starts_with("HTTP/1.1 404") || answer.starts_with("HTTP/1.1 400"),
            "{path}: {answer}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_others_and_finished_ones_are_not_found() {
    let (server, viewer) = watched().await;
    let finished = TestViewer::watch(&server, "film").await;
    assert_eq!(server.delete(&finished.session).await.status(), 200);
    for session in [
        finished.session.clone(),
        server.url(&format!("/session/{}", "0".repeat(32))),
        server.url("/session/%FF"),
    ] {
        let deleted = server.delete(&session).await;
        assert_eq!(deleted.status(), 404);
        let patch = server
            .http
            .patch(&session)
            .header("content-type", "application/trickle-ice-sdpfrag");
        let patched = patch
            .header("if-match", "*")
            .body("a=ice-ufrag:abcd\r\n")
            .send()
            .await
            .unwrap();
        assert_eq!(patched.status(), 404);
        assert!(sentence(patched).await.contains("no such session"));
    }
    still_plays(&viewer).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_routes_get_404_and_methods_405() {
    let server = TestServer::with(&["test:"]).await;
    let nowhere = server.get("/nowhere").await;
    assert_eq!(nowhere.status(), 404);
    assert!(sentence(nowhere).await.contains("/whep/STREAM"));
    let put = server.request(Method::PUT, "/offer").await;
    assert_eq!(
        (
            put.status().as_u16(),
            put.headers()["allow"].to_str().unwrap()
        ),
        (405, "POST")
    );
    assert_eq!(server.request(Method::POST, "/nowhere").await.status(), 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_played_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let clip = std::fs::read(testkit::CLIP).unwrap();
    write("text.mp4", b"this is a letter, not a film\n");
    write(
        "corrupt.mp4",
        &[b"\0\0\0\x20ftypisom".as_slice(), &[0xA5; 5000]].concat(),
    );
    write("empty.mp4", b"");
    write("film.mp4", &clip);
    let server = TestServer::with(&[folder.path().to_str().unwrap()]).await;
    let viewer = TestViewer::watch(&server, "film").await;
    viewer.packets_of("H264", 20).await;
    let (other, offer) = TestViewer::offer(Wants::default()).await;
    for name in ["text", "corrupt", "empty"] {
        let response = server
            .post(&format!("/whep/{name}"), "application/sdp", offer.clone())
            .await;
        assert_eq!(response.status(), 409, "{name}");
        assert!(response.headers().contains_key("retry-after"), "{name}");
        assert!(sentence(response).await.len() > 20, "{name}");
        let info: shared::api::StreamInfo = server
            .get(&format!("/api/streams/{name}"))
            .await
            .json()
            .await
            .unwrap();
        assert!(
            matches!(info.state, shared::api::StreamState::Failed { .. }),
            "{name}: {:?}",
            info.state
        );
    }
    still_plays(&viewer).await;
    other.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_without_media_is_an_empty_server() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "x").unwrap();
    let server = TestServer::with(&[folder.path().to_str().unwrap()]).await;
    let response = server.post("/offer", "application/sdp", "v=0\r\n").await;
    assert_eq!(response.status(), 409);
    assert!(sentence(response).await.contains("nothing to watch"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_half_open_connections_do_not_disturb_a_viewer() {
    let (server, viewer) = watched().await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let mut half_open = Vec::new();
    for index in 0..200 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let begun: &[u8] = match index % 3 {
            0 => b"",
            1 => b"POST /offer HTTP/1.1\r\nHost: x\r\nContent-",
            _ => b"POST /offer HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nContent-Length: 5000\r\n\r\nv=0",
        };
        stream.write_all(begun).await.unwrap();
        half_open.push(stream);
    }
    let newcomer = TestViewer::watch(&server, "film").await;
    newcomer.packets_of("H264", 20).await;
    still_plays(&viewer).await;
    // The slow requests are closed.
    let last = &mut half_open[197];
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(15), last.read_to_end(&mut answer))
        .await
        .expect("let go")
        .unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.1 408"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    assert!(String::from_utf8_lossy(&answer).contains(r#""code":"body_too_slow""#));
    server.stop().await;
}

/// GET of `path`, written to the socket directly: HTTP clients normalize such paths. Returns all that comes back.
pub(crate) async fn get_by_hand(server: &TestServer, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://"))
        .await
        .unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
