//! The room that a person is in. It goes on while other pages are shown, until she leaves it or enters another.

use leptos::prelude::*;

use super::alerts::use_alerts;
use super::room::{RoomHandle, use_room};
use super::window::use_attended;
use crate::state::room::JoinState;
use crate::state::server::Server;

#[derive(Clone)]
struct Entered {
    /// Its address.
    server: String,
    name: String,
    room: RoomHandle,
    /// Of all that the room runs.
    owner: Owner,
}

/// The context of [`start`].
#[derive(Clone, Copy)]
pub(crate) struct OpenRoom {
    entered: RwSignal<Option<Entered>>,
    root: StoredValue<Owner>,
}

/// Call once, in the root component.
pub(crate) fn start() {
    let root = Owner::current().unwrap_or_default();
    provide_context(OpenRoom {
        entered: RwSignal::new(None),
        root: StoredValue::new(root),
    });
}

pub(crate) fn use_open_room() -> OpenRoom {
    use_context().expect("the root component provides the open room")
}

impl OpenRoom {
    /// For the page of a room. Another room is left.
    pub(crate) fn enter(self, server: Server, name: &str) -> RoomHandle {
        let name = name.trim().to_owned();
        let open = self.entered.get_untracked();
        let same = open.filter(|open| open.server == server.base && open.name == name);
        if let Some(open) = same.filter(|open| is_in(open.room, false)) {
            return open.room;
        }
        self.close();
        let owner = self.root.get_value().child();
        let base = server.base.clone();
        let room = owner.with(|| {
            let room = use_room(server, name.clone());
            use_alerts(room, use_attended(), &name);
            room
        });
        self.entered.set(Some(Entered {
            server: base,
            name,
            room,
            owner,
        }));
        room
    }

    /// The page of the room is left: a room that the person is not in ends.
    pub(crate) fn on_page_left(self, room: RoomHandle) {
        let shown = self.entered.get_untracked();
        let shown = shown.filter(|open| open.room.join_state == room.join_state);
        if shown.is_some_and(|open| !is_in(open.room, false)) {
            self.close();
        }
    }

    /// Leaves the room if it is this one.
    pub(crate) fn leave(self, server: &str, name: &str) {
        let open = self.entered.get_untracked();
        if open.is_some_and(|open| open.server == server && open.name == name) {
            self.close();
        }
    }

    /// The name of the room that the person is in, and how many of its messages are unread. Tracked.
    pub(crate) fn summary(self) -> Option<(String, usize)> {
        let open = self.entered.get()?;
        let unread = || open.room.conversation.with(|all| all.unread());
        is_in(open.room, true).then(|| (open.name.clone(), unread()))
    }

    fn close(self) {
        let open = self.entered.try_update(Option::take).flatten();
        if let Some(open) = open {
            open.owner.cleanup();
        }
    }
}

fn is_in(room: RoomHandle, track: bool) -> bool {
    let claims = |state: &JoinState| state.is_in() || *state == JoinState::Claiming;
    match track {
        true => room.join_state.with(claims),
        false => room.join_state.try_with_untracked(claims) == Some(true),
    }
}
