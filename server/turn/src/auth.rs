//! Authentication of requests by long-term credentials (RFC 8489 9.2.4), without a list of users.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use turn_types::stun::attribute::{ErrorCode, MessageIntegrity, Nonce, Realm, Username};
use turn_types::stun::message::{
    IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials, Message,
};
use turn_types::stun::prelude::AttributeStaticType;

use super::attributes::required;
use super::credentials::{self, Secret};
use super::nonce::Nonces;
use super::response::Response;

/// The realm, which is part of the key; clients repeat it.
pub(super) const REALM: &str = "weir";

/// Why a request has no user.
#[derive(Debug)]
pub(super) struct Unauthenticated {
    pub(super) response: Response,
    /// The nonce is good: the client receives what is sent to its address.
    pub(super) has_nonce: bool,
}

/// Authenticates requests.
#[derive(Debug)]
pub(super) struct Auth {
    secret: Secret,
    nonces: Nonces,
}

impl Auth {
    pub(super) fn new(secret: Secret) -> Self {
        // Not the shared secret: a nonce is valid for this run of the server only.
        let key = Secret::random().password("nonce");
        Self {
            secret,
            nonces: Nonces::new(key.as_bytes()),
        }
    }

    /// The authenticated user name, and the key that signs the response; else why not. `is_owner`: whether this user has the allocation
    /// of this client.
    pub(super) fn authenticate(
        &self,
        message: &Message<'_>,
        client: SocketAddr,
        is_owner: impl Fn(&str) -> bool,
        now: Duration,
    ) -> Result<(String, IntegrityKey), Unauthenticated> {
        let refused = |response, has_nonce| Unauthenticated {
            response,
            has_nonce,
        };
        let challenge = |code, has_nonce| {
            let nonce = self.nonces.issue(client, now);
            refused(Response::Challenge { code, nonce }, has_nonce)
        };
        if !message.has_attribute(MessageIntegrity::TYPE) {
            return Err(challenge(ErrorCode::UNAUTHORIZED, false));
        }
        let malformed = |code| refused(Response::Error(code), false);
        let username: Username = required(message).map_err(malformed)?;
        let realm: Realm = required(message).map_err(malformed)?;
        let nonce: Nonce = required(message).map_err(malformed)?;
        if !self.nonces.is_valid(nonce.nonce(), client, now) {
            return Err(challenge(ErrorCode::STALE_NONCE, false));
        }
        let unauthorized = || challenge(ErrorCode::UNAUTHORIZED, true);
        let username = username.username();
        // As in coturn, an expired credential keeps its allocation: applications do not renew credentials during a call. Not for ever.
        let mut valid_at = SystemTime::now();
        if is_owner(username) {
            valid_at -= credentials::GRACE;
        }
        if let Err(reason) = credentials::name(username, valid_at) {
            tracing::debug!(%client, %reason, "TURN refused");
            return Err(unauthorized());
        }
        let password = self.secret.password(username);
        let key = LongTermKeyCredentials::new(username.to_owned(), password, REALM.to_owned())
            .make_key(IntegrityAlgorithm::Sha1);
        if realm.realm() != REALM || message.validate_integrity_with_key(&key).is_err() {
            tracing::debug!(%client, "TURN refused: the password is wrong");
            return Err(unauthorized());
        }
        Ok((username.to_owned(), key))
    }
}
