//! Files of a room: those that this side offers, and those on their way. Which is decided in [`crate::state::transfers`], and the bytes flow in [`crate::rtc`].

mod downloads;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::chat::{Body, FileInfo, Frame, MAX_FILE_NAME, MAX_MIME};
use shared::signaling::PeerId;
use shared::transfer::Speed;
use web_sys::{Blob, File, Url};

use super::room::RoomHandle;
use super::room_client::RoomClient;
use crate::rtc::download::Download;
use crate::rtc::folder::{self, Folder};
use crate::rtc::timer::{Timer, now};
use crate::rtc::upload::{Upload, UploadEvent};
use crate::state::room::{Direction, Transfer, TransferStage};
use crate::state::transfers::{self, TransferKey, is_auto_received};

/// Progress is shown so often. Milliseconds.
const SHOW_MS: f64 = 250.0;
pub(crate) struct Files {
    room: RoomHandle,
    client: Weak<RoomClient>,
    me: Weak<Files>,
    /// Files of this side, by the numbers of their messages.
    own: RefCell<Vec<(u64, File)>>,
    downloads: RefCell<Vec<ActiveDownload>>,
    uploads: RefCell<Vec<(TransferKey, Upload)>>,
    /// Bytes that have progress since it was last shown, and how fast.
    progress: RefCell<Vec<(TransferKey, u64, Speed)>>,
    showing: RefCell<Option<Timer>>,
    /// Object URLs, to be given back.
    urls: RefCell<Vec<String>>,
    folder: RefCell<Option<Rc<Folder>>>,
    /// Counts files, for names in the folder.
    files: Cell<u32>,
}

/// A file that has come in active.
struct ActiveDownload {
    key: TransferKey,
    download: Download,
    /// Channels that ended since something came, and how much received_before come then.
    empty_channels: u32,
    received_before: u64,
}

impl Files {
    pub(crate) fn new(room: RoomHandle, client: Weak<RoomClient>) -> Rc<Self> {
        spawn_local(async {
            // Without a folder there is nothing left over in it.
            let _ = folder::remove_stale().await;
        });
        Rc::new_cyclic(|me| Self {
            room,
            client,
            me: me.clone(),
            own: RefCell::default(),
            downloads: RefCell::default(),
            uploads: RefCell::default(),
            progress: RefCell::default(),
            showing: RefCell::default(),
            urls: RefCell::default(),
            folder: RefCell::default(),
            files: Cell::default(),
        })
    }

    /// Tells everybody of a file; who wants it asks for it.
    pub(crate) fn offer(&self, file: File) {
        let Some(client) = self.client.upgrade() else {
            return;
        };
        let info = describe(&file);
        let Some(number) = client.post(Body::File(info.clone())) else {
            return;
        };
        if is_auto_received(&info) {
            // Its author sees it as the others do.
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

    /// Cancels, in either direction.
    pub(crate) fn stop(&self, author: &PeerId, number: u64, peer: &PeerId) {
        let key = TransferKey {
            author: author.clone(),
            number,
            peer: peer.clone(),
        };
        let Some(client) = self.client.upgrade() else {
            return;
        };
        let changed = self.change(|all| transfers::set_stage(all, &key, TransferStage::Stopped));
        if !changed {
            return;
        }
        if author == peer {
            if let Some(active) = self
                .downloads
                .borrow()
                .iter()
                .find(|active| active.key == key)
            {
                active.download.detach();
            }
            client.send(peer, &Frame::Stop { number });
        } else {
            drop(self.take_upload(&key));
            client.send(peer, &Frame::Gone { number });
        }
    }

    /// Somebody wants a file of this side.
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
            return client.send(peer, &Frame::Gone { number });
        };
        let key = TransferKey {
            author: self.room.conversation.with_untracked(|c| c.me().clone()),
            number,
            peer: peer.clone(),
        };
        drop(self.take_upload(&key));
        let info = describe(&file);
        self.change(|all| {
            // Asked for again, it is on its way again, whatever it was.
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
        let (me, told) = (self.me.clone(), key.clone());
        let on = move |event| {
            if let Some(files) = me.upgrade() {
                files.on_upload_event(&told, event);
            }
        };
        let file: Blob = file.into();
        let upload = Upload::new(channel, max_message, file, offset, Box::new(on));
        self.uploads.borrow_mut().push((key, upload));
    }

    /// Somebody no longer wants a file of this side.
    pub(crate) fn on_stop(&self, peer: &PeerId, number: u64) {
        self.finish(peer, number, TransferStage::Stopped);
    }

    /// Somebody has a file of this side, whole.
    pub(crate) fn on_kept(&self, peer: &PeerId, number: u64) {
        self.finish(peer, number, TransferStage::Complete { url: None });
    }

    fn finish(&self, peer: &PeerId, number: u64, stage: TransferStage) {
        let key = TransferKey {
            author: self.room.conversation.with_untracked(|c| c.me().clone()),
            number,
            peer: peer.clone(),
        };
        drop(self.take_upload(&key));
        self.change(|all| transfers::set_stage(all, &key, stage));
    }

    /// The connection to somebody is away.
    pub(crate) fn on_closed(&self, peer: &PeerId) {
        self.uploads
            .borrow_mut()
            .retain(|(key, _)| key.peer != *peer);
        for active in &*self.downloads.borrow() {
            if active.key.peer == *peer {
                active.download.detach();
            }
        }
        self.change(|all| transfers::pause(all, peer));
    }

    /// All connections are away.
    pub(crate) fn all_closed(&self) {
        let peers = self
            .room
            .transfers
            .try_with_untracked(|all| all.iter().map(|t| t.peer.clone()).collect::<Vec<_>>());
        for peer in peers.unwrap_or_default() {
            self.on_closed(&peer);
        }
    }

    /// The room is left: what came goes.
    pub(crate) fn end(&self) {
        self.uploads.take();
        self.downloads.take();
        self.showing.take();
        for url in self.urls.take() {
            // It is one of ours.
            let _ = Url::revoke_object_url(&url);
        }
        if let Some(folder) = self.folder.take() {
            folder.remove();
        }
    }

    fn on_upload_event(&self, key: &TransferKey, event: UploadEvent) {
        match event {
            UploadEvent::Progress(bytes) => self.set_progress(key, bytes),
            // Its reader asks again.
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
                    client.send(&key.peer, &Frame::Gone { number });
                }
            }
        }
    }

    fn take_upload(&self, key: &TransferKey) -> Option<Upload> {
        let mut uploads = self.uploads.borrow_mut();
        let at = uploads.iter().position(|(other, _)| other == key)?;
        Some(uploads.swap_remove(at).1)
    }

    fn stage(&self, key: &TransferKey) -> Option<TransferStage> {
        let stage = self
            .room
            .transfers
            .try_with_untracked(|all| transfers::stage(all, key).cloned());
        stage.flatten()
    }

    /// Tells the page when something changed.
    fn change(&self, change: impl FnOnce(&mut Vec<Transfer>) -> bool) -> bool {
        self.room.transfers.try_maybe_update(|all| {
            let changed = change(all);
            (changed, changed)
        }) == Some(true)
    }

    /// Notes how far a transfer is; shown a few times a second.
    fn set_progress(&self, key: &TransferKey, bytes: u64) {
        let mut progress = self.progress.borrow_mut();
        match progress.iter_mut().find(|(other, ..)| other == key) {
            Some((_, done, _)) => *done = bytes,
            None => progress.push((key.clone(), bytes, Speed::default())),
        }
        drop(progress);
        let mut showing = self.showing.borrow_mut();
        if showing.is_none() {
            let me = self.me.clone();
            *showing = Some(Timer::every(SHOW_MS, move || {
                if let Some(files) = me.upgrade() {
                    files.show();
                }
            }));
        }
    }

    fn show(&self) {
        let (mut progress, now) = (self.progress.borrow_mut(), now() as u64);
        self.change(|all| {
            let mut changed = false;
            progress.retain_mut(|(key, done, speed)| {
                let Some(transfer) = transfers::find(all, key) else {
                    return false;
                };
                if transfer.stage == TransferStage::Requested {
                    transfer.stage = TransferStage::Running;
                }
                let running = transfer.stage == TransferStage::Running;
                if running {
                    speed.at(now, *done);
                    (transfer.done, transfer.speed) = (*done, speed.now());
                    changed = true;
                }
                running
            });
            changed
        });
        if progress.is_empty() {
            self.showing.take();
        }
    }

    fn url(&self, file: &Blob) -> Option<String> {
        let url = Url::create_object_url_with_blob(file).ok()?;
        self.urls.borrow_mut().push(url.clone());
        Some(url)
    }
}

/// Whether files that arrive are written to disk as they come, rather than held in memory.
pub(crate) fn streams_to_disk() -> bool {
    folder::is_supported()
}

/// Within the limits of the chat, whatever a system calls its files.
fn describe(file: &File) -> FileInfo {
    let (mut name, mut mime) = (file.name(), file.type_());
    name.truncate(name.floor_char_boundary(MAX_FILE_NAME));
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
