//! Credentials that expire: user names and passwords by the TURN REST draft (draft-uberti-behave-turn-rest-00), coturn's
//! `use-auth-secret`.
//!
//! The user name is `EXPIRY:NAME`, with EXPIRY in seconds since 1970. The password is `base64(HMAC-SHA1(secret, user name))`, so
//! the server needs the secret and no list of users.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// Longest user name, in bytes.
const MAX_USERNAME: usize = 128;

/// An allocation ends this long after its credential, at the latest.
pub(super) const GRACE: Duration = Duration::from_secs(24 * 3600);

/// The secret shared by the servers that issue credentials and those that check them. At least 8 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// User name and password of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    pub username: String,
    pub password: String,
}

/// Why a user name is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadUser {
    #[error("the user name is not EXPIRY:NAME")]
    Malformed,
    #[error("the credential has expired")]
    Expired,
}

impl Secret {
    /// A random secret of 24 bytes.
    ///
    /// # Panics
    /// The operating system provides no random bytes.
    pub fn random() -> Self {
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes).expect("the operating system provides random bytes");
        Self(BASE64_STANDARD.encode(bytes))
    }

    /// A credential for `name` that expires `ttl` after `now`.
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

/// The name part of `username`, for quotas. A user name without a name is valid (2.2 of the draft); then it is the expiry.
pub(super) fn name(username: &str, now: SystemTime) -> Result<&str, BadUser> {
    if username.len() > MAX_USERNAME {
        return Err(BadUser::Malformed);
    }
    let (_, name) = username.split_once(':').unwrap_or((username, username));
    let expiry = expiry(username).ok_or(BadUser::Malformed)?;
    if expiry <= seconds(now) {
        return Err(BadUser::Expired);
    }
    Ok(name)
}

/// How long an allocation of this user may live at most.
pub(super) fn longest_lifetime(username: &str, now: SystemTime) -> Duration {
    let left = expiry(username).unwrap_or(0).saturating_sub(seconds(now));
    Duration::from_secs(left).saturating_add(GRACE)
}

/// In seconds since 1970.
fn expiry(username: &str) -> Option<u64> {
    let (expiry, _) = username.split_once(':').unwrap_or((username, username));
    expiry.parse().ok()
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
    fn user_names_expire() {
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
        assert_eq!(
            longest_lifetime("1000:me", at(900)),
            GRACE + Duration::from_secs(100)
        );
        assert_eq!(longest_lifetime("1000:me", at(2000)), GRACE);
        assert_eq!(
            longest_lifetime(&format!("{}", u64::MAX), at(0)),
            Duration::MAX
        );
        let long = format!("1000:{}", "x".repeat(MAX_USERNAME));
        assert_eq!(name(&long, at(0)), Err(BadUser::Malformed));
    }

    #[test]
    fn a_secret_is_not_printed() {
        let secret: Secret = "north-by-northwest".parse().unwrap();
        assert!(!format!("{secret:?}").contains("north"));
        assert_ne!(Secret::random(), Secret::random());
        assert!("short".parse::<Secret>().is_err());
    }
}
