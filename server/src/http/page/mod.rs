//! The web page: the built client, or a plain player until that is built.
//!
//! | module | noun |
//! |---|---|
//! | `builds` | the newest complete build in the folder, and the one before |
//! | `build` | one build in memory |
//! | `names` | type and hash of a file, by its name; the files that a page names |
//! | `plain` | the player in place of a page that is not built |
//! | `range` | a range of bytes of a file |
//! | `scripts` | the inline scripts of a page, for its policy |

mod build;
mod builds;
mod names;
mod plain;
mod range;
mod scripts;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};

use self::build::{BuildError, BuildFile, CONFIG, EMBED, INDEX};
pub use self::builds::Builds;
use self::range::Wanted;
use super::browser_policy::{self, PageKind};
use super::content_coding::choose;
use super::error::{HttpError, no_such_route};
use super::router::App;

/// The fallback of the route table: files of the client.
pub(super) async fn page(
    State(app): State<Arc<App>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let not_found = || no_such_route(&uri);
    if !matches!(method, Method::GET | Method::HEAD) {
        return Err(not_found());
    }
    let path = uri.path().strip_prefix('/').unwrap_or_default();
    let path = percent_encoding::percent_decode_str(path).decode_utf8();
    let name = match path.as_deref() {
        Ok("") => INDEX,
        Ok(name) => name,
        Err(_) => return Err(not_found()),
    };
    let builds = &app.builds;
    let (mut response, scripts) = if name == CONFIG {
        let config = builds.config().await.ok_or_else(not_found)?;
        let kind = HeaderValue::from_static("application/json");
        let config = ([(header::CONTENT_TYPE, kind)], config);
        (config.into_response(), String::new())
    } else if let Some(file) = builds.get(name) {
        (send(&file, &headers)?, file.scripts)
    } else if name == INDEX {
        no_page(builds)
    } else {
        return Err(not_found());
    };
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-cache"));
    match name {
        INDEX => browser_policy::apply(PageKind::of_query(uri.query()), &scripts, headers),
        EMBED => browser_policy::apply(PageKind::Embed, &scripts, headers),
        _ => {}
    }
    Ok(response)
}

fn send(file: &BuildFile, headers: &HeaderMap) -> Result<Response, HttpError> {
    // A range is one of the plain file.
    let codings = match headers.contains_key(header::RANGE) {
        true => Vec::new(),
        false => file.codings(),
    };
    let coding = choose(headers, &codings).ok_or(HttpError::NoCoding)?;
    let form = file.form(coding).ok_or(HttpError::NoCoding)?;
    let mut response = match range::wanted(headers, form.bytes.len(), &form.etag) {
        _ if is_known(headers, &form.etag) => StatusCode::NOT_MODIFIED.into_response(),
        Wanted::All => Body::from(form.bytes.clone()).into_response(),
        Wanted::Part(range) => {
            let length = form.bytes.len();
            let place = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            let part = Body::from(form.bytes.slice(range));
            let headers = [(header::CONTENT_RANGE, place)];
            (StatusCode::PARTIAL_CONTENT, headers, part).into_response()
        }
        Wanted::Nothing => {
            let place = format!("bytes */{}", form.bytes.len());
            let headers = [
                (header::CONTENT_RANGE, place),
                (header::CACHE_CONTROL, "no-store".to_owned()),
            ];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response());
        }
    };
    let is_whole_answer = response.status() != StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    if is_whole_answer {
        let kind = HeaderValue::from_static(file.content_type);
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if let Some(name) = form.coding.header() {
            headers.insert(header::CONTENT_ENCODING, name);
        }
    }
    headers.insert(header::ETAG, form.etag.clone());
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if file.is_hashed {
        let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
        headers.insert(header::CACHE_CONTROL, forever);
    }
    Ok(response)
}

/// Whether the client has this very form already (RFC 9110 13.1.2).
pub(super) fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut tags = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag)
}

/// In place of the page: a plain player, or why the page is not served; and the sources of its scripts.
fn no_page(builds: &Builds) -> (Response, String) {
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    match builds.error() {
        Some(BuildError::Absent(_)) | None => {
            let player = plain::player(builds.folder());
            let scripts = scripts::sources(&player);
            ((no_store, Html(player)).into_response(), scripts)
        }
        Some(error) => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let why = format!(
                "<h1>The server runs; its page is not served</h1><p>Because {}. \
                Then reload. Streams can be watched already: <a href=\"/api/streams\">/api/streams</a> lists them.",
                escape(&error.to_string())
            );
            let page = (status, no_store, Html(html(&why)));
            (page.into_response(), String::new())
        }
    }
}

fn html(body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Weir</title>\
        <meta name=\"viewport\" content=\"width=device-width\">\
        <style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}}code{{background:#8883;padding:.1em .3em}}</style>\
        {body}</html>"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
