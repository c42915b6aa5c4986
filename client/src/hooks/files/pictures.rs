//! Small pictures, which are downloaded without asking the user.

use std::rc::Rc;

use leptos::prelude::*;
use shared::chat::Body;
use shared::signaling::PeerId;

use super::Files;
use crate::rtc::kept_files::KeptFiles;
use crate::state::kept_file::MAX_AUTO_KEPT;
use crate::state::transfers::{TransferKey, is_auto_received};

/// The number of pictures of a person, newest first, that are downloaded again after a reload.
const AUTO_IMAGES: usize = 20;

impl Files {
    /// A message arrived: downloads its file when it is a small image.
    pub(crate) fn on_message(&self, author: &PeerId, number: u64) {
        let auto = self.room.conversation.try_with_untracked(|c| {
            let body = &c.entry(author, number)?.message.body;
            Some(matches!(body, Body::File(info) if is_auto_received(info)))
        });
        if auto.flatten() == Some(true)
            && self.takes_images()
            && self
                .transfers
                .stage(&TransferKey::incoming(author, number))
                .is_none()
        {
            self.download(author, number);
        }
    }

    /// Downloads the newest pictures of the people who are here.
    pub(super) fn receive_all_images(&self) {
        let people = self.room.people.try_with_untracked(|people| {
            let ids = people.iter().map(|person| person.id.clone());
            ids.collect::<Vec<_>>()
        });
        let Some(client) = self.client.upgrade() else {
            return;
        };
        for peer in people.unwrap_or_default() {
            if client.is_ready(&peer) {
                self.receive_images(&peer);
            }
        }
    }

    /// Downloads the newest pictures of a peer.
    pub(super) fn receive_images(&self, peer: &PeerId) {
        let numbers = self.room.conversation.try_with_untracked(|c| {
            let entries = c.entries().iter().rev().filter(|e| e.author == *peer);
            let files =
                entries.filter(|e| matches!(&e.message.body, Body::File(i) if is_auto_received(i)));
            files.take(AUTO_IMAGES).map(|e| e.message.number).collect()
        });
        let numbers: Vec<u64> = numbers.unwrap_or_default();
        for number in numbers {
            self.on_message(peer, number);
        }
    }

    /// Whether small pictures are downloaded without asking the user.
    fn takes_images(&self) -> bool {
        let kept = self.kept.borrow();
        let has_room = |kept: &Rc<KeptFiles>| kept.bytes() < MAX_AUTO_KEPT;
        self.restored.get() && kept.as_ref().is_none_or(has_room)
    }
}
