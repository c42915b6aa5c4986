//! The web page: the built client, or a page that says how to build it.

use std::path::Path;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use tower::ServiceExt;
use tower_http::services::ServeDir;

use super::error::{HttpError, no_such_route};
use super::router::App;

/// The fallback of the route table: files of the client.
pub(super) async fn page(
    State(app): State<Arc<App>>,
    mut request: Request,
) -> Result<Response, HttpError> {
    let uri = request.uri().clone();
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(no_such_route(&uri));
    }
    if uri.path() == "/" && !app.dist.join("index.html").is_file() {
        return Ok((
            StatusCode::OK,
            [(header::CACHE_CONTROL, "no-store")],
            Html(how_to_build(&app.dist)),
        )
            .into_response());
    }
    if uri.path() == "/" {
        *request.uri_mut() = Uri::from_static("/index.html");
    }
    // ServeDir does not leave its folder, and sets content types, including application/wasm. It would redirect a folder's name to the one with a slash.
    let files = ServeDir::new(&app.dist).append_index_html_on_directories(false);
    let Ok(served) = files.oneshot(request).await;
    if served.status() == StatusCode::NOT_FOUND {
        return Err(no_such_route(&uri));
    }
    let mut response = served.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, cache_control(&uri));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    Ok(response)
}

/// Cache-Control: files with a hash in their name, as Trunk builds them, never change.
fn cache_control(uri: &Uri) -> HeaderValue {
    let file = uri.path().rsplit('/').next().unwrap_or("");
    let hashed = file
        .split(['-', '_', '.'])
        .any(|part| part.len() >= 12 && part.bytes().all(|byte| byte.is_ascii_hexdigit()));
    HeaderValue::from_static(if hashed {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    })
}

fn how_to_build(dist: &Path) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Weir</title>\
        <meta name=\"viewport\" content=\"width=device-width\">\
        <style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}}code{{background:#8883;padding:.1em .3em}}</style>\
        <h1>The server runs; its page is not built yet</h1>\
        <p>Streams can be watched already, over <code>POST /offer</code> and <code>/whep/STREAM</code>; \
        <a href=\"/api/streams\">/api/streams</a> lists them.\
        <p>To get the page, stop the server and run <code>cargo xtask run</code>, which builds and starts everything; \
        or run <code>trunk build --release</code> in the project's folder and reload.\
        <p>Looked for: <code>{}</code></html>",
        escape(&dist.join("index.html").display().to_string())
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashed_files_are_immutable_and_others_are_revalidated() {
        let cached = |path: &'static str| {
            cache_control(&Uri::from_static(path))
                .to_str()
                .unwrap()
                .contains("immutable")
        };
        assert!(cached("/client-3f9a77d1c2b4e6f8_bg.wasm"));
        assert!(cached("/weir-0a1b2c3d4e5f6071.css"));
        assert!(!cached("/index.html"));
        assert!(!cached("/embed.html"));
        assert!(!cached("/deadbeef.js"));
    }
}
