//! Asks the server whether it skipped frames, when the video freezes.

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::api::ViewerInfo;

use super::Player;
use crate::http;
use crate::rtc::timer::now;
use crate::state::session::Phase;
use crate::state::stats::Figures;

impl Player {
    /// Call once a second, with the figures of that second.
    pub(super) fn check_skips(self, figures: &Figures) {
        // In a hidden tab the browser itself skips frames.
        let playing_in_view =
            self.phase.with_untracked(|phase| *phase == Phase::Playing) && !document().hidden();
        let requested = self.resources.try_update_value(|resources| {
            let ask = playing_in_view && resources.skips.on_sample(now(), figures);
            let url = resources.whep.as_ref().filter(|_| ask)?.url()?;
            Some((url, resources.generation))
        });
        self.show_skips();
        let Some((url, generation)) = requested.flatten() else {
            return;
        };
        spawn_local(async move {
            // The session notices a server that does not answer.
            let Ok(info) = http::get_json::<ViewerInfo>(&url).await else {
                return;
            };
            if self.is_current(generation) {
                self.resources
                    .update_value(|resources| resources.skips.on_answer(now(), info.skips));
                self.show_skips();
            }
        });
    }

    fn show_skips(self) {
        let visible = self
            .resources
            .with_value(|resources| resources.skips.is_visible(now()));
        if self.skipping.get_untracked() != visible {
            self.skipping.set(visible);
        }
    }
}
