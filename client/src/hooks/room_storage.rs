//! What the browser keeps of a room: who this tab is in it, and what was said.
//!
//! A tab's key is in its session storage, so that a reload is the same peer. The conversation is in local storage, for the next visit. Two tabs
//! of one room are two peers: the second keeps its conversation in its own session storage, where it does not overwrite the first one's.

use leptos::prelude::*;
use shared::conversation::Conversation;
use shared::signaling::{PeerId, PeerKey};
use web_sys::Storage;

/// A tab that said nothing for so long no longer holds the room: it crashed. Milliseconds.
const HELD: u64 = 20_000;

/// The storage of one room. A browser may deny it; then nothing is remembered.
#[derive(Clone, Debug)]
pub(crate) struct RoomStorage {
    room: String,
    key: PeerKey,
    me: PeerId,
    /// Local storage for the tab that holds the room, session storage for others.
    storage: Option<Storage>,
    holds: bool,
}

impl RoomStorage {
    /// `now`: milliseconds since 1970.
    pub(crate) fn open(room: &str, now: u64) -> Self {
        let (local, session) = (
            window().local_storage().ok().flatten(),
            window().session_storage().ok().flatten(),
        );
        let key = key(room, session.as_ref());
        let me = PeerId::of(room, &key);
        let holder = local
            .as_ref()
            .and_then(|storage| storage.get_item(&held(room)).ok().flatten());
        let other = holder.as_deref().and_then(|text| text.split_once(' '));
        let other = other.is_some_and(|(id, at)| {
            let at = at.parse().unwrap_or(0);
            id != me.as_str() && now < at + HELD
        });
        let second = other
            || session.as_ref().is_some_and(|session| {
                // Once the second, it stays so: it has its own conversation.
                session.get_item(&saved(room)).ok().flatten().is_some()
            });
        let storage = Self {
            room: room.to_owned(),
            key,
            me,
            storage: if second { session } else { local },
            holds: !second,
        };
        storage.hold(now);
        storage
    }

    pub(crate) fn key(&self) -> &PeerKey {
        &self.key
    }

    /// What was said, as far as it was kept.
    pub(crate) fn load(&self) -> Conversation {
        let text = self
            .storage
            .as_ref()
            .and_then(|storage| storage.get_item(&saved(&self.room)).ok().flatten());
        let kept: Option<Conversation> = text.and_then(|text| serde_json::from_str(&text).ok());
        match kept {
            Some(mut kept) => {
                if *kept.me() != self.me {
                    kept.become_peer(self.me.clone());
                }
                kept
            }
            None => Conversation::new(self.me.clone()),
        }
    }

    /// A full storage keeps what it had.
    pub(crate) fn save(&self, conversation: &Conversation) {
        if let (Some(storage), Ok(text)) = (&self.storage, serde_json::to_string(conversation)) {
            let _ = storage.set_item(&saved(&self.room), &text);
        }
    }

    /// Says that this tab holds the room; every few seconds.
    pub(crate) fn hold(&self, now: u64) {
        if let (Some(storage), true) = (&self.storage, self.holds) {
            let _ = storage.set_item(&held(&self.room), &format!("{} {now}", self.me));
        }
    }

    /// The next tab may have the room.
    pub(crate) fn release(&self) {
        if let (Some(storage), true) = (&self.storage, self.holds) {
            let _ = storage.remove_item(&held(&self.room));
        }
    }
}

fn saved(room: &str) -> String {
    format!("weir.room.{room}")
}

fn held(room: &str) -> String {
    format!("weir.held.{room}")
}

/// The tab's key for the room, made up on its first visit.
fn key(room: &str, session: Option<&Storage>) -> PeerKey {
    let name = format!("weir.key.{room}");
    let kept = session.and_then(|session| session.get_item(&name).ok().flatten());
    if let Some(key) = kept.and_then(|text| PeerKey::try_from(text).ok()) {
        return key;
    }
    let mut bytes = [0; 16];
    if let Ok(crypto) = window().crypto() {
        // Fails only for more than 65,536 bytes.
        let _ = crypto.get_random_values_with_u8_array(&mut bytes);
    }
    let key = PeerKey::from_random(u128::from_le_bytes(bytes));
    if let Some(session) = session {
        let _ = session.set_item(&name, key.as_str());
    }
    key
}
