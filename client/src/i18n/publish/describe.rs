//! The states of a publisher as sentences.

use shared::api::{ErrorCode, PublisherWarning};

use super::PublishText;
use crate::i18n::Lang;
use crate::i18n::error::sentence;
use crate::state::capture::CaptureProblem;
use crate::state::publish::{Blocked, PublishPhase, RecoveryStep, Weakness};
use crate::state::session::RetryCause;

/// One line. `live` is how long it has been live, `left` the seconds until the next attempt.
pub fn status(phase: &PublishPhase, live: &str, left: Option<u32>, lang: Lang) -> String {
    let (text, own) = (lang.text(), lang.publish());
    match phase {
        PublishPhase::Idle
        | PublishPhase::Stopped
        | PublishPhase::Asking
        | PublishPhase::Blocked(Blocked::Capture(_)) => String::new(),
        PublishPhase::Preview | PublishPhase::Blocked(_) => own.preview.to_owned(),
        PublishPhase::Connecting => own.connecting.to_owned(),
        PublishPhase::Live => (own.live)(live),
        PublishPhase::Weak(Weakness::Unsteady) => own.unsteady.to_owned(),
        PublishPhase::Weak(Weakness::Uplink) => own.uplink.to_owned(),
        PublishPhase::Recovering { step, .. } => match (step, left) {
            (RecoveryStep::Restarting, _) => own.restarting.to_owned(),
            (_, Some(seconds)) => (text.reconnecting_in)(seconds),
            (_, None) => text.reconnecting.to_owned(),
        },
    }
}

/// Why it is not live although the person wants it to be.
pub fn cause(cause: &RetryCause, lang: Lang) -> &'static str {
    let text = lang.text();
    match cause {
        RetryCause::Lost | RetryCause::Closed => text.cause_lost,
        RetryCause::Unreachable => text.cause_unreachable,
        RetryCause::NoPath => text.cause_no_path,
        RetryCause::Refused(error) => sentence(error, lang),
    }
}

/// What is wrong, and what to do.
pub fn problem(problem: CaptureProblem, text: &'static PublishText) -> &'static str {
    match problem {
        CaptureProblem::Insecure => text.insecure,
        CaptureProblem::Denied => text.denied,
        CaptureProblem::DeniedBySystem => text.denied_by_system,
        CaptureProblem::DeniedByFrame => text.denied_by_frame,
        CaptureProblem::NoScreen => text.no_screen,
        CaptureProblem::NotFound => text.not_found,
        CaptureProblem::InUse => text.in_use,
        CaptureProblem::Ended => text.ended,
        CaptureProblem::BadFile => text.bad_file,
        CaptureProblem::Failed => text.failed,
    }
}

/// The same for whatever the person has to do something about.
pub fn blocked(why: &Blocked, lang: Lang) -> &'static str {
    let own = lang.publish();
    match why {
        Blocked::Capture(why) => problem(*why, own),
        Blocked::Refused(error) => match error.code {
            ErrorCode::NotDeclared => own.not_declared,
            ErrorCode::KeyRequired => own.no_key,
            ErrorCode::UnknownKey => own.wrong_key,
            ErrorCode::KeyOfOtherStream => own.other_key,
            ErrorCode::AlreadyLive => own.already_live,
            ErrorCode::NoCommonCodec => own.no_codec,
            _ => sentence(error, lang),
        },
        Blocked::NotWeir => lang.text().not_weir,
        Blocked::Browser(_) => lang.text().failed_browser_text,
    }
}

/// What to change while it is live. `None`: the browser decides that, or the page says it elsewhere.
pub fn warning(warning: PublisherWarning, text: &'static PublishText) -> Option<&'static str> {
    match warning {
        PublisherWarning::UplinkLoss => Some(text.uplink_loss),
        PublisherWarning::UplinkLow => Some(text.uplink_low),
        PublisherWarning::ClockDrift => Some(text.clock_drift),
        PublisherWarning::LongGop
        | PublisherWarning::BFrames
        | PublisherWarning::Silent
        | PublisherWarning::Unknown => None,
    }
}

/// What the server or the browser says itself.
pub fn details(phase: &PublishPhase) -> String {
    match phase {
        PublishPhase::Blocked(Blocked::Refused(error))
        | PublishPhase::Recovering {
            cause: RetryCause::Refused(error),
            ..
        } => error.error.clone(),
        PublishPhase::Blocked(Blocked::Browser(error)) => error.clone(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use shared::api::ApiError;

    use super::*;

    #[test]
    fn every_refusal_to_publish_has_a_sentence_of_its_own() {
        let codes = [
            ErrorCode::NotDeclared,
            ErrorCode::KeyRequired,
            ErrorCode::UnknownKey,
            ErrorCode::KeyOfOtherStream,
            ErrorCode::AlreadyLive,
            ErrorCode::NoCommonCodec,
            ErrorCode::LimitReached,
        ];
        for lang in [Lang::En, Lang::Zh] {
            let said = codes.map(|code| {
                let error = ApiError {
                    error: "no".into(),
                    code,
                    limit: None,
                };
                blocked(&Blocked::Refused(error), lang)
            });
            let distinct: std::collections::BTreeSet<_> = said.into_iter().collect();
            assert_eq!(distinct.len(), codes.len());
        }
    }
}
