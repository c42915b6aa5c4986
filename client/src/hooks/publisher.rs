//! The publisher of one page: runs the effects of [`Publish`] on captured tracks and a WHIP session.

mod captured;
mod capturing;
mod keys;
mod sampling;

use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::MediaStream;

use self::captured::Captured;
use super::ice::media_servers;
use super::settings::{SavedSettings, use_settings};
use super::wake::use_wake;
use super::window::use_window;
use crate::rtc::capture::CaptureDevice;
use crate::rtc::listener::Listener;
use crate::rtc::media_connection::MediaEvent;
use crate::rtc::media_session::delete_session;
use crate::rtc::timer::{Timer, now_ms};
use crate::rtc::whip::{Publication, WhipSession};
use crate::state::capture::{CaptureChoice, CaptureProblem, Quality, Source};
use crate::state::meter::Meter;
use crate::state::publish::{Publish, PublishEffect, PublishEvent, PublishPhase, RecoveryStep};
use crate::state::route::encode;
use crate::state::server::Server;
use crate::state::server_report::ServerReport;
use crate::state::session::{OpenError, RetryCause};
use crate::state::uplink::{UplinkFigures, UplinkMonitor, UplinkSample};

const SAMPLE_MS: f64 = 1_000.0;
/// In `?after=`: whichever session has the same key.
const ANY_SESSION: &str = "*";

/// A handle for components. Its session and its tracks end with the component that made it.
#[derive(Clone, Copy)]
pub(crate) struct Publisher {
    pub(crate) phase: RwSignal<PublishPhase>,
    /// What is, or would be, sent.
    pub(crate) media: RwSignal<Option<MediaStream>, LocalStorage>,
    pub(crate) choice: RwSignal<CaptureChoice>,
    /// What `media` was asked for with.
    pub(crate) sent: RwSignal<CaptureChoice>,
    /// Known after the first permission.
    pub(crate) devices: RwSignal<Vec<CaptureDevice>>,
    /// Another device or screen could not be had; the one before goes on.
    pub(crate) problem: RwSignal<Option<CaptureProblem>>,
    pub(crate) figures: RwSignal<UplinkFigures>,
    pub(crate) report: RwSignal<ServerReport>,
    /// `None`: there is no sound, or it cannot be measured.
    pub(crate) meter: RwSignal<Option<Meter>>,
    pub(crate) muted: RwSignal<bool>,
    /// The time, on the clock of [`RecoveryStep::Waiting`].
    pub(crate) clock: RwSignal<u64>,
    /// Since when it is live, on the same clock.
    pub(crate) live_since: RwSignal<Option<u64>>,
    pub(crate) name: RwSignal<String>,
    pub(crate) key: RwSignal<String>,
    settings: SavedSettings,
    server: StoredValue<Server>,
    resources: StoredValue<PublisherResources, LocalStorage>,
}

/// Dropped with the component, which ends the session, frees the devices and removes timers and listeners.
#[derive(Default)]
struct PublisherResources {
    publish: Publish,
    whip: Option<WhipSession>,
    /// The URL of the session that was abandoned, until the next one is open.
    lost: Option<String>,
    captured: Option<Captured>,
    file: Option<web_sys::File>,
    /// Counts sessions; events of an earlier session are ignored.
    generation: u32,
    /// Counts requests for tracks in the same way.
    captures: u32,
    /// The tracks are being replaced because one has ended.
    recapturing: bool,
    timer: Option<Timer>,
    ticker: Option<Timer>,
    device_listener: Option<Listener>,
    sample: Option<UplinkSample>,
    /// When the server was asked how the stream goes.
    asked: u64,
    monitor: UplinkMonitor,
}

/// Makes a publisher of the stream `name` to a server, idle.
pub(crate) fn use_publisher(server: Server, name: Option<String>) -> Publisher {
    let name = name.unwrap_or_default();
    let publisher = Publisher {
        phase: RwSignal::new(PublishPhase::Idle),
        media: RwSignal::new_local(None),
        choice: RwSignal::new(capturing::remembered()),
        sent: RwSignal::new(CaptureChoice::default()),
        devices: RwSignal::new(Vec::new()),
        problem: RwSignal::new(None),
        figures: RwSignal::new(UplinkFigures::default()),
        report: RwSignal::new(ServerReport::default()),
        meter: RwSignal::new(None),
        muted: RwSignal::new(false),
        clock: RwSignal::new(0),
        live_since: RwSignal::new(None),
        key: RwSignal::new(keys::key_of(&server, &name)),
        name: RwSignal::new(name),
        settings: use_settings(),
        server: StoredValue::new(server),
        resources: StoredValue::new_local(PublisherResources::default()),
    };
    use_window(&["pagehide"], move |_| {
        if publisher.media.with_untracked(Option::is_some) {
            publisher.send(PublishEvent::Stop);
        }
    });
    // Another link to the same stream.
    use_window(&["hashchange"], move |_| {
        let name = publisher.name.get_untracked();
        let key = publisher
            .server
            .with_value(|server| keys::key_of(server, &name));
        if !key.is_empty() {
            publisher.key.set(key);
        }
    });
    use_wake(Box::new(move |_| publisher.send(PublishEvent::Woke)));
    let resources = publisher.resources;
    on_cleanup(move || {
        // Dropped outside the store: closing browser objects may call back into it.
        let ended = resources.try_update_value(std::mem::take);
        let Some(mut ended) = ended else { return };
        let lost = ended.lost.take();
        if ended.whip.is_some() || lost.is_some() {
            publisher.save_session(None);
        }
        if let Some(url) = lost {
            delete_session(&url);
        }
    });
    publisher
}

impl Publisher {
    /// Starts what the person has chosen, or sends it instead of what is live.
    pub(crate) fn capture(self) {
        self.send(PublishEvent::Capture);
    }

    pub(crate) fn go_live(self) {
        self.name.update(|name| *name = name.trim().to_owned());
        let (name, key) = (self.name.get_untracked(), self.key.get_untracked());
        self.server
            .with_value(|server| keys::save_key(server, &name, &key));
        self.send(PublishEvent::GoLive);
    }

    /// Where `media` comes from, tracked.
    pub(crate) fn sent_source(self) -> Source {
        self.sent.with(|sent| sent.source)
    }

    pub(crate) fn take_over(self) {
        self.send(PublishEvent::TakeOver);
    }

    pub(crate) fn try_now(self) {
        self.send(PublishEvent::TryNow);
    }

    pub(crate) fn stop(self) {
        self.send(PublishEvent::Stop);
    }

    /// Passes an event to the state machine and runs its effects. Does nothing after the component is unmounted.
    fn send(self, event: PublishEvent) {
        let stepped = self.resources.try_update_value(|resources| {
            let effects = resources
                .publish
                .step(event, now_ms(), js_sys::Math::random());
            (effects, resources.publish.phase().clone())
        });
        let Some((effects, phase)) = stepped else {
            return;
        };
        if self.phase.with_untracked(|before| *before != phase) {
            self.follow_time(&phase);
            self.phase.set(phase);
        }
        for effect in effects {
            self.run(effect);
        }
    }

    fn run(self, effect: PublishEffect) {
        match effect {
            PublishEffect::Capture => self.request_tracks(),
            PublishEffect::Release => self.release(),
            PublishEffect::Replace => self.replace(),
            PublishEffect::Open { take_over } => self.open(take_over),
            PublishEffect::Abandon => {
                if let Some(whip) = self.close() {
                    self.lose(whip);
                }
            }
            PublishEffect::Delete => {
                drop(self.close());
                let lost = self.resources.try_update_value(|own| own.lost.take());
                if let Some(url) = lost.flatten() {
                    delete_session(&url);
                }
                self.save_session(None);
            }
            PublishEffect::RestartIce => self.restart(),
            PublishEffect::SetTimer(ms) => {
                let timer = Timer::after(ms as f64, move || self.send(PublishEvent::Timer));
                self.set_timer(Some(timer));
            }
            PublishEffect::ClearTimer => self.set_timer(None),
        }
    }

    fn save_session(self, session: Option<&str>) {
        let name = self.name.get_untracked();
        self.server
            .with_value(|server| keys::save_session(server, &name, session));
    }

    fn set_timer(self, timer: Option<Timer>) {
        let resources = self.resources;
        drop(resources.try_update_value(|own| std::mem::replace(&mut own.timer, timer)));
    }

    /// A session ticks: countdown, duration, statistics.
    fn follow_time(self, phase: &PublishPhase) {
        self.clock.set(now_ms());
        if phase.is_live() && self.live_since.with_untracked(Option::is_none) {
            self.live_since.set(Some(now_ms()));
        } else if !phase.is_publishing() {
            self.live_since.set(None);
        }
        let ticks = phase.is_publishing();
        let timer = || {
            Timer::every(SAMPLE_MS, move || {
                self.clock.set(now_ms());
                self.sample();
            })
        };
        let resources = self.resources;
        drop(resources.try_update_value(|own| match ticks {
            true if own.ticker.is_some() => None,
            true => own.ticker.replace(timer()),
            false => own.ticker.take(),
        }));
    }

    fn open(self, take_over: bool) {
        let opened = self.resources.try_update_value(|own| {
            own.generation = own.generation.wrapping_add(1);
            let stream = own.captured.as_ref().map(Captured::stream);
            (own.generation, stream)
        });
        let Some((generation, stream)) = opened else {
            return;
        };
        let server = self.server.try_get_value();
        let (Some(server), Some(stream)) = (server, stream) else {
            return self.send(PublishEvent::OpenFailed(OpenError::Unreachable));
        };
        let name = self.name.get_untracked();
        let after = match take_over {
            true => Some(ANY_SESSION.to_owned()),
            false => keys::session_of(&server, &name),
        };
        let after = after.map(|after| format!("?after={}", encode(&after)));
        let path = format!("whip/{}{}", encode(&name), after.unwrap_or_default());
        let offered = Clone::clone(&stream);
        let agent = window().navigator().user_agent().unwrap_or_default();
        let publication = Publication {
            endpoint: server.url(&path),
            key: self.key.get_untracked().trim().to_owned(),
            stream,
            max_bps: self
                .choice
                .with_untracked(|choice| choice.quality.max_bps()),
            inset_bps: Quality::INSET.max_bps(),
            // Firefox encodes it with a plugin that it may still have to download.
            h264_first: !agent.contains("Firefox"),
        };
        let relays = self.phase.with_untracked(|phase| {
            matches!(phase, PublishPhase::Recovering { cause, .. } if *cause == RetryCause::NoPath)
        });
        let ice = media_servers(self.settings, &server, relays);
        spawn_local(async move {
            let opened = WhipSession::open(
                publication,
                Box::new(move |location| server.resolve(location)),
                ice,
                Box::new(move |event| self.on_media_event(generation, event)),
            )
            .await;
            match opened {
                Ok(whip) if !self.is_current(generation) => self.on_opened_late(whip),
                Err(_) if !self.is_current(generation) => {}
                Ok(whip) => {
                    self.save_session(whip.url().as_deref());
                    self.resources.update_value(|own| {
                        own.whip = Some(whip);
                        own.lost = None;
                    });
                    // Something else was chosen meanwhile.
                    if self
                        .media
                        .get_untracked()
                        .is_some_and(|media| media != offered)
                    {
                        self.replace();
                    }
                }
                Err(error) => self.send(PublishEvent::OpenFailed(error.into())),
            }
        });
    }

    /// Stopped or replaced meanwhile: the drop ends the session. Or given up as lost: the next request replaces it.
    fn on_opened_late(self, whip: WhipSession) {
        let goes_on = self.phase.try_with_untracked(PublishPhase::is_publishing);
        let is_last = self.resources.try_with_value(|own| own.whip.is_none());
        if goes_on == Some(true) && is_last == Some(true) {
            self.save_session(whip.url().as_deref());
            self.lose(whip);
        }
    }

    /// The session stays on the server for the next one, or until the person stops.
    fn lose(self, whip: WhipSession) {
        let url = whip.abandon();
        self.resources.update_value(|own| own.lost = url);
    }

    /// Takes the session; its events are ignored from now on.
    fn close(self) -> Option<WhipSession> {
        let closed = self.resources.try_update_value(|own| {
            own.generation = own.generation.wrapping_add(1);
            own.sample = None;
            own.monitor = UplinkMonitor::default();
            own.whip.take()
        });
        self.figures.set(UplinkFigures::default());
        self.report.set(ServerReport::default());
        closed.flatten()
    }

    fn restart(self) {
        let restart = self.resources.try_with_value(|own| {
            let whip = own.whip.as_ref()?;
            Some((own.generation, whip.restart()))
        });
        let Some((generation, result)) = restart.flatten() else {
            return self.send(PublishEvent::RestartFailed);
        };
        spawn_local(async move {
            if result.await.is_err() && self.is_current(generation) {
                self.send(PublishEvent::RestartFailed);
            }
        });
    }

    fn on_media_event(self, generation: u32, event: MediaEvent) {
        if !self.is_current(generation) {
            return;
        }
        match event {
            MediaEvent::Connected => self.send(PublishEvent::Connected),
            MediaEvent::Disconnected => self.send(PublishEvent::Disconnected),
            MediaEvent::Failed => self.send(PublishEvent::IceFailed),
            MediaEvent::RemoteClosed => self.send(PublishEvent::RemoteClosed),
            MediaEvent::Candidate(_) | MediaEvent::Track => {}
        }
    }

    fn is_current(self, generation: u32) -> bool {
        self.resources.try_with_value(|own| own.generation) == Some(generation)
    }

    /// Seconds until the next attempt, tracked.
    pub(crate) fn seconds_left(self) -> Option<u32> {
        self.phase.with(|phase| match phase {
            PublishPhase::Recovering {
                step: RecoveryStep::Waiting { until },
                ..
            } => Some(until.saturating_sub(self.clock.get()).div_ceil(1_000) as u32),
            _ => None,
        })
    }
}
