//! A proxy that passes connections on without reading them, and names their clients before them.

use testkit::TestServer;
use tokio::io::AsyncWriteExt;

use super::super::{WEBSOCKET, answer, connect, until_closed};
use super::{PROXY_IS_TRUSTED, Proxy};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_behind_the_streams_of_nginx_has_the_connections_of_one_address() {
    let limit = ["--max-connections-per-address", "3", "test:"];
    let server = TestServer::with(&[&PROXY_IS_TRUSTED[..], &limit].concat()).await;
    let upstream = server.url.trim_start_matches("http://");
    let proxy = Proxy::nginx(|address| {
        format!(
            "stream {{ server {{ listen {address}; proxy_pass {upstream}; proxy_protocol on; }} }}"
        )
    });
    let Some(proxy) = proxy.await else {
        return;
    };
    // What the client itself says counts for nothing.
    let handshake = |claimed: u8| {
        format!(
            "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: 203.0.113.{claimed}\r\n{WEBSOCKET}\r\n"
        )
    };
    let (greedy, other) = ("127.0.0.2", "127.0.0.3");
    let mut open = Vec::new();
    for (from, claimed, status) in [
        (greedy, 1, 101),
        (greedy, 2, 101),
        (greedy, 3, 101),
        (greedy, 4, 429),
        (other, 5, 101),
    ] {
        let mut stream = connect(&proxy.url, from).await;
        stream
            .write_all(handshake(claimed).as_bytes())
            .await
            .unwrap();
        let (answered, text) = answer(&mut stream).await;
        assert_eq!(answered, status, "{from}: {text}");
        open.push(stream);
    }
    // Nor does a header of its own, after that of the proxy.
    let mut stream = connect(&proxy.url, other).await;
    let forged = format!("PROXY TCP4 203.0.113.6 192.0.2.9 1 2\r\n{}", handshake(7));
    stream.write_all(forged.as_bytes()).await.unwrap();
    let came = until_closed(&mut stream, testkit::PATIENCE).await;
    let came = String::from_utf8_lossy(&came);
    assert!(!came.contains("HTTP/1.1 101"), "{came}");
    server.stop().await;
}
