//! User names that expire, and their passwords: the TURN REST draft (draft-uberti-behave-turn-rest-00),
//! which coturn knows as `use-auth-secret`.
//!
//! The user name is `EXPIRY:NAME`, EXPIRY in seconds since 1970; the password is
//! `base64(HMAC-SHA1(secret, user name))`. Who holds the secret needs no list of users.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// Longer user names are not ours.
const LONGEST: usize = 128;

/// What the servers that check a credential share with those that hand it out.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Proof for one client, for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    pub username: String,
    pub password: String,
}

/// Why a user name is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadUser {
    #[error("the user name is not EXPIRY:NAME")]
    Malformed,
    #[error("the credential has expired")]
    Expired,
}

impl Secret {
    /// One that nobody else has.
    ///
    /// # Panics
    /// The operating system has no randomness, without which nothing here is safe.
    pub fn random() -> Self {
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        Self(BASE64_STANDARD.encode(bytes))
    }

    /// A credential in the name of `name`, good until `ttl` from `now`.
    pub fn issue(&self, name: &str, ttl: Duration, now: SystemTime) -> Credential {
        let username = format!("{}:{name}", seconds(now).saturating_add(ttl.as_secs()));
        let password = self.password(&username);
        Credential { username, password }
    }

    pub(super) fn password(&self, username: &str) -> String {
        let mut mac =
            Hmac::<Sha1>::new_from_slice(self.0.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(username.as_bytes());
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    }
}

/// The name in `username`, for quotas; draft 2.2 allows the time alone.
pub(super) fn name(username: &str, now: SystemTime) -> Result<&str, BadUser> {
    if username.len() > LONGEST {
        return Err(BadUser::Malformed);
    }
    let (expiry, name) = username.split_once(':').unwrap_or((username, username));
    let expiry: u64 = expiry.parse().map_err(|_| BadUser::Malformed)?;
    if expiry <= seconds(now) {
        return Err(BadUser::Expired);
    }
    Ok(name)
}

fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs()
}

impl FromStr for Secret {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.len() {
            8.. => Ok(Self(text.to_owned())),
            _ => Err("a secret has 8 characters at least; make one with: openssl rand -hex 24"),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(...)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_what_coturn_computes() {
        // printf %s 1700000000:weir | openssl dgst -sha1 -hmac north-by-northwest -binary | base64
        let secret: Secret = "north-by-northwest".parse().unwrap();
        let now = UNIX_EPOCH + Duration::from_secs(1_699_999_000);
        let issued = secret.issue("weir", Duration::from_secs(1000), now);
        assert_eq!(issued.username, "1700000000:weir");
        assert_eq!(issued.password, "yR3jehJmFOHjKr5sEyoH/u6jcrM=");
    }

    #[test]
    fn user_names_end_with_their_time() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(name("1000:me", at(999)), Ok("me"));
        assert_eq!(name("1000", at(999)), Ok("1000"));
        assert_eq!(name("1000:a:b", at(999)), Ok("a:b"));
        assert_eq!(name("1000:me", at(1000)), Err(BadUser::Expired));
        for odd in [
            "",
            "me",
            ":",
            "me:1000",
            "-1:me",
            "99999999999999999999999:me",
        ] {
            assert_eq!(name(odd, at(0)), Err(BadUser::Malformed), "{odd}");
        }
        let long = format!("1000:{}", "x".repeat(LONGEST));
        assert_eq!(name(&long, at(0)), Err(BadUser::Malformed));
    }

    #[test]
    fn a_secret_is_not_shown() {
        let secret: Secret = "north-by-northwest".parse().unwrap();
        assert!(!format!("{secret:?}").contains("north"));
        assert_ne!(Secret::random(), Secret::random());
        assert!("short".parse::<Secret>().is_err());
    }
}
