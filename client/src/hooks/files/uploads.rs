//! Uploads: files that this side offers and other peers request.

use std::rc::Rc;

use leptos::prelude::*;
use shared::chat::{Body, ChatFrame, FileInfo, GoneReason, MAX_MIME};
use shared::file_channel::FileFrame;
use shared::file_name::{MAX_FILE_NAME, shortened};
use shared::signaling::PeerId;
use shared::want_queue::{Want, WantOutcome, WantQueue};
use web_sys::{Blob, File};

use super::Files;
use super::offers::OwnOffer;
use crate::rtc::file_channel::FileChannel;
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
        let Some(number) = client.post(Body::File(info.clone()), None) else {
            return;
        };
        self.show_own(number, &file, &info);
        self.record(number, &file);
        self.own.borrow_mut().push((number, file));
    }

    /// Shows a picture to its author like a received file.
    pub(super) fn show_own(&self, number: u64, file: &File, info: &FileInfo) {
        if !is_auto_received(info) {
            return;
        }
        let me = self.room.conversation.with_untracked(|c| c.me().clone());
        let key = TransferKey::incoming(&me, number);
        let url = self.url(file);
        self.transfers.change(&key, &mut |all| {
            let (stage, size) = (TransferStage::Complete { url: url.clone() }, info.size);
            transfers::begin(all, &key, Direction::Outgoing, info.clone(), size, stage);
            true
        });
    }

    /// A peer requests a file of this side.
    pub(crate) fn on_want(&self, peer: &PeerId, want: Want) {
        let number = want.number;
        let offered = self.own_file(number);
        let offered = offered.filter(|_| self.own_offer(number) == OwnOffer::Available);
        if offered.is_none_or(|file| want.offset > file.size() as u64) {
            return self.refuse(peer, number);
        }
        let outcome = self.with_wanted(peer, |wanted| wanted.on_want(want));
        match outcome {
            WantOutcome::Queued => {}
            WantOutcome::Restarted => drop(self.take_upload(&self.outgoing(peer, number))),
            WantOutcome::Full => {
                let reason = "Too many files are wanted at once.";
                self.send_broke(peer, number, reason);
            }
        }
        self.start_next(peer);
    }

    /// Starts to send what a peer wants next.
    fn start_next(&self, peer: &PeerId) {
        loop {
            let next = self.with_wanted(peer, WantQueue::begin_next);
            let Some(Want { number, offset }) = next else {
                return;
            };
            if let (Some(file), Some((channel, max_message))) =
                (self.own_file(number), self.channel(peer))
            {
                return self.start(peer, file, number, offset, channel, max_message);
            }
            // It is no longer offered, or the connection is closed.
            self.with_wanted(peer, |wanted| wanted.on_ended(number));
        }
    }

    fn start(
        &self,
        peer: &PeerId,
        file: File,
        number: u64,
        offset: u64,
        channel: Rc<FileChannel>,
        max_message: u32,
    ) {
        let key = self.outgoing(peer, number);
        let info = describe(&file);
        self.transfers.change(&key, &mut |all| {
            // A new request restarts the transfer, whatever its stage.
            let running = TransferStage::Running;
            transfers::begin(
                all,
                &key,
                Direction::Outgoing,
                info.clone(),
                offset,
                running,
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
        let upload = Upload::new(channel, max_message, file, number, offset, Box::new(on));
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

    /// Call about once a second: breaks uploads off whose peer grants nothing.
    pub(super) fn break_stalled_uploads(&self) {
        let uploads = self.uploads.borrow();
        let stalled = uploads.iter().filter(|(_, upload)| upload.is_stalled());
        let stalled: Vec<_> = stalled.map(|(key, _)| key.clone()).collect();
        drop(uploads);
        for key in stalled {
            self.transfers.set_stage(&key, TransferStage::Paused);
            self.drop_upload(&key);
            self.send_broke(&key.peer, key.number, "Nothing was granted for a minute.");
        }
    }

    fn finish_upload(&self, peer: &PeerId, number: u64, stage: TransferStage) {
        let key = self.outgoing(peer, number);
        self.transfers.set_stage(&key, stage);
        self.drop_upload(&key);
    }

    /// Stops an upload and frees its place.
    pub(super) fn drop_upload(&self, key: &TransferKey) {
        drop(self.take_upload(key));
        self.with_wanted(&key.peer, |wanted| wanted.remove(key.number));
        self.start_next(&key.peer);
    }

    fn on_upload_event(&self, key: &TransferKey, event: UploadEvent) {
        match event {
            UploadEvent::Progress(bytes) => self.set_progress(key, bytes),
            // `kept` follows.
            UploadEvent::Sent => self.drop_upload(key),
            // The peer requests it again.
            UploadEvent::Ended => {
                self.transfers.set_stage(key, TransferStage::Paused);
                self.drop_upload(key);
            }
            UploadEvent::Unreadable => {
                let number = key.number;
                self.own.borrow_mut().retain(|(own, _)| *own != number);
                self.transfers.set_stage(key, TransferStage::Failed);
                self.drop_upload(key);
                self.send_broke(&key.peer, number, "The file cannot be read.");
                if let Some(client) = self.client.upgrade() {
                    let why = GoneReason::Missing;
                    client.send(&key.peer, &ChatFrame::Gone { number, why });
                }
            }
        }
    }

    fn send_broke(&self, peer: &PeerId, number: u64, reason: &str) {
        if let Some((channel, _)) = self.channel(peer) {
            channel.send_frame(&FileFrame::broke(number, reason));
        }
    }

    fn with_wanted<T>(&self, peer: &PeerId, act: impl FnOnce(&mut WantQueue) -> T) -> T {
        let mut wanted = self.wanted.borrow_mut();
        let known = wanted.iter().position(|(other, _)| other == peer);
        let at = known.unwrap_or_else(|| {
            wanted.push((peer.clone(), WantQueue::default()));
            wanted.len() - 1
        });
        act(&mut wanted[at].1)
    }

    pub(super) fn own_file(&self, number: u64) -> Option<File> {
        let own = self.own.borrow();
        let file = own.iter().find(|(own, _)| *own == number);
        file.map(|(_, file)| file.clone())
    }

    /// The key of a file of this side that goes to a peer.
    pub(super) fn outgoing(&self, peer: &PeerId, number: u64) -> TransferKey {
        TransferKey {
            author: self.room.conversation.with_untracked(|c| c.me().clone()),
            number,
            peer: peer.clone(),
        }
    }

    fn take_upload(&self, key: &TransferKey) -> Option<Upload> {
        let mut uploads = self.uploads.borrow_mut();
        let at = uploads.iter().position(|(other, _)| other == key)?;
        Some(uploads.swap_remove(at).1)
    }
}

/// Describes a file, cut to the limits of [`shared::chat`].
pub(crate) fn describe(file: &File) -> FileInfo {
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
