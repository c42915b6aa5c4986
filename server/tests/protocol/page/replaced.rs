//! A build that replaces another while pages are open.

use std::fs;
use std::time::Duration;

use testkit::TestServer;

use super::{MODULE, SCRIPT, folder, header, page, serve, text, until_served, write};

const NEW_SCRIPT: &str = "client-fedcba9876543210.js";
const NEW_MODULE: &str = "client-fedcba9876543210_bg.wasm";

/// Several times what the server takes to see a change.
const LONG: Duration = Duration::from_secs(3);

async fn still_serves_the_first(server: &TestServer) {
    tokio::time::sleep(LONG).await;
    assert_eq!(text(server, "/").await, page(SCRIPT, MODULE));
    assert_eq!(text(server, &format!("/{MODULE}")).await, "a module");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_is_served_when_it_is_complete_and_the_one_before_until_then() {
    let dist = folder();
    let server = serve(dist.path()).await;
    // As Trunk does it: first all is removed.
    for file in ["index.html", SCRIPT, MODULE] {
        fs::remove_file(dist.path().join(file)).unwrap();
    }
    still_serves_the_first(&server).await;
    let index = page(NEW_SCRIPT, NEW_MODULE);
    write(dist.path(), "index.html", index.as_bytes());
    write(dist.path(), NEW_SCRIPT, b"export default () => 2");
    still_serves_the_first(&server).await;
    let missing = server.get(&format!("/{NEW_MODULE}")).await;
    assert_eq!(missing.status(), 404);
    assert_eq!(
        header(&missing, "cache-control"),
        "no-store",
        "of a file that is about to come"
    );
    write(dist.path(), NEW_MODULE, b"another module");
    until_served(&server, "/", &index).await;
    assert_eq!(
        text(&server, &format!("/{NEW_MODULE}")).await,
        "another module"
    );
    // For pages that were opened before.
    let old = server.get(&format!("/{MODULE}")).await;
    assert!(header(&old, "cache-control").contains("immutable"));
    assert_eq!(old.text().await.unwrap(), "a module");
    // The same build once more does not drop them.
    write(dist.path(), "index.html", format!("{index} ").as_bytes());
    until_served(&server, "/", &format!("{index} ")).await;
    assert_eq!(text(&server, &format!("/{MODULE}")).await, "a module");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_filled_after_the_start_is_served() {
    let dist = tempfile::tempdir().unwrap();
    let server = serve(&dist.path().join("later")).await;
    let hint = server.get("/").await;
    assert_eq!(hint.status(), 200);
    assert_eq!(header(&hint, "cache-control"), "no-store");
    assert!(hint.text().await.unwrap().contains("trunk build --release"));
    fs::create_dir(dist.path().join("later")).unwrap();
    write(&dist.path().join("later"), "index.html", b"here");
    until_served(&server, "/", "here").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_is_not_complete_at_the_start_is_not_served() {
    let dist = folder();
    fs::remove_file(dist.path().join(MODULE)).unwrap();
    let server = serve(dist.path()).await;
    let refused = server.get("/").await;
    assert_eq!(refused.status(), 503);
    assert_eq!(header(&refused, "cache-control"), "no-store");
    let why = refused.text().await.unwrap();
    assert!(
        why.contains(MODULE) && why.contains("trunk build --release"),
        "{why}"
    );
    write(dist.path(), MODULE, b"a module");
    until_served(&server, "/", &page(SCRIPT, MODULE)).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn config_json_is_read_for_each_request() {
    let dist = folder();
    let server = serve(dist.path()).await;
    assert_eq!(server.get("/config.json").await.status(), 404);
    for content in [r#"{ "server": "https://a.example" }"#, "{}"] {
        write(dist.path(), "config.json", content.as_bytes());
        let config = server.get("/config.json").await;
        assert_eq!(header(&config, "content-type"), "application/json");
        assert_eq!(header(&config, "cache-control"), "no-cache");
        assert_eq!(config.text().await.unwrap(), content);
    }
    fs::remove_file(dist.path().join("config.json")).unwrap();
    assert_eq!(server.get("/config.json").await.status(), 404);
    server.stop().await;
}
