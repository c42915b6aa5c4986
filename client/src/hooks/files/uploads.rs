//! Uploads: files that this side offers and other peers request.

use leptos::prelude::*;
use shared::chat::{Body, ChatFrame, FileInfo, MAX_MIME};
use shared::file_name::{MAX_FILE_NAME, shortened};
use shared::signaling::PeerId;
use web_sys::{Blob, File};

use super::Files;
use crate::rtc::upload::{Upload, UploadEvent};
use crate::state::room::{Direction, TransferStage};
use crate::state::transfers::{self, TransferKey, is_auto_received};

impl Files {
    /// Offers a file to the room. Peers request it.
    pub(crate) fn offer(&self, file: File) {
        let Some(client) = self.client.upgrade() else {
            return;
        };
        let info = describe(&file);
        let Some(number) = client.post(Body::File(info.clone())) else {
            return;
        };
        if is_auto_received(&info) {
            // Shown to its author like a received file.
            let me = self.room.conversation.with_untracked(|c| c.me().clone());
            let key = TransferKey::incoming(&me, number);
            let stage = TransferStage::Complete {
                url: self.url(&file),
            };
            let size = info.size;
            self.change(|all| {
                transfers::begin(all, &key, Direction::Outgoing, info, size, stage);
                true
            });
        }
        self.own.borrow_mut().push((number, file));
    }

    /// A peer requests a file of this side.
    pub(crate) fn on_want(&self, peer: &PeerId, number: u64, offset: u64) {
        let Some(client) = self.client.upgrade() else {
            return;
        };
        let own = self.own.borrow();
        let file = own.iter().find(|(own, _)| *own == number);
        let file = file.map(|(_, file)| file.clone());
        drop(own);
        let file = file.filter(|file| offset <= file.size() as u64);
        let opened = client
            .mesh()
            .and_then(|mesh| mesh.open_file(peer, number, offset));
        let (Some(file), Some((channel, max_message))) = (file, opened) else {
            return client.send(peer, &ChatFrame::Gone { number });
        };
        let key = TransferKey {
            author: self.room.conversation.with_untracked(|c| c.me().clone()),
            number,
            peer: peer.clone(),
        };
        drop(self.take_upload(&key));
        let info = describe(&file);
        self.change(|all| {
            // A new request restarts the transfer, whatever its stage.
            transfers::begin(
                all,
                &key,
                Direction::Outgoing,
                info,
                offset,
                TransferStage::Running,
            );
            true
        });
        let (me, event_key) = (self.me.clone(), key.clone());
        let on = move |event| {
            if let Some(files) = me.upgrade() {
                files.on_upload_event(&event_key, event);
            }
        };
        let file: Blob = file.into();
        let upload = Upload::new(channel, max_message, file, offset, Box::new(on));
        self.uploads.borrow_mut().push((key, upload));
    }

    /// A peer no longer wants a file of this side.
    pub(crate) fn on_stop(&self, peer: &PeerId, number: u64) {
        self.finish_upload(peer, number, TransferStage::Stopped);
    }

    /// A peer has received a file of this side.
    pub(crate) fn on_kept(&self, peer: &PeerId, number: u64) {
        self.finish_upload(peer, number, TransferStage::Complete { url: None });
    }

    fn finish_upload(&self, peer: &PeerId, number: u64, stage: TransferStage) {
        let key = TransferKey {
            author: self.room.conversation.with_untracked(|c| c.me().clone()),
            number,
            peer: peer.clone(),
        };
        drop(self.take_upload(&key));
        self.change(|all| transfers::set_stage(all, &key, stage));
    }

    fn on_upload_event(&self, key: &TransferKey, event: UploadEvent) {
        match event {
            UploadEvent::Progress(bytes) => self.set_progress(key, bytes),
            // The peer requests it again.
            UploadEvent::Ended => {
                drop(self.take_upload(key));
                self.change(|all| transfers::set_stage(all, key, TransferStage::Paused));
            }
            UploadEvent::Unreadable => {
                drop(self.take_upload(key));
                self.own
                    .borrow_mut()
                    .retain(|(number, _)| *number != key.number);
                self.change(|all| transfers::set_stage(all, key, TransferStage::Failed));
                if let Some(client) = self.client.upgrade() {
                    let number = key.number;
                    client.send(&key.peer, &ChatFrame::Gone { number });
                }
            }
        }
    }

    pub(super) fn take_upload(&self, key: &TransferKey) -> Option<Upload> {
        let mut uploads = self.uploads.borrow_mut();
        let at = uploads.iter().position(|(other, _)| other == key)?;
        Some(uploads.swap_remove(at).1)
    }
}

/// Describes a file, cut to the limits of [`shared::chat`].
fn describe(file: &File) -> FileInfo {
    let (mut name, mut mime) = (shortened(&file.name(), MAX_FILE_NAME), file.type_());
    if name.is_empty() {
        name.push_str("file");
    }
    if mime.len() > MAX_MIME {
        mime.clear();
    }
    FileInfo {
        name,
        size: file.size() as u64,
        mime,
    }
}
