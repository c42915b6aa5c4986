//! Joins the room and leaves it: the claim of this tab, the signaling socket, the name.

use std::rc::Rc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::signaling::{ClientMessage, ErrorCode, PeerKind, VERSION};
use wasm_bindgen_futures::JsFuture;

use super::RoomClient;
use crate::http::{self, HttpError};
use crate::rtc::signaling::{SignalingEvent, SignalingSocket};
use crate::rtc::timer::now_ms;
use crate::state::join::{JoinEffect, JoinEvent};
use crate::state::room::JoinState;

impl RoomClient {
    pub(crate) fn join(&self, name: String) {
        let name = name.trim().to_owned();
        if name.is_empty() {
            return;
        }
        let _ = self.room.wanted_name.try_set(Some(name));
        let _ = self.room.refused_name.try_set(None);
        self.step(JoinEvent::Join);
    }

    /// The server has accepted the name, and closes the socket before this one.
    pub(super) fn keep_name(&self) {
        drop(self.replaced.take());
        self.save_name();
    }

    fn save_name(&self) {
        let wanted = self.room.wanted_name.try_update(Option::take);
        if let Some(name) = wanted.flatten() {
            self.settings.update(|settings| settings.name = Some(name));
        }
    }

    /// A refusal. After that of a new name the person is in the room as before.
    pub(super) fn on_refused(&self, code: ErrorCode, message: String) {
        if !matches!(code, ErrorCode::BadName | ErrorCode::NameTaken) {
            self.save_name();
            return self.step(JoinEvent::Refused { code, message });
        }
        let is_in = self.room.me.try_with_untracked(Option::is_some) == Some(true);
        if is_in {
            let wanted = self.room.wanted_name.try_update(Option::take);
            if let Some(name) = wanted.flatten() {
                let _ = self.room.refused_name.try_set(Some((code, name)));
                // Its end is not that of the place, which the socket before it has.
                drop(self.socket.take());
                return self.step(JoinEvent::Join);
            }
        }
        self.step(JoinEvent::Refused { code, message });
    }

    /// Joins with what was typed as the password of the room.
    pub(crate) fn join_with_password(&self, typed: &str) {
        self.passwords.save(&self.server.base, &self.name, typed);
        self.step(JoinEvent::Join);
    }

    pub(crate) fn step(&self, event: JoinEvent) {
        let (effects, state) = {
            let mut join = self.join.borrow_mut();
            let effects = join.step(event, now_ms(), js_sys::Math::random());
            (effects, join.state().clone())
        };
        let before = self.room.join_state.try_get_untracked();
        if before.as_ref() != Some(&state) {
            let left = matches!(&state, JoinState::Left | JoinState::Elsewhere);
            if left {
                self.save_all();
            }
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
            JoinEffect::Claim { take } => self.claim(take),
            JoinEffect::Release => self.identity.release(&self.saved()),
            JoinEffect::OpenSocket => self.open(),
            JoinEffect::CloseSocket => self.close(),
            JoinEffect::SendPing => self.send_to_server(&ClientMessage::Ping),
            JoinEffect::SendLeave => self.send_to_server(&ClientMessage::Leave),
            JoinEffect::SendJoin => self.send_to_server(&ClientMessage::Join {
                version: VERSION,
                room: self.name.clone(),
                name: self.my_name(),
                key: self.identity.key().clone(),
                kind: PeerKind::Browser,
                native: true,
                password: self.password(),
            }),
        }
    }

    fn claim(&self, take: bool) {
        let (identity, me) = (Rc::clone(&self.identity), self.me.clone());
        let storage = Rc::clone(&self.storage);
        spawn_local(async move {
            if let Some(client) = me.upgrade() {
                client.may_tell.set(false);
            }
            let mut rest = None;
            if identity.claim(take).await {
                // Before it joins: what a peer lacks is sent in order. Another tab may have added to it.
                rest = Some(storage.load().await);
            }
            let held = identity.is_held();
            let Some(client) = me.upgrade() else { return };
            if held {
                client.files.restore();
            }
            client.step(match held {
                true => JoinEvent::Claimed,
                false => JoinEvent::HeldElsewhere,
            });
            drop(client);
            match rest {
                Some(rest) => {
                    let _ = JsFuture::from(rest).await;
                    if let Some(client) = me.upgrade() {
                        client.send_missing();
                    }
                }
                None => storage.look().await,
            }
        });
    }

    fn close(&self) {
        self.attempt.set(self.attempt.get().wrapping_add(1));
        drop(self.socket.take());
        drop(self.replaced.take());
    }

    /// Asks before, since a page cannot find out why a socket is refused.
    fn open(&self) {
        let attempt = self.attempt.get().wrapping_add(1);
        self.attempt.set(attempt);
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
                    client.on_refused(error.code, error.error);
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
            Ok(socket) => {
                // The place is this socket's until the server gives it to the new one, as for a new name.
                let before = self.socket.replace(Some(socket));
                if let Some(mut before) = before {
                    before.mute();
                    self.replaced.borrow_mut().get_or_insert(before);
                }
            }
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

    pub(super) fn send_to_server(&self, message: &ClientMessage) {
        if let Some(socket) = &*self.socket.borrow() {
            socket.send(message);
        }
    }

    pub(super) fn my_name(&self) -> String {
        let wanted = self.room.wanted_name.try_get_untracked().flatten();
        let kept = self
            .settings
            .try_with_untracked(|settings| settings.name.clone());
        wanted.or(kept.flatten()).unwrap_or_default()
    }

    fn on_socket_event(&self, event: SignalingEvent) {
        match event {
            SignalingEvent::Opened => self.step(JoinEvent::Opened),
            SignalingEvent::Closed => self.step(JoinEvent::Closed),
            SignalingEvent::Message(message) => {
                self.step(JoinEvent::Received);
                if self.join.borrow().state().is_in() {
                    self.on_server_message(message);
                }
            }
        }
    }
}
