//! What browsers are told not to do with answers.

use testkit::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn no_type_is_guessed_and_no_address_told() {
    let server = TestServer::with(&["test:"]).await;
    for path in [
        "/",
        "/embed.html",
        "/api/streams",
        "/api/ice",
        "/metrics",
        "/nowhere",
    ] {
        let answer = server.get(path).await;
        assert_eq!(
            answer.headers()["x-content-type-options"],
            "nosniff",
            "{path}"
        );
        assert_eq!(answer.headers()["referrer-policy"], "no-referrer", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_may_frame_the_player_and_not_the_rooms() {
    let server = TestServer::with(&["test:"]).await;
    for (path, is_framed) in [
        ("/", false),
        ("/index.html", false),
        ("/?server=http://localhost", false),
        ("/?notembed=1", false),
        ("/?embed=0&embed=1", false),
        ("/?embed=&embed=1", false),
        ("/?stream=test&embed=1", true),
    ] {
        let answer = server.get(path).await;
        let policy = answer.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        let forbids = policy.contains("frame-ancestors 'self'");
        assert_eq!(forbids, !is_framed, "{path}: {policy}");
    }
}
