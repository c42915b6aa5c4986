//! What browsers are told not to do with answers.

use std::fs;

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

const EMBED: &str = include_str!("../../../../../assets/embed.html");

/// A build with a page and the player for other sites.
fn build() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let page = "<!doctype html><script>first()</script><script type=module>second()</script><script src=x></script>";
    fs::write(folder.path().join("index.html"), page).expect("a page is written");
    fs::write(folder.path().join("embed.html"), EMBED).expect("a page is written");
    folder
}

fn header<'a>(answer: &'a reqwest::Response, name: &str) -> &'a str {
    let value = answer.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_may_frame_the_player_and_not_the_rooms() {
    let folder = build();
    let dist = folder.path().to_str().expect("a path in UTF-8");
    let server = TestServer::with(&["--dist", dist, "test:"]).await;
    for (path, is_framed) in [
        ("/", false),
        ("/index.html", false),
        ("/?server=http://localhost", false),
        ("/?notembed=1", false),
        ("/?embed=0&embed=1", false),
        ("/?embed=&embed=1", false),
        ("/?stream=test&embed=1", true),
        ("/embed.html", true),
    ] {
        let answer = server.get(path).await;
        let policy = header(&answer, "content-security-policy");
        let forbids = policy.contains("frame-ancestors 'self'");
        assert_eq!(forbids, !is_framed, "{path}: {policy}");
        let devices = header(&answer, "permissions-policy");
        let has_none = devices.contains("camera=(), microphone=(), display-capture=()");
        assert_eq!(has_none, is_framed, "{path}: {devices}");
    }
    let answer = server.get("/api/streams").await;
    assert!(header(&answer, "permissions-policy").contains("camera=()"));
}

/// Each page permits as many inline scripts as it has, and no other ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_runs_its_own_scripts_only() {
    let (folder, empty) = (build(), tempfile::tempdir().expect("a folder"));
    let [folder, empty] = [&folder, &empty].map(|one| one.path().to_str().expect("UTF-8"));
    let built = TestServer::with(&["--dist", folder, "test:"]).await;
    let plain = TestServer::with(&["--dist", empty, "test:"]).await;
    for (server, path) in [(&built, "/"), (&built, "/embed.html"), (&plain, "/")] {
        let answer = server.get(path).await;
        let policy = header(&answer, "content-security-policy").to_owned();
        let page = answer.text().await.expect("a page");
        let scripts = page.matches("<script").count() - page.matches("<script src=").count();
        assert!(scripts > 0, "{path}");
        assert_eq!(
            policy.matches("'sha256-").count(),
            scripts,
            "{path}: {policy}"
        );
        assert!(policy.starts_with("script-src 'self' 'wasm-unsafe-eval' "));
        for loose in [
            "unsafe-inline",
            "'unsafe-eval'",
            "*",
            "connect-src",
            "img-src",
            "default-src",
        ] {
            assert!(!policy.contains(loose), "{path}: {policy}");
        }
        // A policy belongs to the content that the browser has, also when that is not sent again.
        let Some(tag) = server.get(path).await.headers().get("etag").cloned() else {
            continue;
        };
        let request = reqwest::Client::new().get(server.url(path));
        let again = request.header("if-none-match", tag).send().await.unwrap();
        assert_eq!(again.status(), 304);
        assert_eq!(header(&again, "content-security-policy"), policy);
    }
}
