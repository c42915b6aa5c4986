//! A cache that all visitors share, and errors of files whose names promise that they never change.

use std::fs;
use std::path::Path;

use reqwest::Response;
use testkit::{PATIENCE, TestServer, eventually};

use super::{Proxy, TEMPORARY, client};

const SCRIPT: &str = "client-0123456789abcdef.js";
const NEW_SCRIPT: &str = "client-fedcba9876543210.js";

/// A build: a page and its script.
fn write_page(dist: &Path, script: &str) {
    let page = format!("<!doctype html><script type=module src=./{script}></script>");
    fs::write(dist.join("index.html"), page).unwrap();
}

/// nginx, which keeps what the server permits, and says where an answer comes from.
async fn cache(server: &str) -> Option<Proxy> {
    Proxy::nginx(|address| {
        format!(
            "http {{ {TEMPORARY} proxy_cache_path cache keys_zone=all:1m; server {{ listen {address}; location / {{ \
             proxy_pass {server}; proxy_cache all; add_header X-Cache $upstream_cache_status always; }} }} }}"
        )
    })
    .await
}

async fn get(cache: &Proxy, name: &str) -> Response {
    let request = client("127.0.0.2").get(format!("{}/{name}", cache.url));
    request.send().await.unwrap()
}

async fn status(cache: &Proxy, name: &str) -> u16 {
    get(cache, name).await.status().as_u16()
}

/// Served, and then from the cache.
async fn is_kept(cache: &Proxy, name: &str, content: &str) {
    for from in ["MISS", "HIT"] {
        let file = get(cache, name).await;
        assert_eq!(file.status(), 200, "{name}");
        assert_eq!(file.headers()["x-cache"], from, "{name}");
        assert_eq!(file.text().await.unwrap(), content);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_for_all_keeps_files_with_a_hash_and_none_of_their_errors() {
    let dist = tempfile::tempdir().unwrap();
    let folder = dist.path();
    let arguments = ["--dist", folder.to_str().unwrap(), "test:"];
    // A build that is not complete: the page is refused, and what it names is missing.
    write_page(folder, SCRIPT);
    let server = TestServer::with(&arguments).await;
    let Some(cache) = cache(&server.url).await else {
        return;
    };
    assert_eq!(status(&cache, "").await, 503);
    assert_eq!(status(&cache, SCRIPT).await, 404);
    fs::write(folder.join(SCRIPT), "first").unwrap();
    eventually("the page is served", PATIENCE, async || {
        status(&cache, "").await == 200
    })
    .await;
    is_kept(&cache, SCRIPT, "first").await;
    // The next build, asked for before it is there.
    write_page(folder, NEW_SCRIPT);
    assert_eq!(status(&cache, NEW_SCRIPT).await, 404);
    // The folder is away, as a drive of the network may be: what is known is served, and what is new is not there.
    let away = folder.with_extension("away");
    fs::rename(folder, &away).unwrap();
    assert_eq!(status(&cache, NEW_SCRIPT).await, 404);
    fs::rename(&away, folder).unwrap();
    // The server itself is away.
    let address = server.url.trim_start_matches("http://").to_owned();
    server.stop().await;
    assert_eq!(status(&cache, NEW_SCRIPT).await, 502);
    fs::write(folder.join(NEW_SCRIPT), "second").unwrap();
    let server = TestServer::at(&address, &arguments).await;
    is_kept(&cache, NEW_SCRIPT, "second").await;
    server.stop().await;
}
