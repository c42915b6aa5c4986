//! Downloads: files that other peers send.

use std::pin::Pin;
use std::rc::Rc;

use leptos::prelude::*;
use shared::chat::{Body, ChatFrame, FileInfo};
use shared::signaling::PeerId;
use web_sys::RtcDataChannel;

use super::{ActiveDownload, Files};
use crate::rtc::download::{Download, DownloadEvent};
use crate::rtc::folder::Folder;
use crate::state::room::{Direction, TransferStage};
use crate::state::transfers::{self, MAX_EMPTY_CHANNELS, TransferKey, is_auto_received};

/// The number of images, newest first, that are downloaded again after a reload.
const AUTO_IMAGES: usize = 20;

impl Files {
    /// Starts, continues or retries a download.
    pub(crate) fn download(&self, author: &PeerId, number: u64) {
        let key = TransferKey::incoming(author, number);
        let info = self.room.conversation.try_with_untracked(|c| {
            match &c.entry(author, number)?.message.body {
                Body::File(info) if c.me() != author => Some(info.clone()),
                _ => None,
            }
        });
        let (Some(info), Some(client)) = (info.flatten(), self.client.upgrade()) else {
            return;
        };
        let stage = self.stage(&key);
        if matches!(
            stage,
            Some(
                TransferStage::Requested | TransferStage::Running | TransferStage::Complete { .. }
            )
        ) {
            return;
        }
        let active = self.take_download(&key);
        // A stopped download continues; a failed one starts at byte 0.
        let active = active.unwrap_or_else(|| ActiveDownload {
            key: key.clone(),
            download: self.receive(&key, &info),
            empty_channels: 0,
            received_before: 0,
        });
        let done = active.download.received();
        let active = ActiveDownload {
            empty_channels: 0,
            ..active
        };
        self.downloads.borrow_mut().push(active);
        let ready = client.is_ready(author);
        let stage = if ready {
            TransferStage::Requested
        } else {
            TransferStage::Paused
        };
        self.change(|all| {
            transfers::begin(all, &key, Direction::Incoming, info, done, stage);
            true
        });
        if ready {
            let offset = done;
            client.send(author, &ChatFrame::Want { number, offset });
        }
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

    /// The author opened a channel that carries a requested file.
    pub(crate) fn on_file_channel(
        &self,
        peer: &PeerId,
        channel: RtcDataChannel,
        number: u64,
        offset: u64,
    ) {
        let key = TransferKey::incoming(peer, number);
        let expected = matches!(
            self.stage(&key),
            Some(TransferStage::Requested | TransferStage::Running | TransferStage::Paused)
        );
        let downloads = self.downloads.borrow();
        match downloads
            .iter()
            .find(|active| expected && active.key == key)
        {
            Some(active) => {
                active.download.attach(channel, offset);
            }
            None => channel.close(),
        }
    }

    /// The author no longer offers a file.
    pub(crate) fn on_gone(&self, author: &PeerId, number: u64) {
        self.finish_download(
            &TransferKey::incoming(author, number),
            TransferStage::Withdrawn,
        );
    }

    /// A message arrived: downloads its file when it is a small image.
    pub(crate) fn on_message(&self, author: &PeerId, number: u64) {
        let auto = self.room.conversation.try_with_untracked(|c| {
            let body = &c.entry(author, number)?.message.body;
            Some(matches!(body, Body::File(info) if is_auto_received(info)))
        });
        if auto.flatten() == Some(true)
            && self.stage(&TransferKey::incoming(author, number)).is_none()
        {
            self.download(author, number);
        }
    }

    /// The connection to a peer is open: its downloads continue.
    pub(crate) fn on_open(&self, peer: &PeerId) {
        self.resume(peer);
        // `kept` may have been lost with the last connection.
        let complete = self
            .room
            .transfers
            .try_with_untracked(|all| transfers::complete(all, peer));
        if let Some(client) = self.client.upgrade() {
            for number in complete.unwrap_or_default() {
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
    }

    /// Call about once a second: requests files again whose channel ended while the connection is open.
    pub(crate) fn tick(&self) {
        let peers: Vec<PeerId> = self
            .downloads
            .borrow()
            .iter()
            .map(|active| active.key.peer.clone())
            .collect();
        for peer in peers {
            self.resume(&peer);
        }
    }

    fn resume(&self, author: &PeerId) {
        let Some(client) = self
            .client
            .upgrade()
            .filter(|client| client.is_ready(author))
        else {
            return;
        };
        let numbers = self
            .room
            .transfers
            .try_with_untracked(|all| transfers::paused(all, author));
        for number in numbers.unwrap_or_default() {
            let key = TransferKey::incoming(author, number);
            let offset = self
                .downloads
                .borrow()
                .iter()
                .find_map(|active| (active.key == key).then(|| active.download.received()));
            let Some(offset) = offset else { continue };
            self.change(|all| transfers::set_stage(all, &key, TransferStage::Requested));
            client.send(author, &ChatFrame::Want { number, offset });
        }
    }

    fn on_download_event(&self, key: &TransferKey, event: DownloadEvent) {
        match event {
            DownloadEvent::Progress(bytes) => self.set_progress(key, bytes),
            DownloadEvent::Ended => {
                let mut failed = false;
                let mut downloads = self.downloads.borrow_mut();
                if let Some(active) = downloads.iter_mut().find(|active| active.key == *key) {
                    let received = active.download.received();
                    active.empty_channels = if received > active.received_before {
                        0
                    } else {
                        active.empty_channels + 1
                    };
                    active.received_before = received;
                    failed = active.empty_channels >= MAX_EMPTY_CHANNELS;
                }
                drop(downloads);
                if failed {
                    self.finish_download(key, TransferStage::Failed);
                } else if matches!(
                    self.stage(key),
                    Some(TransferStage::Requested | TransferStage::Running)
                ) {
                    self.change(|all| transfers::set_stage(all, key, TransferStage::Paused));
                }
            }
            DownloadEvent::Complete(file) => {
                let url = self.url(&file);
                self.finish_download(key, TransferStage::Complete { url });
                if let Some(client) = self.client.upgrade() {
                    let number = key.number;
                    client.send(&key.author, &ChatFrame::Kept { number });
                }
            }
            DownloadEvent::Corrupt => self.finish_download(key, TransferStage::Corrupt),
            DownloadEvent::Failed => self.finish_download(key, TransferStage::Failed),
        }
    }

    fn take_download(&self, key: &TransferKey) -> Option<ActiveDownload> {
        let mut downloads = self.downloads.borrow_mut();
        let at = downloads.iter().position(|active| active.key == *key)?;
        Some(downloads.swap_remove(at))
    }

    /// Ends a download at its final stage.
    fn finish_download(&self, key: &TransferKey, stage: TransferStage) {
        let active = self.take_download(key);
        self.change(|all| transfers::set_stage(all, key, stage));
        drop(active);
    }
}
