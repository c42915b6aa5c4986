//! `GET /api/ice`: the STUN and TURN addresses that clients are given.

use shared::api::IceConfig;

use super::{TestServer, ice};

async fn advertised_host(server: &TestServer, header: (&str, &str)) -> String {
    let (name, value) = header;
    let request = server.http.get(server.url("/api/ice")).header(name, value);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let config: IceConfig = answer.json().await.unwrap();
    let url = config.ice_servers[0].urls[0].clone();
    let port = server.turn.as_ref().unwrap().port();
    let place = url.strip_prefix("stun:").unwrap();
    place
        .strip_suffix(&format!(":{port}"))
        .unwrap_or(place)
        .to_owned()
}

#[tokio::test]
async fn ice_urls_have_the_host_that_the_client_used() {
    let server = TestServer::with(&["--host", "video.example.org", "test:"]).await;
    for (header, host) in [
        (("host", "video.example.org:8000"), "video.example.org"),
        (("host", "[2001:db8::1]:8000"), "[2001:db8::1]"),
        (
            ("x-forwarded-host", "video.example.org, inner.example"),
            "video.example.org",
        ),
        // A Host header that is not a host is not repeated; the connection's own address is used.
        (("x-forwarded-host", "a b\"><"), "127.0.0.1"),
    ] {
        assert_eq!(advertised_host(&server, header).await, host, "{header:?}");
    }
}

#[tokio::test]
async fn every_answer_has_a_new_credential_with_its_expiry() {
    let server = TestServer::with(&["test:"]).await;
    let [one, two] = [ice(&server).await, ice(&server).await];
    assert_eq!(one.ttl, Some(12 * 3600));
    let [one, two] = [one, two].map(|config| config.ice_servers[1].clone());
    assert_eq!(one.urls.len(), 2);
    assert_ne!(one.username, two.username);
    assert_ne!(one.credential, two.credential);
}

#[tokio::test]
async fn coturn_works_by_settings_alone() {
    let turn = "turn:turn.example.org:3478?transport=udp";
    let secret = "north-by-northwest";
    let arguments = ["test:", "--turn", "off", "--ice-server", turn];
    let server = TestServer::with(&[&arguments[..], &["--turn-secret", secret]].concat()).await;
    let config = ice(&server).await;
    assert_eq!(config.ice_servers.len(), 1);
    assert_eq!(config.ice_servers[0].urls, [turn]);
    assert!(config.ice_servers[0].credential.is_some() && config.ttl.is_some());
}
