//! A slash at the end of a path, and repeated ones: served as without, and never redirected.

use testkit::{TestServer, TestViewer, Wants};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bad_input::get_by_hand;

#[tokio::test(flavor = "multi_thread")]
async fn a_slash_too_many_changes_no_route() {
    let server = TestServer::start().await;
    for path in [
        "/whep/film/",
        "//whep/film",
        "/whep//film//",
        "/offer/?stream=film",
        "//offer//",
    ] {
        let (mut viewer, offer) = TestViewer::offer(Wants::default()).await;
        let response = server.post(path, "application/sdp", offer).await;
        assert!(response.status().is_success(), "{path}: {response:?}");
        let session = response.headers().get("location").cloned();
        viewer.accept(response.text().await.unwrap()).await;
        viewer.packets_of("H264", 5).await;
        if let Some(session) = session {
            let session = format!("/{}/", session.to_str().unwrap());
            assert_eq!(server.get(&session).await.status(), 200, "{session}");
            assert_eq!(server.delete(&session).await.status(), 200, "{session}");
        }
        viewer.leave().await;
    }
    for path in [
        "/api/streams/",
        "//api//streams//",
        "/api/streams/film/",
        "/api/streams/film//poster.jpg/",
        "/api/health/",
        "/api/ice/",
        "/metrics/",
        "//",
    ] {
        assert_eq!(server.get(path).await.status(), 200, "{path}");
    }
    for path in ["/ws/", "//ws", "//ws//"] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        let mut stream = TcpStream::connect(server.url.trim_start_matches("http://"))
            .await
            .unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 101", "{path}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_is_redirected() {
    let dist = tempfile::tempdir().unwrap();
    std::fs::write(dist.path().join("index.html"), "<title>Weir</title>").unwrap();
    for folder in ["snippets", "evil.example"] {
        std::fs::create_dir(dist.path().join(folder)).unwrap();
        std::fs::write(dist.path().join(folder).join("index.html"), "inner").unwrap();
    }
    let server = TestServer::with(&["--dist", dist.path().to_str().unwrap(), "test:"]).await;
    for path in [
        "//evil.example",
        "//evil.example/",
        "///evil.example//",
        "/%2Fevil.example",
        "/%2F%2Fevil.example/",
        "/\\evil.example/",
        "//evil.example/%2e%2e",
        "//evil.example/..",
        "/./evil.example",
        "/snippets",
        "/snippets/",
        "//snippets/../..//",
        "/whep/test%2F",
        "/whep/%2Ftest/",
        "/api/streams/test%2F/",
    ] {
        let answer = get_by_hand(&server, path).await;
        let head = answer.split("\r\n\r\n").next().unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 4"), "{path}: {head}");
        assert!(!head.contains("\r\nlocation:"), "{path}: {head}");
    }
    let page = server.get("//?room=makes").await;
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("Weir"));
    server.stop().await;
}
