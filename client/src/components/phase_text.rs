//! The phase of a player as text.

use crate::i18n::Text;
use crate::state::session::{Failure, Phase, RetryCause};

/// One line. `behind` is in milliseconds, `now` on the clock of [`Phase::Waiting`].
pub(crate) fn status(
    phase: &Phase,
    shown: bool,
    behind: Option<f64>,
    now: u64,
    text: &Text,
) -> String {
    match phase {
        Phase::Stopped => text.stopped.to_owned(),
        Phase::Connecting => text.connecting.to_owned(),
        Phase::Playing if !shown => text.waiting_for_frame.to_owned(),
        Phase::Playing => behind.map_or_else(
            || text.playing.to_owned(),
            |ms| (text.playing_delay)(ms.round() as u32),
        ),
        Phase::Unsteady => text.no_data.to_owned(),
        Phase::Restarting => text.restarting.to_owned(),
        Phase::Closed => text.closed_by_server.to_owned(),
        Phase::Waiting { until, .. } => {
            (text.reconnecting_in)(until.saturating_sub(now).div_ceil(1_000) as u32)
        }
        Phase::Reconnecting { .. } => text.reconnecting.to_owned(),
        Phase::Ended => text.ended.to_owned(),
        Phase::Failed(failure) => (text.failed)(match failure {
            Failure::NotFound(_) => text.failed_not_found,
            Failure::Refused(_) => text.failed_refused,
            Failure::Browser(_) => text.failed_browser,
        }),
    }
}

/// The cause, and what may help. `None` for phases that need no explanation.
pub(crate) fn reason(phase: &Phase, text: &Text) -> Option<String> {
    let reason = match phase {
        Phase::Waiting { cause, .. } | Phase::Reconnecting { cause } => match cause {
            RetryCause::Lost => text.cause_lost.to_owned(),
            RetryCause::Closed => text.cause_closed.to_owned(),
            RetryCause::Unreachable => text.cause_unreachable.to_owned(),
            RetryCause::NoPath => text.cause_no_path.to_owned(),
            RetryCause::Refused(error) => error.clone(),
            RetryCause::Limit(limit) => (text.limit_reached)(*limit).to_owned(),
        },
        Phase::Ended => text.ended_text.to_owned(),
        Phase::Failed(Failure::Refused(error)) if error.is_empty() => text.not_weir.to_owned(),
        Phase::Failed(
            Failure::NotFound(error) | Failure::Refused(error) | Failure::Browser(error),
        ) => error.clone(),
        _ => return None,
    };
    Some(reason).filter(|reason| !reason.is_empty())
}
