//! Clients behind a proxy, and strangers who speak as one.

use std::process::Command;

use testkit::{TestServer, eventually};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{NO_PROXY, WEBSOCKET, address, answer, exchange, get, metric, until_closed};

const HOST: &str = "Host: 127.0.0.1:8000\r\n";

/// The header of a client, by version of the PROXY protocol.
fn header(version: u8, client: [u8; 4]) -> Vec<u8> {
    let [a, b, c, d] = client;
    match version {
        1 => format!("PROXY TCP4 {a}.{b}.{c}.{d} 192.0.2.9 5000 443\r\n").into_bytes(),
        _ => {
            let signature = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c";
            [&signature[..], &client, &[192, 0, 2, 9, 19, 136, 1, 187]].concat()
        }
    }
}

/// A connection that a proxy opens for this client, with a request.
async fn proxied(server: &TestServer, header: &[u8], request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address(&server.url)).await.unwrap();
    let octets = [header, request.as_bytes()].concat();
    stream.write_all(&octets).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_behind_a_proxy_has_the_connections_of_one_address() {
    let server = TestServer::with(&["--max-connections-per-address", "3", "test:"]).await;
    let handshake = format!("GET /ws HTTP/1.1\r\n{HOST}{WEBSOCKET}\r\n");
    for version in [1, 2] {
        let (greedy, other) = ([192, 0, 2, version], [198, 51, 100, version]);
        let mut open = Vec::new();
        for (client, status) in [
            (greedy, 101),
            (greedy, 101),
            (greedy, 101),
            (greedy, 429),
            (other, 101),
        ] {
            let mut stream = proxied(&server, &header(version, client), &handshake).await;
            let (answered, text) = answer(&mut stream).await;
            assert_eq!(answered, status, "version {version}: {text}");
            open.push(stream);
        }
        drop(open);
        // The places are free again.
        eventually("one more is served", testkit::PATIENCE, || async {
            let mut stream = proxied(&server, &header(version, greedy), &handshake).await;
            answer(&mut stream).await.0 == 101
        })
        .await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_behind_a_proxy_has_the_sockets_and_the_pace_of_one_address() {
    let server = TestServer::with_limits(|limits| limits.sockets_per_address = 3).await;
    let handshake = |client: &str| format!("{HOST}X-Forwarded-For: {client}\r\n{WEBSOCKET}");
    let mut open = Vec::new();
    for (client, text) in [("192.0.2.1", 3), ("192.0.2.2", 3)] {
        for number in 0..5 {
            let request = format!("GET /ws HTTP/1.1\r\n{}\r\n", handshake(client));
            let mut stream = proxied(&server, &[], &request).await;
            let (status, begun) = answer(&mut stream).await;
            assert_eq!(status, 101);
            if number < text {
                open.push(stream);
            } else {
                // It is opened for the refusal alone.
                let came = until_closed(&mut stream, testkit::PATIENCE).await;
                let came = begun + &String::from_utf8_lossy(&came);
                assert!(came.contains("server_full"), "{came}");
            }
        }
    }
    // Each answer has a new credential. All requests at once, so that a slow machine does not stretch them.
    let ask = |client: &str, more: &str| {
        format!("GET /api/ice HTTP/1.1\r\n{HOST}X-Forwarded-For: {client}\r\n{more}\r\n")
    };
    let flood = ask("192.0.2.1", "").repeat(1_000) + &ask("192.0.2.1", "Connection: close\r\n");
    let mut stream = proxied(&server, &[], &flood).await;
    let came = until_closed(&mut stream, testkit::PATIENCE).await;
    let came = String::from_utf8_lossy(&came);
    let count = |text: &str| came.matches(text).count();
    let (issued, refused) = (count("HTTP/1.1 200"), count("HTTP/1.1 429"));
    assert_eq!(issued + refused, 1_001);
    assert!(issued >= 100 && refused > 0, "{issued} credentials");
    assert_eq!(count("retry-after: 1\r\n"), refused);
    let (status, _) = exchange(&server, ask("192.0.2.2", "")).await;
    assert_eq!(status, 200, "others are served");
    assert!(metric(&server, "weir_api_refused_total{limit=\"address\"}").await > 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_proxy_names_neither_a_client_nor_a_host() {
    let server = TestServer::with(
        &[
            &NO_PROXY[..],
            &["--max-connections-per-address", "3", "test:"],
        ]
        .concat(),
    )
    .await;
    for version in [1, 2] {
        let request = format!("GET /api/health HTTP/1.1\r\n{HOST}\r\n");
        let mut stream = proxied(&server, &header(version, [192, 0, 2, 1]), &request).await;
        let came = until_closed(&mut stream, testkit::PATIENCE).await;
        assert!(
            !came.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&came)
        );
    }
    let fields = format!("{HOST}X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\n");
    let (status, text) = get(&server, "/api/ice", &fields).await;
    assert_eq!(status, 200);
    assert!(
        text.contains("turn:127.0.0.1:") && !text.contains("evil"),
        "{text}"
    );
    let mut open = Vec::new();
    for (client, status) in [("1", 101), ("2", 101), ("3", 101), ("4", 429)] {
        let request = format!(
            "GET /ws HTTP/1.1\r\n{HOST}X-Forwarded-For: 192.0.2.{client}\r\n{WEBSOCKET}\r\n"
        );
        let mut stream = proxied(&server, &[], &request).await;
        assert_eq!(answer(&mut stream).await.0, status);
        open.push(stream);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_header_ends_the_connection_and_one_in_pieces_is_read() {
    let server = TestServer::with(&["test:"]).await;
    let request = format!("GET /api/health HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n");
    let mut unknown_version = header(2, [192, 0, 2, 1]);
    unknown_version[12] = 0x31;
    let too_long = [&header(2, [192, 0, 2, 1])[..14], &[0xff, 0xff]].concat();
    let no_address = b"PROXY TCP4 somewhere 192.0.2.9 1 2\r\n".to_vec();
    for damaged in [unknown_version, too_long, no_address] {
        let mut stream = proxied(&server, &damaged, &request).await;
        assert_eq!(until_closed(&mut stream, testkit::PATIENCE).await, b"");
    }
    for version in [1, 2] {
        let whole = [&header(version, [192, 0, 2, 1])[..], request.as_bytes()].concat();
        let mut stream = proxied(&server, &[], "").await;
        stream.set_nodelay(true).unwrap();
        for piece in whole.chunks(9) {
            stream.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        let came = until_closed(&mut stream, testkit::PATIENCE).await;
        assert!(
            came.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&came)
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_lead_to_where_a_proxy_was_asked() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    let server = TestServer::with(&["--tls", "self", "--state", state, "test:"]).await;
    let port = server.https.unwrap().port();
    for (fields, link) in [
        ("", format!("https://127.0.0.1:{port}/")),
        (
            "X-Forwarded-Host: video.example.org\r\n",
            format!("https://video.example.org:{port}/"),
        ),
        (
            "X-Forwarded-Host: video.example.org:8443\r\nX-Forwarded-Proto: https\r\n",
            "https://video.example.org:8443/".to_owned(),
        ),
        (
            "X-Forwarded-Host: \"><script>\r\nX-Forwarded-Proto: https\r\n",
            "https://127.0.0.1:8000/".to_owned(),
        ),
    ] {
        let (status, page) = get(&server, "/trust", &format!("{HOST}{fields}")).await;
        assert_eq!(status, 200);
        assert!(page.contains(&format!("href=\"{link}\"")), "{link}: {page}");
    }
    // The header comes before the handshake of TLS.
    let curl = tokio::task::spawn_blocking(move || {
        let url = format!("https://127.0.0.1:{port}/api/health");
        Command::new("curl")
            .args(["--silent", "--insecure", "--haproxy-protocol", &url])
            .output()
            .unwrap()
    });
    let answer = curl.await.unwrap().stdout;
    assert!(
        answer.starts_with(b"{"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    let plain = exchange(
        &server,
        [
            &header(1, [192, 0, 2, 1])[..],
            b"GET /api/health HTTP/1.1\r\nHost: a\r\n\r\n",
        ]
        .concat(),
    );
    assert_eq!(plain.await.0, 200);
    server.stop().await;
}
