//! The counters of a session, once a second.

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{MediaStream, MediaStreamTrack};

use super::Player;
use crate::hooks::report;
use crate::rtc::timer::now;
use crate::state::stats::{Figures, StatsSample};

impl Player {
    /// The stream has an inset, or none. To be called when that or its codec changes.
    pub(crate) fn on_inset(self, is_sent: bool) {
        self.inset_lacking.set(false);
        let resources = self.resources;
        resources.update_value(|resources| resources.inset.expect(is_sent));
    }

    /// Asks the browser for its counters, once a second during a session.
    pub(super) fn sample(self) {
        let requested = self.resources.try_with_value(|resources| {
            resources
                .whep
                .as_ref()
                .map(|whep| (resources.generation, whep.stats(), inset_id(whep.inset())))
        });
        let Some((generation, report, inset)) = requested.flatten() else {
            return;
        };
        spawn_local(async move {
            let Ok(report) = JsFuture::from(report).await else {
                return;
            };
            if self.is_current(generation) {
                self.on_sample(report::read(&report, inset.as_deref(), now()));
            }
        });
    }

    fn on_sample(self, sample: StatsSample) {
        let (phase, skips) = (self.phase.get_untracked(), self.skipping.get_untracked());
        let compared = self.resources.try_update_value(|resources| {
            let before = resources.previous_sample.replace(sample.clone())?;
            let figures = Figures::between(&before, &sample);
            let event = resources.stall.on_sample(&phase, figures.arrived);
            let moves = figures.fps.is_some_and(|fps| fps > 0.0) && !skips;
            let inset = &mut resources.inset;
            let comes = inset.on_sample(sample.inset_frames, moves);
            Some((figures, event, [comes, inset.is_lacking()]))
        });
        let Some((figures, event, inset)) = compared.flatten() else {
            return;
        };
        for (signal, now) in [self.inset_comes, self.inset_lacking]
            .into_iter()
            .zip(inset)
        {
            if signal.get_untracked() != now {
                signal.set(now);
            }
        }
        self.follow_broadcast(figures.arrived);
        self.plots.update(|plots| plots.push(&figures));
        self.check_skips(&figures);
        self.figures.set(figures);
        // The connection is in order.
        let interrupted = self.interrupted.get_untracked().is_some();
        if let Some(event) = event.filter(|_| !interrupted) {
            self.send(event);
        }
    }
}

/// In reports.
fn inset_id(inset: &MediaStream) -> Option<String> {
    let track = inset.get_video_tracks().get(0);
    Some(track.dyn_ref::<MediaStreamTrack>()?.id())
}
