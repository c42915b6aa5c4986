//! Which callers may open sockets of rooms and have TURN credentials: the rules of [`access::callers`] on requests.

use std::io;
use std::sync::Arc;

use access::{Caller, CallerRefusal, Callers};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, header};
use turn::is_public;

use super::client_counting::peer;
use super::error::HttpError;
use super::host;
use super::router::App;
use crate::config::Config;
use crate::tls::Names;

/// The rules, from the command line.
///
/// # Errors
/// The addresses of this machine cannot be listed.
pub(crate) fn rules(config: &Config) -> io::Result<Callers> {
    let names = Names::of_this_machine(None)?;
    // Machines of homes have global addresses of IPv6 as well, beside private ones of IPv4.
    let own = || names.addresses.iter().filter(|ip| !ip.is_loopback());
    let has_ipv4 = own().any(|ip| ip.is_ipv4());
    let has_public = own().any(|ip| is_public(*ip) && (ip.is_ipv4() || !has_ipv4));
    let is_reached = config
        .listening()
        .any(|listen| match listen.is_unspecified() {
            true => has_public,
            false => is_public(listen),
        });
    let flags = &config.callers;
    let hosts = names.dns.into_iter().chain(flags.hosts.iter().cloned());
    let is_public = is_reached || config.public_ip.is_some();
    Ok(Callers::new(flags.origins.clone(), hosts, is_public))
}

/// The caller may have what only some may.
#[derive(Clone, Copy, Debug)]
pub(super) struct Permitted;

impl FromRequestParts<Arc<App>> for Permitted {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, HttpError> {
        permits(app, &parts.extensions, &parts.headers)?;
        Ok(Self)
    }
}

/// Whether the caller may open a socket of rooms, and have TURN credentials.
///
/// # Errors
/// With the flag that permits it.
pub(super) fn permits(
    app: &App,
    extensions: &Extensions,
    headers: &HeaderMap,
) -> Result<(), CallerRefusal> {
    let peer = peer(extensions);
    // A page can set this header at its own origin, and browsers are on loopback as proxies are: such a proxy has to be named.
    let by_proxy = peer.is_some_and(|peer| app.counting.names(peer));
    let text = |name: HeaderName| {
        let value = headers.get(name)?;
        Some(value.to_str().unwrap_or_default())
    };
    app.callers.check(&Caller {
        is_loopback: peer.is_some_and(|peer| peer.to_canonical().is_loopback()),
        forwarded: by_proxy.then(|| host::forwarded(headers)).flatten(),
        host: text(header::HOST),
        origin: text(header::ORIGIN),
    })
}
