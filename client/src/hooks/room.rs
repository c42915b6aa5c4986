//! The signals of a room, over a [`RoomClient`] that ends with its owner.

use std::rc::Rc;

use super::derived::effect;
use super::draft::Draft;
use leptos::prelude::*;
use shared::chat::{About, AboutKind, Body};
use shared::conversation::Conversation;
use shared::signaling::{ErrorCode, Peer, PeerId};
use wasm_bindgen::JsCast;
use web_sys::PageTransitionEvent;

use super::files::OwnOffer;
use super::room_client::RoomClient;
use super::room_identity::RoomIdentity;
use super::room_storage::RoomStorage;
use super::settings::use_settings;
use super::wake::use_wake;
use super::window::use_window;
use crate::rtc::dynamic::set;
use crate::rtc::timer::Timer;
use crate::state::join::JoinEvent;
use crate::state::kept::StoreStatus;
use crate::state::kept_file::KeptAmount;
use crate::state::room::{JoinState, Note, Person, Transfer};
use crate::state::server::Server;

const TICK_MS: f64 = 1_000.0;

/// A handle for components.
#[derive(Clone, Copy)]
pub(crate) struct RoomHandle {
    pub(crate) join_state: RwSignal<JoinState>,
    /// The other people, in the order of arrival.
    pub(crate) people: RwSignal<Vec<Person>>,
    /// Notifies of messages that come and go; their delivery has [`RoomHandle::message_trigger`].
    pub(crate) conversation: RwSignal<Conversation>,
    /// The saved messages are in the conversation.
    pub(crate) loaded: RwSignal<bool>,
    /// How it goes with saving them.
    pub(crate) kept: RwSignal<StoreStatus>,
    /// The rooms that were deleted to make room for this one.
    pub(crate) deleted_rooms: RwSignal<Vec<String>>,
    /// Who comes late is told the last messages.
    pub(crate) history: RwSignal<bool>,
    /// The last hundred notes.
    pub(crate) notes: RwSignal<Vec<Note>>,
    /// This peer, from the server's `welcome`.
    pub(crate) me: RwSignal<Option<Peer>>,
    /// The name that the user has typed and under which nobody has joined yet.
    pub(crate) wanted_name: RwSignal<Option<String>>,
    /// A new name that the server has refused, and why; the room goes on under the old one.
    pub(crate) refused_name: RwSignal<Option<(ErrorCode, String)>>,
    /// What is being written.
    pub(crate) draft: Draft,
    /// How much of the received files there is.
    pub(crate) received: RwSignal<KeptAmount>,
    /// The message to which what is written replies, or that it edits.
    pub(crate) about: RwSignal<Option<About>>,
    client: StoredValue<Option<RoomResources>, LocalStorage>,
}

struct RoomResources {
    client: Rc<RoomClient>,
    _timer: Timer,
}

/// Opens the room `name` of a server. Joins as soon as the settings have a name.
pub(crate) fn use_room(server: Server, name: String) -> RoomHandle {
    let settings = use_settings();
    let name = name.trim().to_owned();
    let identity = RoomIdentity::open(&server.base, &name);
    let storage = RoomStorage::open(&server.base, &name, identity.id().clone());
    let room = RoomHandle {
        join_state: RwSignal::new(JoinState::Unnamed),
        people: RwSignal::new(Vec::new()),
        conversation: storage.conversation,
        loaded: storage.loaded,
        kept: storage.status,
        deleted_rooms: storage.deleted_rooms,
        history: RwSignal::new(false),
        notes: RwSignal::new(Vec::new()),
        me: RwSignal::new(None),
        wanted_name: RwSignal::new(None),
        refused_name: RwSignal::new(None),
        about: RwSignal::new(None),
        draft: Draft::open(&server.base, &name),
        received: RwSignal::new(KeptAmount::default()),
        client: StoredValue::new_local(None),
    };
    let client = RoomClient::new(server, name, identity, storage, room);
    let weak = Rc::downgrade(&client);
    // The second is of assets/shell.js: the module has let an exception out, or has panicked.
    use_window(&["pagehide", "weir-stopped"], move |event| {
        let page = event.dyn_ref::<PageTransitionEvent>();
        let unloading = page.is_some_and(|page| !page.persisted());
        if let Some(client) = weak.upgrade() {
            client.hide(unloading);
        }
    });
    use_window(&["storage"], move |_| {
        room.with(|client| client.files().read_offers());
    });
    use_window(&["beforeunload"], move |event| {
        let attached = room
            .draft
            .attached
            .try_with_untracked(|all| !all.is_empty());
        let mut unsaved = attached == Some(true);
        room.with(|client| unsaved |= client.files().is_unsaved() || client.is_lost());
        if unsaved {
            // The browser asks whether to leave the page.
            event.prevent_default();
            set(&event, "returnValue", &true.into());
        }
    });
    use_wake(Box::new(move |wake| room.with(|client| client.wake(wake))));
    let weak = Rc::downgrade(&client);
    let timer = Timer::every(TICK_MS, move || {
        if let Some(client) = weak.upgrade() {
            client.tick();
        }
    });
    room.client.set_value(Some(RoomResources {
        client,
        _timer: timer,
    }));
    effect(move || {
        let named = settings.with(|settings| settings.name.is_some());
        let fresh = room
            .join_state
            .with_untracked(|state| *state == JoinState::Unnamed);
        if named && fresh {
            room.with(|client| client.step(JoinEvent::Join));
        }
    });
    effect(move || {
        room.conversation.track();
        room.with(|client| client.save_soon());
    });
    on_cleanup(move || {
        // Ended outside the store: it may call back into it.
        if let Some(resources) = room.client.try_update_value(Option::take).flatten() {
            resources.client.end();
        }
    });
    room
}

impl RoomHandle {
    /// Joins under this name, and keeps it once the server has accepted it; also to change it, after a refusal or after leaving.
    pub(crate) fn join(self, name: String) {
        self.with(|client| client.join(name));
    }

    pub(crate) fn join_with_password(self, typed: &str) {
        self.with(|client| client.join_with_password(typed));
    }

    /// A password was typed for it in this tab.
    pub(crate) fn has_password(self) -> bool {
        let mut has_one = false;
        self.with(|client| has_one = client.has_password());
        has_one
    }

    pub(crate) fn leave(self) {
        self.with(|client| client.step(JoinEvent::Leave));
    }

    /// Joins in place of another tab.
    pub(crate) fn continue_here(self) {
        self.with(|client| client.step(JoinEvent::ContinueHere));
    }

    /// Retries at once.
    pub(crate) fn retry(self) {
        self.with(|client| client.step(JoinEvent::Join));
    }

    /// `about`: the message that it replies to.
    pub(crate) fn send_text(self, text: String, about: Option<About>) {
        self.with(|client| client.send_text(&text, about));
    }

    /// Edits or deletes a message, or reacts to it. False: the person is not in the room, or the message not there.
    pub(crate) fn change_message(self, about: About, text: &str) -> bool {
        let mut changed = false;
        if self.join_state.with_untracked(JoinState::is_in) {
            self.with(|client| changed = client.change_message(about, text));
        }
        changed
    }

    /// The text of a message.
    pub(crate) fn text_of(self, about: &About) -> String {
        let text = self.conversation.with_untracked(|conversation| {
            let entry = conversation.entry(&about.author, about.number)?;
            match &entry.message.body {
                Body::Text { text } => Some(text.clone()),
                Body::File(_) => None,
            }
        });
        text.unwrap_or_default()
    }

    /// The last of the own texts, to be edited.
    pub(crate) fn last_of_own(self) -> Option<About> {
        self.conversation.with_untracked(|conversation| {
            let mut entries = conversation.entries().iter().rev();
            let own = entries.find(|entry| conversation.may_change(entry))?;
            Some(own.about(AboutKind::Edit))
        })
    }

    /// For all in the room.
    pub(crate) fn set_history(self, on: bool) {
        self.with(|client| client.set_history(on));
    }

    /// Reports that the user types or has stopped. Call at any rate: repetitions are not sent.
    pub(crate) fn typing(self, on: bool) {
        self.with(|client| client.typing(on));
    }

    /// Nothing, for a person who is not in the room: the conversation that is continued later does not have it.
    pub(crate) fn offer_files(self, files: Vec<web_sys::File>) {
        if self.is_in() {
            self.with(|client| client.offer_files(files));
        }
    }

    /// Starts, continues or retries a download.
    pub(crate) fn download(self, author: PeerId, number: u64) {
        self.with(|client| client.files().download_to_chosen(&author, number));
    }

    /// Cancels a transfer, in either direction.
    pub(crate) fn stop(self, author: PeerId, number: u64, peer: PeerId) {
        self.with(|client| client.files().stop(&author, number, &peer));
    }

    /// The user saves a received file.
    pub(crate) fn saved(self, author: &PeerId, number: u64) {
        self.with(|client| client.files().on_saved(author, number));
    }

    /// Deletes the received files.
    pub(crate) fn delete_received(self) {
        self.with(|client| client.files().delete_received());
    }

    /// Deletes what was received of one file.
    pub(crate) fn delete_one(self, author: &PeerId, number: u64) {
        self.with(|client| client.files().delete_one(author, number));
    }

    /// Takes back the offer of this message.
    pub(crate) fn withdraw(self, number: u64) {
        if self.is_in() {
            self.with(|client| client.files().withdraw(number));
        }
    }

    /// Takes files again that were offered before a reload.
    pub(crate) fn attach_again(self, files: Vec<web_sys::File>) {
        if self.is_in() {
            self.with(|client| client.files().attach_again(files));
        }
    }

    /// Whether this page has the file that this side has offered.
    pub(crate) fn own_offer(self, number: u64) -> OwnOffer {
        let mut offer = OwnOffer::Missing;
        self.with(|client| offer = client.files().own_offer(number));
        offer
    }

    /// The transfers of a file.
    pub(crate) fn transfers(self, author: &PeerId, number: u64) -> Vec<Transfer> {
        let mut transfers = Vec::new();
        self.with(|client| transfers = client.files().transfers().of(author, number));
        transfers
    }

    /// Notified when the delivery of the message changes, or a transfer of its file.
    pub(crate) fn message_trigger(self, author: &PeerId, number: u64) -> ArcTrigger {
        let mut trigger = None;
        self.with(|client| trigger = Some(client.files().transfers().trigger(author, number)));
        trigger.unwrap_or_default()
    }

    pub(crate) fn mark_read(self) {
        let unread = self.conversation.with_untracked(Conversation::unread);
        if unread > 0 {
            self.conversation.update(Conversation::mark_read);
        }
    }

    /// The room is this tab's.
    pub(crate) fn is_in(self) -> bool {
        self.join_state.with_untracked(JoinState::is_in)
    }

    fn with(self, act: impl FnOnce(&Rc<RoomClient>)) {
        let client = self.client.try_with_value(|resources| {
            let resources = resources.as_ref()?;
            Some(Rc::clone(&resources.client))
        });
        if let Some(client) = client.flatten() {
            act(&client);
        }
    }
}
