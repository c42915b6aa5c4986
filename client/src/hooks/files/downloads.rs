//! Downloads: files that other peers send.

use std::rc::Rc;

use leptos::prelude::*;
use shared::chat::{Body, ChatFrame, FileInfo};
use shared::file_queue::Retry;
use shared::signaling::PeerId;
use shared::transfer::ReceiveProgress;

use super::kept::mime;
use super::{ActiveDownload, Files};
use crate::rtc::download::{Download, DownloadEvent};
use crate::rtc::file_channel::FileEvent;
use crate::rtc::store::FileStore;
use crate::rtc::timer::now_ms;
use crate::state::kept_file::KeptStage;
use crate::state::room::{Direction, TransferStage};
use crate::state::transfers::{self, TransferKey};

/// A peer that is connected again asks within this time for what it goes on with.
const ASK_AGAIN_MS: u64 = 60_000;

impl Files {
    /// Starts, continues or retries a download.
    pub(crate) fn download(&self, author: &PeerId, number: u64) {
        let key = TransferKey::incoming(author, number);
        // The messages may come later than what is kept of their files.
        let info = self.file_info(author, number);
        let Some(info) = info.or_else(|| self.transfers.info(&key)) else {
            return;
        };
        if matches!(
            self.transfers.stage(&key),
            Some(
                TransferStage::Requested | TransferStage::Running | TransferStage::Complete { .. }
            )
        ) {
            return;
        }
        if !self.restored.get() {
            self.begin(&key, &info, 0, TransferStage::Requested);
            return self.early.borrow_mut().push(key);
        }
        // A download continues where it stopped.
        if self.received(&key).is_none() {
            if self.take_up(&key, &info) {
                self.transfers.set_stage(&key, TransferStage::Requested);
                return;
            }
            let Some(download) = self.receive_anew(&key, &info) else {
                return self.begin(&key, &info, 0, TransferStage::Failed);
            };
            self.add_download(&key, download);
        }
        self.enqueue(&key, &info);
    }

    /// Requests the rest of a file.
    pub(super) fn enqueue(&self, key: &TransferKey, info: &FileInfo) {
        let Some(client) = self.client.upgrade() else {
            return;
        };
        let (author, number) = (&key.author, key.number);
        let done = self.received(key).unwrap_or(0);
        let has_room = self.queue.borrow_mut().push(author, number, now_ms());
        let stage = match (has_room, client.is_ready(author)) {
            (true, true) => TransferStage::Requested,
            (true, false) => TransferStage::Paused,
            (false, _) => TransferStage::Stopped,
        };
        self.begin(key, info, done, stage);
        self.record_stage(key, KeptStage::Wanted);
        self.ask();
    }

    /// Shows a file that comes from another peer.
    pub(super) fn begin(
        &self,
        key: &TransferKey,
        info: &FileInfo,
        done: u64,
        stage: TransferStage,
    ) {
        self.transfers.change(key, &mut |all| {
            let incoming = Direction::Incoming;
            transfers::begin(all, key, incoming, info.clone(), done, stage.clone());
            true
        });
    }

    /// What another peer offers with this message.
    pub(super) fn file_info(&self, author: &PeerId, number: u64) -> Option<FileInfo> {
        let info = self.room.conversation.try_with_untracked(|c| {
            match &c.entry(author, number)?.message.body {
                Body::File(info) if c.me() != author => Some(info.clone()),
                _ => None,
            }
        });
        info.flatten()
    }

    /// Requests the files that are due.
    pub(super) fn ask(&self) {
        let Some(client) = self.client.upgrade() else {
            return;
        };
        let asked = self.queue.borrow_mut().ask(now_ms());
        let mut granted = None;
        for (peer, number) in asked {
            let key = TransferKey::incoming(&peer, number);
            let (Some(offset), Some((channel, _))) = (self.received(&key), self.channel(&peer))
            else {
                self.queue.borrow_mut().remove(&peer, number);
                continue;
            };
            // Bytes of an earlier try may be under way.
            channel.discard(number);
            if granted.as_ref() != Some(&peer) {
                channel.grant();
                granted = Some(peer.clone());
            }
            self.transfers.set_stage(&key, TransferStage::Requested);
            client.send(&peer, &ChatFrame::Want { number, offset });
        }
    }

    /// Bytes received of a download that is running or can be continued.
    pub(super) fn received(&self, key: &TransferKey) -> Option<u64> {
        let downloads = self.downloads.borrow();
        let active = downloads.iter().find(|active| active.key == *key)?;
        Some(active.download.received())
    }

    pub(super) fn receive_anew(&self, key: &TransferKey, info: &FileInfo) -> Option<Download> {
        self.receive(key, info, ReceiveProgress::new(info.size))
    }

    pub(super) fn receive(
        &self,
        key: &TransferKey,
        info: &FileInfo,
        progress: ReceiveProgress,
    ) -> Option<Download> {
        let store = self.store(key, info, progress.received())?;
        Some(self.receive_into(key, mime(info), progress, store))
    }

    pub(super) fn receive_into(
        &self,
        key: &TransferKey,
        mime: &str,
        progress: ReceiveProgress,
        store: FileStore,
    ) -> Download {
        let (me, key) = (self.me.clone(), key.clone());
        let on = move |event| {
            if let Some(files) = me.upgrade() {
                files.on_download_event(&key, event);
            }
        };
        Download::new(progress, mime.to_owned(), store, Box::new(on))
    }

    /// An event of the channel `files`.
    pub(crate) fn on_file_event(&self, peer: &PeerId, event: FileEvent) {
        let now = now_ms();
        match event {
            FileEvent::Begin { number, offset } => {
                let key = TransferKey::incoming(peer, number);
                let asked = self.queue.borrow_mut().on_begin(peer, number, now);
                let wanted = asked && self.received(&key) == Some(offset);
                if asked && !wanted {
                    self.queue.borrow_mut().defer(peer, number, now);
                }
                if let Some((channel, _)) = self.channel(peer) {
                    channel.on_begin(number, wanted);
                }
            }
            FileEvent::Bytes { number, bytes } => {
                self.queue.borrow_mut().on_progress(peer, number, now);
                let key = TransferKey::incoming(peer, number);
                self.with_download(&key, |download| download.push(bytes));
            }
            FileEvent::End { number, sha256 } => {
                let key = TransferKey::incoming(peer, number);
                self.with_download(&key, |download| {
                    self.arrived.borrow_mut().push((key.clone(), None));
                    download.complete(&sha256);
                });
            }
            FileEvent::Broke { number } => {
                let key = TransferKey::incoming(peer, number);
                self.with_download(&key, Download::flush);
                let retry = self.queue.borrow_mut().on_broke(peer, number, now);
                if retry == Retry::GivenUp {
                    self.give_up(&key);
                }
            }
            FileEvent::Violation(_) => self.give_up_all(peer),
        }
    }

    /// The author has a client of an earlier version, which opens a channel for each file.
    pub(crate) fn on_old_channel(&self, peer: &PeerId, number: u64) {
        self.give_up(&TransferKey::incoming(peer, number));
    }

    /// Does this with a download, outside of the list: it may end the download.
    pub(super) fn with_download(&self, key: &TransferKey, act: impl FnOnce(&Download)) {
        let downloads = self.downloads.borrow();
        let active = downloads.iter().find(|active| active.key == *key);
        let download = active.map(|active| Rc::clone(&active.download));
        drop(downloads);
        if let Some(download) = download {
            act(&download);
        }
    }

    /// The download may be continued, and does not hold memory or a place.
    pub(super) fn suspend_download(&self, key: &TransferKey) {
        self.queue.borrow_mut().remove(&key.peer, key.number);
        if let Some((channel, _)) = self.channel(&key.peer) {
            channel.discard(key.number);
        }
        self.with_download(key, Download::flush);
    }

    fn give_up(&self, key: &TransferKey) {
        self.suspend_download(key);
        let unanswered = TransferStage::Unanswered;
        if self.transfers.set_stage(key, unanswered) {
            self.send_stop(key);
        }
    }

    fn give_up_all(&self, peer: &PeerId) {
        let downloads = self.downloads.borrow();
        let of_peer = downloads.iter().filter(|active| active.key.peer == *peer);
        let keys: Vec<_> = of_peer.map(|active| active.key.clone()).collect();
        drop(downloads);
        for key in keys {
            if self.transfers.stage(&key) != Some(TransferStage::Stopped) {
                self.give_up(&key);
            }
        }
    }

    fn send_stop(&self, key: &TransferKey) {
        if let Some(client) = self.client.upgrade() {
            let number = key.number;
            client.send(&key.peer, &ChatFrame::Stop { number });
        }
    }

    /// The connection to a peer is open: its downloads continue.
    pub(crate) fn on_open(&self, peer: &PeerId) {
        self.queue.borrow_mut().on_open(peer, now_ms());
        self.ask();
        // `kept` may have been lost with the last connection.
        let complete = self.transfers.complete(peer);
        if let Some(client) = self.client.upgrade() {
            for number in complete {
                client.send(peer, &ChatFrame::Kept { number });
            }
        }
        self.receive_images(peer);
        for number in self.transfers.resumable(peer) {
            self.download(peer, number);
        }
        self.send_withdrawn(peer);
        let until = now_ms() + ASK_AGAIN_MS;
        self.reconnected.borrow_mut().push((peer.clone(), until));
    }

    /// Call about once a second: requests again what is not answered.
    pub(crate) fn tick(&self) {
        let given_up = self.queue.borrow_mut().on_tick(now_ms());
        for (author, number) in given_up {
            self.give_up(&TransferKey::incoming(&author, number));
        }
        self.ask();
        self.break_stalled_uploads();
        let (mut late, now) = (Vec::new(), now_ms());
        self.reconnected.borrow_mut().retain(|(peer, until)| {
            let waits = now < *until;
            if !waits {
                late.push(peer.clone());
            }
            waits
        });
        for peer in late {
            self.transfers.stop_unasked(&peer);
        }
    }

    fn on_download_event(&self, key: &TransferKey, event: DownloadEvent) {
        match event {
            DownloadEvent::Progress(bytes) => return self.set_progress(key, bytes),
            DownloadEvent::Complete(file) => {
                let mut arrived = self.arrived.borrow_mut();
                if let Some((_, stored)) = arrived.iter_mut().find(|(other, _)| other == key) {
                    *stored = Some(file);
                }
            }
            DownloadEvent::Corrupt => {
                self.finish_download(key, TransferStage::Corrupt);
                self.send_stop(key);
            }
            // Another tab has the room, and goes on with it.
            DownloadEvent::Failed if !self.restored.get() || !self.identity.is_last() => {
                drop(self.take_download(key));
                self.transfers.set_stage(key, TransferStage::Paused);
                return;
            }
            DownloadEvent::Failed => {
                self.finish_download(key, TransferStage::Failed);
                self.send_stop(key);
            }
        }
        self.complete_in_order(&key.peer);
    }

    /// Completes the files of a peer in the order in which they came: a small one is stored sooner than the large one before it.
    pub(super) fn complete_in_order(&self, peer: &PeerId) {
        loop {
            let mut arrived = self.arrived.borrow_mut();
            let first = arrived.iter().position(|(key, _)| key.peer == *peer);
            let Some(at) = first.filter(|at| arrived[*at].1.is_some()) else {
                return;
            };
            let (key, file) = arrived.remove(at);
            drop(arrived);
            let url = file.flatten().and_then(|file| self.url(&file));
            self.finish_download(&key, TransferStage::Complete { url });
            self.show_amount();
            if let Some(client) = self.client.upgrade() {
                let number = key.number;
                client.send(&key.author, &ChatFrame::Kept { number });
            }
        }
    }

    pub(super) fn take_download(&self, key: &TransferKey) -> Option<ActiveDownload> {
        let mut downloads = self.downloads.borrow_mut();
        let at = downloads.iter().position(|active| active.key == *key)?;
        self.arrived.borrow_mut().retain(|(other, _)| other != key);
        Some(downloads.swap_remove(at))
    }

    /// Ends a download at its final stage.
    pub(super) fn finish_download(&self, key: &TransferKey, stage: TransferStage) {
        let active = self.take_download(key);
        self.queue.borrow_mut().remove(&key.peer, key.number);
        if let Some((channel, _)) = self.channel(&key.peer) {
            channel.discard(key.number);
        }
        let is_complete = matches!(
            self.transfers.stage(key),
            Some(TransferStage::Complete { .. })
        );
        match (&stage, &active) {
            (TransferStage::Complete { .. }, _) => {}
            (TransferStage::Failed, Some(active)) => {
                self.set_aside(key, active.download.is_kept());
            }
            _ if is_complete => {}
            _ => self.discard(key),
        }
        self.transfers.set_stage(key, stage);
        drop(active);
        self.ask();
    }
}
