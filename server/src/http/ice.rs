//! `GET` and `POST /api/ice`: STUN and TURN servers for clients, with credentials that expire.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use shared::api::{IceConfig, IceServer, IceTransportPolicy};
use shared::hex::hex;

use super::callers::{Permitted, permits};
use super::host::Reached;
use super::pace::Paced;
use super::router::App;
use super::streams::NO_STORE;
use crate::config::shares_secret;
use access::Host;
use turn::{Secret, is_public};

/// Lifetime of credentials. An allocation may outlive its credential.
const TTL: Duration = Duration::from_secs(12 * 3600);

/// The ICE configuration for clients.
#[derive(Debug)]
pub struct Ice {
    /// Configured servers. TURN servers without user and password get credentials issued with the secret.
    pub servers: Vec<IceServer>,
    pub secret: Secret,
    /// Port of the embedded server, unless it is off.
    pub turn_port: Option<u16>,
    /// A second port of the embedded server, for STUN only.
    pub second_port: Option<u16>,
    /// The public address of this server.
    pub public_ip: Option<IpAddr>,
    pub policy: IceTransportPolicy,
}

pub(super) async fn config(
    State(app): State<Arc<App>>,
    _: Permitted,
    _: Paced,
    reached: Reached,
) -> Response {
    let config = app.ice.config(reached.host, SystemTime::now());
    (NO_STORE, Json(config)).into_response()
}

/// The configured servers, for `Link` (RFC 9725 4.6): those with credentials only for callers that may have `/api/ice`.
#[derive(Debug)]
pub(super) struct LinkedServers(pub(super) Vec<IceServer>);

impl FromRequestParts<Arc<App>> for LinkedServers {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let mut servers = app.ice.configured(SystemTime::now());
        if permits(app, &parts.extensions, &parts.headers).is_err() {
            servers.retain(|server| server.credential.is_none());
        }
        Ok(Self(servers))
    }
}

impl Ice {
    /// The configuration for a client that requested `host`.
    fn config(&self, host: Option<Host>, now: SystemTime) -> IceConfig {
        let mut ice_servers = self.configured(now);
        let mut expires = self.servers.iter().any(shares_secret);
        if let (Some(port), Some(host)) = (self.turn_port, self.host(host)) {
            let address = format!("{host}:{port}");
            let mut stun = vec![format!("stun:{address}")];
            stun.extend(self.second_port.map(|port| format!("stun:{host}:{port}")));
            ice_servers.push(IceServer {
                urls: stun,
                username: None,
                credential: None,
            });
            let urls = ["udp", "tcp"].map(|by| format!("turn:{address}?transport={by}"));
            ice_servers.push(self.with_credential(urls.to_vec(), now));
            expires = true;
        }
        IceConfig {
            ice_servers,
            ice_transport_policy: self.policy,
            ttl: expires.then_some(TTL.as_secs()),
        }
    }

    /// The configured servers, with issued credentials where they share the secret.
    fn configured(&self, now: SystemTime) -> Vec<IceServer> {
        let servers = self
            .servers
            .iter()
            .map(|server| match shares_secret(server) {
                true => self.with_credential(server.urls.clone(), now),
                false => server.clone(),
            });
        servers.collect()
    }

    /// A credential with a random name: quotas distinguish clients by it.
    fn with_credential(&self, urls: Vec<String>, now: SystemTime) -> IceServer {
        let mut random = [0; 6];
        getrandom::fill(&mut random).expect("the operating system gives random bytes");
        let name = hex(random);
        let credential = self.secret.issue(&name, TTL, now);
        IceServer {
            urls,
            username: Some(credential.username),
            credential: Some(credential.password),
        }
    }

    /// The host of the embedded server for this client: the requested host if it is a private address, else the public address if
    /// there is one, because a name may lead to a proxy.
    fn host(&self, requested_host: Option<Host>) -> Option<Host> {
        let public = self.public_ip.map(Host::Ip);
        match requested_host {
            Some(Host::Ip(ip)) if !is_public(ip) => Some(Host::Ip(ip)),
            requested_host => public.or(requested_host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ice(turn_port: Option<u16>, public_ip: Option<&str>, servers: Vec<IceServer>) -> Ice {
        Ice {
            servers,
            secret: "north-by-northwest".parse().unwrap(),
            turn_port,
            second_port: turn_port.map(|port| port + 1),
            public_ip: public_ip.map(|ip| ip.parse().unwrap()),
            policy: IceTransportPolicy::All,
        }
    }

    fn urls(config: &IceConfig) -> Vec<&str> {
        let servers = config.ice_servers.iter();
        servers
            .flat_map(|server| &server.urls)
            .map(String::as_str)
            .collect()
    }

    #[test]
    fn the_embedded_server_has_the_host_that_the_client_requested() {
        let now = SystemTime::now();
        let by = |text| Host::parse(text);
        let config = ice(Some(3478), None, vec![]).config(by("[::1]:8000"), now);
        assert_eq!(
            urls(&config),
            [
                "stun:[::1]:3478",
                "stun:[::1]:3479",
                "turn:[::1]:3478?transport=udp",
                "turn:[::1]:3478?transport=tcp"
            ]
        );
        assert_eq!(config.ttl, Some(12 * 3600));
        let public = ice(Some(3478), Some("203.0.113.5"), vec![]);
        for (host, expected) in [
            ("www.example.org", "stun:203.0.113.5:3478"),
            ("192.168.1.5:8000", "stun:192.168.1.5:3478"),
            ("localhost", "stun:127.0.0.1:3478"),
        ] {
            assert_eq!(urls(&public.config(by(host), now))[0], expected);
        }
        assert_eq!(urls(&public.config(None, now))[0], "stun:203.0.113.5:3478");
        let unknown = ice(Some(3478), None, vec![]).config(None, now);
        assert_eq!((urls(&unknown).len(), unknown.ttl), (0, None));
    }

    #[test]
    fn a_shared_secret_issues_credentials_and_an_account_stays() {
        let server = |url: &str, username: Option<&str>| IceServer {
            urls: vec![url.to_owned()],
            username: username.map(str::to_owned),
            credential: username.map(|_| "password".to_owned()),
        };
        let now = SystemTime::now();
        let account = server("turn:a.example", Some("me"));
        let ice = ice(
            None,
            None,
            vec![account.clone(), server("turn:b.example", None)],
        );
        let config = ice.config(None, now);
        assert_eq!(config.ice_servers[0], account);
        let username = config.ice_servers[1].username.as_deref().unwrap();
        let name = username.split_once(':').unwrap().1;
        let expected = ice.secret.issue(name, TTL, now);
        assert_eq!(config.ice_servers[1].credential, Some(expected.password));
        let again = ice.config(None, now);
        assert_ne!(again.ice_servers[1].username.as_deref(), Some(username));
    }
}
