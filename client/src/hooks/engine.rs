//! What runs a room: the socket to the server, the connections to the others, what they say. The page sees it through [`Room`].

mod others;
mod talk;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use leptos::prelude::*;
use shared::signaling::{ClientMessage, Code, PeerId, PeerKind, VERSION};
use wasm_bindgen::JsValue;

use super::app::App;
use super::files::Files;
use super::history::History;
use super::room::{Room, wall_ms};
use crate::rtc::mesh::Mesh;
use crate::rtc::signaling::{Socket, SocketEvent};
use crate::rtc::timer::{Timer, now};
use crate::state::joining::{Effect, Event, Joining};
use crate::state::room::Link;

const SAVE_MS: f64 = 1_000.0;
/// Seconds between two claims to the room's history.
const HOLD_EVERY: u32 = 5;

pub(crate) struct Engine {
    app: App,
    /// Of the room.
    name: String,
    room: Room,
    history: History,
    me: Weak<Engine>,
    joining: RefCell<Joining>,
    socket: RefCell<Option<Socket>>,
    mesh: RefCell<Option<Rc<Mesh>>>,
    /// Those who have been sent what they had missed. What is new goes to them, and only to them, so that all arrives in order.
    ready: RefCell<Vec<PeerId>>,
    /// When it was last said that this side is writing.
    typing: Cell<Option<u64>>,
    /// Who is writing, and until when that holds.
    typists: RefCell<Vec<(PeerId, u64)>>,
    files: Rc<Files>,
    saving: RefCell<Option<Timer>>,
    ticks: Cell<u32>,
}

impl Engine {
    pub(crate) fn new(app: App, name: String, history: History, room: Room) -> Rc<Self> {
        Rc::new_cyclic(|me| Self {
            app,
            name,
            room,
            history,
            me: me.clone(),
            joining: RefCell::default(),
            socket: RefCell::default(),
            mesh: RefCell::default(),
            ready: RefCell::default(),
            typing: Cell::default(),
            typists: RefCell::default(),
            files: Files::new(room, me.clone()),
            saving: RefCell::default(),
            ticks: Cell::default(),
        })
    }

    pub(crate) fn files(&self) -> &Rc<Files> {
        &self.files
    }

    pub(crate) fn mesh(&self) -> Option<Rc<Mesh>> {
        self.mesh.borrow().clone()
    }

    /// Leaves the room for good.
    pub(crate) fn end(&self) {
        self.step(Event::Leave);
        self.save();
        self.history.release();
        self.files.end();
    }

    /// The page goes away; `forever`: it does not come back out of the browser's cache. The server keeps our place for a reload.
    pub(crate) fn hide(&self, forever: bool) {
        self.save();
        if forever {
            self.history.release();
            drop(self.mesh.take());
        }
    }

    pub(crate) fn join(&self, name: String) {
        let name = name.trim().to_owned();
        if name.is_empty() {
            return;
        }
        self.app
            .settings
            .update(|settings| settings.name = Some(name));
        self.step(Event::Join);
    }

    /// About once a second.
    pub(crate) fn tick(&self) {
        self.step(Event::Tick);
        self.ticks.set(self.ticks.get().wrapping_add(1));
        if self.ticks.get().is_multiple_of(HOLD_EVERY) {
            self.history.hold(wall_ms());
        }
        let now = wall_ms();
        let mut over = Vec::new();
        self.typists.borrow_mut().retain(|(peer, until)| {
            let on = now < *until;
            if !on {
                over.push(peer.clone());
            }
            on
        });
        for peer in over {
            self.show_typing(&peer, false);
        }
        self.files.tick();
    }

    pub(crate) fn step(&self, event: Event) {
        let (effects, link) = {
            let mut joining = self.joining.borrow_mut();
            let effects = joining.step(event, now() as u64, js_sys::Math::random());
            (effects, joining.link().clone())
        };
        let before = self.room.link.try_get_untracked();
        if before.as_ref() != Some(&link) {
            let replaced = Code::Replaced;
            let over = matches!(&link, Link::Left)
                || matches!(&link, Link::Refused { code, .. } if *code == replaced);
            if let Some(mesh) = self.mesh() {
                mesh.alone();
            }
            let _ = self.room.link.try_set(link);
            for effect in effects {
                self.run(effect);
            }
            if over {
                self.part_all();
            }
            return;
        }
        for effect in effects {
            self.run(effect);
        }
    }

    fn run(&self, effect: Effect) {
        match effect {
            Effect::Open => self.open(),
            Effect::Close => drop(self.socket.take()),
            Effect::Ping => self.tell(&ClientMessage::Ping),
            Effect::Bye => self.tell(&ClientMessage::Leave),
            Effect::Hello => self.tell(&ClientMessage::Join {
                version: VERSION,
                room: self.name.clone(),
                name: self.my_name(),
                key: self.history.key().clone(),
                kind: PeerKind::Browser,
            }),
        }
    }

    fn open(&self) {
        drop(self.socket.take());
        let server = self.app.server.try_get_untracked().flatten().flatten();
        let me = self.me.clone();
        let opened = server.ok_or(JsValue::NULL).and_then(|server| {
            Socket::open(&server.socket(), move |event| {
                if let Some(engine) = me.upgrade() {
                    engine.heard(event);
                }
            })
        });
        match opened {
            Ok(socket) => drop(self.socket.replace(Some(socket))),
            Err(_) => self.step(Event::Closed),
        }
    }

    /// Ends all connections; the others are no longer shown.
    fn part_all(&self) {
        drop(self.mesh.take());
        self.ready.take();
        self.files.alone();
        let _ = self.room.people.try_update(Vec::clear);
        let _ = self.room.me.try_set(None);
    }

    fn tell(&self, message: &ClientMessage) {
        if let Some(socket) = &*self.socket.borrow() {
            socket.send(message);
        }
    }

    fn my_name(&self) -> String {
        let name = self
            .app
            .settings
            .try_with_untracked(|settings| settings.name.clone());
        name.flatten().unwrap_or_default()
    }

    fn heard(&self, event: SocketEvent) {
        match event {
            SocketEvent::Opened => self.step(Event::Opened),
            SocketEvent::Closed => self.step(Event::Closed),
            SocketEvent::Message(message) => {
                self.step(Event::Heard);
                self.told(message);
            }
        }
    }

    pub(crate) fn offer_files(&self, files: Vec<web_sys::File>) {
        for file in files {
            self.files.offer(file);
        }
    }

    /// Keeps the conversation in a moment.
    pub(crate) fn save_soon(self: &Rc<Self>) {
        if self.saving.borrow().is_some() {
            return;
        }
        let me = self.me.clone();
        let timer = Timer::after(SAVE_MS, move || {
            if let Some(engine) = me.upgrade() {
                engine.save();
            }
        });
        self.saving.replace(Some(timer));
    }

    fn save(&self) {
        drop(self.saving.take());
        self.room
            .conversation
            .try_with_untracked(|conversation| self.history.save(conversation));
    }
}
