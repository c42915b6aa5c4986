//! Who asks: long-term credentials (RFC 8489 9.2.4), checked without a list of users.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use turn_types::stun::attribute::{ErrorCode, MessageIntegrity, Nonce, Realm, Username};
use turn_types::stun::message::{
    IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials, Message,
};
use turn_types::stun::prelude::AttributeStaticType;

use super::answer::Answer;
use super::attributes::required;
use super::credentials::{self, Secret};
use super::nonce::Nonces;

/// What passwords are bound to, besides the user; clients repeat it.
pub(super) const REALM: &str = "weir";

/// What requests are checked with.
#[derive(Debug)]
pub(super) struct Auth {
    secret: Secret,
    nonces: Nonces,
}

impl Auth {
    pub(super) fn new(secret: Secret) -> Self {
        // Not with the shared secret: a nonce has to end with this server.
        let key = Secret::random().password("nonce");
        Self {
            secret,
            nonces: Nonces::new(key.as_bytes()),
        }
    }

    /// The user name that a request proves, and the key that the answer is signed with; else the answer.
    /// `keeps` tells whether that user has the allocation of this client.
    pub(super) fn identify(
        &self,
        message: &Message<'_>,
        client: SocketAddr,
        keeps: impl Fn(&str) -> bool,
        now: Duration,
    ) -> Result<(String, IntegrityKey), Answer> {
        let challenge = |code| Answer::Challenge {
            code,
            nonce: self.nonces.issue(client, now),
        };
        let unauthorized = || challenge(ErrorCode::UNAUTHORIZED);
        if !message.has_attribute(MessageIntegrity::TYPE) {
            return Err(unauthorized());
        }
        let username: Username = required(message).map_err(Answer::Refused)?;
        let realm: Realm = required(message).map_err(Answer::Refused)?;
        let nonce: Nonce = required(message).map_err(Answer::Refused)?;
        if !self.nonces.is_good(nonce.nonce(), client, now) {
            return Err(challenge(ErrorCode::STALE_NONCE));
        }
        let username = username.username();
        // An allocation may be kept after its credential has ended, as with coturn: nobody hands a new one to a chat that goes on.
        if !keeps(username)
            && let Err(reason) = credentials::name(username, SystemTime::now())
        {
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
