//! STUN and TURN servers: from the Weir server and from the command line.

use std::time::Duration;

use shared::api::{IceConfig, IceServer};
use webrtc::peer_connection::RTCIceServer;

use crate::server_url::ServerUrl;

const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes read of the server's answer.
const MAX_ANSWER: u64 = 64 * 1024;
/// URLs in use: each costs a request from every local address.
const MAX_URLS: usize = 16;

/// Fetches `GET /api/ice`.
///
/// # Errors
/// A sentence: no answer, or not the expected one.
pub(crate) async fn fetch(server: &ServerUrl) -> Result<IceConfig, String> {
    let url = server.ice();
    let asked = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(FETCH_TIMEOUT))
            .build()
            .into();
        let mut answer = agent
            .get(&url)
            .call()
            .map_err(|error| failed(&url, "was not answered", &error))?;
        let text = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_string()
            .map_err(|error| failed(&url, "was answered in part only", &error))?;
        serde_json::from_str(&text)
            .map_err(|error| failed(&url, "was answered without ICE servers", &error))
    });
    asked
        .await
        .unwrap_or_else(|_| Err("The request was aborted.".to_owned()))
}

/// The cause is for the log.
fn failed(url: &str, how: &str, error: &dyn std::fmt::Display) -> String {
    tracing::debug!(%error, "no ICE servers of the server");
    format!(
        "GET {url} {how}: peers that need a STUN or TURN server cannot connect. Check the address (--server), or name servers with --ice-server."
    )
}

/// A server of the command line. As in other tools, credentials precede the host: `turn:user:password@host:3478`.
pub(crate) fn parse(text: &str) -> Result<IceServer, String> {
    let wrong = || {
        format!(
            "{text} is not an ICE server. Write stun:HOST:3478 or turn:USER:PASSWORD@HOST:3478 (--ice-server)."
        )
    };
    let (scheme, rest) = text.split_once(':').ok_or_else(wrong)?;
    let (username, credential, host) = match rest.rsplit_once('@') {
        None => (None, None, rest),
        Some((credentials, host)) => {
            let (user, password) = credentials.split_once(':').ok_or_else(wrong)?;
            (Some(user.to_owned()), Some(password.to_owned()), host)
        }
    };
    let is_turn = matches!(scheme, "turn" | "turns");
    if host.is_empty() || !(is_turn || matches!(scheme, "stun" | "stuns")) {
        return Err(wrong());
    }
    if is_turn && username.is_none() {
        return Err(format!(
            "{text} needs a name and a password: turn:USER:PASSWORD@{host} (--ice-server)."
        ));
    }
    Ok(IceServer {
        urls: vec![format!("{scheme}:{host}")],
        username,
        credential,
    })
}

/// The servers that the webrtc crate supports: STUN and TURN over UDP.
pub(crate) fn usable(servers: &[IceServer]) -> Vec<RTCIceServer> {
    let mut left = MAX_URLS;
    let mut usable = Vec::new();
    for server in servers {
        let (urls, others): (Vec<_>, Vec<_>) =
            server.urls.iter().cloned().partition(|url| is_udp(url));
        if !others.is_empty() {
            tracing::debug!(
                ?others,
                "ignored: STUN and TURN are supported over UDP only"
            );
        }
        let urls: Vec<_> = urls.into_iter().take(left).collect();
        left -= urls.len();
        if !urls.is_empty() {
            usable.push(RTCIceServer {
                urls,
                username: server.username.clone().unwrap_or_default(),
                credential: server.credential.clone().unwrap_or_default(),
            });
        }
    }
    usable
}

/// RFC 7064 and 7065: `turn:` without `transport` means UDP.
fn is_udp(url: &str) -> bool {
    let plain = url.starts_with("stun:") || url.starts_with("turn:");
    let transport = url.split_once('?').and_then(|(_, query)| {
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix("transport="))
    });
    plain && transport.is_none_or(|transport| transport.eq_ignore_ascii_case("udp"))
}

/// Whether one of the servers is a TURN server.
pub(crate) fn has_turn(servers: &[RTCIceServer]) -> bool {
    servers
        .iter()
        .any(|server| server.urls.iter().any(|url| url.starts_with("turn:")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_precede_the_host() {
        let server = parse("turn:me:p@ss@192.0.2.1:3478?transport=udp").unwrap();
        assert_eq!(server.urls, ["turn:192.0.2.1:3478?transport=udp"]);
        assert_eq!(server.username.as_deref(), Some("me"));
        assert_eq!(server.credential.as_deref(), Some("p@ss"));
        assert_eq!(parse("stun:[::1]:3478").unwrap().urls, ["stun:[::1]:3478"]);
        for text in ["", "http://x", "turn:host", "stun:", "turn:me@host"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_servers_over_udp_are_used() {
        let urls = [
            "stun:a",
            "stuns:a",
            "turn:a",
            "turn:a?transport=tcp",
            "turns:a",
            "turn:a?transport=udp",
        ];
        let server = IceServer {
            urls: urls.map(str::to_owned).into(),
            username: Some("u".into()),
            credential: Some("c".into()),
        };
        let used = usable(&[server]);
        assert_eq!(used[0].urls, ["stun:a", "turn:a", "turn:a?transport=udp"]);
        assert!(has_turn(&used));
    }
}
