//! The path of a request, where people and clients write a slash too many.

use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// Without a slash at the end, and with one where there are several: the request is served as if it had been written so, never redirected.
/// Nothing is decoded: `%2F` is a part of a name (RFC 3986 2.2).
pub(super) fn normalize(uri: &mut Uri) {
    let path = uri.path();
    let is_normal = !path.contains("//") && (path == "/" || !path.ends_with('/'));
    if is_normal || !path.starts_with('/') {
        return;
    }
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let mut normal = String::with_capacity(path.len());
    for segment in segments {
        normal.push('/');
        normal.push_str(segment);
    }
    if normal.is_empty() {
        normal.push('/');
    }
    if let Some(query) = uri.query() {
        normal.push('?');
        normal.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(normal).ok();
    if let Ok(normal) = Uri::from_parts(parts) {
        *uri = normal;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_at_the_end_and_repeated_ones_do_not_count() {
        for (written, meant) in [
            ("/", "/"),
            ("//", "/"),
            ("/whep/film", "/whep/film"),
            ("/whep/film/", "/whep/film"),
            ("//whep///film//", "/whep/film"),
            ("/offer/?stream=a//b/", "/offer?stream=a//b/"),
            ("//?stream=film", "/?stream=film"),
            ("/whep/a%2Fb/", "/whep/a%2Fb"),
            ("/whep/a%2F", "/whep/a%2F"),
            ("//evil.example/..", "/evil.example/.."),
            ("http://weir.example//ws/", "http://weir.example/ws"),
            ("http://weir.example", "http://weir.example/"),
            ("*", "*"),
            ("weir.example:443", "weir.example:443"),
        ] {
            let mut uri: Uri = written.parse().unwrap();
            normalize(&mut uri);
            assert_eq!(uri, meant.parse::<Uri>().unwrap(), "{written}");
        }
    }
}
