//! Volume and mute, and the autoplay policy of browsers.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;

use crate::hooks::settings::{SavedSettings, use_settings};

/// Volume after unmuting at volume zero.
const DEFAULT_VOLUME: f64 = 0.5;

/// Volume and mute: the saved setting, and what the autoplay policy allows before a click.
#[derive(Clone, Copy)]
pub(crate) struct AudioControl {
    settings: SavedSettings,
    /// Muted by the autoplay policy or because it is embedded, not by the user.
    pub(super) autoplay_muted: RwSignal<bool>,
    /// The policy does not even allow muted playback without a click.
    pub(super) autoplay_blocked: RwSignal<bool>,
}

impl AudioControl {
    /// Call in a component.
    pub(crate) fn new(autoplay_muted: bool) -> Self {
        Self {
            settings: use_settings(),
            autoplay_muted: RwSignal::new(autoplay_muted),
            autoplay_blocked: RwSignal::new(false),
        }
    }

    pub(super) fn is_muted(self) -> bool {
        self.autoplay_muted.get() || self.settings.with(|settings| settings.muted)
    }

    pub(super) fn volume(self) -> f64 {
        self.settings.with(|settings| settings.volume)
    }

    pub(super) fn volume_untracked(self) -> f64 {
        self.settings.with_untracked(|settings| settings.volume)
    }

    /// Also unmutes, unless the volume is zero.
    pub(super) fn set_volume(self, volume: f64, video: NodeRef<html::Video>) {
        self.settings.update(|settings| {
            // Steps of a twentieth add up without a tail of digits.
            settings.volume = (volume.clamp(0.0, 1.0) * 100.0).round() / 100.0;
            settings.muted = settings.volume == 0.0;
        });
        self.unblock(video);
    }

    pub(super) fn toggle_mute(self, video: NodeRef<html::Video>) {
        let muted = self.autoplay_muted.get_untracked()
            || self.settings.with_untracked(|settings| settings.muted);
        self.settings.update(|settings| {
            settings.muted = !muted;
            if muted && settings.volume == 0.0 {
                settings.volume = DEFAULT_VOLUME;
            }
        });
        self.unblock(video);
    }

    /// The autoplay policy allows audio after a click or a key press.
    fn unblock(self, video: NodeRef<html::Video>) {
        self.autoplay_muted.set(false);
        if let Some(video) = video
            .get_untracked()
            .filter(|video| video.paused() && video.src_object().is_some())
        {
            play(video, self);
        }
    }
}

/// Plays; where the autoplay policy refuses audio, plays muted.
pub(crate) fn play(video: web_sys::HtmlVideoElement, audio: AudioControl) {
    spawn_local(async move {
        for _ in 0..2 {
            let Ok(promise) = video.play() else { return };
            let Err(error) = JsFuture::from(promise).await else {
                let _ = audio.autoplay_blocked.try_set(false);
                return;
            };
            let refused = error
                .dyn_ref::<web_sys::DomException>()
                .is_some_and(|error| error.name() == "NotAllowedError");
            if !refused {
                return;
            }
            if video.muted() {
                let _ = audio.autoplay_blocked.try_set(true);
                return;
            }
            let _ = audio.autoplay_muted.try_set(true);
            video.set_muted(true);
        }
    });
}
