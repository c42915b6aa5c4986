//! The address by which the client of a request is counted.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, header};
use limits::forwarded::{Client, ForwardedHeaders};
use limits::{Cidr, CountedAddress};

use super::router::App;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Finds out by which address a client is counted.
#[derive(Debug)]
pub struct ClientCounting {
    /// Proxies that are believed when they name the client.
    trusted: Vec<Cidr>,
    /// The command line has them; else loopback is trusted.
    are_named: bool,
    per_address: bool,
    /// The log has said that a proxy does not name its clients.
    warned: AtomicBool,
}

/// The address by which the client of a request is counted; `None`: in total only.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted(pub(super) Option<CountedAddress>);

impl ClientCounting {
    /// `named`: the proxies of the command line. Without any, those on loopback are trusted.
    pub fn new(named: &[Cidr], per_address: bool) -> Self {
        if !per_address {
            tracing::warn!(
                "--per-address off: clients are not counted by address, so that one can use up what is there for all"
            );
        }
        let are_named = !named.is_empty();
        Self {
            trusted: match are_named {
                true => named.to_vec(),
                false => Cidr::LOOPBACK.to_vec(),
            },
            are_named,
            per_address,
            warned: AtomicBool::new(false),
        }
    }

    /// The address by which a connection is counted. Those of trusted proxies count in total only: they carry the requests of many clients.
    pub(super) fn of_peer(&self, peer: IpAddr) -> Option<CountedAddress> {
        (self.per_address && !self.trusts(peer)).then(|| peer.into())
    }

    /// Whether it is a trusted proxy.
    pub(super) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted.iter().any(|range| range.contains(peer))
    }

    /// Whether it is a trusted proxy of the command line.
    pub(super) fn names(&self, peer: IpAddr) -> bool {
        self.are_named && self.trusts(peer)
    }

    fn address(&self, peer: IpAddr, headers: &HeaderMap) -> Option<CountedAddress> {
        if !self.per_address {
            return None;
        }
        let lines = |name: HeaderName| {
            let values = headers.get_all(name).into_iter();
            // What is not ASCII names no client.
            values.map(|value| value.to_str().unwrap_or("")).collect()
        };
        let headers = ForwardedHeaders {
            x_forwarded_for: lines(X_FORWARDED_FOR),
            forwarded: lines(header::FORWARDED),
        };
        match Client::of_request(peer, &self.trusted, &headers) {
            Client::Address(address) => Some(address),
            Client::Trusted => None,
            Client::Unnamed => {
                if !self.warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        %peer,
                        "requests from this address count in total only: it is trusted as a proxy and names no client; if a proxy runs there, have it set X-Forwarded-For, else leave the address out of --trusted-proxy"
                    );
                }
                None
            }
        }
    }
}

/// The address at the other end of the connection.
pub(super) fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let from = extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(from.0.ip())
}

impl FromRequestParts<Arc<App>> for Counted {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let peer = peer(&parts.extensions);
        let address = peer.and_then(|peer| app.counting.address(peer, &parts.headers));
        Ok(Self(address))
    }
}
