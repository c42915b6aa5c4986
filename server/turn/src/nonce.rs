//! Stateless nonces (RFC 8489 9.2): their expiry, signed for one client address. Pure; times are since the server started.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hmac::{Hmac, Mac};
use sha1::Sha1;
use shared::hex::hex;

/// Validity of a nonce. After that the client gets 438 and a new one.
const LIFETIME: Duration = Duration::from_secs(3600);
/// Bytes of the truncated signature in a nonce.
const SIGNATURE_LEN: usize = 10;

/// Issues and checks nonces.
#[derive(Debug)]
pub(super) struct Nonces {
    keyed: Hmac<Sha1>,
}

impl Nonces {
    pub(super) fn new(key: &[u8]) -> Self {
        Self {
            keyed: Hmac::new_from_slice(key).expect("HMAC takes keys of any length"),
        }
    }

    /// A nonce for `client`. Hexadecimal: 8 digits of expiry in seconds, 20 of signature.
    pub(super) fn issue(&self, client: SocketAddr, now: Duration) -> String {
        self.text(client, (now + LIFETIME).as_secs())
    }

    pub(super) fn is_valid(&self, nonce: &str, client: SocketAddr, now: Duration) -> bool {
        let end = nonce
            .get(..8)
            .and_then(|end| u64::from_str_radix(end, 16).ok());
        // No constant-time comparison: a client that finds a signature by timing gets a nonce for itself, which it may have anyway.
        end.is_some_and(|end| end >= now.as_secs() && nonce == self.text(client, end))
    }

    fn text(&self, client: SocketAddr, end: u64) -> String {
        let mut mac = self.keyed.clone();
        mac.update(&end.to_be_bytes());
        match client.ip() {
            IpAddr::V4(ip) => mac.update(&ip.octets()),
            IpAddr::V6(ip) => mac.update(&ip.octets()),
        }
        mac.update(&client.port().to_be_bytes());
        let signature = hex(&mac.finalize().into_bytes()[..SIGNATURE_LEN]);
        format!("{end:08x}{signature}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_valid_for_its_client_and_for_an_hour() {
        let nonces = Nonces::new(b"key");
        let client = "203.0.113.7:5000".parse().unwrap();
        let start = Duration::from_secs(100);
        let nonce = nonces.issue(client, start);
        let valid = |seconds| nonces.is_valid(&nonce, client, Duration::from_secs(seconds));
        assert!(valid(100) && valid(3700));
        assert!(!valid(3701), "it has expired");
        let other = "203.0.113.7:5001".parse().unwrap();
        assert!(!nonces.is_valid(&nonce, other, start));
        assert!(!Nonces::new(b"other").is_valid(&nonce, client, start));
        for forged in [
            "",
            "ffffffff",
            "ffffffff00000000000000000000",
            "zz",
            "é é é é é",
        ] {
            assert!(!nonces.is_valid(forged, client, start), "{forged}");
        }
    }
}
