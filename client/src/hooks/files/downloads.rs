//! Downloads: files that other peers send.

use std::pin::Pin;
use std::rc::Rc;

use leptos::prelude::*;
use shared::chat::{Body, ChatFrame, FileInfo, GoneReason};
use shared::file_queue::Retry;
use shared::signaling::PeerId;

use super::{ActiveDownload, Files};
use crate::rtc::download::{Download, DownloadEvent};
use crate::rtc::file_channel::FileEvent;
use crate::rtc::folder::Folder;
use crate::rtc::timer::now_ms;
use crate::state::room::{Direction, TransferStage};
use crate::state::transfers::{self, TransferKey, is_auto_received};

/// The number of images, newest first, that are downloaded again after a reload.
const AUTO_IMAGES: usize = 20;

impl Files {
    /// Starts, continues or retries a download.
    pub(crate) fn download(&self, author: &PeerId, number: u64) {
        let key = TransferKey::incoming(author, number);
        let info = self.file_info(author, number);
        let (Some(info), Some(client)) = (info, self.client.upgrade()) else {
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
        // A stopped download continues; a failed one starts at byte 0.
        let before = self.received(&key);
        let done = before.unwrap_or(0);
        if before.is_none() {
            let download = Rc::new(self.receive(&key, &info));
            let key = key.clone();
            let mut downloads = self.downloads.borrow_mut();
            downloads.push(ActiveDownload { key, download });
        }
        let has_room = self.queue.borrow_mut().push(author, number, now_ms());
        let stage = match (has_room, client.is_ready(author)) {
            (true, true) => TransferStage::Requested,
            (true, false) => TransferStage::Paused,
            (false, _) => TransferStage::Stopped,
        };
        self.transfers.change(&key, &mut |all| {
            transfers::begin(
                all,
                &key,
                Direction::Incoming,
                info.clone(),
                done,
                stage.clone(),
            );
            true
        });
        self.ask();
    }

    /// What another peer offers with this message.
    fn file_info(&self, author: &PeerId, number: u64) -> Option<FileInfo> {
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
    fn received(&self, key: &TransferKey) -> Option<u64> {
        let downloads = self.downloads.borrow();
        let active = downloads.iter().find(|active| active.key == *key)?;
        Some(active.download.received())
    }

    fn receive(&self, key: &TransferKey, info: &FileInfo) -> Download {
        let (me, event_key) = (self.me.clone(), key.clone());
        let on = move |event| {
            if let Some(files) = me.upgrade() {
                files.on_download_event(&event_key, event);
            }
        };
        let me = self.me.clone();
        let provider = move || -> Pin<Box<dyn Future<Output = Option<Rc<Folder>>>>> {
            Box::pin(async move {
                let files = me.upgrade()?;
                if let Some(folder) = &*files.folder.borrow() {
                    return Some(Rc::clone(folder));
                }
                let opened = Rc::new(Folder::open().await.ok()?);
                let mut folder = files.folder.borrow_mut();
                // Another download may have opened one meanwhile; the unused folder is locked until the page is closed.
                Some(Rc::clone(folder.get_or_insert(opened)))
            })
        };
        self.file_count.set(self.file_count.get().wrapping_add(1));
        // An object URL has the origin of this page, so only images keep a type that browsers render.
        let mime = if info.is_image() {
            &info.mime
        } else {
            "application/octet-stream"
        };
        Download::new(
            info.size,
            self.file_count.get().to_string(),
            mime.to_owned(),
            Box::new(provider),
            Box::new(on),
        )
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
    fn with_download(&self, key: &TransferKey, act: impl FnOnce(&Download)) {
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

    /// The author does not send a file.
    pub(crate) fn on_gone(&self, author: &PeerId, number: u64, why: GoneReason) {
        let key = TransferKey::incoming(author, number);
        match why {
            GoneReason::Withdrawn => self.on_withdrawn(&key),
            // What has arrived stays.
            GoneReason::Cancelled => {
                self.suspend_download(&key);
                self.transfers.set_stage(&key, TransferStage::Cancelled);
            }
            GoneReason::Missing => {
                self.suspend_download(&key);
                self.transfers.set_stage(&key, TransferStage::Missing);
            }
        }
        self.complete_in_order(author);
        self.ask();
    }

    fn on_withdrawn(&self, key: &TransferKey) {
        let withdrawn = TransferStage::Withdrawn;
        let info = self.file_info(&key.author, key.number);
        if let (None, Some(info)) = (self.transfers.stage(key), info) {
            // Nobody has asked for it yet.
            self.transfers.change(key, &mut |all| {
                let incoming = Direction::Incoming;
                transfers::begin(all, key, incoming, info.clone(), 0, withdrawn.clone());
                true
            });
        }
        self.finish_download(key, withdrawn);
    }

    /// The author has a file again that was missing.
    pub(crate) fn on_available(&self, author: &PeerId, number: u64) {
        let key = TransferKey::incoming(author, number);
        if self.transfers.stage(&key) == Some(TransferStage::Missing) {
            self.download(author, number);
        }
    }

    /// A message arrived: downloads its file when it is a small image.
    pub(crate) fn on_message(&self, author: &PeerId, number: u64) {
        let auto = self.room.conversation.try_with_untracked(|c| {
            let body = &c.entry(author, number)?.message.body;
            Some(matches!(body, Body::File(info) if is_auto_received(info)))
        });
        if auto.flatten() == Some(true)
            && self
                .transfers
                .stage(&TransferKey::incoming(author, number))
                .is_none()
        {
            self.download(author, number);
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
        for number in self.transfers.resumable(peer) {
            self.download(peer, number);
        }
        self.send_withdrawn(peer);
    }

    /// Call about once a second: requests again what is not answered.
    pub(crate) fn tick(&self) {
        let given_up = self.queue.borrow_mut().on_tick(now_ms());
        for (author, number) in given_up {
            self.give_up(&TransferKey::incoming(&author, number));
        }
        self.ask();
        self.break_stalled_uploads();
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
            DownloadEvent::Failed => {
                self.finish_download(key, TransferStage::Failed);
                self.send_stop(key);
            }
        }
        self.complete_in_order(&key.peer);
    }

    /// Completes the files of a peer in the order in which they came: a small one is stored sooner than the large one before it.
    fn complete_in_order(&self, peer: &PeerId) {
        loop {
            let mut arrived = self.arrived.borrow_mut();
            let first = arrived.iter().position(|(key, _)| key.peer == *peer);
            let Some(at) = first.filter(|at| arrived[*at].1.is_some()) else {
                return;
            };
            let (key, file) = arrived.remove(at);
            drop(arrived);
            let url = file.and_then(|file| self.url(&file));
            self.finish_download(&key, TransferStage::Complete { url });
            if let Some(client) = self.client.upgrade() {
                let number = key.number;
                client.send(&key.author, &ChatFrame::Kept { number });
            }
        }
    }

    fn take_download(&self, key: &TransferKey) -> Option<ActiveDownload> {
        let mut downloads = self.downloads.borrow_mut();
        let at = downloads.iter().position(|active| active.key == *key)?;
        self.arrived.borrow_mut().retain(|(other, _)| other != key);
        Some(downloads.swap_remove(at))
    }

    /// Ends a download at its final stage.
    fn finish_download(&self, key: &TransferKey, stage: TransferStage) {
        let active = self.take_download(key);
        self.queue.borrow_mut().remove(&key.peer, key.number);
        if let Some((channel, _)) = self.channel(&key.peer) {
            channel.discard(key.number);
        }
        self.transfers.set_stage(key, stage);
        drop(active);
        self.ask();
    }
}
