//! Follows the frames of the video element, so that a picture that stands still is seen to.

use leptos::prelude::*;
use web_sys::HtmlVideoElement;

use super::Player;
use crate::hooks::frames::FrameCallbacks;
use crate::rtc::timer::{Timer, now_ms};
use crate::state::picture::{Picture, PictureMonitor};
use crate::state::session::Phase;

const TICK_MS: f64 = 100.0;

/// Follows the frames until it is dropped.
pub(super) struct PictureFollower {
    _frames: FrameCallbacks,
    _ticks: Timer,
}

impl Player {
    /// Call for each new `srcObject` of `video`.
    pub(crate) fn follow_picture(self, video: &HtmlVideoElement) {
        let ticked = video.clone();
        let follower = PictureFollower {
            _frames: FrameCallbacks::of(video, move || {
                self.update_picture(&mut |monitor| monitor.on_frame(now_ms()));
            }),
            _ticks: Timer::every(TICK_MS, move || {
                let connected = self
                    .phase
                    .try_with_untracked(|phase| matches!(phase, Phase::Playing | Phase::Unsteady));
                let expected = connected == Some(true) && !document().hidden() && !ticked.paused();
                self.update_picture(&mut |monitor| monitor.on_tick(now_ms(), expected));
            }),
        };
        drop(
            self.resources
                .try_update_value(|resources| resources.follower.replace(follower)),
        );
    }

    pub(crate) fn update_picture(self, update: &mut dyn FnMut(&mut PictureMonitor)) {
        let still = self.resources.try_update_value(|resources| {
            update(&mut resources.monitor);
            resources.monitor.picture() == Picture::Still
        });
        if let Some(still) = still.filter(|still| self.still.get_untracked() != *still) {
            self.still.set(still);
            if !still {
                self.set_interrupted(false);
            }
        }
    }
}
