//! Small pictures, which are downloaded without asking the user.

use leptos::prelude::*;
use shared::chat::{Body, FileInfo};
use shared::signaling::PeerId;

use super::Files;
use crate::state::kept_file::has_room_for_picture;
use crate::state::transfers::{TransferKey, is_auto_received};

/// The number of pictures of a person, newest first, that are downloaded again after a reload.
const AUTO_IMAGES: usize = 20;

impl Files {
    /// A message arrived: downloads its file when it is a small image.
    pub(crate) fn on_message(&self, author: &PeerId, number: u64) {
        let key = TransferKey::incoming(author, number);
        let picture = self.file_info(author, number).filter(is_auto_received);
        if self.transfers.stage(&key).is_none()
            && picture.is_some_and(|picture| self.takes_picture(&picture))
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

    /// Whether a small picture is downloaded without asking the user.
    fn takes_picture(&self, picture: &FileInfo) -> bool {
        let (kept, coming) = match &*self.kept.borrow() {
            Some(kept) => {
                let downloads = self.downloads.borrow();
                let kept_ones = downloads.iter().filter(|active| active.download.is_kept());
                (
                    kept.bytes(),
                    kept_ones.map(|active| active.download.remaining()).sum(),
                )
            }
            // The memory counts whole files.
            None => (self.held.borrow().bytes(), 0),
        };
        self.restored.get() && has_room_for_picture(kept, coming, picture.size)
    }
}
