//! The last messages for people who come late: [`shared::history`] has the rules.

use leptos::prelude::*;
use shared::chat::{ChatFrame, Message};
use shared::signaling::PeerId;

use super::RoomClient;
use crate::rtc::timer::wall_ms;
use crate::state::room::RoomEvent;

impl RoomClient {
    /// Puts the switch of the room on or off.
    pub(crate) fn set_history(&self, on: bool) {
        let mut history = self.history.borrow_mut();
        let frame = self.change(|conversation| {
            history.set(conversation, wall_ms(), on);
            history.frame(conversation)
        });
        drop(history);
        if let Some(frame) = frame {
            self.send_all(&frame);
            self.show_history(Some(self.my_name()));
        }
    }

    pub(super) fn show_history_to(&self, peer: &PeerId) {
        let history = self.history.borrow();
        let conversation = self.room.conversation;
        let frame = conversation.try_with_untracked(|conversation| history.frame(conversation));
        drop(history);
        if let Some(frame) = frame {
            self.send(peer, &frame);
        }
    }

    pub(super) fn on_history(&self, from: &PeerId, switch: (u64, bool), past: (u64, u64)) {
        let mut history = self.history.borrow_mut();
        let conversation = self.room.conversation;
        let update = conversation.try_maybe_update(|conversation| {
            let update = history.on_history(conversation, from, switch, past);
            (false, update)
        });
        drop(history);
        let Some(update) = update else { return };
        if update.ask {
            self.send(from, &ChatFrame::Past);
        }
        if update.changed {
            let name = self.name_of(from).filter(|_| !update.opening);
            self.show_history(name);
        }
    }

    pub(super) fn on_past(&self, from: &PeerId) {
        if !self.may_tell.get() {
            return;
        }
        let mut history = self.history.borrow_mut();
        let conversation = self.room.conversation;
        let told = conversation.try_with_untracked(|all| history.on_past(all, from));
        drop(history);
        for frame in told.unwrap_or_default() {
            self.send(from, &frame);
        }
    }

    pub(super) fn on_told(&self, from: &PeerId, author: (&PeerId, &str), message: Message) {
        let Some(teller) = self.name_of(from) else {
            return;
        };
        let mut history = self.history.borrow_mut();
        self.change(|all| history.on_told(all, (from, &teller), author, message));
    }

    /// `name`: who has changed it.
    fn show_history(&self, name: Option<String>) {
        let on = self.history.borrow().is_on();
        let _ = self.room.history.try_set(on);
        self.add_note(RoomEvent::History { name, on });
    }
}
