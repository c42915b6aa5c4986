//! Files that their author does not send, or has again.

use shared::chat::GoneReason;
use shared::signaling::PeerId;

use super::Files;
use crate::state::kept_file::KeptStage;
use crate::state::room::TransferStage;
use crate::state::transfers::{TransferKey, gone};

impl Files {
    /// The author does not send a file.
    pub(crate) fn on_gone(&self, author: &PeerId, number: u64, why: GoneReason) {
        let key = TransferKey::incoming(author, number);
        let Some(stage) = gone(self.transfers.stage(&key).as_ref(), why) else {
            return;
        };
        if stage == TransferStage::Withdrawn {
            self.on_withdrawn(&key);
        } else {
            // What has arrived stays.
            self.suspend_download(&key);
            if stage == TransferStage::Cancelled {
                self.record_stage(&key, KeptStage::Stopped);
            }
            self.transfers.set_stage(&key, stage);
        }
        self.complete_in_order(author);
        self.ask();
    }

    fn on_withdrawn(&self, key: &TransferKey) {
        let withdrawn = TransferStage::Withdrawn;
        let info = self.file_info(&key.author, key.number);
        if let (None, Some(info)) = (self.transfers.stage(key), info) {
            // Nobody has asked for it yet.
            self.begin(key, &info, 0, withdrawn.clone());
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
}
