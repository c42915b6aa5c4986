//! What the API costs and tells: lists are written once a change, and counters are for the owner.

use testkit::{PATIENCE, TestServer, TestViewer, eventually};

use super::{exchange, get};

fn header<'a>(answer: &'a reqwest::Response, name: &str) -> &'a str {
    let value = answer.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_sent_again_only_when_it_has_changed() {
    let film = format!("film={}", testkit::CLIP);
    // Long enough to be compressed.
    let names: Vec<String> = (0..20)
        .map(|number| format!("pattern {number}=test:"))
        .collect();
    let names: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .chain([&film[..]])
        .collect();
    let server = TestServer::with(&names).await;
    eventually("every stream is probed", PATIENCE, || async {
        let list = server.get("/api/streams").await.text().await.unwrap();
        !list.contains("probing")
    })
    .await;
    let ask = |coding: &'static str, known: String| {
        let request = server.http.get(server.url("/api/streams"));
        let request = request.header("accept-encoding", coding);
        request.header("if-none-match", known).send()
    };
    let mut etags = Vec::new();
    for coding in ["identity", "gzip"] {
        let whole = ask(coding, "\"\"".into()).await.unwrap();
        assert_eq!(whole.status(), 200);
        assert_eq!(header(&whole, "cache-control"), "no-cache");
        assert_eq!(
            header(&whole, "content-encoding") == "gzip",
            coding == "gzip"
        );
        let etag = header(&whole, "etag").to_owned();
        let same = ask(coding, etag.clone()).await.unwrap();
        assert_eq!(same.status(), 304, "{coding} {etag}");
        assert_eq!(header(&same, "etag"), etag);
        assert!(same.bytes().await.unwrap().is_empty());
        etags.push(etag);
    }
    assert_ne!(etags[0], etags[1], "each form has its own");
    let viewer = TestViewer::watch(&server, "film").await;
    viewer.packets_of("H264", 5).await;
    eventually("the list tells of the viewer", PATIENCE, || async {
        let changed = ask("identity", etags[0].clone()).await.unwrap();
        changed.status() == 200 && changed.text().await.unwrap().contains("\"viewers\":1")
    })
    .await;
    viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counters_are_for_who_has_the_token_or_reaches_their_address() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let token = "north-by-northwest";
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let argument = format!("@{}", file.display());
    let host = "Host: 127.0.0.1\r\n";
    let without = TestServer::with(&["test:"]).await;
    let (status, text) = get(&without, "/metrics", host).await;
    assert_eq!(status, 404);
    assert!(text.contains("--metrics-token"), "{text}");
    without.stop().await;

    let server = TestServer::with(&["--metrics-token", &argument, "test:"]).await;
    for (given, status) in [
        ("", 401),
        ("Authorization: Bearer north-by-northeast\r\n", 401),
        ("Authorization: Bearer north\r\n", 401),
        ("Authorization: Basic north-by-northwest\r\n", 401),
        ("Authorization: Bearer north-by-northwest\r\n", 200),
    ] {
        let (answered, text) = get(&server, "/metrics", &format!("{host}{given}")).await;
        assert_eq!(answered, status, "{given}");
        assert_eq!(text.contains("weir_viewers"), status == 200);
        assert!(!text.contains(token), "{text}");
    }
    // At their own address; there is nothing else, and no page that has a name lead there reads them.
    let counters = server.url("/metrics");
    let (at, _) = counters.rsplit_once('/').unwrap();
    let ask = |path: &str, host: &'static str| {
        let request = server.http.get(format!("{at}{path}"));
        request.header("host", host).send()
    };
    assert_eq!(
        ask("/metrics", "127.0.0.1:9100").await.unwrap().status(),
        200
    );
    let unknown = ask("/metrics", "evil.example:9100").await.unwrap();
    assert_eq!(unknown.status(), 421);
    let sentence = unknown.text().await.unwrap();
    assert!(
        sentence.contains("counters") && sentence.contains("--host evil.example"),
        "{sentence}"
    );
    assert!(!sentence.contains("rooms"), "{sentence}");
    assert_eq!(
        ask("/api/streams", "127.0.0.1:9100")
            .await
            .unwrap()
            .status(),
        404
    );
    let answer = ask("/metrics", "127.0.0.1:9100").await.unwrap();
    assert_eq!(header(&answer, "access-control-allow-origin"), "");
    let head = exchange(
        &server,
        format!("GET /metrics HTTP/1.1\r\n{host}Origin: https://a.example\r\n\r\n"),
    );
    assert_eq!(head.await.0, 401);
    server.stop().await;
}
