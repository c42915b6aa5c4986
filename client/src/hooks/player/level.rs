//! The level of a stream without a picture.

use std::cell::Cell;
use std::rc::Rc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen_futures::JsFuture;

use super::Player;
use crate::hooks::report;
use crate::hooks::window::use_timer;
use crate::rtc::timer::Timer;
use crate::state::level::level_percent;

const SAMPLE_MS: f64 = 200.0;

impl Player {
    /// The level in percent, measured several times a second for as long as the component lives.
    pub(crate) fn use_level(self) -> RwSignal<u32> {
        let level = RwSignal::new(0);
        let before = Rc::new(Cell::new(None));
        use_timer(Timer::every(SAMPLE_MS, move || {
            let requested = self
                .resources
                .try_with_value(|resources| Some(resources.whep.as_ref()?.stats()));
            let Some(requested) = requested.flatten() else {
                let _ = level.try_set(0);
                return;
            };
            let before = Rc::clone(&before);
            spawn_local(async move {
                let report = JsFuture::from(requested).await.ok();
                let energy = report.and_then(|report| report::audio_energy(&report));
                let measured = before
                    .replace(energy)
                    .zip(energy)
                    .and_then(|(before, after)| level_percent(before, after));
                let _ = level.try_set(measured.unwrap_or(0));
            });
        }));
        level
    }
}
