//! Heads of requests that are too long.

use testkit::{PATIENCE, TestServer};
use tokio::io::AsyncWriteExt;

use super::{connect, until_closed};

async fn answer(server: &TestServer, length: usize) -> String {
    let mut stream = connect(&server.url, "127.0.0.1").await;
    let filling = "x".repeat(length);
    let head = format!(
        "GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Filling: {filling}\r\n\r\n"
    );
    // The server may close before it has read everything.
    let _ = stream.write_all(head.as_bytes()).await;
    String::from_utf8_lossy(&until_closed(&mut stream, PATIENCE).await).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_of_more_than_16_kilobytes_is_refused() {
    let server = TestServer::with(&["test:"]).await;
    let short = answer(&server, 12_000).await;
    assert!(short.starts_with("HTTP/1.1 200 OK"), "{short}");
    let long = answer(&server, 17_000).await;
    assert!(long.starts_with("HTTP/1.1 431 "), "{long}");
}
