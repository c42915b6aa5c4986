//! Messages of a room: when they are sent to which peer, and how received ones are handled.

use leptos::prelude::*;
use shared::chat::{About, Body, ChatFrame, Message, TYPING_TIMEOUT_S};
use shared::conversation::ReceiveOutcome;
use shared::signaling::PeerId;
use shared::want_queue::Want;

use super::RoomClient;
use crate::rtc::timer::{now_ms, wall_ms};
use crate::state::people::find;

impl RoomClient {
    pub(super) fn on_open(&self, peer: &PeerId) {
        let missing = self.change(|c| c.on_open(peer));
        let Some(mesh) = self.mesh() else { return };
        for message in missing.unwrap_or_default() {
            if !mesh.send(peer, &ChatFrame::Message(message)) {
                return mesh.invalidate(peer);
            }
        }
        self.ready.borrow_mut().push(peer.clone());
        self.show_history_to(peer);
        self.files.on_open(peer);
    }

    /// What has been loaded late goes to peers that are here already.
    pub(super) fn send_missing(&self) {
        let mut history = self.history.borrow_mut();
        let conversation = self.room.conversation;
        let _ = conversation.try_with_untracked(|conversation| history.on_loaded(conversation));
        drop(history);
        self.may_tell.set(true);
        self.files.transfers().notify_all();
        let ready = self.ready.borrow().clone();
        for peer in ready {
            let missing = self.change(|c| c.on_open(&peer));
            for message in missing.unwrap_or_default() {
                self.send(&peer, &ChatFrame::Message(message));
            }
        }
    }

    pub(super) fn on_closed(&self, peer: &PeerId) {
        self.ready.borrow_mut().retain(|ready| ready != peer);
        self.history.borrow_mut().on_closed(peer);
        self.show_typing(peer, false);
        self.files.on_closed(peer);
    }

    /// Sends a frame to a peer that is ready.
    pub(crate) fn send(&self, peer: &PeerId, frame: &ChatFrame) {
        let ready = self.ready.borrow().contains(peer);
        if let (Some(mesh), true) = (self.mesh(), ready)
            && !mesh.send(peer, frame)
        {
            // After a lost frame nothing more may be sent on this channel; a new one starts with the missing messages.
            self.ready.borrow_mut().retain(|ready| ready != peer);
            mesh.invalidate(peer);
        }
    }

    pub(crate) fn send_all(&self, frame: &ChatFrame) {
        let ready = self.ready.borrow().clone();
        for peer in ready {
            self.send(&peer, frame);
        }
    }

    pub(crate) fn is_ready(&self, peer: &PeerId) -> bool {
        self.ready.borrow().contains(peer)
    }

    pub(super) fn on_frame(&self, from: &PeerId, frame: ChatFrame) {
        match frame {
            ChatFrame::Message(message) => self.on_message(from, message),
            ChatFrame::Received { number } => {
                self.on_received(from, number);
            }
            ChatFrame::Typing { on } => self.show_typing(from, on),
            ChatFrame::Want { number, offset } => {
                self.files.on_want(from, Want { number, offset });
            }
            ChatFrame::Stop { number } => self.files.on_stop(from, number),
            ChatFrame::Gone { number, why } => self.files.on_gone(from, number, why),
            ChatFrame::Available { number } => self.files.on_available(from, number),
            ChatFrame::Kept { number } => self.files.on_kept(from, number),
            ChatFrame::History {
                number,
                on,
                oldest,
                count,
            } => self.on_history(from, (number, on), (oldest, count)),
            ChatFrame::Past => self.on_past(from),
            ChatFrame::Told {
                author,
                name,
                message,
            } => self.on_told(from, (&author, &name), message),
        }
    }

    fn on_received(&self, from: &PeerId, number: u64) {
        let acknowledged = self.room.conversation.try_maybe_update(|c| {
            let numbers = c.acknowledge(from, number);
            (false, (c.me().clone(), numbers))
        });
        let Some((me, numbers)) = acknowledged else {
            return;
        };
        for number in numbers {
            self.files.transfers().notify(&me, number);
        }
        self.save_soon();
    }

    pub(super) fn name_of(&self, peer: &PeerId) -> Option<String> {
        let name = self.room.people.try_with_untracked(|people| {
            let person = people.iter().find(|person| person.id == *peer)?;
            Some(person.name.clone())
        });
        name.flatten()
    }

    /// A text of a client that sends no frames: nothing is acknowledged.
    pub(super) fn on_plain_text(&self, from: &PeerId, text: String) {
        let Some(name) = self.name_of(from) else {
            return;
        };
        self.show_typing(from, false);
        let _ = self.change(|c| c.receive_plain(from, &name, wall_ms(), text));
    }

    fn on_message(&self, from: &PeerId, message: Message) {
        let Some(name) = self.name_of(from) else {
            return;
        };
        self.show_typing(from, false);
        let changed = message.change().cloned();
        let outcome = self.change(|c| c.receive(from, &name, message));
        if let Some(about) = changed {
            self.files.transfers().notify(&about.author, about.number);
        }
        let received = match outcome {
            Some(ReceiveOutcome::New { received } | ReceiveOutcome::Duplicate { received }) => {
                received
            }
            _ => return,
        };
        self.send(from, &ChatFrame::Received { number: received });
        self.files.on_message(from, received);
    }

    pub(crate) fn send_text(&self, text: &str, about: Option<About>) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let body = Body::Text {
            text: text.to_owned(),
        };
        self.post(body, about);
        self.typing.set(None);
    }

    /// False: the message is not there any more.
    pub(crate) fn change_message(&self, about: About, text: &str) -> bool {
        let (others, name) = (self.others(), self.my_name());
        let (author, number) = (about.author.clone(), about.number);
        let changed = self.change(|c| c.change(wall_ms(), &name, about, text, &others));
        let Some(message) = changed.flatten() else {
            return false;
        };
        self.send_all(&ChatFrame::Message(message));
        self.typing.set(None);
        self.files.transfers().notify(&author, number);
        true
    }

    fn others(&self) -> Vec<PeerId> {
        let others = self
            .room
            .people
            .try_with_untracked(|people| people.iter().map(|p| p.id.clone()).collect());
        others.unwrap_or_default()
    }

    /// Adds a message and sends it. Returns its number; `None` when it breaks a limit of [`shared::chat`].
    pub(crate) fn post(&self, body: Body, about: Option<About>) -> Option<u64> {
        let (others, name) = (self.others(), self.my_name());
        let composed = self.change(|c| c.compose_about(wall_ms(), &name, body, about, &others));
        let message = composed.flatten()?;
        let number = message.number;
        self.send_all(&ChatFrame::Message(message));
        Some(number)
    }

    pub(crate) fn typing(&self, on: bool) {
        let (now, sent_at) = (now_ms(), self.typing.get());
        let recent = sent_at.is_some_and(|at| now < at + TYPING_TIMEOUT_S * 500);
        if on != sent_at.is_some() || (on && !recent) {
            self.typing.set(on.then_some(now));
            self.send_all(&ChatFrame::Typing { on });
        }
    }

    pub(super) fn show_typing(&self, peer: &PeerId, on: bool) {
        let mut typing_peers = self.typing_peers.borrow_mut();
        typing_peers.retain(|(typing, _)| typing != peer);
        if on {
            typing_peers.push((peer.clone(), now_ms() + TYPING_TIMEOUT_S * 1_000));
        }
        drop(typing_peers);
        let changed = self
            .room
            .people
            .try_with_untracked(|people| people.iter().any(|p| p.id == *peer && p.typing != on));
        if changed == Some(true) {
            let _ = self.room.people.try_update(|people| {
                if let Some(person) = find(people, peer) {
                    person.typing = on;
                }
            });
        }
    }
}
