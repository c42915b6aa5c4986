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
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

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
    let Some(host) = request.headers().get(header::HOST) else {
        return Ok(());
    };
    // For a URI without an authority it is empty (RFC 9112 3.2).
    let is_host = |host: &str| host.is_empty() || Host::parse(host).is_some();
    match host.to_str().is_ok_and(is_host) {
        true => Ok(()),
        false => Err(HttpError::BadHost),
    }
}

/// `X-Forwarded-Host`: the host that a proxy was asked for; of several proxies, the first.
pub(super) fn forwarded(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(FORWARDED_HOST)?.to_str().ok()?;
    Some(value.split(',').next()?.trim())
}

/// How the client reaches this server, for links: as a trusted proxy says (`X-Forwarded-Host`, `X-Forwarded-Proto`), else by `Host`.
#[derive(Debug)]
pub(super) struct Reached {
    pub(super) host: Option<Host>,
    /// The host and port of a proxy that speaks HTTPS for this server.
    pub(super) https_proxy: Option<String>,
}

impl FromRequestParts<Arc<App>> for Reached {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let headers = &parts.headers;
        let by_proxy = peer(&parts.extensions).is_some_and(|peer| app.counting.trusts(peer));
        let forwarded = by_proxy.then(|| forwarded(headers)).flatten();
        let own = || headers.get(header::HOST)?.to_str().ok();
        let authority = forwarded
            .filter(|host| Host::parse(host).is_some())
            .or_else(own);
        let is_https = by_proxy
            && headers
                .get(FORWARDED_PROTO)
                .is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"));
        let host = authority.and_then(Host::parse);
        Ok(Self {
            https_proxy: authority
                .filter(|_| is_https && host.is_some())
                .map(str::to_owned),
            host,
        })
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
