//! One file that another peer offers.

use shared::chat::FileInfo;

use super::FileKey;
use crate::event::{Event, FileEvent, FileStep};
use crate::partial_file::PartialFile;
use crate::transfer::RunningTransfer;

/// The state of a [`Download`].
#[derive(Debug)]
pub(super) enum DownloadState {
    /// Offered; the user has not accepted it.
    Offer,
    /// Accepted; the queue has it.
    Waiting,
    /// The queue has it, and a writer.
    Receiving(RunningTransfer),
    Received,
    /// The author's client has lost it.
    Missing,
    /// Cancelled, withdrawn or failed.
    Ended,
}

#[derive(Debug)]
pub(super) struct Download {
    /// The author's name.
    pub(super) name: String,
    pub(super) info: FileInfo,
    pub(super) state: DownloadState,
    /// The received part, while no writer owns it.
    pub(super) partial: Option<PartialFile>,
    /// The author has ended this transfer; its writer still has the received part, and gives it back.
    pub(super) returning: Option<RunningTransfer>,
    /// Received so far.
    pub(super) bytes: u64,
    /// Bytes per second.
    pub(super) speed: u64,
    /// Failed integrity checks.
    pub(super) corrupt: u32,
    /// Rises with each offer.
    pub(super) order: u64,
}

impl Download {
    pub(super) fn event(
        &self,
        key: &FileKey,
        what: FileStep,
        path: Option<String>,
        message: Option<String>,
    ) -> Event {
        Event::File(FileEvent {
            what,
            peer: Some(key.0.clone()),
            name: self.name.clone(),
            file: self.info.name.clone(),
            number: key.1,
            size: self.info.size,
            bytes: self.bytes,
            speed: self.speed,
            path,
            message,
        })
    }
}
