//! The identity of a peer: a secret key, and the public id that the server derives from it.

use serde::{Deserialize, Serialize};

use crate::hex::hex;

/// A secret of the peer and the server: 32 hexadecimal digits of 128 random bits. Capitals are taken for small letters.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PeerKey(String);

impl PeerKey {
    pub fn from_random(bits: u128) -> Self {
        Self(format!("{bits:032x}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PeerKey {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        lower_hex(&text, 32)
            .map(Self)
            .ok_or("a key is 32 hexadecimal digits")
    }
}

impl From<PeerKey> for String {
    fn from(key: PeerKey) -> Self {
        key.0
    }
}

/// Without the secret, for logs.
impl std::fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PeerKey(..)")
    }
}

/// The public id of a peer in a room: 16 hexadecimal digits. Capitals are taken for small letters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PeerId(String);

impl PeerId {
    /// The first 64 bits of SHA-256 over the room's name, a zero byte and the key: a peer has another id in each room.
    pub fn of(room: &str, key: &PeerKey) -> Self {
        use sha2::{Digest, Sha256};
        let hash = Sha256::new()
            .chain_update(room)
            .chain_update([0])
            .chain_update(key.as_str())
            .finalize();
        Self(hex(&hash[..8]))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PeerId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        lower_hex(&text, 16)
            .map(Self)
            .ok_or("an id is 16 hexadecimal digits")
    }
}

impl From<PeerId> for String {
    fn from(id: PeerId) -> Self {
        id.0
    }
}

impl std::fmt::Display for PeerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn lower_hex(text: &str, digits: usize) -> Option<String> {
    let is_hex = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> PeerKey {
        PeerKey::from_random(0x00ff)
    }

    #[test]
    fn an_id_stands_for_a_key_in_one_room() {
        let id = PeerId::of("demo", &key());
        assert_eq!(id, PeerId::of("demo", &key()));
        assert_ne!(id, PeerId::of("other", &key()));
        assert_ne!(id, PeerId::of("demo", &PeerKey::from_random(1)));
        assert_eq!(PeerId::try_from(id.to_string()), Ok(id));
    }

    #[test]
    fn a_key_and_an_id_in_capitals_are_the_same_key_and_id() {
        let capitals = PeerKey::try_from("00AB".repeat(8)).unwrap();
        assert_eq!(capitals, PeerKey::try_from("00ab".repeat(8)).unwrap());
        let id = PeerId::of("demo", &capitals);
        assert_eq!(PeerId::try_from(id.as_str().to_uppercase()), Ok(id));
    }
}
