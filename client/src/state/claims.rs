//! Which pages of a browser read `GET /api/events`: HTTP/1.1 has six connections to a host, and each reader takes one. At most [`MAX_HOLDERS`]
//! pages hold a claim, renewed while they do, in a text that all of them share. The others poll.
//!
//! The text has no lock. What two pages write at once is settled when each renews: who is not in the text any more holds no claim.

/// Pages that read events at a time.
pub const MAX_HOLDERS: usize = 2;
/// Renew claims this often. Milliseconds.
pub const RENEW_MS: u64 = 4_000;
/// A claim that was not renewed for this long has expired: its page has crashed.
const EXPIRES_MS: u64 = 15_000;

/// The holders, in the order in which they came: `ID@TIME ID@TIME`. A time is in milliseconds since 1970.
fn holders(text: &str, now: u64) -> Vec<(&str, u64)> {
    let claims = text.split(' ').filter_map(|claim| {
        let (id, at) = claim.split_once('@')?;
        Some((id, at.parse().ok()?))
    });
    // The clock may have been set back since.
    claims
        .filter(|(_, at)| now.abs_diff(*at) < EXPIRES_MS)
        .take(MAX_HOLDERS)
        .collect()
}

fn text_of(holders: &[(&str, u64)]) -> String {
    let claims: Vec<String> = holders
        .iter()
        .map(|(id, at)| format!("{id}@{at}"))
        .collect();
    claims.join(" ")
}

/// The text after the page `id` has claimed or renewed at `now`. `None`: others hold all claims.
pub fn claim(text: &str, id: &str, now: u64) -> Option<String> {
    let mut holders = holders(text, now);
    if let Some((_, at)) = holders.iter_mut().find(|(holder, _)| *holder == id) {
        *at = now;
    } else if holders.len() < MAX_HOLDERS {
        holders.push((id, now));
    } else {
        return None;
    }
    Some(text_of(&holders))
}

/// The text after the page `id` has given up its claim.
pub fn release(text: &str, id: &str, now: u64) -> String {
    let mut holders = holders(text, now);
    holders.retain(|(holder, _)| *holder != id);
    text_of(&holders)
}

/// Whether another page may claim.
pub fn is_free(text: &str, now: u64) -> bool {
    holders(text, now).len() < MAX_HOLDERS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shared text, and a clock.
    #[derive(Default)]
    struct Shared {
        text: String,
        now: u64,
    }

    impl Shared {
        fn claim(&mut self, id: &str) -> bool {
            let claimed = claim(&self.text, id, self.now);
            let holds = claimed.is_some();
            self.text = claimed.unwrap_or_else(|| self.text.clone());
            holds
        }

        fn release(&mut self, id: &str) {
            self.text = release(&self.text, id, self.now);
        }
    }

    #[test]
    fn two_of_eight_pages_hold_a_claim_for_as_long_as_they_renew_it() {
        let mut shared = Shared {
            now: 1_700_000_000_000,
            ..Shared::default()
        };
        let ids = ["a", "b", "c", "d", "e", "f", "g", "h"];
        for _ in 0..100 {
            let held: Vec<&str> = ids.into_iter().filter(|id| shared.claim(id)).collect();
            assert_eq!(held, ["a", "b"]);
            shared.now += RENEW_MS;
        }
    }

    #[test]
    fn a_claim_that_is_given_up_or_expires_is_free_for_another_page() {
        let mut shared = Shared {
            now: 1_700_000_000_000,
            ..Shared::default()
        };
        assert!(is_free(&shared.text, shared.now));
        assert!(shared.claim("a") && shared.claim("b") && !shared.claim("c"));
        assert!(!is_free(&shared.text, shared.now));
        shared.release("a");
        shared.release("c");
        assert!(is_free(&shared.text, shared.now));
        assert!(shared.claim("c"));
        shared.now += EXPIRES_MS - 1;
        assert!(shared.claim("b") && !shared.claim("a"));
        shared.now += 1;
        assert!(shared.claim("a") && !shared.claim("c"));
    }

    #[test]
    fn a_claim_that_another_page_has_overwritten_is_lost_at_the_next_renewal() {
        let mut shared = Shared {
            now: 1_700_000_000_000,
            ..Shared::default()
        };
        assert!(shared.claim("a"));
        // Both read the same text, and both write.
        let mut other = Shared {
            text: shared.text.clone(),
            now: shared.now,
        };
        assert!(shared.claim("b") && other.claim("c"));
        shared.text = other.text;
        let held = ["a", "b", "c"].map(|id| shared.claim(id));
        assert_eq!(held, [true, false, true]);
    }

    #[test]
    fn a_clock_that_is_set_back_and_a_text_of_another_kind_hold_no_claim_for_ever() {
        assert!(claim("x@9999999999999 y@9999999999999", "a", 1_700_000_000_000).is_some());
        for text in ["nonsense", "@", "a@b c@-1", "a@1 b@2 c@3 d@4 e@5"] {
            assert!(claim(text, "a", 1_700_000_000_000).is_some(), "{text}");
            assert!(is_free(text, 1_700_000_000_000), "{text}");
        }
    }
}
