//! The list of streams, for all parts of the page: read from `GET /api/events` while the page is visible and holds a claim ([`claims`]), else polled.

mod claim_storage;

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::api::{StreamInfo, StreamList};
use shared::retry::{Backoff, Retry};
use shared::stream_events::StreamsEvent;

use self::claim_storage::{claimed, save_claims};
use super::derived::{effect, memo};
use super::route::is_embedded;
use super::server::ServerChoice;
use super::wake::{Wake, use_wake};
use super::window::use_window;
use crate::http::HttpError;
use crate::http::events::{EventRequest, snapshot};
use crate::rtc::timer::{Timer, now_ms, wall_ms};
use crate::state::claims;
use crate::state::event_stream::EventParser;
use crate::state::remote::RemoteData;

const POLL_MS: u64 = 5_000;
/// A claim that another page has overwritten at the same moment is noticed after this time.
const FIRST_RENEWAL_MS: u64 = 500;
/// The server sends the first bytes at once: without them, a proxy holds them back.
const FIRST_BYTES_MS: u64 = 8_000;
/// The server sends a comment after 15 s without an event.
const SILENCE_MS: u64 = 20_000;
/// A connection that lasts shorter is not opened again at once.
const STABLE_MS: u64 = 3_000;
/// Pages that wait for a claim do not all claim at once.
const SPREAD_MS: f64 = 500.0;

/// A handle for components; lives as long as the page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams {
    pub(crate) value: RwSignal<RemoteData<StreamList, HttpError>>,
    /// What a person searches the gallery for, kept for the way back.
    pub(crate) search: RwSignal<String>,
    server: ServerChoice,
    /// A part of the page shows the list.
    used: RwSignal<bool>,
    inner: StoredValue<Inner, LocalStorage>,
}

#[derive(Debug)]
struct Inner {
    /// In whose name this page claims.
    page: String,
    /// Of the last event of this server. Not empty: the list is known.
    last_id: String,
    /// Counts requests: answers to an earlier one are ignored.
    request: u32,
    /// A request is open.
    busy: bool,
    /// The request that reads events.
    events: Option<EventRequest>,
    /// When it was sent, then when its last bytes came.
    heard: u64,
    /// Its first bytes have come.
    begun: bool,
    /// This server does not send events, or what is between holds them back. Players in frames never read them.
    polls_only: bool,
    retry: Retry,
    timer: Option<Timer>,
}

/// Call once, in the root component.
pub(crate) fn start(server: ServerChoice) {
    let streams = Streams {
        value: RwSignal::new(RemoteData::Loading),
        search: RwSignal::new(String::new()),
        server,
        used: RwSignal::new(false),
        inner: StoredValue::new_local(Inner {
            page: ((js_sys::Math::random() * 1e15) as u64).to_string(),
            last_id: String::new(),
            request: 0,
            busy: false,
            events: None,
            heard: 0,
            begun: false,
            polls_only: is_embedded(),
            retry: Retry::new(Backoff::SERVER, STABLE_MS),
            timer: None,
        }),
    };
    provide_context(streams);
    effect(move || {
        if streams.used.get() && server.get().is_some() {
            streams.allow_events();
            streams.reload();
        }
    });
    use_window(
        &["visibilitychange", "pagehide", "storage"],
        move |event| match event.type_().as_str() {
            "storage" => streams.on_storage(),
            kind if kind == "pagehide" || document().hidden() => streams.stop(),
            _ => {}
        },
    );
    let on_wake = move |wake| {
        if wake == Wake::Network {
            streams.stop();
        }
        streams.allow_events();
        streams.run();
    };
    use_wake(Box::new(on_wake));
}

/// The list of streams. It is loaded once a component asks for it.
pub(crate) fn use_streams() -> Streams {
    let streams: Streams = use_context().expect("the root component provides it");
    if !streams.used.get_untracked() {
        streams.used.set(true);
    }
    streams
}

impl Streams {
    /// One stream of the list.
    pub(crate) fn stream(self, name: String) -> Memo<Option<StreamInfo>> {
        memo(move || {
            self.value.with(|list| {
                let mut streams = list.value()?.streams.iter();
                streams.find(|stream| stream.name == name).cloned()
            })
        })
    }

    /// Asks now, unless events are read.
    pub(crate) fn refresh(self) {
        if self.inner.with_value(|inner| inner.events.is_none()) {
            self.inner.update_value(|inner| inner.retry.reset());
            self.stop();
            self.run();
        }
    }

    /// Forgets the list and asks now.
    pub(crate) fn reload(self) {
        self.stop();
        self.inner.update_value(|inner| {
            inner.retry.reset();
            inner.last_id.clear();
        });
        self.value.set(RemoteData::Loading);
        self.run();
    }

    fn allow_events(self) {
        let polls_only = is_embedded();
        self.inner
            .update_value(|inner| inner.polls_only = polls_only);
    }

    /// Sends the next request, unless one is open. A hidden page asks only for its first list.
    fn run(self) {
        let Some(server) = self.server.get_untracked() else {
            return;
        };
        let (ready, polls_only) = self
            .inner
            .with_value(|inner| (!inner.busy, inner.polls_only));
        let hidden = document().hidden();
        let loading = || {
            self.value
                .with_untracked(|value| matches!(value, RemoteData::Loading))
        };
        if !self.used.get_untracked() || !ready || (hidden && !loading()) {
            return;
        }
        if !hidden && !polls_only && self.claim() {
            self.read_events(&server.url("api/events"));
        } else {
            self.poll(server.url("api/streams"));
        }
    }

    /// Ends the open request and the wait for the next one.
    fn stop(self) {
        let ended = self.inner.try_update_value(|inner| {
            inner.request = inner.request.wrapping_add(1);
            inner.busy = false;
            (inner.events.take(), inner.timer.take())
        });
        if ended.is_some_and(|(events, _)| events.is_some()) {
            self.release();
        }
    }

    /// Returns the number of the request.
    fn begin(self, events: Option<EventRequest>) -> u32 {
        self.stop();
        let begun = self.inner.try_update_value(|inner| {
            inner.busy = true;
            inner.begun = false;
            inner.heard = now_ms();
            inner.events = events;
            inner.request
        });
        begun.unwrap_or_default()
    }

    fn is_current(self, request: u32) -> bool {
        self.inner
            .with_value(|inner| inner.busy && inner.request == request)
    }

    fn poll(self, url: String) {
        let request = self.begin(None);
        spawn_local(async move {
            let answer = snapshot(&url).await;
            if !self.is_current(request) {
                return;
            }
            match answer {
                Ok(list) => {
                    self.on_heard();
                    self.apply(list);
                    self.stop();
                    self.run_after(POLL_MS);
                }
                Err(error) => self.on_failed(error),
            }
        });
    }

    /// The list, while a proxy may hold back the first event.
    fn poll_beside(self) {
        let Some(server) = self.server.get_untracked() else {
            return;
        };
        let request = self.inner.with_value(|inner| inner.request);
        spawn_local(async move {
            let answer = snapshot(&server.url("api/streams")).await;
            let waits = self.is_current(request) && !self.inner.with_value(|inner| inner.begun);
            if let (Ok(list), true) = (answer, waits) {
                self.apply(list);
            }
        });
    }

    fn read_events(self, url: &str) {
        let last_id = self.inner.with_value(|inner| inner.last_id.clone());
        let Some((events, opened)) = EventRequest::open(url, &last_id) else {
            return;
        };
        let request = self.begin(Some(events));
        self.renew_after(FIRST_RENEWAL_MS);
        spawn_local(async move {
            let read = async {
                let reader = opened.await?;
                let mut parser = EventParser::default();
                while let Some(bytes) = reader.next().await {
                    if !self.is_current(request) {
                        break;
                    }
                    self.on_heard();
                    let events = parser.push(&bytes);
                    for event in events.map_err(|_| HttpError::Unreadable)? {
                        let change = serde_json::from_str(&event.data);
                        self.apply(change.map_err(|_| HttpError::Unreadable)?);
                        self.inner.update_value(|inner| inner.last_id = event.id);
                    }
                }
                Ok(())
            };
            let outcome: Result<(), HttpError> = read.await;
            if !self.is_current(request) {
                return;
            }
            match outcome {
                // The server shuts down, or the network has changed: the next request shows which.
                Ok(()) => {
                    self.stop();
                    self.retry_after(0);
                }
                // Blocked, refused or not there: a poll shows whether the server is.
                Err(_) => self.poll_only(),
            }
        });
    }

    fn poll_only(self) {
        self.inner.update_value(|inner| inner.polls_only = true);
        self.stop();
        self.run();
    }

    fn apply(self, change: StreamsEvent) {
        self.value.update(|value| {
            let mut list = match std::mem::replace(value, RemoteData::Loading) {
                RemoteData::Ready(list) | RemoteData::Stale(list, _) => list,
                RemoteData::Loading | RemoteData::Failed(_) => StreamList::default(),
            };
            list.apply(change);
            *value = RemoteData::Ready(list);
        });
    }

    fn on_heard(self) {
        self.inner.update_value(|inner| {
            inner.heard = now_ms();
            if !std::mem::replace(&mut inner.begun, true) {
                inner.retry.on_succeeded(inner.heard);
            }
        });
    }

    fn on_failed(self, error: HttpError) {
        let at_least = error.retry_after_ms();
        self.allow_events();
        self.stop();
        self.value.update(|value| {
            *value = std::mem::replace(value, RemoteData::Loading).next(Err(error), |_| true);
        });
        self.retry_after(at_least);
    }

    fn retry_after(self, at_least: u64) {
        let wait = self.inner.try_update_value(|inner| {
            inner
                .retry
                .on_failed(now_ms(), js_sys::Math::random(), at_least)
        });
        self.run_after(wait.unwrap_or(POLL_MS));
    }

    fn run_after(self, ms: u64) {
        self.set_timer(Timer::after(ms as f64, move || self.run()));
    }

    fn renew_after(self, ms: u64) {
        self.set_timer(Timer::after(ms as f64, move || self.renew()));
    }

    fn set_timer(self, timer: Timer) {
        drop(
            self.inner
                .try_update_value(|inner| inner.timer.replace(timer)),
        );
    }

    /// Renews the claim, and ends a request that is dead.
    fn renew(self) {
        let (begun, silent) = self
            .inner
            .with_value(|inner| (inner.begun, now_ms().saturating_sub(inner.heard)));
        if !self.claim() {
            self.stop();
            self.run();
        } else if begun && silent > SILENCE_MS {
            self.on_failed(HttpError::Unreachable);
        } else if !begun && silent > FIRST_BYTES_MS {
            self.poll_only();
        } else {
            if !begun {
                self.poll_beside();
            }
            self.renew_after(claims::RENEW_MS);
        }
    }

    /// Claims, or renews the claim. Without storage, pages cannot agree: then none reads events.
    fn claim(self) -> bool {
        let claimed = self
            .inner
            .with_value(|inner| claims::claim(&claimed(), &inner.page, wall_ms()));
        claimed.is_some_and(|text| save_claims(&text))
    }

    fn release(self) {
        let text = self
            .inner
            .with_value(|inner| claims::release(&claimed(), &inner.page, wall_ms()));
        save_claims(&text);
    }

    /// Another page may have given up its claim. While the server is away each attempt does: then the wait goes on.
    fn on_storage(self) {
        let waits = self
            .inner
            .with_value(|inner| !inner.busy && !inner.polls_only && inner.retry.due() <= now_ms());
        if waits
            && self.used.get_untracked()
            && !document().hidden()
            && claims::is_free(&claimed(), wall_ms())
        {
            self.run_after((js_sys::Math::random() * SPREAD_MS) as u64);
        }
    }
}
