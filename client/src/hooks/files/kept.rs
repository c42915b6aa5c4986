//! Received files over a reload: the browser keeps them until they are deleted. The tab that has the room reads and writes them.

use std::cell::Cell;
use std::rc::Rc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::chat::FileInfo;
use shared::signaling::PeerId;
use wasm_bindgen::JsValue;
use web_sys::Url;

use super::{ActiveDownload, Files};
use crate::rtc::download::Download;
use crate::rtc::kept_files::{KeptFile, KeptFiles, KeptKey, joined, progress};
use crate::rtc::stale_folders::delete_stale_folders;
use crate::rtc::store::{FileStore, KeptStore};
use crate::rtc::timer::within;
use crate::state::kept_file::{KeptAction, KeptAmount, KeptRecord, KeptStage, on_open};
use crate::state::room::{Direction, Transfer, TransferStage};
use crate::state::transfers::{self, TransferKey};

/// Received files are held in memory when the database has not answered after this long.
const OPEN_MS: i32 = 10_000;

impl Files {
    /// The room is this tab's: shows what was received before, and continues it.
    pub(crate) fn restore(&self) {
        self.restored.set(false);
        self.read_offers();
        let (me, identity) = (self.me.clone(), Rc::downgrade(&self.identity));
        let is_ours = move || {
            identity
                .upgrade()
                .is_some_and(|identity| identity.is_last())
        };
        let room = self.stored_as.clone();
        spawn_local(async move {
            let _ = delete_stale_folders().await;
        });
        spawn_local(async move {
            let open = async {
                let kept = KeptFiles::open(room, Box::new(is_ours)).await?;
                let all = kept.all().await?;
                Ok::<_, JsValue>((Rc::new(kept), all))
            };
            // What cannot be read is not written either.
            let (kept, all) = match within(OPEN_MS, open).await {
                Some(Ok((kept, all))) => (Some(kept), all),
                _ => (None, Vec::new()),
            };
            let files = me.upgrade().filter(|files| files.identity.is_held());
            let Some(files) = files else { return };
            files.drop_kept();
            files.remove_received(&|files, transfer| {
                let key = TransferKey::incoming(&transfer.author, transfer.number);
                let chosen = transfer.stage == TransferStage::Complete { url: None };
                chosen || files.received(&key).is_some() || files.held.borrow().contains(&key)
            });
            files.kept.replace(kept);
            let continued: Vec<_> = all
                .into_iter()
                .filter_map(|file| files.restore_one(file))
                .collect();
            files.restored.set(true);
            files.show_amount();
            for key in continued.into_iter().chain(files.early.take()) {
                files.download(&key.author, key.number);
            }
            files.receive_all_images();
        });
    }

    /// Returns the key of a file that continues.
    fn restore_one(&self, file: KeptFile) -> Option<TransferKey> {
        let key = TransferKey::incoming(&file.key.author, file.key.number);
        let record = KeptRecord::parse(&file.record);
        let action = record
            .as_ref()
            .map_or(KeptAction::Delete, |record| on_open(record, file.bytes()));
        let (Some(record), true) = (record, action != KeptAction::Delete) else {
            self.delete_kept(vec![file.key]);
            return None;
        };
        let stage = match action {
            KeptAction::Show => {
                let blob = joined(&file.pieces, mime(&record.info)).ok()?;
                TransferStage::Complete {
                    url: self.url(&blob),
                }
            }
            KeptAction::Continue => TransferStage::Paused,
            KeptAction::Stop | KeptAction::Delete => TransferStage::Stopped,
        };
        let (info, done) = (record.info, file.bytes());
        self.transfers.change(&key, &mut |all| {
            let incoming = Direction::Incoming;
            transfers::begin(all, &key, incoming, info.clone(), done, stage.clone());
            true
        });
        if action == KeptAction::Show {
            return None;
        }
        self.partial.borrow_mut().push(key.clone());
        (action == KeptAction::Continue).then_some(key)
    }

    /// Ends the downloads that are kept. Those of memory, and into files that the user has chosen, are of this tab.
    pub(super) fn drop_kept(&self) {
        if let Some(kept) = self.kept.take() {
            kept.close();
        }
        self.partial.take();
        let mut downloads = self.downloads.borrow_mut();
        let mut ended = Vec::new();
        downloads.retain(|active| {
            let stays = !active.download.is_kept();
            if !stays {
                ended.push(active.key.clone());
            }
            stays
        });
        drop(downloads);
        self.arrived
            .borrow_mut()
            .retain(|(key, _)| !ended.contains(key));
        // What is not yet shown would make it look running when it continues.
        self.progress
            .borrow_mut()
            .retain(|(key, ..)| !ended.contains(key));
        for key in ended {
            self.queue.borrow_mut().remove(&key.peer, key.number);
        }
        self.show_amount();
    }

    fn kept_key(key: &TransferKey) -> KeptKey {
        KeptKey {
            author: key.author.clone(),
            number: key.number,
        }
    }

    /// Where the bytes of a download go, from this offset on. `None`: it has to be kept in memory, and there is no room.
    pub(super) fn store(
        &self,
        key: &TransferKey,
        info: &FileInfo,
        offset: u64,
    ) -> Option<FileStore> {
        let Some(files) = self.kept.borrow().clone() else {
            let admitted = self.held.borrow_mut().admit(key, info);
            return admitted.then(|| FileStore::Memory(Default::default()));
        };
        let (stage, info) = (KeptStage::Complete, info.clone());
        Some(FileStore::Kept(KeptStore {
            files,
            key: Self::kept_key(key),
            complete: KeptRecord { stage, info }.text(),
            offset: Cell::new(offset),
        }))
    }

    pub(super) fn is_partial(&self, key: &TransferKey) -> bool {
        self.partial.borrow().contains(key)
    }

    /// Takes up a download of which a part is kept. False: there is none.
    pub(super) fn take_up(&self, key: &TransferKey, info: &FileInfo) -> bool {
        let kept = self.kept.borrow().clone();
        let Some(kept) = kept.filter(|_| self.is_partial(key)) else {
            return false;
        };
        let (me, key, info) = (self.me.clone(), key.clone(), info.clone());
        spawn_local(async move {
            let read = async {
                let pieces = kept.pieces(&Self::kept_key(&key)).await?;
                progress(&pieces, info.size).await
            };
            let read = read.await;
            // It may have been withdrawn meanwhile, or the room given up.
            let files = me.upgrade().filter(|files| files.is_partial(&key));
            let Some(files) = files else { return };
            files.partial.borrow_mut().retain(|other| *other != key);
            if files.received(&key).is_none() {
                let download = match read {
                    Ok(progress) => files.receive(&key, &info, progress),
                    // It begins again.
                    Err(_) => files.receive_anew(&key, &info),
                };
                let Some(download) = download else {
                    return files.begin(&key, &info, 0, TransferStage::Failed);
                };
                files.add_download(&key, download);
            }
            // Unless it was stopped meanwhile.
            if let Some(TransferStage::Requested | TransferStage::Running | TransferStage::Paused) =
                files.transfers.stage(&key)
            {
                files.enqueue(&key, &info);
            }
        });
        true
    }

    pub(super) fn add_download(&self, key: &TransferKey, download: Download) {
        let (key, download) = (key.clone(), Rc::new(download));
        let mut downloads = self.downloads.borrow_mut();
        downloads.push(ActiveDownload { key, download });
    }

    /// Records what is to be done with a file that is kept. One that is whole is recorded as such; nothing is kept of one that goes where the user has
    /// chosen.
    pub(super) fn record_stage(&self, key: &TransferKey, stage: KeptStage) {
        let mut other = false;
        self.with_download(key, |download| {
            other = download.is_whole() || !download.is_kept();
        });
        if other {
            return;
        }
        let kept = self.kept.borrow().clone();
        let transfers = self.transfers.of(&key.author, key.number);
        let mut transfers = transfers.into_iter();
        let transfer = transfers.find(|transfer| transfer.peer == key.peer);
        let (Some(kept), Some(transfer)) = (kept, transfer) else {
            return;
        };
        let (key, info) = (Self::kept_key(key), transfer.info);
        let record = KeptRecord { stage, info }.text();
        spawn_local(async move {
            // A full storage keeps the stage before.
            let _ = kept.set_record(&key, &record).await;
        });
    }

    /// The user saves a file.
    pub(crate) fn on_saved(&self, author: &PeerId, number: u64) {
        let key = TransferKey::incoming(author, number);
        self.held.borrow_mut().set_saved(&key);
    }

    /// What has arrived of a download is of no use.
    pub(super) fn discard(&self, key: &TransferKey) {
        self.held.borrow_mut().remove(key);
        self.partial.borrow_mut().retain(|other| other != key);
        self.delete_kept(vec![Self::kept_key(key)]);
        self.show_amount();
    }

    /// A download could not be written. What has been stays, for the next try.
    pub(super) fn set_aside(&self, key: &TransferKey, is_kept: bool) {
        if is_kept {
            self.partial.borrow_mut().push(key.clone());
        } else {
            self.held.borrow_mut().remove(key);
        }
    }

    fn delete_kept(&self, mut keys: Vec<KeptKey>) {
        let kept = self.kept.borrow().clone();
        keys.retain(|key| kept.as_ref().is_some_and(|kept| kept.contains(key)));
        if let Some(kept) = kept.filter(|_| !keys.is_empty()) {
            let me = self.me.clone();
            spawn_local(async move {
                // What cannot be deleted is there the next time.
                let _ = kept.delete(&keys).await;
                if let Some(files) = me.upgrade() {
                    files.show_amount();
                }
            });
        }
    }

    /// Deletes all received files, except those that continue.
    pub(crate) fn delete_received(&self) {
        let held = self.held.borrow();
        let downloads = self.downloads.borrow();
        let mut keys: Vec<_> = downloads.iter().map(|active| active.key.clone()).collect();
        keys.extend(held.keys().cloned());
        drop((held, downloads));
        if let Some(kept) = &*self.kept.borrow() {
            let kept = kept.keys().into_iter();
            keys.extend(kept.map(|key| TransferKey::incoming(&key.author, key.number)));
        }
        keys.retain(|key| {
            let stage = self.transfers.stage(key);
            !stage.as_ref().is_some_and(transfers::outlives_deletion)
        });
        self.delete_files(&keys);
    }

    /// Deletes what was received of one file.
    pub(crate) fn delete_one(&self, author: &PeerId, number: u64) {
        self.delete_files(&[TransferKey::incoming(author, number)]);
    }

    fn delete_files(&self, keys: &[TransferKey]) {
        for key in keys {
            self.suspend_download(key);
            drop(self.take_download(key));
            self.held.borrow_mut().remove(key);
        }
        self.partial.borrow_mut().retain(|key| !keys.contains(key));
        self.remove_received(&|_, transfer| {
            !keys.contains(&TransferKey::incoming(&transfer.author, transfer.number))
        });
        self.delete_kept(keys.iter().map(Self::kept_key).collect());
        self.show_amount();
    }

    /// Removes received files from the page, but those that `stays` says.
    fn remove_received(&self, stays: &dyn Fn(&Self, &Transfer) -> bool) {
        for url in self
            .transfers
            .remove_incoming(&|transfer| stays(self, transfer))
        {
            // Fails only for an invalid URL.
            let _ = Url::revoke_object_url(&url);
        }
    }

    /// Shows how much there is.
    pub(super) fn show_amount(&self) {
        let kept = self.kept.borrow();
        let amount = match &*kept {
            Some(kept) => KeptAmount {
                bytes: kept.bytes(),
                in_memory: false,
            },
            None => KeptAmount {
                bytes: self.held.borrow().bytes(),
                in_memory: self.restored.get(),
            },
        };
        let shown = self.room.received;
        if shown.try_get_untracked() != Some(amount) {
            let _ = shown.try_set(amount);
        }
    }
}

/// An object URL has the origin of this page, so only images keep a type that browsers render.
pub(super) fn mime(info: &FileInfo) -> &str {
    if info.is_image() {
        &info.mime
    } else {
        "application/octet-stream"
    }
}
