//! Which SRTP profiles a viewer is offered (RFC 5764 4.1.2, RFC 7714 14.2). `now` is passed in.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use limits::CountedAddress;
use srtp::Profile;

/// A client whose handshake has failed is offered everything for this long.
const MEMORY: Duration = Duration::from_secs(600);
/// Clients that are remembered; the oldest is forgotten.
const MAX_REMEMBERED: usize = 256;

/// Chooses, and remembers the clients whose handshakes have failed.
#[derive(Debug, Default)]
pub(super) struct ProfileChoice {
    failed: Mutex<VecDeque<(ClientKind, Instant)>>,
}

/// A browser at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClientKind(u64);

impl ClientKind {
    pub(super) fn new(address: Option<CountedAddress>, user_agent: Option<&str>) -> Self {
        let mut hasher = DefaultHasher::new();
        (address, user_agent).hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl ProfileChoice {
    /// In order of preference. AES-GCM costs a third of AES-CM with HMAC-SHA1 to encrypt. Chromium takes it only when GCM-128 is offered alone: with both
    /// GCMs it takes 256 bits, with CM in the list CM. Others take 256 bits too where they may, which costs more, so it is not offered.
    pub(super) fn offered_to(
        &self,
        client: ClientKind,
        user_agent: Option<&str>,
        now: Instant,
    ) -> Vec<Profile> {
        let fails = |(failed, at): &(ClientKind, Instant)| *failed == client && now < *at + MEMORY;
        if user_agent.is_some_and(is_chromium) && !self.failed().iter().any(fails) {
            vec![Profile::AeadAes128Gcm]
        } else {
            vec![Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80]
        }
    }

    pub(super) fn remember_failure(&self, client: ClientKind, now: Instant) {
        let mut failed = self.failed();
        failed.retain(|(other, _)| *other != client);
        if failed.len() >= MAX_REMEMBERED {
            failed.pop_front();
        }
        failed.push_back((client, now));
    }

    fn failed(&self) -> MutexGuard<'_, VecDeque<(ClientKind, Instant)>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Chrome, Edge, Opera and others on Chromium. On iOS they have another engine, and another token.
fn is_chromium(user_agent: &str) -> bool {
    user_agent.contains("Chrome/") && user_agent.contains("AppleWebKit/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHROMIUM: Option<&str> = Some(
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36",
    );

    #[test]
    fn browsers_on_chromium_are_offered_gcm_alone() {
        let (choice, now) = (ProfileChoice::default(), Instant::now());
        let offered =
            |user_agent| choice.offered_to(ClientKind::new(None, user_agent), user_agent, now);
        assert_eq!(offered(CHROMIUM), [Profile::AeadAes128Gcm]);
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";
        for other in [Some(firefox), Some("curl/8"), None] {
            assert_eq!(offered(other).len(), 2, "{other:?}");
        }
    }

    #[test]
    fn after_a_failed_handshake_everything_is_offered_for_a_while() {
        let (choice, now) = (ProfileChoice::default(), Instant::now());
        let client = ClientKind::new(None, CHROMIUM);
        let offered = |now| choice.offered_to(client, CHROMIUM, now).len();
        choice.remember_failure(client, now);
        assert_eq!(offered(now), 2);
        assert_eq!(offered(now + MEMORY), 1);
        for number in 0..1000 {
            choice.remember_failure(ClientKind(number), now);
        }
        assert_eq!(offered(now), 1, "many others push it out");
        assert_eq!(choice.failed().len(), MAX_REMEMBERED);
    }
}
