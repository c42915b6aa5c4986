//! The user name fragments and passwords of an ICE session.

use std::fmt;

use hmac::Mac;

use super::stun::{Integrity, Message};

/// The characters of ufrag and password: `ice-char` (RFC 8839 5.4).
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// `a=ice-ufrag` and `a=ice-pwd` of one side.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub ufrag: String,
    pub pwd: String,
}

impl Credentials {
    /// 48 and 144 random bits; RFC 8445 5.3 asks for 24 and 128.
    pub fn random() -> Self {
        let mut random = [0; 32];
        getrandom::fill(&mut random).expect("the operating system provides random bytes");
        let text = random.map(|byte| char::from(ICE_CHARS[usize::from(byte % 64)]));
        let (ufrag, pwd) = text.split_at(8);
        Self {
            ufrag: ufrag.iter().collect(),
            pwd: pwd.iter().collect(),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("ufrag", &self.ufrag)
            .finish_non_exhaustive()
    }
}

/// The credentials of both sides between two ICE restarts.
pub(super) struct IceSession {
    pub(super) local: Credentials,
    pub(super) remote: Credentials,
    /// Counts restarts.
    pub(super) generation: u32,
    /// The USERNAME of our checks.
    pub(super) username: String,
    /// For requests to us and our responses.
    pub(super) local_integrity: Integrity,
    /// For our requests and the responses to them.
    pub(super) remote_integrity: Integrity,
}

impl IceSession {
    pub(super) fn new(local: Credentials, remote: Credentials, generation: u32) -> Self {
        Self {
            username: format!("{}:{}", remote.ufrag, local.ufrag),
            local_integrity: keyed(&local),
            remote_integrity: keyed(&remote),
            local,
            remote,
            generation,
        }
    }

    /// Whether a request names this session. A peer that does not know its own ufrag yet leaves its half empty.
    pub(super) fn is_named_by(&self, request: &Message<'_>) -> bool {
        request.ufrags().is_some_and(|(ours, theirs)| {
            ours == self.local.ufrag.as_bytes()
                && (theirs.is_empty() || theirs == self.remote.ufrag.as_bytes())
        })
    }
}

impl fmt::Debug for IceSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceSession")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

fn keyed(credentials: &Credentials) -> Integrity {
    Integrity::new_from_slice(credentials.pwd.as_bytes()).expect("HMAC takes keys of any length")
}
