//! Files whose names promise that they never change, asked for before they are there: Chromium keeps no error of them.

use std::fs;
use std::path::Path;

use testkit::TestServer;
use testkit::browser::TestBrowser;

const FIRST: &str = "client-0123456789abcdef.js";
const SECOND: &str = "client-fedcba9876543210.js";

fn write_page(folder: &Path, script: &str) {
    let page = format!("<!doctype html><script src=./{script}></script>");
    fs::write(folder.join("index.html"), page).expect("written");
}

fn write_script(folder: &Path, script: &str) {
    let text = format!("document.title = '{script}'");
    fs::write(folder.join(script), text).expect("written");
}

/// A build that is copied while a page of the one before is open.
#[tokio::test(flavor = "multi_thread")]
async fn chromium_shows_a_page_whose_files_were_missing_when_it_asked_first() {
    let browser = TestBrowser::shared_chromium().await;
    let dist = tempfile::tempdir().expect("a folder");
    let folder = dist.path();
    write_page(folder, FIRST);
    write_script(folder, FIRST);
    let server = TestServer::with(&["--dist", folder.to_str().expect("UTF-8"), "test:"]).await;
    browser.open(&server.url).await;
    let title_is = |script: &str| format!("document.title === '{script}'");
    browser.until("the first build", &title_is(FIRST)).await;
    // As a page asks: what the browser has in its cache is not asked for again.
    let ask = format!("return (await fetch('/{SECOND}')).status");
    assert_eq!(browser.run(&ask).await, 404);
    write_page(folder, SECOND);
    assert_eq!(browser.run(&ask).await, 404);
    write_script(folder, SECOND);
    let page = format!(
        "fetch('/', {{ cache: 'no-store' }}).then(page => page.text()).then(text => text.includes('{SECOND}'))"
    );
    browser.until("the second build is served", &page).await;
    assert_eq!(browser.run(&ask).await, 200);
    browser.reload().await;
    browser.until("the second build", &title_is(SECOND)).await;
    server.stop().await;
}
