//! The bundle as it was built, over the server, and what is served before it is built.

use std::fs;

use testkit::{CLIP, TestServer, browser::TestBrowser, dist};

use crate::{STREAM, server, video};

/// Bytes on the wire, and whether they are compressed.
async fn size(server: &TestServer, path: &str) -> (usize, bool) {
    let request = server.http.get(server.url(path));
    let request = request.header("accept-encoding", "gzip, deflate, br");
    let file = request.send().await.expect("an answer");
    assert_eq!(file.status(), 200, "{path}");
    let is_compressed = file.headers().contains_key("content-encoding");
    (file.bytes().await.expect("a body").len(), is_compressed)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_page_loads_is_minified_and_compressed() {
    let server = server().await;
    let page = server.get("/").await.text().await.expect("a page");
    let names: Vec<&str> = page
        .split(['"', '\'', '='])
        .filter(|name| name.ends_with(".js") || name.ends_with(".wasm"))
        .collect();
    for ending in [".js", ".wasm"] {
        let name = names.iter().find(|name| name.ends_with(ending));
        let name = name.expect("a part of the page");
        let path = format!("/{}", name.trim_start_matches("./"));
        let (size, is_compressed) = size(&server, &path).await;
        assert!(is_compressed, "{path}");
        let plain = server.get(&path).await.bytes().await.expect("a body");
        assert!(size * 5 < plain.len() * 2, "{size} of {}", plain.len());
        if ending == ".js" {
            let lines = plain.iter().filter(|byte| **byte == b'\n').count();
            assert!(lines < 50, "{path} has {lines} lines");
        }
    }
    assert!(size(&server, "/").await.1, "the page itself");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_needed_to_watch_is_asked_for_while_the_module_is_loaded() {
    let server = server().await;
    let browser = TestBrowser::shared_chromium().await;
    let page = server.url(&format!("/#/watch/{STREAM}"));
    browser.open(&page).await;
    video::starts(&browser).await;
    let whep = format!("/whep/{STREAM}");
    let stream = format!("/api/streams/{STREAM}");
    for (path, by, twice) in [
        ("/config.json", "link", "link,fetch"),
        (&stream, "fetch", "fetch,fetch"),
        (&whep, "fetch", "fetch,fetch"),
    ] {
        let asked = format!(
            "return performance.getEntriesByType('resource')
                .filter(entry => new URL(entry.name).pathname === '{path}')
                .map(entry => entry.initiatorType).join()"
        );
        let found = browser.run(&asked).await;
        // By the page, and not once more by the client, unless it came late. The state of a stream is asked for again while pictures are late.
        let is_late = found == twice || path == stream && found.to_string().contains(twice);
        assert!(found == by || is_late, "{path}: {found}");
    }
    browser.open("about:blank").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_can_be_installed_with_icons_that_are_there() {
    let server = server().await;
    let page = server.get("/").await.text().await.expect("a page");
    assert!(page.contains("rel=\"manifest\" href=\"manifest.webmanifest\""));
    assert!(page.contains("property=\"og:title\""));
    let manifest = server.get("/manifest.webmanifest").await;
    let kind = &manifest.headers()["content-type"];
    assert_eq!(kind, "application/manifest+json");
    let manifest: serde_json::Value = manifest.json().await.expect("JSON");
    assert_eq!(manifest["start_url"], "./", "below any path");
    let icons = manifest["icons"].as_array().expect("a list");
    for icon in icons {
        let path = format!("/{}", icon["src"].as_str().expect("a name"));
        let file = server.get(&path).await;
        assert_eq!(file.headers()["content-type"], "image/png");
        let content = file.bytes().await.expect("a body");
        // The width is the first field of the first chunk (PNG 11.2.1).
        let width = u32::from_be_bytes(content[16..20].try_into().expect("4 bytes"));
        assert_eq!(icon["sizes"], format!("{width}x{width}"));
    }
    assert!(icons.iter().any(|icon| icon["purpose"] == "maskable"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn until_the_page_is_built_a_plain_player_plays_and_then_gives_way_to_it() {
    let browser = TestBrowser::shared_chromium().await;
    let folder = tempfile::tempdir().expect("a folder");
    let built = folder.path().join("dist");
    let server = TestServer::with(&[CLIP, "--dist", built.to_str().expect("UTF-8")]).await;
    browser.open(&server.url("/")).await;
    video::starts(&browser).await;
    browser.shows("cargo xtask run").await;
    browser.screenshot("page-not-built").await;
    fs::create_dir(&built).expect("a folder");
    let files = fs::read_dir(dist()).expect("the bundle");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort_by_key(|file| file.ends_with("index.html"));
    for file in files.iter().filter(|file| file.is_file()) {
        let copy = built.join(file.file_name().expect("a name"));
        fs::copy(file, copy).expect("a copy");
    }
    let whole = "!document.querySelector('#shell') && !!document.querySelector('header nav')";
    browser.until("the whole page is there", whole).await;
    server.stop().await;
}
