//! The client of a room: the signaling socket, the connections to other peers, messages and files. Pages use it through [`RoomHandle`].

mod joining;
mod late_comers;
mod messages;
mod peers;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use js_sys::{Array, Promise};
use leptos::prelude::*;
use shared::conversation::Conversation;
use shared::history::History;
use shared::signaling::{PeerId, RoomPassword};

use super::files::Files;
use super::room::RoomHandle;
use super::room_identity::RoomIdentity;
use super::room_passwords::{RoomPasswords, use_room_passwords};
use super::room_storage::RoomStorage;
use super::settings::{SavedSettings, use_settings};
use super::wake::Wake;
use crate::rtc::mesh::Mesh;
use crate::rtc::signaling::SignalingSocket;
use crate::rtc::timer::{Timer, now, now_ms};
use crate::state::join::{JoinEvent, JoinMachine};
use crate::state::server::Server;

/// Delay before a changed conversation is saved: changes in a row are one transaction.
const SAVE_MS: f64 = 100.0;
/// The page shows new messages at most this often.
const SHOW_MS: f64 = 50.0;

pub(crate) struct RoomClient {
    settings: SavedSettings,
    server: Server,
    /// The name of the room.
    name: String,
    room: RoomHandle,
    identity: Rc<RoomIdentity>,
    storage: Rc<RoomStorage>,
    passwords: RoomPasswords,
    me: Weak<RoomClient>,
    join: RefCell<JoinMachine>,
    /// Counts attempts to open a socket: one that is asked for and not wanted any more is not opened.
    attempt: Cell<u32>,
    socket: RefCell<Option<SignalingSocket>>,
    /// The one before, until the server has welcomed that.
    replaced: RefCell<Option<SignalingSocket>>,
    mesh: RefCell<Option<Rc<Mesh>>>,
    /// Peers that have been sent all messages they lacked. New messages go only to these, so that all arrive in order.
    ready: RefCell<Vec<PeerId>>,
    /// When `typing` was last sent.
    typing: Cell<Option<u64>>,
    /// Peers that type, and when that expires.
    typing_peers: RefCell<Vec<(PeerId, u64)>>,
    history: RefCell<History>,
    /// What was saved is there, and known not to be told.
    may_tell: Cell<bool>,
    files: Rc<Files>,
    saving: RefCell<Option<Timer>>,
    /// When the page was last told of a change of the conversation.
    shown_at: Cell<f64>,
    showing: RefCell<Option<Timer>>,
}

impl RoomClient {
    pub(crate) fn new(
        server: Server,
        name: String,
        identity: Rc<RoomIdentity>,
        storage: Rc<RoomStorage>,
        room: RoomHandle,
    ) -> Rc<Self> {
        let client = Rc::new_cyclic(|me| Self {
            files: Files::new(room, me.clone(), Rc::clone(&identity), &server.base, &name),
            settings: use_settings(),
            server,
            name,
            room,
            identity,
            storage,
            passwords: use_room_passwords(),
            me: me.clone(),
            join: RefCell::default(),
            attempt: Cell::default(),
            socket: RefCell::default(),
            replaced: RefCell::default(),
            mesh: RefCell::default(),
            ready: RefCell::default(),
            typing: Cell::default(),
            typing_peers: RefCell::default(),
            history: RefCell::default(),
            may_tell: Cell::default(),
            saving: RefCell::default(),
            shown_at: Cell::default(),
            showing: RefCell::default(),
        });
        let me = client.me.clone();
        let storage = Rc::clone(&client.storage);
        client
            .identity
            .set_on_taken(Box::new(move || match me.upgrade() {
                Some(client) => {
                    client.step(JoinEvent::TakenOver);
                    client.saved()
                }
                None => storage.saved(),
            }));
        client
    }

    pub(crate) fn files(&self) -> &Rc<Files> {
        &self.files
    }

    pub(crate) fn mesh(&self) -> Option<Rc<Mesh>> {
        self.mesh.borrow().clone()
    }

    /// Leaves the room for good.
    pub(crate) fn end(&self) {
        self.save_all();
        self.step(JoinEvent::Leave);
        self.files.end();
    }

    /// The page is hidden, or its client has stopped. `unloading`: it does not enter the back/forward cache. No `leave` is sent, as after a reload this is the same peer: the browser closes the socket with a status from which the server knows.
    pub(crate) fn hide(&self, unloading: bool) {
        self.save_all();
        if unloading {
            self.identity.release(&self.saved());
            drop(self.mesh.take());
        }
    }

    /// The room is given up. Resolves when messages and files that are being saved are, or cannot be.
    fn saved(&self) -> Promise {
        Promise::all(&Array::of2(&self.storage.saved(), &self.files.settle()))
    }

    /// Of the conversation, something would be lost with the page.
    pub(crate) fn is_lost(&self) -> bool {
        match self.identity.is_held() {
            true => !self.storage.save_at_once(),
            false => self.storage.is_lost(),
        }
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
        self.expire_people();
        self.files.tick();
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
        let wait = self.shown_at.get() + SHOW_MS - now();
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

    /// Before this tab gives the room up: the database may refuse when nobody can be told any more.
    fn save_all(&self) {
        if self.identity.is_held() {
            self.storage.save_at_once();
        }
        self.save();
    }

    fn save(&self) {
        drop(self.saving.take());
        if self.identity.is_held() {
            self.storage.save();
        }
    }
}
