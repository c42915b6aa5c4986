//! What runs a room: the socket to the server, the connections to the others, what they say. The page sees it through [`Room`].

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::{Rc, Weak};

use leptos::prelude::*;
use shared::chat::{Body, Frame, Message, TYPING};
use shared::conversation::Heard;
use shared::signaling::{ClientMessage, Code, PeerId, PeerKind, ServerMessage, VERSION};
use wasm_bindgen::JsValue;

use super::app::App;
use super::files::Files;
use super::history::History;
use super::ice;
use super::report;
use super::room::{Room, wall_ms};
use crate::rtc::mesh::{Mesh, MeshEvent, News, Signal};
use crate::rtc::repair::Health;
use crate::rtc::signaling::{Socket, SocketEvent};
use crate::rtc::timer::{Timer, now};
use crate::state::joining::{Effect, Event, Joining};
use crate::state::people::{Outcome, Step, find, moved, told};
use crate::state::room::{Link, Note, Path};

const MAX_NOTES: usize = 100;
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
    ready: RefCell<BTreeSet<PeerId>>,
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

    fn told(&self, message: ServerMessage) {
        let mut again = false;
        let (from, signal) = match message {
            ServerMessage::Pong => return,
            ServerMessage::Error { to: Some(_), .. } => return,
            ServerMessage::Error { code, message, .. } => {
                return self.step(Event::Refused { code, message });
            }
            ServerMessage::Offer { from, sdp } => (from, Signal::Offer(sdp)),
            ServerMessage::Answer { from, sdp } => (from, Signal::Answer(sdp)),
            ServerMessage::Candidate { from, candidate } => (from, Signal::Candidate(candidate)),
            message => {
                if let ServerMessage::Welcome { you, .. } = &message {
                    again = self.room.me.try_get_untracked().flatten().is_some();
                    self.welcomed(&you.id);
                    let _ = self.room.me.try_set(Some(you.clone()));
                }
                let outcome = self
                    .room
                    .people
                    .try_update(|people| told(people, &message, again));
                return self.follow(outcome.unwrap_or_default());
            }
        };
        let listed = self
            .room
            .people
            .try_with_untracked(|people| people.iter().any(|person| person.id == from));
        if let (Some(mesh), Some(true)) = (self.mesh(), listed) {
            mesh.hear(&from, signal);
        }
    }

    fn welcomed(&self, id: &PeerId) {
        self.step(Event::Welcomed);
        let other = self.room.conversation.try_with_untracked(|c| c.me() != id);
        if other == Some(true) {
            let _ = self
                .room
                .conversation
                .try_update(|c| c.become_peer(id.clone()));
        }
        if self.mesh.borrow().is_none() {
            let me = self.me.clone();
            let on = move |event| {
                if let Some(engine) = me.upgrade() {
                    engine.happened(event);
                }
            };
            let mesh = Mesh::new(id.clone(), ice::ask(self.app), Box::new(on));
            self.mesh.replace(Some(Rc::new(mesh)));
        }
    }

    fn follow(&self, outcome: Outcome) {
        let after = self
            .room
            .conversation
            .try_with_untracked(|c| c.entries().last().map(|entry| entry.message.number));
        for what in outcome.notes {
            let note = Note {
                at: wall_ms(),
                after: after.flatten().unwrap_or(0),
                what,
            };
            let _ = self.room.notes.try_update(|notes| {
                notes.push(note);
                let over = notes.len().saturating_sub(MAX_NOTES);
                notes.drain(..over);
            });
        }
        let Some(mesh) = self.mesh() else { return };
        for step in outcome.steps {
            match step {
                Step::Meet { peer, offer } => mesh.meet(&peer, offer),
                Step::Unreachable(peer) => mesh.unreachable(&peer),
                Step::Part(peer) => {
                    mesh.part(&peer);
                    self.closed(&peer);
                }
            }
        }
    }

    fn happened(&self, event: MeshEvent) {
        let MeshEvent { peer, news } = event;
        match news {
            News::Signal(signal) => self.tell(&match signal {
                Signal::Offer(sdp) => ClientMessage::Offer { to: peer, sdp },
                Signal::Answer(sdp) => ClientMessage::Answer { to: peer, sdp },
                Signal::Candidate(candidate) => ClientMessage::Candidate {
                    to: peer,
                    candidate,
                },
            }),
            News::Health(health) => self.mended(&peer, health),
            News::Open => self.opened(&peer),
            News::Closed => self.closed(&peer),
            News::Frame(frame) => self.hear(&peer, frame),
            News::File {
                channel,
                number,
                offset,
            } => self.files.take(&peer, channel, number, offset),
            News::Safety(code) => {
                let _ = self.room.people.try_update(|people| {
                    if let Some(person) = find(people, &peer) {
                        person.safety = Some(code);
                    }
                });
            }
            News::Stats(report) => {
                let Some(pair) = report::read(&report, now()).pair else {
                    return;
                };
                let relay = |kind: &Option<String>| kind.as_deref() == Some("relay");
                let path = Path::Open {
                    relayed: relay(&pair.local_kind) || relay(&pair.remote_kind),
                    // The counter is in seconds.
                    rtt: pair.round_trip.map(|rtt| (rtt * 1_000.0) as u32),
                };
                if matches!(self.path(&peer), Some(Path::Open { .. })) {
                    self.moved(&peer, path);
                }
            }
        }
    }

    fn mended(&self, peer: &PeerId, health: Health) {
        let path = match health {
            Health::Connecting => Path::Connecting,
            Health::Open => Path::Open {
                relayed: false,
                rtt: None,
            },
            Health::Broken => Path::Broken,
            Health::Failed => Path::Failed,
        };
        self.moved(peer, path);
    }

    fn path(&self, peer: &PeerId) -> Option<Path> {
        let path = self.room.people.try_with_untracked(|people| {
            let person = people.iter().find(|person| person.id == *peer)?;
            Some(person.path)
        });
        path.flatten()
    }

    fn moved(&self, peer: &PeerId, path: Path) {
        if self.path(peer).is_none_or(|before| before == path) {
            return;
        }
        let outcome = self
            .room
            .people
            .try_update(|people| moved(people, peer, path));
        self.follow(outcome.unwrap_or_default());
    }

    fn opened(&self, peer: &PeerId) {
        let missing = self.room.conversation.try_update(|c| c.on_open(peer));
        let Some(mesh) = self.mesh() else { return };
        for message in missing.unwrap_or_default() {
            if !mesh.send(peer, &Frame::Message(message)) {
                return mesh.distrust(peer);
            }
        }
        self.ready.borrow_mut().insert(peer.clone());
        self.files.opened(peer);
    }

    fn closed(&self, peer: &PeerId) {
        self.ready.borrow_mut().remove(peer);
        self.show_typing(peer, false);
        self.files.closed(peer);
    }

    /// Sends a frame to somebody who is up to date.
    pub(crate) fn send(&self, peer: &PeerId, frame: &Frame) {
        let ready = self.ready.borrow().contains(peer);
        if let (Some(mesh), true) = (self.mesh(), ready)
            && !mesh.send(peer, frame)
        {
            // Nothing may be sent after what was not: it is sent again on another channel.
            self.ready.borrow_mut().remove(peer);
            mesh.distrust(peer);
        }
    }

    fn send_all(&self, frame: &Frame) {
        let ready: Vec<PeerId> = self.ready.borrow().iter().cloned().collect();
        for peer in ready {
            self.send(&peer, frame);
        }
    }

    pub(crate) fn is_ready(&self, peer: &PeerId) -> bool {
        self.ready.borrow().contains(peer)
    }

    fn hear(&self, from: &PeerId, frame: Frame) {
        match frame {
            Frame::Message(message) => self.hear_message(from, message),
            Frame::Received { number } => {
                let _ = self
                    .room
                    .conversation
                    .try_update(|c| c.received(from, number));
            }
            Frame::Typing { on } => self.show_typing(from, on),
            Frame::Want { number, offset } => self.files.wanted(from, number, offset),
            Frame::Stop { number } => self.files.stopped(from, number),
            Frame::Gone { number } => self.files.gone(from, number),
            Frame::Kept { number } => self.files.kept(from, number),
        }
    }

    fn hear_message(&self, from: &PeerId, message: Message) {
        let name = self.room.people.try_with_untracked(|people| {
            let person = people.iter().find(|person| person.id == *from)?;
            Some(person.name.clone())
        });
        let Some(name) = name.flatten() else { return };
        self.show_typing(from, false);
        let heard = self
            .room
            .conversation
            .try_update(|c| c.hear(from, &name, message));
        let received = match heard {
            Some(Heard::New { received, .. } | Heard::Again { received }) => received,
            _ => return,
        };
        self.send(from, &Frame::Received { number: received });
        self.files.heard(from, received);
    }

    pub(crate) fn say_text(&self, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        self.say(Body::Text {
            text: text.to_owned(),
        });
        self.typing.set(None);
    }

    /// The number of the message; `None` when a limit of the chat is broken.
    pub(crate) fn say(&self, body: Body) -> Option<u64> {
        let others = self
            .room
            .people
            .try_with_untracked(|people| people.iter().map(|p| p.id.clone()).collect::<Vec<_>>());
        let (others, name) = (others.unwrap_or_default(), self.my_name());
        let said = self
            .room
            .conversation
            .try_update(|c| c.say(wall_ms(), &name, body, &others));
        let message = said.flatten()?;
        let number = message.number;
        self.send_all(&Frame::Message(message));
        Some(number)
    }

    pub(crate) fn offer_files(&self, files: Vec<web_sys::File>) {
        for file in files {
            self.files.offer(file);
        }
    }

    pub(crate) fn typing(&self, on: bool) {
        let (now, said) = (wall_ms(), self.typing.get());
        let fresh = said.is_some_and(|at| now < at + TYPING * 500);
        if on != said.is_some() || (on && !fresh) {
            self.typing.set(on.then_some(now));
            self.send_all(&Frame::Typing { on });
        }
    }

    fn show_typing(&self, peer: &PeerId, on: bool) {
        let mut typists = self.typists.borrow_mut();
        typists.retain(|(typist, _)| typist != peer);
        if on {
            typists.push((peer.clone(), wall_ms() + TYPING * 1_000));
        }
        drop(typists);
        let shown = self
            .room
            .people
            .try_with_untracked(|people| people.iter().any(|p| p.id == *peer && p.typing != on));
        if shown == Some(true) {
            let _ = self.room.people.try_update(|people| {
                if let Some(person) = find(people, peer) {
                    person.typing = on;
                }
            });
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
