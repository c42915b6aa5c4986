//! The player of one stream: runs the effects of [`PlayerSession`] on a WHEP session, and samples its statistics.

mod broadcast;
mod frame_skips;
mod level;
mod open_error;
mod picture;
mod queries;
mod sampling;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use web_sys::{MediaStream, PageTransitionEvent};

use self::broadcast::status_of;
use self::picture::PictureFollower;
use self::queries::description_of;
use super::ice::media_servers;
use super::server::{ServerChoice, use_server};
use super::settings::{SavedSettings, use_settings};
use super::wake::use_wake;
use super::window::use_window;
use crate::rtc::early_session::EarlySession;
use crate::rtc::media_connection::MediaEvent;
use crate::rtc::timer::{Timer, now_ms};
use crate::rtc::whep::WhepSession;
use crate::state::frame_skips::FrameSkips;
use crate::state::inset::InsetMonitor;
use crate::state::picture::PictureMonitor;
use crate::state::route::encode;
use crate::state::session::{
    OpenError, Phase, PlayerSession, RetryCause, SessionEffect, SessionEvent,
};
use crate::state::stall::StallDetector;
use crate::state::stats::{Figures, Plots, StatsSample};
use crate::state::wanted::wanted_kinds;

const SAMPLE_MS: f64 = 1_000.0;
const COUNTDOWN_MS: f64 = 250.0;

/// A handle for components. Its session ends with the component that made it.
#[derive(Clone, Copy)]
pub(crate) struct Player {
    pub(crate) phase: RwSignal<Phase>,
    /// The received tracks; `None` when stopped.
    pub(crate) media: RwSignal<Option<MediaStream>, LocalStorage>,
    /// The second picture.
    pub(crate) inset: RwSignal<Option<MediaStream>, LocalStorage>,
    /// Pictures of it come.
    pub(crate) inset_comes: RwSignal<bool>,
    /// The stream has one, and this browser does not get it.
    pub(crate) inset_lacking: RwSignal<bool>,
    /// A video frame or audio of this session has been played.
    pub(crate) shown: RwSignal<bool>,
    /// The next frame is late, or a new session is to bring it: the last one is shown.
    pub(crate) still: RwSignal<bool>,
    /// Nothing has come from the publisher since then, on the clock of [`Phase::Waiting`].
    pub(crate) interrupted: RwSignal<Option<u64>>,
    /// The server skips frames, because the connection is too slow.
    pub(crate) skipping: RwSignal<bool>,
    pub(crate) figures: RwSignal<Figures>,
    pub(crate) plots: RwSignal<Plots>,
    /// The time during a countdown, on the clock of [`Phase::Waiting`].
    pub(crate) clock: RwSignal<u64>,
    settings: SavedSettings,
    server: ServerChoice,
    name: StoredValue<String>,
    resources: StoredValue<PlayerResources, LocalStorage>,
}

/// Dropped with the component, which closes the session and removes timers and listeners.
#[derive(Default)]
struct PlayerResources {
    session: PlayerSession,
    whep: Option<WhepSession>,
    /// Counts sessions; events of an earlier session are ignored.
    generation: u32,
    timer: Option<Timer>,
    sampler: Option<Timer>,
    countdown: Option<Timer>,
    previous_sample: Option<StatsSample>,
    stall: StallDetector,
    skips: FrameSkips,
    monitor: PictureMonitor,
    inset: InsetMonitor,
    /// The server is being asked about the stream.
    asks: bool,
    follower: Option<PictureFollower>,
    /// It was to play when the page was hidden.
    resume: bool,
}

/// Makes a player of the stream `name`, stopped.
pub(crate) fn use_player(name: String) -> Player {
    let player = Player {
        phase: RwSignal::new(Phase::Stopped),
        media: RwSignal::new_local(None),
        inset: RwSignal::new_local(None),
        inset_comes: RwSignal::new(false),
        inset_lacking: RwSignal::new(false),
        shown: RwSignal::new(false),
        still: RwSignal::new(false),
        interrupted: RwSignal::new(None),
        skipping: RwSignal::new(false),
        figures: RwSignal::new(Figures::default()),
        plots: RwSignal::new(Plots::default()),
        clock: RwSignal::new(0),
        settings: use_settings(),
        server: use_server(),
        name: StoredValue::new(name),
        resources: StoredValue::new_local(PlayerResources::default()),
    };
    use_window(&["pagehide", "pageshow"], move |event| {
        let event: PageTransitionEvent = event.unchecked_into();
        if event.type_() == "pagehide" {
            let wanted = player
                .phase
                .with_untracked(|phase| phase.is_active() || phase.is_off_air());
            player
                .resources
                .update_value(|resources| resources.resume = wanted);
            player.send(SessionEvent::Stop);
        } else if event.persisted() && player.resources.with_value(|resources| resources.resume) {
            // A page restored from the back/forward cache plays again.
            player.send(SessionEvent::Start);
        }
    });
    use_wake(Box::new(move |_| player.send(SessionEvent::TryNow)));
    let resources = player.resources;
    on_cleanup(move || {
        // Dropped outside the store: closing browser objects may call back into it.
        drop(resources.try_update_value(std::mem::take));
    });
    player
}

impl Player {
    pub(crate) fn start(self) {
        self.send(SessionEvent::Start);
    }

    pub(crate) fn stop(self) {
        self.send(SessionEvent::Stop);
    }

    pub(crate) fn toggle(self) {
        let active = self
            .phase
            .with_untracked(|phase| phase.is_active() && !matches!(phase, Phase::Waiting { .. }));
        self.send(if active {
            SessionEvent::Stop
        } else {
            SessionEvent::Start
        });
    }

    /// The value of `data-state`, tracked.
    pub(crate) fn state(self) -> &'static str {
        self.phase.with(|phase| match phase {
            Phase::Playing if !self.shown.get() => "connecting",
            Phase::Playing if self.still.get() => "unsteady",
            phase => phase.as_str(),
        })
    }

    /// Passes an event to the state machine and runs its effects. Does nothing after the component is unmounted.
    fn send(self, event: SessionEvent) {
        let stepped = self.resources.try_update_value(|resources| {
            let effects = resources
                .session
                .step(event, now_ms(), js_sys::Math::random());
            (effects, resources.session.phase().clone())
        });
        let Some((effects, phase)) = stepped else {
            return;
        };
        let active = phase.is_active();
        if self.phase.with_untracked(|before| *before != phase) {
            self.set_countdown(&phase);
            self.update_picture(&mut |monitor| monitor.on_phase(&phase));
            self.phase.set(phase);
        }
        for effect in effects {
            self.run(effect);
        }
        let is_closed = self.resources.try_with_value(|own| own.whep.is_none());
        if !active && is_closed == Some(true) && self.media.with_untracked(Option::is_some) {
            self.media.set(None);
        }
    }

    fn run(self, effect: SessionEffect) {
        match effect {
            SessionEffect::Open => self.open(),
            SessionEffect::Close => self.close(),
            SessionEffect::RestartIce => self.restart(),
            SessionEffect::QueryStream => self.query_stream(),
            SessionEffect::SetTimer(ms) => self
                .set_timer(Some(Timer::after(ms as f64, move || {
                    self.send(SessionEvent::Timer)
                }))),
            SessionEffect::ClearTimer => self.set_timer(None),
        }
    }

    fn set_timer(self, timer: Option<Timer>) {
        drop(
            self.resources
                .try_update_value(|resources| std::mem::replace(&mut resources.timer, timer)),
        );
    }

    fn set_countdown(self, phase: &Phase) {
        let waiting = matches!(phase, Phase::Waiting { .. });
        self.clock.set(now_ms());
        let timer = waiting.then(|| Timer::every(COUNTDOWN_MS, move || self.clock.set(now_ms())));
        drop(
            self.resources
                .try_update_value(|resources| std::mem::replace(&mut resources.countdown, timer)),
        );
    }

    fn open(self) {
        let opened = self.resources.try_update_value(|resources| {
            resources.generation = resources.generation.wrapping_add(1);
            resources.generation
        });
        let Some(generation) = opened else { return };
        let Some(server) = self.server.get_untracked() else {
            return self.send(SessionEvent::OpenFailed(OpenError::Unreachable));
        };
        // Also while nobody publishes: the first picture comes by itself.
        let endpoint = server.url(&format!("whep/{}?wait=1", encode(&self.name.get_value())));
        // A relay costs the server a port per viewer, and nearly all viewers reach the media port without one.
        let no_path = Phase::Reconnecting {
            cause: RetryCause::NoPath,
        };
        let relays = self.phase.with_untracked(|phase| *phase == no_path);
        let description = server.url(&format!("api/streams/{}", encode(&self.name.get_value())));
        let early = EarlySession::take().and_then(|early| early.at(&endpoint));
        spawn_local(async move {
            if let Some(early) = early {
                let on_event = move |event| self.on_media_event(generation, event);
                let taken = WhepSession::take_over(early, on_event).await;
                if !self.is_current(generation) {
                    return;
                }
                match taken {
                    Ok(Some(whep)) => return self.on_opened(whep),
                    Ok(None) => {}
                    Err(error) => return self.send(SessionEvent::OpenFailed(error.into())),
                }
            }
            let ice = media_servers(self.settings, &server, relays);
            let info = description_of(&description).await;
            if !self.is_current(generation) {
                return;
            }
            if let Some(info) = &info {
                self.send(SessionEvent::Described(status_of(info)));
            }
            let kinds = wanted_kinds(info.as_ref());
            let on_event = move |event| self.on_media_event(generation, event);
            let opened = WhepSession::open(
                &endpoint,
                kinds,
                Box::new(move |location| server.resolve(location)),
                ice,
                on_event,
            )
            .await;
            let current = self
                .resources
                .try_with_value(|resources| resources.generation)
                == Some(generation);
            match opened {
                // Stopped meanwhile: the drop ends the session.
                opened if !current => drop(opened),
                Ok(whep) => self.on_opened(whep),
                Err(error) => self.send(SessionEvent::OpenFailed(error.into())),
            }
        });
    }

    fn on_opened(self, whep: WhepSession) {
        // Not `.clone()`: that is the method of the browser and makes a new stream.
        let (stream, inset) = (Clone::clone(whep.stream()), Clone::clone(whep.inset()));
        let sampler = Timer::every(SAMPLE_MS, move || self.sample());
        self.resources.update_value(|resources| {
            resources.whep = Some(whep);
            resources.sampler = Some(sampler);
            resources.previous_sample = None;
            resources.stall = StallDetector::default();
        });
        self.inset.set(Some(inset));
        self.media.set(Some(stream));
    }

    fn close(self) {
        let closed = self.resources.try_update_value(|resources| {
            resources.generation = resources.generation.wrapping_add(1);
            resources.skips = FrameSkips::default();
            resources.inset.begin_session();
            (
                resources.whep.take(),
                resources.sampler.take(),
                resources.follower.take(),
            )
        });
        drop(closed);
        self.shown.set(false);
        self.inset_comes.set(false);
        self.inset_lacking.set(false);
        self.inset.set(None);
        self.skipping.set(false);
        self.interrupted.set(None);
        // Figures belong to a session; plots continue across sessions.
        self.figures.set(Figures::default());
    }

    fn restart(self) {
        let restart = self.resources.try_with_value(|resources| {
            resources
                .whep
                .as_ref()
                .map(|whep| (resources.generation, whep.restart()))
        });
        let Some((generation, result)) = restart.flatten() else {
            return self.send(SessionEvent::RestartFailed);
        };
        spawn_local(async move {
            if result.await.is_err() && self.is_current(generation) {
                self.send(SessionEvent::RestartFailed);
            }
        });
    }

    fn on_media_event(self, generation: u32, event: MediaEvent) {
        if !self.is_current(generation) {
            return;
        }
        match event {
            MediaEvent::Connected => self.send(SessionEvent::Connected),
            MediaEvent::Disconnected => self.send(SessionEvent::Disconnected),
            MediaEvent::Failed => self.send(SessionEvent::IceFailed),
            MediaEvent::RemoteClosed => self.send(SessionEvent::RemoteClosed),
            MediaEvent::Candidate(_) | MediaEvent::Track => {}
        }
    }

    fn is_current(self, generation: u32) -> bool {
        self.resources
            .try_with_value(|resources| resources.generation)
            == Some(generation)
    }
}
