//! Proxies that pass connections on without reading them, and name their clients before them.

use testkit::TestServer;
use tokio::io::AsyncWriteExt;

use super::super::{WEBSOCKET, answer, connect, until_closed};
use super::{PROXY_IS_TRUSTED, Proxy};

async fn serve(more: &[&str]) -> TestServer {
    let limit = ["--max-connections-per-address", "3", "test:"];
    TestServer::with(&[&PROXY_IS_TRUSTED[..], &limit, more].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_behind_the_streams_of_nginx_has_the_connections_of_one_address() {
    let server = serve(&[]).await;
    let upstream = server.url.trim_start_matches("http://");
    let proxy = Proxy::nginx(|address| {
        format!(
            "stream {{ server {{ listen {address}; proxy_pass {upstream}; proxy_protocol on; }} }}"
        )
    });
    if let Some(proxy) = proxy.await {
        has_the_connections_of_one_address(&proxy, Some(429)).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_behind_haproxy_has_the_connections_of_one_address() {
    let server = serve(&[]).await;
    let upstream = server.url.trim_start_matches("http://");
    if let Some(proxy) = Proxy::haproxy(upstream).await {
        has_the_connections_of_one_address(&proxy, Some(429)).await;
    }
    server.stop().await;
}

/// The header comes before the TLS handshake, in which HAProxy is the client.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_behind_haproxy_has_the_connections_of_one_address_over_tls_too() {
    let state = tempfile::tempdir().unwrap();
    let state = state.path().to_str().unwrap();
    let server = serve(&["--tls", "self", "--state", state]).await;
    let upstream = server.https.expect("--tls").to_string();
    if let Some(proxy) = Proxy::haproxy(&format!("{upstream} ssl verify none alpn http/1.1")).await
    {
        has_the_connections_of_one_address(&proxy, None).await;
    }
    server.stop().await;
}

/// With a limit of three. `refusal`: how the fourth is answered; before a TLS handshake it is not.
async fn has_the_connections_of_one_address(proxy: &Proxy, refusal: Option<u16>) {
    // What the client itself says counts for nothing.
    let handshake = |claimed: u8| {
        format!(
            "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: 203.0.113.{claimed}\r\n{WEBSOCKET}\r\n"
        )
    };
    let (greedy, other) = ("127.0.0.2", "127.0.0.3");
    let mut open = Vec::new();
    for (from, claimed) in [(greedy, 1), (greedy, 2), (greedy, 3), (other, 4)] {
        let mut stream = connect(&proxy.url, from).await;
        let sent = stream.write_all(handshake(claimed).as_bytes()).await;
        sent.unwrap();
        let (status, text) = answer(&mut stream).await;
        assert_eq!(status, 101, "{from}: {text}");
        open.push(stream);
    }
    // Nor does a header of its own, after that of the proxy.
    let forged = format!("PROXY TCP4 203.0.113.6 192.0.2.9 1 2\r\n{}", handshake(6));
    for (from, request, answer) in [(greedy, handshake(5), refusal), (other, forged, Some(400))] {
        let mut stream = connect(&proxy.url, from).await;
        // It may be refused before it has asked.
        let _ = stream.write_all(request.as_bytes()).await;
        let came = until_closed(&mut stream, testkit::PATIENCE).await;
        let came = String::from_utf8_lossy(&came);
        let status = came.split(' ').nth(1).and_then(|word| word.parse().ok());
        assert_eq!(status, answer, "{from}: {came}");
    }
}
