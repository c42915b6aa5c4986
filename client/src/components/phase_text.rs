//! The phase of a player as text.

use leptos::prelude::*;

use crate::hooks::language::Language;
use crate::hooks::player::Player;
use crate::i18n::error::sentence;
use crate::i18n::{Lang, Text};
use crate::state::session::{Failure, Phase, RetryCause};

/// The status of a player, tracked.
pub(crate) fn player_status(player: Player, language: Language) -> String {
    let text = language.text();
    let behind = player.figures.with(|figures| figures.latency_ms);
    if let Some(text) = back_soon(player, language) {
        return text;
    }
    player.phase.with(|phase| match phase {
        Phase::Playing if player.shown.get() && player.still.get() => text.frame_late.to_owned(),
        phase => status(phase, player.shown.get(), behind, player.clock.get(), text),
    })
}

/// The publisher has lost its connection: for how long.
pub(crate) fn back_soon(player: Player, language: Language) -> Option<String> {
    let since = player.interrupted.get()?;
    let passed = player.clock.get().saturating_sub(since) / 1_000;
    Some((language.text().back_soon)(passed as u32))
}

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
        Phase::Upcoming => text.not_live_yet.to_owned(),
        Phase::Failed(failure) => (text.failed)(match failure {
            Failure::NotFound(_) => text.failed_not_found,
            Failure::Refused(_) | Failure::NotWeir => text.failed_refused,
            Failure::Browser(_) => text.failed_browser,
        }),
    }
}

/// The cause, and what may help. `None` for phases that need no explanation.
pub(crate) fn reason(phase: &Phase, lang: Lang) -> Option<&'static str> {
    let text = lang.text();
    Some(match phase {
        Phase::Waiting { cause, .. } | Phase::Reconnecting { cause } => match cause {
            RetryCause::Lost => text.cause_lost,
            RetryCause::Closed => text.cause_closed,
            RetryCause::Unreachable => text.cause_unreachable,
            RetryCause::NoPath => text.cause_no_path,
            RetryCause::Refused(error) => sentence(error, lang),
        },
        Phase::Ended => text.ended_text,
        Phase::Upcoming => text.upcoming_text,
        Phase::Failed(failure) => match failure {
            Failure::NotFound(error) | Failure::Refused(error) => sentence(error, lang),
            Failure::NotWeir => text.not_weir,
            Failure::Browser(_) => text.failed_browser_text,
        },
        _ => return None,
    })
}

/// What the server or the browser says itself.
pub(crate) fn details(phase: &Phase) -> String {
    match phase {
        Phase::Waiting {
            cause: RetryCause::Refused(error),
            ..
        }
        | Phase::Reconnecting {
            cause: RetryCause::Refused(error),
        }
        | Phase::Failed(Failure::NotFound(error) | Failure::Refused(error)) => error.error.clone(),
        Phase::Failed(Failure::Browser(error)) => error.clone(),
        _ => String::new(),
    }
}
