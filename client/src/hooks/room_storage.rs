//! What the browser saves of the conversation in a room of a server, for the next visit. The key is [`super::room_identity`]'s.

use shared::conversation::Conversation;
use shared::signaling::PeerId;
use web_sys::Storage;

use super::window::storage;
use crate::state::stored_name::stored_as;

/// The storage of one room. A browser may deny access; then nothing is saved.
#[derive(Clone, Debug)]
pub(crate) struct RoomStorage {
    /// The name of the conversation.
    conversation: String,
    me: PeerId,
    storage: Option<Storage>,
}

impl RoomStorage {
    /// `server`: its address.
    pub(crate) fn open(server: &str, room: &str, me: PeerId) -> Self {
        Self {
            conversation: conversation_name(server, room),
            me,
            storage: storage(),
        }
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

    /// False: the storage is denied, or full, and the previous conversation stays.
    pub(crate) fn save(&self, conversation: &Conversation) -> bool {
        let text = serde_json::to_string(conversation);
        let (Some(storage), Ok(text)) = (&self.storage, text) else {
            return false;
        };
        storage.set_item(&self.conversation, &text).is_ok()
    }
}

/// Of a room's conversation, in the browser's storage.
pub(super) fn conversation_name(server: &str, room: &str) -> String {
    stored_as("room", server, room)
}
