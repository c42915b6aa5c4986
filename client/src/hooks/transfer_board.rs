//! The transfers of a room. Each message has a trigger of its own: of a thousand files, one changes.

use std::cell::RefCell;

use leptos::prelude::*;
use shared::chat::FileInfo;
use shared::conversation::MAX_ENTRIES;
use shared::signaling::PeerId;

use crate::state::room::{Transfer, TransferStage};
use crate::state::transfers::{self, TransferKey};

/// Limit on the files without a transfer.
const MAX_FILES: usize = 2 * MAX_ENTRIES;

/// One file, with a transfer for each peer that requests it.
struct SharedFile {
    /// The number of the message that offers it, and its author.
    id: (u64, PeerId),
    transfers: Vec<Transfer>,
    changed: ArcTrigger,
}

/// Sorted by number and author.
#[derive(Default)]
pub(crate) struct TransferBoard {
    files: RefCell<Vec<SharedFile>>,
}

impl TransferBoard {
    /// Notified when a transfer of the file changes, and by [`TransferBoard::notify`].
    pub(crate) fn trigger(&self, author: &PeerId, number: u64) -> ArcTrigger {
        self.with(author, number, |file| file.changed.clone())
    }

    /// The delivery of a message has changed.
    pub(crate) fn notify(&self, author: &PeerId, number: u64) {
        let files = self.files.borrow();
        let at = find(&files, author, number).ok();
        let trigger = at.map(|at| files[at].changed.clone());
        drop(files);
        if let Some(trigger) = trigger {
            trigger.notify();
        }
    }

    /// Any delivery may have changed.
    pub(crate) fn notify_all(&self) {
        let files = self.files.borrow();
        let triggers: Vec<_> = files.iter().map(|file| file.changed.clone()).collect();
        drop(files);
        triggers.iter().for_each(ArcTrigger::notify);
    }

    /// The transfers of a file.
    pub(crate) fn of(&self, author: &PeerId, number: u64) -> Vec<Transfer> {
        let files = self.files.borrow();
        let at = find(&files, author, number).ok();
        at.map_or_else(Vec::new, |at| files[at].transfers.clone())
    }

    pub(crate) fn stage(&self, key: &TransferKey) -> Option<TransferStage> {
        let files = self.files.borrow();
        let at = find(&files, &key.author, key.number).ok()?;
        transfers::stage(&files[at].transfers, key).cloned()
    }

    /// The file of a transfer.
    pub(crate) fn info(&self, key: &TransferKey) -> Option<FileInfo> {
        let mut all = self.of(&key.author, key.number);
        transfers::find(&mut all, key).map(|transfer| transfer.info.clone())
    }

    /// Notifies the page when `change` returns true, and returns that.
    pub(crate) fn change(
        &self,
        key: &TransferKey,
        change: &mut dyn FnMut(&mut Vec<Transfer>) -> bool,
    ) -> bool {
        let (changed, trigger) = self.with(&key.author, key.number, |file| {
            (change(&mut file.transfers), file.changed.clone())
        });
        if changed {
            trigger.notify();
        }
        changed
    }

    /// Sets the stage of a transfer. True when it changed.
    pub(crate) fn set_stage(&self, key: &TransferKey, stage: TransferStage) -> bool {
        self.stage(key).is_some()
            && self.change(key, &mut |all| {
                transfers::set_stage(all, key, stage.clone())
            })
    }

    /// Pauses the transfers with a peer.
    pub(crate) fn pause(&self, peer: &PeerId) {
        self.change_all(peer, transfers::pause);
    }

    /// Ends the transfers with a peer that left.
    pub(crate) fn leave(&self, peer: &PeerId) {
        self.change_all(peer, transfers::leave);
    }

    /// Stops the paused transfers to a peer that does not ask for them again.
    pub(crate) fn stop_unasked(&self, peer: &PeerId) {
        self.change_all(peer, transfers::stop_unasked);
    }

    fn change_all(&self, peer: &PeerId, change: fn(&mut [Transfer], &PeerId) -> bool) {
        let mut changed = Vec::new();
        for file in &mut *self.files.borrow_mut() {
            if change(&mut file.transfers, peer) {
                changed.push(file.changed.clone());
            }
        }
        for trigger in changed {
            trigger.notify();
        }
    }

    /// The numbers of an author's files that are requested again when the author is back.
    pub(crate) fn resumable(&self, author: &PeerId) -> Vec<u64> {
        self.numbers(author, transfers::resumable)
    }

    /// The numbers of an author's files that are complete.
    pub(crate) fn complete(&self, author: &PeerId) -> Vec<u64> {
        self.numbers(author, transfers::complete)
    }

    fn numbers(&self, author: &PeerId, of: fn(&[Transfer], &PeerId) -> Vec<u64>) -> Vec<u64> {
        let files = self.files.borrow();
        let numbers = files.iter().map(|file| of(&file.transfers, author));
        numbers.flatten().collect()
    }

    /// Bytes flow.
    pub(crate) fn is_running(&self) -> bool {
        let files = self.files.borrow();
        let mut transfers = files.iter().flat_map(|file| &file.transfers);
        transfers.any(|transfer| transfer.stage == TransferStage::Running)
    }

    /// Removes the transfers from others but those that `stays` says. Returns their object URLs.
    pub(crate) fn remove_incoming(&self, stays: &dyn Fn(&Transfer) -> bool) -> Vec<String> {
        let (mut urls, mut changed) = (Vec::new(), Vec::new());
        for file in &mut *self.files.borrow_mut() {
            let before = file.transfers.len();
            let removed = transfers::remove_incoming(&mut file.transfers, stays);
            if file.transfers.len() < before {
                changed.push(file.changed.clone());
            }
            urls.extend(removed);
        }
        for trigger in changed {
            trigger.notify();
        }
        urls
    }

    /// The peers of all transfers.
    pub(crate) fn peers(&self) -> Vec<PeerId> {
        let mut peers: Vec<PeerId> = Vec::new();
        for file in &*self.files.borrow() {
            for transfer in &file.transfers {
                if !peers.contains(&transfer.peer) {
                    peers.push(transfer.peer.clone());
                }
            }
        }
        peers
    }

    fn with<T>(&self, author: &PeerId, number: u64, act: impl FnOnce(&mut SharedFile) -> T) -> T {
        let mut files = self.files.borrow_mut();
        let at = position(&mut files, author, number);
        act(&mut files[at])
    }
}

/// Where the file is, or would be.
fn find(files: &[SharedFile], author: &PeerId, number: u64) -> Result<usize, usize> {
    files.binary_search_by(|file| (file.id.0, &file.id.1).cmp(&(number, author)))
}

/// Where the file is, or now is.
fn position(files: &mut Vec<SharedFile>, author: &PeerId, number: u64) -> usize {
    if let Ok(at) = find(files, author, number) {
        return at;
    }
    if files.len() >= MAX_FILES {
        // The oldest: its message has left the conversation.
        let idle = files.iter().position(|file| file.transfers.is_empty());
        files.remove(idle.unwrap_or(0));
    }
    let at = find(files, author, number).unwrap_or_else(|at| at);
    files.insert(
        at,
        SharedFile {
            id: (number, author.clone()),
            transfers: Vec::new(),
            changed: ArcTrigger::new(),
        },
    );
    at
}
