//! The password of a room: a secret of its people and the server.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Limit on a password, in bytes of UTF-8.
pub const MAX_PASSWORD: usize = 128;

/// 1 to [`MAX_PASSWORD`] bytes. Not trimmed: each character counts.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomPassword(String);

impl RoomPassword {
    /// What was typed; `None` for nothing.
    ///
    /// # Errors
    /// It is too long.
    pub fn typed(text: &str) -> Result<Option<Self>, &'static str> {
        match text.is_empty() {
            true => Ok(None),
            false => text.to_owned().try_into().map(Some),
        }
    }
}

/// Takes the same time for any two passwords.
impl PartialEq for RoomPassword {
    fn eq(&self, other: &Self) -> bool {
        Sha256::digest(&self.0) == Sha256::digest(&other.0)
    }
}

impl Eq for RoomPassword {}

impl TryFrom<String> for RoomPassword {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.len() {
            1..=MAX_PASSWORD => Ok(Self(text)),
            _ => Err("a password has 1 to 128 bytes"),
        }
    }
}

impl From<RoomPassword> for String {
    fn from(password: RoomPassword) -> Self {
        password.0
    }
}

/// Without the secret, for logs.
impl std::fmt::Debug for RoomPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RoomPassword(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_compared_as_it_was_typed_and_never_shown() {
        let typed = |text: &str| RoomPassword::typed(text).unwrap();
        assert_eq!(typed(""), None);
        assert_eq!(typed("north"), typed("north"));
        assert_ne!(typed("north"), typed("North "));
        assert!(!format!("{:?}", typed("north")).contains("north"));
        assert!(RoomPassword::typed(&"x".repeat(MAX_PASSWORD)).is_ok());
        assert!(RoomPassword::typed(&"x".repeat(MAX_PASSWORD + 1)).is_err());
        assert!(serde_json::from_str::<RoomPassword>("\"\"").is_err());
    }
}
