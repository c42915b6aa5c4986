//! What the browser saves of a room of a server: this tab's key and the conversation.
//!
//! The key is in session storage, so that a tab is the same peer after a reload. The conversation is in local storage, for the next visit. Two tabs
//! in one room are two peers: the second saves its conversation in its session storage, so that it does not overwrite that of the first.

use leptos::prelude::*;
use shared::conversation::Conversation;
use shared::signaling::{PeerId, PeerKey};
use web_sys::Storage;

use super::server_storage::session_storage;
use super::window::storage;
use crate::state::stored_name::stored_as;

/// A claim that is older than this has expired: the tab crashed. Milliseconds.
const CLAIM_MS: u64 = 20_000;

/// The storage of one room. A browser may deny access; then nothing is saved.
#[derive(Clone, Debug)]
pub(crate) struct RoomStorage {
    /// The names of the conversation and of the claim.
    conversation: String,
    claim: String,
    key: PeerKey,
    me: PeerId,
    /// Local storage for the tab that has claimed the room, session storage for others.
    storage: Option<Storage>,
    owner: bool,
}

impl RoomStorage {
    /// `server`: its address. `now`: milliseconds since 1970.
    pub(crate) fn open(server: &str, room: &str, now: u64) -> Self {
        let (local, session) = (storage(), session_storage());
        let conversation = conversation_name(server, room);
        let claim_name = stored_as("held", server, room);
        // With a key for each server, a peer has another id at each, too.
        let key = key(&stored_as("key", server, room), session.as_ref());
        let me = PeerId::of(room, &key);
        let claim = local
            .as_ref()
            .and_then(|storage| storage.get_item(&claim_name).ok().flatten());
        let claim = claim.as_deref().and_then(|text| text.split_once(' '));
        let claimed_by_other = claim.is_some_and(|(id, at)| {
            let at = at.parse().unwrap_or(0);
            id != me.as_str() && now < at + CLAIM_MS
        });
        let use_session = claimed_by_other
            || session.as_ref().is_some_and(|session| {
                // A tab with a conversation of its own keeps it.
                session.get_item(&conversation).ok().flatten().is_some()
            });
        let storage = Self {
            conversation,
            claim: claim_name,
            key,
            me,
            storage: if use_session { session } else { local },
            owner: !use_session,
        };
        storage.claim(now);
        storage
    }

    pub(crate) fn key(&self) -> &PeerKey {
        &self.key
    }

    /// The saved conversation, or an empty one.
    pub(crate) fn load(&self) -> Conversation {
        let text = self
            .storage
            .as_ref()
            .and_then(|storage| storage.get_item(&self.conversation).ok().flatten());
        let saved: Option<Conversation> = text.and_then(|text| serde_json::from_str(&text).ok());
        match saved {
            Some(mut saved) => {
                if *saved.me() != self.me {
                    saved.set_id(self.me.clone());
                }
                saved
            }
            None => Conversation::new(self.me.clone()),
        }
    }

    /// When the storage is full, the previous conversation stays.
    pub(crate) fn save(&self, conversation: &Conversation) {
        if let (Some(storage), Ok(text)) = (&self.storage, serde_json::to_string(conversation)) {
            let _ = storage.set_item(&self.conversation, &text);
        }
    }

    /// Renews the claim of this tab to the room. Call every few seconds.
    pub(crate) fn claim(&self, now: u64) {
        if let (Some(storage), true) = (&self.storage, self.owner) {
            let _ = storage.set_item(&self.claim, &format!("{} {now}", self.me));
        }
    }

    /// Gives up the claim, so that another tab can have the room.
    pub(crate) fn release(&self) {
        if let (Some(storage), true) = (&self.storage, self.owner) {
            let _ = storage.remove_item(&self.claim);
        }
    }
}

/// Of a room's conversation, in the browser's storage.
pub(super) fn conversation_name(server: &str, room: &str) -> String {
    stored_as("room", server, room)
}

/// The tab's key for the room, generated on its first visit.
fn key(name: &str, session: Option<&Storage>) -> PeerKey {
    let saved = session.and_then(|session| session.get_item(name).ok().flatten());
    if let Some(key) = saved.and_then(|text| PeerKey::try_from(text).ok()) {
        return key;
    }
    let mut bytes = [0; 16];
    if let Ok(crypto) = window().crypto() {
        // Fails only for more than 65,536 bytes.
        let _ = crypto.get_random_values_with_u8_array(&mut bytes);
    }
    let key = PeerKey::from_random(u128::from_le_bytes(bytes));
    if let Some(session) = session {
        let _ = session.set_item(name, key.as_str());
    }
    key
}
