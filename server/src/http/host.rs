//! The host that a request names: of this server, as its client knows it.

use std::convert::Infallible;
use std::sync::Arc;

use access::Host;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Version, header};

use super::client_counting::peer;
use super::error::HttpError;
use super::router::App;

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Checks the host of a request, and puts it into `Host`: in HTTP/2, and in absolute form, it is a part of the URI, and `Host` does not count
/// (RFC 9113 8.3.1, RFC 9112 3.2.2).
///
/// # Errors
/// A request of HTTP/1.1 names no host, one names two, or what it names is none (RFC 9112 3.2).
pub(super) fn settle<B>(request: &mut Request<B>) -> Result<(), HttpError> {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        return Err(HttpError::BadHost);
    }
    if let Some(authority) = request.uri().authority() {
        let host = HeaderValue::try_from(authority.as_str()).map_err(|_| HttpError::BadHost)?;
        request.headers_mut().insert(header::HOST, host);
    }
    match request.headers().get(header::HOST) {
        // A URI without an authority has an empty one (RFC 9112 3.2).
        Some(host) if !host.is_empty() && of_header(host).is_none() => Err(HttpError::BadHost),
        _ => Ok(()),
    }
}

/// `X-Forwarded-Host`: the host that a proxy was asked for; of several proxies, the first.
pub(super) fn forwarded(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(FORWARDED_HOST)?.to_str().ok()?;
    Some(value.split(',').next()?.trim())
}

pub(super) fn of_header(value: &HeaderValue) -> Option<Host> {
    Host::parse(value.to_str().ok()?)
}

/// The host for links: of `X-Forwarded-Host` when a trusted proxy sends it, else of `Host`.
#[derive(Debug)]
pub(super) struct RequestedHost(pub(super) Option<Host>);

impl FromRequestParts<Arc<App>> for RequestedHost {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let by_proxy = peer(&parts.extensions).is_some_and(|peer| app.counting.trusts(peer));
        let forwarded = by_proxy.then(|| forwarded(&parts.headers)).flatten();
        let host = || of_header(parts.headers.get(header::HOST)?);
        Ok(Self(forwarded.and_then(Host::parse).or_else(host)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(uri: &str, version: Version, hosts: &[&str]) -> Option<String> {
        let mut request = Request::builder().uri(uri).version(version);
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        let mut request = request.body(()).unwrap();
        settle(&mut request).ok()?;
        let host = request.headers().get(header::HOST);
        Some(
            host.map_or("none", |host| host.to_str().unwrap())
                .to_owned(),
        )
    }

    #[test]
    fn a_request_names_one_host() {
        let (old, new, two) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        for (uri, version, hosts, expected) in [
            ("/", new, &["a.example:80"][..], Some("a.example:80")),
            ("/", new, &[""], Some("")),
            ("/", new, &[], None),
            ("/", new, &["a.example", "a.example"], None),
            ("/", new, &["a b"], None),
            ("/", old, &[], Some("none")),
            ("/", old, &["a.example", "b.example"], None),
            ("http://a.example/", new, &["b.example"], Some("a.example")),
            ("http://a.example/", new, &[], None),
            ("https://a.example/", two, &[], Some("a.example")),
            ("https://a.example/", two, &["b.example"], Some("a.example")),
            ("https://me@a.example/", two, &[], None),
        ] {
            assert_eq!(
                settled(uri, version, hosts).as_deref(),
                expected,
                "{uri} {hosts:?}"
            );
        }
    }
}
