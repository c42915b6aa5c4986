//! A room: who is there, what is said, which files are on their way.

use leptos::prelude::*;
use shared::chat::Body;
use shared::conversation::Conversation;
use shared::signaling::{Peer, PeerId, PeerKey};

use super::app::App;
use crate::state::room::{Link, Note, Person, Transfer};

/// A handle for components.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    pub(crate) link: RwSignal<Link>,
    pub(crate) people: RwSignal<Vec<Person>>,
    pub(crate) conversation: RwSignal<Conversation>,
    pub(crate) notes: RwSignal<Vec<Note>>,
    pub(crate) transfers: RwSignal<Vec<Transfer>>,
    pub(crate) me: RwSignal<Option<Peer>>,
}

/// What the page is shown with, before peers are connected.
pub(crate) fn use_room(_app: App, name: String) -> Room {
    let me = PeerId::of(&name, &PeerKey::from_random(0));
    Room {
        link: RwSignal::new(Link::Unnamed),
        people: RwSignal::new(Vec::new()),
        conversation: RwSignal::new(Conversation::new(me)),
        notes: RwSignal::new(Vec::new()),
        transfers: RwSignal::new(Vec::new()),
        me: RwSignal::new(None),
    }
}

impl Room {
    pub(crate) fn join(self, _name: String) {
        self.link.set(Link::Connecting);
    }

    pub(crate) fn leave(self) {
        self.link.set(Link::Left);
    }

    pub(crate) fn retry(self) {
        self.link.set(Link::Connecting);
    }

    pub(crate) fn say(self, text: String) {
        let (now, text) = (js_sys::Date::now() as u64, text.trim().to_owned());
        self.conversation.update(|conversation| {
            conversation.say(now, "", Body::Text { text }, &[]);
        });
    }

    pub(crate) fn typing(self, _on: bool) {}

    pub(crate) fn offer_files(self, _files: Vec<web_sys::File>) {}

    pub(crate) fn want(self, _author: PeerId, _number: u64) {}

    pub(crate) fn stop(self, _author: PeerId, _number: u64, _peer: PeerId) {}

    pub(crate) fn mark_read(self) {
        self.conversation.update(Conversation::mark_read);
    }
}
