//! The built client over HTTP: its forms and caching, a build that replaces another, and what is not served.

mod compressed;
mod limits;
mod replaced;

use std::fs;
use std::path::Path;

use reqwest::{Method, Response};
use tempfile::TempDir;
use testkit::{PATIENCE, TestServer, eventually};

/// Files as Trunk writes them.
const SCRIPT: &str = "client-0123456789abcdef.js";
const MODULE: &str = "client-0123456789abcdef_bg.wasm";

/// A page that names a script and a module.
fn page(script: &str, module: &str) -> String {
    format!(
        "<!doctype html><script type=module>import init from './{script}'; init('./{module}')</script>"
    )
}

fn folder() -> TempDir {
    let dist = tempfile::tempdir().unwrap();
    write(dist.path(), MODULE, b"a module");
    write(dist.path(), SCRIPT, &SOURCE.repeat(100));
    write(dist.path(), "index.html", page(SCRIPT, MODULE).as_bytes());
    dist
}

const SOURCE: &[u8] = b"export default () => {};\n";

fn write(folder: &Path, name: &str, content: &[u8]) {
    fs::write(folder.join(name), content).unwrap();
}

async fn serve(folder: &Path) -> TestServer {
    TestServer::with(&["--dist", folder.to_str().unwrap(), "test:"]).await
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

/// GET with one more header.
async fn get_with(server: &TestServer, path: &str, name: &str, value: &str) -> Response {
    request_with(server, Method::GET, path, name, value).await
}

async fn request_with(
    server: &TestServer,
    method: Method,
    path: &str,
    name: &str,
    value: &str,
) -> Response {
    let request = reqwest::Client::new().request(method, server.url(path));
    request.header(name, value).send().await.unwrap()
}

async fn text(server: &TestServer, path: &str) -> String {
    server.get(path).await.text().await.unwrap()
}

async fn until_served(server: &TestServer, path: &str, content: &str) {
    let what = format!("{path} is {content}");
    eventually(&what, PATIENCE, async || {
        text(server, path).await == content
    })
    .await;
}
