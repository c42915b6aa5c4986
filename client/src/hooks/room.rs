//! A room: signals for its page, over an [`Engine`] that ends with the component.

use std::rc::Rc;

use super::derived::effect;
use leptos::prelude::*;
use shared::conversation::Conversation;
use shared::signaling::{Peer, PeerId};
use wasm_bindgen::JsCast;
use web_sys::PageTransitionEvent;

use super::app::App;
use super::engine::Engine;
use super::history::History;
use crate::rtc::listener::Listener;
use crate::rtc::timer::Timer;
use crate::state::joining::Event;
use crate::state::room::{Link, Note, Person, Transfer};

const TICK_MS: f64 = 1_000.0;

/// A handle for components.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    pub(crate) link: RwSignal<Link>,
    /// The others, in the order they came.
    pub(crate) people: RwSignal<Vec<Person>>,
    pub(crate) conversation: RwSignal<Conversation>,
    /// The last hundred.
    pub(crate) notes: RwSignal<Vec<Note>>,
    pub(crate) transfers: RwSignal<Vec<Transfer>>,
    /// This side, as it was welcomed.
    pub(crate) me: RwSignal<Option<Peer>>,
    engine: StoredValue<Option<Owned>, LocalStorage>,
}

struct Owned {
    engine: Rc<Engine>,
    _timer: Timer,
    _listeners: [Listener; 3],
}

/// The room `name`. Joins as soon as there is a server and a name in the settings.
pub(crate) fn use_room(app: App, name: String) -> Room {
    let name = name.trim().to_owned();
    let history = History::open(&name, wall_ms());
    let room = Room {
        link: RwSignal::new(Link::Unnamed),
        people: RwSignal::new(Vec::new()),
        conversation: RwSignal::new(history.load()),
        notes: RwSignal::new(Vec::new()),
        transfers: RwSignal::new(Vec::new()),
        me: RwSignal::new(None),
        engine: StoredValue::new_local(None),
    };
    let engine = Engine::new(app, name, history, room);
    let on = |event: &'static str, act: fn(&Rc<Engine>, web_sys::Event)| {
        let engine = Rc::downgrade(&engine);
        Listener::new(&window(), event, move |event| {
            if let Some(engine) = engine.upgrade() {
                act(&engine, event);
            }
        })
    };
    let listeners = [
        on("online", |engine, _| {
            engine.step(Event::Online);
            if let Some(mesh) = engine.mesh() {
                mesh.renew();
            }
        }),
        on("pagehide", |engine, event| {
            let kept = event.unchecked_into::<PageTransitionEvent>().persisted();
            engine.hide(!kept);
        }),
        on("pageshow", |engine, event| {
            if event.unchecked_into::<PageTransitionEvent>().persisted() {
                engine.step(Event::Online);
            }
        }),
    ];
    let weak = Rc::downgrade(&engine);
    let timer = Timer::every(TICK_MS, move || {
        if let Some(engine) = weak.upgrade() {
            engine.tick();
        }
    });
    room.engine.set_value(Some(Owned {
        engine,
        _timer: timer,
        _listeners: listeners,
    }));
    effect(move || {
        let known = app.server_now().is_some();
        let named = app.settings.with(|settings| settings.name.is_some());
        let fresh = room.link.with_untracked(|link| *link == Link::Unnamed);
        if known && named && fresh {
            room.with(|engine| engine.step(Event::Join));
        }
    });
    effect(move || {
        room.conversation.track();
        room.with(Engine::save_soon);
    });
    on_cleanup(move || {
        // Taken out first: what it does on its way must not happen under the lock.
        if let Some(owned) = room.engine.try_update_value(Option::take).flatten() {
            owned.engine.end();
        }
    });
    room
}

impl Room {
    /// Sets the person's name and joins, also after a refusal or a goodbye.
    pub(crate) fn join(self, name: String) {
        self.with(|engine| engine.join(name));
    }

    pub(crate) fn leave(self) {
        self.with(|engine| engine.step(Event::Leave));
    }

    /// Now, instead of waiting.
    pub(crate) fn retry(self) {
        self.with(|engine| engine.step(Event::Join));
    }

    pub(crate) fn say(self, text: String) {
        self.with(|engine| engine.say_text(&text));
    }

    /// Call freely: it is not sent more often than needed.
    pub(crate) fn typing(self, on: bool) {
        self.with(|engine| engine.typing(on));
    }

    pub(crate) fn offer_files(self, files: Vec<web_sys::File>) {
        self.with(|engine| engine.offer_files(files));
    }

    /// Receives a file, goes on with it, or tries again.
    pub(crate) fn want(self, author: PeerId, number: u64) {
        self.with(|engine| engine.files().want(&author, number));
    }

    /// Cancels, in either direction.
    pub(crate) fn stop(self, author: PeerId, number: u64, peer: PeerId) {
        self.with(|engine| engine.files().stop(&author, number, &peer));
    }

    pub(crate) fn mark_read(self) {
        let unread = self.conversation.with_untracked(Conversation::unread);
        if unread > 0 {
            self.conversation.update(Conversation::mark_read);
        }
    }

    fn with(self, act: impl FnOnce(&Rc<Engine>)) {
        let engine = self.engine.try_with_value(|owned| {
            let owned = owned.as_ref()?;
            Some(Rc::clone(&owned.engine))
        });
        if let Some(engine) = engine.flatten() {
            act(&engine);
        }
    }
}

/// Milliseconds since 1970.
pub(crate) fn wall_ms() -> u64 {
    js_sys::Date::now() as u64
}
