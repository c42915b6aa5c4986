//! The server's address, as the user writes it.

use std::net::IpAddr;
use std::str::FromStr;

use tokio_tungstenite::tungstenite::http::Uri;

/// `http://host:8000`, with the path prefix of the server's routes, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    secure: bool,
    /// Host and port, as in the URL.
    authority: String,
    host: String,
    /// Without a trailing slash.
    path: String,
}

impl ServerUrl {
    /// `GET /ws`, for rooms.
    pub(crate) fn signaling(&self) -> String {
        let scheme = if self.secure { "wss" } else { "ws" };
        format!("{scheme}://{}{}/ws", self.authority, self.path)
    }

    /// `GET /api/ice`, for the STUN and TURN servers.
    pub(crate) fn ice(&self) -> String {
        format!("{self}/api/ice")
    }

    /// Its name or address, without a port.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The server runs on this machine, so other peers may as well.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl FromStr for ServerUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let text = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let wrong =
            || format!("{text} is not the address of a server, such as http://127.0.0.1:8000");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let secure = match uri.scheme_str() {
            Some("http" | "ws") => false,
            Some("https" | "wss") => true,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().ok_or_else(wrong)?;
        if authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(wrong());
        }
        Ok(Self {
            secure,
            authority: authority.to_string(),
            host: authority.host().to_owned(),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

impl std::fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> ServerUrl {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_may_be_short() {
        assert_eq!(
            address("http://10.0.0.1:8000/").signaling(),
            "ws://10.0.0.1:8000/ws"
        );
        assert_eq!(
            address("https://weir.example").signaling(),
            "wss://weir.example/ws"
        );
        assert_eq!(
            address("localhost:8000").ice(),
            "http://localhost:8000/api/ice"
        );
        assert_eq!(
            address("https://a.example/live/").ice(),
            "https://a.example/live/api/ice"
        );
        assert_eq!(address("[::1]:8000").signaling(), "ws://[::1]:8000/ws");
    }

    #[test]
    fn a_server_on_this_machine_is_recognized() {
        assert!(address("http://127.0.0.1:8000").is_loopback());
        assert!(address("http://[::1]:8000").is_loopback());
        assert!(address("localhost").is_loopback());
        assert!(!address("http://192.0.2.1").is_loopback());
    }

    #[test]
    fn an_invalid_address_is_refused() {
        for text in ["", "ftp://host", "http://", "http://user@host", "a b"] {
            assert!(text.parse::<ServerUrl>().is_err(), "{text}");
        }
    }
}
