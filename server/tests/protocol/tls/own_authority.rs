//! `--tls self`.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use sha2::{Digest, Sha256};
use testkit::process::program;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use super::client::SecureServer;

#[tokio::test]
async fn who_trusts_the_authority_gets_http_2_and_http_1_1() {
    let server = SecureServer::start().await;
    let curl = server.curl().await;
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("https://{host}:{}/api/health", server.port());
        for (flag, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
            let printed = curl
                .prints(&[flag, "-w", "\n%{http_version} %{response_code}", &url])
                .await;
            let (body, result) = printed.rsplit_once('\n').unwrap();
            assert_eq!(result, format!("{version} 200"), "{host}");
            assert!(body.contains("\"viewers\""), "{body}");
        }
    }
    let url = format!("https://localhost:{}/api/health", server.port());
    let untrusting = tokio::task::spawn_blocking(move || {
        Command::new("curl").args(["-sS", &url]).output().unwrap()
    });
    let output = untrusting.await.unwrap();
    assert_eq!(
        output.status.code(),
        Some(60),
        "a certificate that is not trusted"
    );
}

#[tokio::test]
async fn the_host_that_http_2_names_is_that_of_the_ice_servers() {
    let server = SecureServer::start().await;
    let curl = server.curl().await;
    let url = format!("https://127.0.0.1:{}/api/ice", server.port());
    let printed = curl.prints(&["--http2", &url]).await;
    assert!(printed.contains("stun:127.0.0.1:"), "{printed}");
}

#[tokio::test]
async fn an_event_stream_comes_over_http_2_and_ends_with_the_server() {
    let server = SecureServer::start().await;
    let curl = server.curl().await;
    let url = format!("https://localhost:{}/api/events", server.port());
    let mut command = curl.command(&["--http2", "-N", &url]);
    let mut events = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stream = events.stdout.take().unwrap();
    let first = tokio::task::spawn_blocking(move || {
        let mut first = [0; 6];
        stream.read_exact(&mut first).map(|()| stream)
    });
    let mut stream = first.await.unwrap().unwrap();
    let took = server.server.stop().await;
    assert!(took < Duration::from_secs(9), "{took:?}");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("data:"), "{rest}");
    assert_eq!(events.wait().unwrap().code(), Some(0));
}

/// A text that the plain relay carries.
const OFFER: &str = r#"{"type":"offer","sdp":"v=0"}"#;

#[tokio::test]
async fn a_websocket_opens_over_https() {
    let server = SecureServer::start().await;
    let url = format!("wss://localhost:{}/ws?room=plain", server.port());
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let stream = server.connect("localhost", b"http/1.1").await;
        let (socket, answer) = client_async(&url, stream).await.unwrap();
        assert_eq!(answer.status(), 101);
        sockets.push(socket);
    }
    let mut second = sockets.pop().unwrap();
    let mut first = sockets.pop().unwrap();
    first.send(Message::text(OFFER)).await.unwrap();
    second.send(Message::text(OFFER)).await.unwrap();
    for socket in [&mut first, &mut second] {
        let heard = socket.next().await.unwrap().unwrap();
        assert_eq!(heard.into_text().unwrap(), OFFER);
    }
}

/// A client is told so, since browsers open WebSockets by HTTP/1.1 where a server does not offer RFC 8441.
#[tokio::test]
async fn a_websocket_by_http_2_is_refused_with_a_sentence() {
    let server = SecureServer::start().await;
    let curl = server.curl().await;
    let url = format!("https://localhost:{}/ws", server.port());
    let printed = curl
        .prints(&["--http2", "-w", "\n%{response_code}", &url])
        .await;
    assert!(printed.contains("\"error\""), "{printed}");
    assert!(
        printed.ends_with("\n426") || printed.ends_with("\n400"),
        "{printed}"
    );
}

#[tokio::test]
async fn whip_and_whep_answer_over_http_2() {
    let server = SecureServer::start().await;
    let curl = server.curl().await;
    let at = |path: &str| format!("https://localhost:{}{path}", server.port());
    let post = [
        "--http2",
        "-w",
        "\n%{response_code}",
        "-H",
        "Content-Type: application/sdp",
        "--data-binary",
        "v=0",
    ];
    for (path, status) in [("/whip/cam", "401"), ("/whep/test", "406")] {
        let printed = curl.prints(&[&post[..], &[&at(path)]].concat()).await;
        assert!(printed.ends_with(status), "{path}: {printed}");
        assert!(printed.contains("\"code\""), "{path}: {printed}");
    }
}

#[tokio::test]
async fn the_authority_stays_when_the_server_starts_again() {
    let server = SecureServer::start().await;
    let first = server.authority().await;
    for file in std::fs::read_dir(server.state.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.path());
    }
    let SecureServer { server, state } = server;
    server.stop().await;
    let again = SecureServer::with_state(state).await;
    assert_eq!(again.authority().await, first);
    super::client::connect(again.port(), "localhost", b"h2", &first)
        .await
        .expect("what trusted the authority before trusts it now");
}

#[tokio::test]
async fn the_page_for_phones_has_the_fingerprint_and_the_address_of_https() {
    let server = SecureServer::start().await;
    let answer = server.server.get("/trust").await;
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    let page = answer.text().await.unwrap();
    let digest = Sha256::digest(server.authority().await);
    let octets: Vec<String> = digest.iter().map(|octet| format!("{octet:02X}")).collect();
    assert!(page.contains(&octets.join(":")), "{page}");
    let url = format!("https://127.0.0.1:{}/", server.port());
    assert!(page.contains(&url), "{page}");
    let without = testkit::TestServer::with(&["test:"]).await;
    for path in ["/trust", "/trust/weir-authority.crt"] {
        assert_eq!(without.get(path).await.status(), 404);
    }
}

#[test]
fn the_terminal_says_how_to_trust_it() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().to_str().unwrap();
    let mut server = Command::new(program("server"))
        .args([
            "--listen",
            "127.0.0.1:0",
            "--udp-port",
            "0",
            "--turn",
            "off",
            "test:",
        ])
        .args([
            "--tls",
            "self",
            "--tls-listen",
            "127.0.0.1:0",
            "--state",
            folder,
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let lines = lines.map(Result::unwrap);
    let printed: Vec<String> = lines.take_while(|line| !line.contains("Ctrl-C")).collect();
    server.kill().unwrap();
    server.wait().unwrap();
    let printed = printed.join("\n");
    assert!(printed.contains("  https://127.0.0.1:"), "{printed}");
    assert!(printed.contains("/trust\n"), "{printed}");
    let fingerprint = printed.lines().find(|line| line.matches(':').count() == 31);
    assert!(fingerprint.is_some(), "{printed}");
}
