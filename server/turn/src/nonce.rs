//! Nonces that need no memory: the time that they end at, signed for one client (RFC 8489 9.2).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hmac::{Hmac, Mac};
use sha1::Sha1;
use shared::hex::hex;

/// A nonce is good for this long; then the client gets a new one (438).
const LIFETIME: Duration = Duration::from_secs(3600);
/// Bytes of the signature that a nonce carries.
const SIGNED: usize = 10;

/// Makes and checks nonces. The key lives as long as this.
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

    /// `now` is since the server started. Hexadecimal: 8 digits of time, 20 of signature.
    pub(super) fn issue(&self, client: SocketAddr, now: Duration) -> String {
        self.text(client, (now + LIFETIME).as_secs())
    }

    pub(super) fn is_good(&self, nonce: &str, client: SocketAddr, now: Duration) -> bool {
        let end = nonce
            .get(..8)
            .and_then(|end| u64::from_str_radix(end, 16).ok());
        // Who can find the signature out by timing learns one nonce of its own, which is no secret.
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
        let signature = hex(&mac.finalize().into_bytes()[..SIGNED]);
        format!("{end:08x}{signature}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_for_its_client_and_for_an_hour() {
        let nonces = Nonces::new(b"key");
        let client = "203.0.113.7:5000".parse().unwrap();
        let start = Duration::from_secs(100);
        let nonce = nonces.issue(client, start);
        let good = |seconds| nonces.is_good(&nonce, client, Duration::from_secs(seconds));
        assert!(good(100) && good(3700));
        assert!(!good(3701), "it has ended");
        let other = "203.0.113.7:5001".parse().unwrap();
        assert!(!nonces.is_good(&nonce, other, start));
        assert!(!Nonces::new(b"other").is_good(&nonce, client, start));
        for forged in [
            "",
            "ffffffff",
            "ffffffff00000000000000000000",
            "zz",
            "é é é é é",
        ] {
            assert!(!nonces.is_good(forged, client, start), "{forged}");
        }
    }
}
