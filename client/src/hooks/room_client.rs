//! The client of a room: the signaling socket, the connections to other peers, messages and files. Pages use it through [`RoomHandle`].

mod messages;
mod peers;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::conversation::Conversation;
use shared::signaling::{ClientMessage, ErrorCode, PeerId, PeerKind, RoomPassword, VERSION};

use super::files::Files;
use super::room::RoomHandle;
use super::room_passwords::{RoomPasswords, use_room_passwords};
use super::room_storage::RoomStorage;
use super::settings::{SavedSettings, use_settings};
use super::wake::Wake;
use crate::http::{self, HttpError};
use crate::rtc::mesh::Mesh;
use crate::rtc::signaling::{SignalingEvent, SignalingSocket};
use crate::rtc::timer::{Timer, now, now_ms, wall_ms};
use crate::state::join::{JoinEffect, JoinEvent, JoinMachine};
use crate::state::room::JoinState;
use crate::state::server::Server;

/// Delay before a changed conversation is saved.
const SAVE_MS: f64 = 1_000.0;
/// The page shows new messages at most this often, and less often the more messages there are: each time costs microseconds a message.
const SHOW_MS: f64 = 50.0;
const SHOW_MS_PER_MESSAGE: f64 = 0.1;
/// Ticks between two renewals of the claim to the room's storage.
const CLAIM_EVERY_TICKS: u32 = 5;

pub(crate) struct RoomClient {
    settings: SavedSettings,
    server: Server,
    /// The name of the room.
    name: String,
    room: RoomHandle,
    storage: RoomStorage,
    passwords: RoomPasswords,
    me: Weak<RoomClient>,
    join: RefCell<JoinMachine>,
    /// Counts attempts to open a socket: one that is asked for and not wanted any more is not opened.
    attempt: Cell<u32>,
    socket: RefCell<Option<SignalingSocket>>,
    mesh: RefCell<Option<Rc<Mesh>>>,
    /// Peers that have been sent all messages they lacked. New messages go only to these, so that all arrive in order.
    ready: RefCell<Vec<PeerId>>,
    /// When `typing` was last sent.
    typing: Cell<Option<u64>>,
    /// Peers that type, and when that expires.
    typing_peers: RefCell<Vec<(PeerId, u64)>>,
    files: Rc<Files>,
    saving: RefCell<Option<Timer>>,
    /// When the page was last told of a change of the conversation.
    shown_at: Cell<f64>,
    showing: RefCell<Option<Timer>>,
    ticks: Cell<u32>,
}

impl RoomClient {
    pub(crate) fn new(
        server: Server,
        name: String,
        storage: RoomStorage,
        room: RoomHandle,
    ) -> Rc<Self> {
        Rc::new_cyclic(|me| Self {
            settings: use_settings(),
            server,
            name,
            room,
            storage,
            passwords: use_room_passwords(),
            me: me.clone(),
            join: RefCell::default(),
            attempt: Cell::default(),
            socket: RefCell::default(),
            mesh: RefCell::default(),
            ready: RefCell::default(),
            typing: Cell::default(),
            typing_peers: RefCell::default(),
            files: Files::new(room, me.clone()),
            saving: RefCell::default(),
            shown_at: Cell::default(),
            showing: RefCell::default(),
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
        self.step(JoinEvent::Leave);
        self.save();
        self.storage.release();
        self.files.end();
    }

    /// The page is hidden, or its client has stopped. `unloading`: it does not enter the back/forward cache. No `leave` is sent: after a reload this is the same peer.
    pub(crate) fn hide(&self, unloading: bool) {
        self.save();
        if unloading {
            self.storage.release();
            drop(self.mesh.take());
        }
    }

    pub(crate) fn join(&self, name: String) {
        let name = name.trim().to_owned();
        if name.is_empty() {
            return;
        }
        self.settings.update(|settings| settings.name = Some(name));
        self.step(JoinEvent::Join);
    }

    /// Joins with what was typed as the password of the room.
    pub(crate) fn join_with_password(&self, typed: &str) {
        self.passwords.save(&self.server.base, &self.name, typed);
        self.step(JoinEvent::Join);
    }

    fn password(&self) -> Option<RoomPassword> {
        self.passwords.get(&self.server.base, &self.name)
    }

    /// It joins with a password.
    pub(crate) fn has_password(&self) -> bool {
        self.password().is_some()
    }

    pub(crate) fn wake(&self, wake: Wake) {
        self.step(JoinEvent::TryNow);
        if let (Wake::Network, Some(mesh)) = (wake, self.mesh()) {
            mesh.restart_ice();
        }
    }

    /// About once a second.
    pub(crate) fn tick(&self) {
        self.step(JoinEvent::Tick);
        self.ticks.set(self.ticks.get().wrapping_add(1));
        if self.ticks.get().is_multiple_of(CLAIM_EVERY_TICKS) {
            self.storage.claim(wall_ms());
        }
        let now = now_ms();
        let mut expired = Vec::new();
        self.typing_peers.borrow_mut().retain(|(peer, until)| {
            let typing = now < *until;
            if !typing {
                expired.push(peer.clone());
            }
            typing
        });
        for peer in expired {
            self.show_typing(&peer, false);
        }
        self.files.tick();
    }

    pub(crate) fn step(&self, event: JoinEvent) {
        let (effects, state) = {
            let mut join = self.join.borrow_mut();
            let effects = join.step(event, now_ms(), js_sys::Math::random());
            (effects, join.state().clone())
        };
        let before = self.room.join_state.try_get_untracked();
        if before.as_ref() != Some(&state) {
            let replaced = ErrorCode::Replaced;
            let left = matches!(&state, JoinState::Left)
                || matches!(&state, JoinState::Refused { code, .. } if *code == replaced);
            if let Some(mesh) = self.mesh() {
                mesh.signaling_lost();
            }
            let _ = self.room.join_state.try_set(state);
            for effect in effects {
                self.run(effect);
            }
            if left {
                self.disconnect_all();
            }
            return;
        }
        for effect in effects {
            self.run(effect);
        }
    }

    fn run(&self, effect: JoinEffect) {
        match effect {
            JoinEffect::OpenSocket => self.open(),
            JoinEffect::CloseSocket => self.close(),
            JoinEffect::SendPing => self.send_to_server(&ClientMessage::Ping),
            JoinEffect::SendLeave => self.send_to_server(&ClientMessage::Leave),
            JoinEffect::SendJoin => self.send_to_server(&ClientMessage::Join {
                version: VERSION,
                room: self.name.clone(),
                name: self.my_name(),
                key: self.storage.key().clone(),
                kind: PeerKind::Browser,
                native: true,
                password: self.password(),
            }),
        }
    }

    fn close(&self) {
        self.attempt.set(self.attempt.get().wrapping_add(1));
        drop(self.socket.take());
    }

    /// Asks before, since a page cannot find out why a socket is refused.
    fn open(&self) {
        self.close();
        let attempt = self.attempt.get();
        let me = self.me.clone();
        let asked = http::post_text(&self.server.url("api/ice"));
        spawn_local(async move {
            let answer = asked.await;
            let client = me.upgrade();
            let Some(client) = client.filter(|client| client.attempt.get() == attempt) else {
                return;
            };
            match answer {
                Err(HttpError::Status { error, .. }) if error.code.refuses_caller() => {
                    client.step(JoinEvent::Refused {
                        code: error.code,
                        message: error.error,
                    });
                }
                // Without an answer the socket fails as well, or the server is an older one.
                _ => client.open_socket(),
            }
        });
    }

    fn open_socket(&self) {
        let me = self.me.clone();
        let opened = SignalingSocket::open(&self.server.socket(), move |event| {
            if let Some(client) = me.upgrade() {
                client.on_socket_event(event);
            }
        });
        match opened {
            Ok(socket) => drop(self.socket.replace(Some(socket))),
            Err(_) => self.step(JoinEvent::Closed),
        }
    }

    /// Closes all connections and removes the people.
    fn disconnect_all(&self) {
        drop(self.mesh.take());
        self.ready.take();
        self.files.all_closed();
        let _ = self.room.people.try_update(Vec::clear);
        let _ = self.room.me.try_set(None);
    }

    fn send_to_server(&self, message: &ClientMessage) {
        if let Some(socket) = &*self.socket.borrow() {
            socket.send(message);
        }
    }

    fn my_name(&self) -> String {
        let name = self
            .settings
            .try_with_untracked(|settings| settings.name.clone());
        name.flatten().unwrap_or_default()
    }

    fn on_socket_event(&self, event: SignalingEvent) {
        match event {
            SignalingEvent::Opened => self.step(JoinEvent::Opened),
            SignalingEvent::Closed => self.step(JoinEvent::Closed),
            SignalingEvent::Message(message) => {
                self.step(JoinEvent::Received);
                self.on_server_message(message);
            }
        }
    }

    pub(crate) fn offer_files(&self, files: Vec<web_sys::File>) {
        for file in files {
            self.files.offer(file);
        }
    }

    /// Changes the conversation.
    fn change<T>(&self, act: impl FnOnce(&mut Conversation) -> T) -> Option<T> {
        let conversation = self.room.conversation;
        let result = conversation.try_maybe_update(|conversation| (false, act(conversation)));
        self.show_conversation();
        result
    }

    /// Tells the page that the conversation has changed: at once, or after a change that is just being shown.
    fn show_conversation(&self) {
        let conversation = self.room.conversation;
        let count = conversation.try_with_untracked(|c| c.entries().len());
        let pause = SHOW_MS + SHOW_MS_PER_MESSAGE * count.unwrap_or(0) as f64;
        let wait = self.shown_at.get() + pause - now();
        if wait <= 0.0 {
            drop(self.showing.take());
            self.shown_at.set(now());
            conversation.notify();
        } else if self.showing.borrow().is_none() {
            let me = self.me.clone();
            let timer = Timer::after(wait.ceil(), move || {
                if let Some(client) = me.upgrade() {
                    client.shown_at.set(0.0);
                    client.show_conversation();
                }
            });
            self.showing.replace(Some(timer));
        }
    }

    /// Saves the conversation after a delay.
    pub(crate) fn save_soon(&self) {
        if self.saving.borrow().is_some() {
            return;
        }
        let me = self.me.clone();
        let timer = Timer::after(SAVE_MS, move || {
            if let Some(client) = me.upgrade() {
                client.save();
            }
        });
        self.saving.replace(Some(timer));
    }

    fn save(&self) {
        drop(self.saving.take());
        self.room
            .conversation
            .try_with_untracked(|conversation| self.storage.save(conversation));
    }
}
