//! The meaning of a PATCH of a session: it adds candidates or restarts ICE (RFC 9725 4.3). Pure.

use super::error::SessionError;
use super::sdpfrag::{Fragment, FragmentError};

/// Candidates that a viewer may trickle for one set of ICE credentials.
const MAX_TRICKLED: usize = 64;

/// What a PATCH of a session is compared with. An ICE restart replaces it.
#[derive(Debug)]
pub(super) struct IceState {
    /// Ours.
    pub(super) local_ufrag: String,
    pub(super) etag: String,
    pub(super) remote_ufrag: String,
    /// The number of candidates that the viewer has trickled for these credentials.
    pub(super) trickled: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PatchAction {
    AddCandidates,
    Restart,
}

impl IceState {
    /// `if_match`: the value of the header, with quoted tags, or `*`.
    ///
    /// # Errors
    /// `Stale` when no tag matches, `Unconditional` for a restart without If-Match, `FragmentError::TooLong` after too many candidates.
    pub(super) fn decide(
        &mut self,
        fragment: &Fragment,
        if_match: Option<&str>,
    ) -> Result<PatchAction, SessionError> {
        let matches = if_match.map(|tags| {
            tags.trim() == "*"
                || tags
                    .split(',')
                    .any(|tag| tag.trim().trim_matches('"') == self.etag)
        });
        if matches == Some(false) {
            return Err(SessionError::Stale);
        }
        if fragment.credentials.ufrag == self.remote_ufrag {
            self.trickled += fragment.candidates.len();
            if self.trickled > MAX_TRICKLED {
                return Err(FragmentError::TooLong.into());
            }
            return Ok(PatchAction::AddCandidates);
        }
        match matches {
            None => Err(SessionError::Unconditional),
            Some(_) => Ok(PatchAction::Restart),
        }
    }
}

#[cfg(test)]
mod tests {
    use transport::ice::Credentials;

    use super::*;

    fn state() -> IceState {
        IceState {
            local_ufrag: "ours".to_owned(),
            etag: "e1".to_owned(),
            remote_ufrag: "mine".to_owned(),
            trickled: 0,
        }
    }

    fn fragment(ufrag: &str, candidates: usize) -> Fragment {
        Fragment {
            credentials: Credentials {
                ufrag: ufrag.to_owned(),
                pwd: "abcdefghijklmnopqrstuv".to_owned(),
            },
            candidates: vec![String::new(); candidates],
        }
    }

    #[test]
    fn the_same_credentials_add_candidates_and_new_ones_restart_ice() {
        let mut state = state();
        for if_match in [None, Some("*"), Some("\"e1\"")] {
            assert!(matches!(
                state.decide(&fragment("mine", 1), if_match),
                Ok(PatchAction::AddCandidates)
            ));
        }
        for if_match in ["*", "\"e1\"", "\"e0\", \"e1\""] {
            assert!(matches!(
                state.decide(&fragment("other", 1), Some(if_match)),
                Ok(PatchAction::Restart)
            ));
        }
    }

    #[test]
    fn a_restart_needs_the_current_etag() {
        let mut state = state();
        assert!(matches!(
            state.decide(&fragment("other", 0), None),
            Err(SessionError::Unconditional)
        ));
        for ufrag in ["mine", "other"] {
            assert!(matches!(
                state.decide(&fragment(ufrag, 0), Some("\"e0\"")),
                Err(SessionError::Stale)
            ));
        }
    }

    #[test]
    fn a_viewer_adds_a_bounded_number_of_candidates() {
        let mut state = state();
        assert!(state.decide(&fragment("mine", 63), None).is_ok());
        assert!(state.decide(&fragment("mine", 1), None).is_ok());
        assert!(matches!(
            state.decide(&fragment("mine", 1), None),
            Err(SessionError::Fragment(FragmentError::TooLong))
        ));
        assert!(state.decide(&fragment("other", 1), Some("*")).is_ok());
    }
}
