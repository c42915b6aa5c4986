//! A key, its hash, and its record.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shared::hex::hex;

use super::stream_name::StreamName;

/// The secret that a publisher presents: a `b64token` (RFC 6750 2.1). Its text is neither logged nor kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

/// SHA-256 of a key. A key has enough random bits that its hash cannot be reversed by trying.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyHash([u8; 32]);

/// What is kept of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Names the key for its owner; not secret.
    pub id: String,
    pub stream: StreamName,
    /// Whose key it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub sha256: KeyHash,
    /// In seconds since 1970 (UTC).
    pub created: u64,
    /// In the same way. `None`: until it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    #[error("a key has {MIN_LENGTH} to {MAX_LENGTH} characters")]
    Length,
    #[error("a key consists of letters, digits and - . _ ~ + / =")]
    Character,
}

/// Minimum length of keys that people choose.
const MIN_LENGTH: usize = 16;
const MAX_LENGTH: usize = 256;

impl Key {
    /// 128 random bits, as hexadecimal digits.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(hex(bytes)))
    }

    /// The key itself: to be shown once, to its owner.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(&self.0).into())
    }
}

impl FromStr for Key {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        if !(MIN_LENGTH..=MAX_LENGTH).contains(&text.len()) {
            return Err(BadKey::Length);
        }
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        match text.bytes().all(is_allowed) {
            true => Ok(Self(text.to_owned())),
            false => Err(BadKey::Character),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(..)")
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyHash(..)")
    }
}

impl From<KeyHash> for String {
    fn from(hash: KeyHash) -> Self {
        hex(hash.0)
    }
}

impl TryFrom<String> for KeyHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        const WRONG: &str = "a SHA-256 has 64 hexadecimal digits";
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(WRONG);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16).ok_or(WRONG);
            *byte = (digit(0)? << 4 | digit(1)?) as u8;
        }
        Ok(Self(bytes))
    }
}

impl KeyRecord {
    /// `valid_for`: `None`: until it is revoked.
    pub fn new(
        key: &Key,
        stream: StreamName,
        name: Option<String>,
        now: SystemTime,
        valid_for: Option<Duration>,
    ) -> Self {
        let created = unix_seconds(now);
        let hash = key.hash();
        Self {
            // The beginning of the hash: as random as the key, and the same wherever the key is noted.
            id: hex(&hash.0[..4]),
            stream,
            name,
            sha256: hash,
            created,
            expires: valid_for.map(|lifetime| created.saturating_add(lifetime.as_secs())),
        }
    }

    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.expires
            .is_some_and(|expires| expires <= unix_seconds(now))
    }
}

/// A clock that is set to before 1970 counts as 1970.
pub fn unix_seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_keys_differ_and_are_keys() {
        let (one, other) = (Key::random().unwrap(), Key::random().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.reveal().len(), 32);
        assert_eq!(one.reveal().parse::<Key>(), Ok(one));
    }

    #[test]
    fn a_key_is_a_bearer_token_of_some_length() {
        for (text, expected) in [
            ("0123456789abcde", Err(BadKey::Length)),
            ("0123456789abcdef", Ok(())),
            ("aZ09-._~+/=aZ09-", Ok(())),
            ("0123456789 abcdef", Err(BadKey::Character)),
            ("0123456789,abcdef", Err(BadKey::Character)),
            ("0123456789abcdeé", Err(BadKey::Character)),
        ] {
            assert_eq!(text.parse::<Key>().map(|_| ()), expected, "{text}");
        }
        assert_eq!("x".repeat(257).parse::<Key>(), Err(BadKey::Length));
    }

    #[test]
    fn neither_the_key_nor_its_hash_is_in_what_is_logged() {
        let key: Key = "0123456789abcdef".parse().unwrap();
        let logged = format!("{key:?} {:?}", key.hash());
        assert!(
            !logged.contains("0123") && !logged.contains("9f9f"),
            "{logged}"
        );
    }

    #[test]
    fn a_hash_is_the_same_after_it_was_written_and_read() {
        let hash = Key::random().unwrap().hash();
        let text = serde_json::to_string(&hash).unwrap();
        assert_eq!(serde_json::from_str::<KeyHash>(&text).unwrap(), hash);
        for wrong in ["\"\"", "\"zz\"", &format!("\"{}\"", "g".repeat(64))] {
            assert!(serde_json::from_str::<KeyHash>(wrong).is_err(), "{wrong}");
        }
    }
}
