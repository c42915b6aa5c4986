//! Whether the stream is live: asked of the server when nothing comes.

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::api::{StreamInfo, StreamState};

use super::Player;
use crate::http::{self, HttpError};
use crate::rtc::timer::{now_ms, sleep};
use crate::state::route::encode;
use crate::state::session::{Phase, SessionEvent, StreamStatus};

/// The server says that a stream is interrupted after so much silence.
const NOTICED_MS: u64 = 1_500;
/// The viewers of a stream that begins do not connect all at once.
const SPREAD_MS: f64 = 500.0;

/// Whether there is something to watch.
pub(super) fn status_of(info: &StreamInfo) -> StreamStatus {
    match info.state {
        StreamState::Waiting { .. } => StreamStatus::NotBegun,
        StreamState::Ended { .. } => StreamStatus::Gone,
        _ => StreamStatus::Available,
    }
}

impl Player {
    /// The publisher has lost its connection, and the last picture is shown. Tracked.
    pub(crate) fn is_interrupted(self) -> bool {
        self.interrupted.get().is_some()
    }

    /// A picture or sound is played.
    pub(crate) fn on_shown(self) {
        self.shown.set(true);
        self.send(SessionEvent::Arrived);
    }

    /// The stream is live, as the list says: a session that does not wait for it yet is opened.
    pub(crate) fn on_live(self) {
        let waits = self.phase.with_untracked(Phase::is_off_air);
        if waits {
            spawn_local(async move {
                sleep((js_sys::Math::random() * SPREAD_MS) as i32).await;
                self.send(SessionEvent::Live);
            });
        }
    }

    /// The stream has these kinds of media now. A session that began without one of them does not get it: a new one does.
    pub(crate) fn on_kinds(self, kinds: &[&str]) {
        let lacks = self.resources.try_with_value(|resources| {
            let stream = resources.whep.as_ref()?.stream();
            let count = |kind: &&str| match *kind {
                "video" => stream.get_video_tracks().length(),
                _ => stream.get_audio_tracks().length(),
            };
            Some(kinds.iter().any(|kind| count(kind) == 0))
        });
        let playing = self.phase.with_untracked(|phase| *phase == Phase::Playing);
        if playing && lacks.flatten() == Some(true) {
            self.send(SessionEvent::RemoteClosed);
        }
    }

    /// Call once a second, with the bytes that have arrived in it.
    pub(super) fn follow_broadcast(self, arrived: Option<f64>) {
        if self.phase.with_untracked(Phase::is_off_air) {
            // A session waits: pictures come by themselves.
        } else if self.still.get_untracked() || arrived == Some(0.0) {
            self.clock.set(now_ms());
            self.query_stream();
        } else {
            self.set_interrupted(false);
        }
    }

    /// Once at a time.
    pub(super) fn query_stream(self) {
        let Some(server) = self.server.get_untracked() else {
            return;
        };
        let asks = self
            .resources
            .try_update_value(|resources| std::mem::replace(&mut resources.asks, true));
        if asks != Some(false) {
            return;
        }
        let url = server.url(&format!("api/streams/{}", encode(&self.name.get_value())));
        spawn_local(async move {
            let found = http::get_json::<StreamInfo>(&url).await;
            let _ = self
                .resources
                .try_update_value(|resources| resources.asks = false);
            let interrupted =
                matches!(&found, Ok(info) if matches!(info.state, StreamState::Interrupted { .. }));
            self.set_interrupted(interrupted);
            let status = match found {
                Ok(info) => status_of(&info),
                Err(HttpError::Status { status: 404, .. }) => StreamStatus::Gone,
                Err(HttpError::Unreachable) => StreamStatus::Unreachable,
                Err(_) => StreamStatus::Available,
            };
            self.send(SessionEvent::StreamStatus(status));
        });
    }

    /// Ends with the next picture.
    pub(super) fn set_interrupted(self, interrupted: bool) {
        let before = self.interrupted.try_get_untracked().flatten();
        let playing = self
            .phase
            .try_with_untracked(|phase| matches!(phase, Phase::Playing | Phase::Unsteady));
        let now = (interrupted && playing == Some(true))
            .then(|| before.unwrap_or_else(|| now_ms().saturating_sub(NOTICED_MS)));
        if before != now {
            let _ = self.interrupted.try_set(now);
        }
    }
}
