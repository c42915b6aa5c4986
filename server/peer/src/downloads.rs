//! Files that other peers offer, and the downloads of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use shared::chat::{ChatFrame, FileInfo};
use shared::signaling::PeerId;
use shared::transfer::IntegrityError;
use tokio::sync::mpsc;
use webrtc::data_channel::DataChannel;

use crate::event::{Event, FileEvent, FileStep};
use crate::file_receiver::{Destination, DownloadOutcome, receive_file};
use crate::partial_file::PartialFile;
use crate::transfer::{
    Effect, RunningTransfer, TransferEvent, TransferEventSender, TransferProgress,
};

/// Downloads at a time; the others wait.
const MAX_CONCURRENT: usize = 8;
/// Offers that are stored; the oldest is dropped first.
const MAX_OFFERS: usize = 256;
/// Downloads with failed integrity checks before the file is given up.
const MAX_CORRUPT: u32 = 3;

/// The state of a [`Download`].
#[derive(Debug)]
enum DownloadState {
    /// Offered; the user has not accepted it.
    Offer,
    /// Accepted; requested once its author is connected and a download slot is free.
    Waiting,
    Requested,
    Receiving(RunningTransfer),
    Done,
}

#[derive(Debug)]
struct Download {
    /// The author's name.
    name: String,
    info: FileInfo,
    state: DownloadState,
    /// The received part, while no task owns it.
    partial: Option<PartialFile>,
    /// Received so far.
    bytes: u64,
    /// Bytes per second.
    speed: u64,
    /// Failed integrity checks.
    corrupt: u32,
    /// Rises with each offer.
    order: u64,
}

/// Every offer and download.
#[derive(Debug)]
pub(crate) struct Downloads {
    folder: PathBuf,
    /// `--save`: every offered file is accepted.
    accept_all: bool,
    downloads: BTreeMap<(PeerId, u64), Download>,
    event_sender: mpsc::Sender<TransferEvent>,
    attempts: u64,
    offers: u64,
}

impl Downloads {
    /// `save`: the folder for every file; absent: files that the user accepts go to the current folder.
    pub(crate) fn new(save: Option<PathBuf>, event_sender: mpsc::Sender<TransferEvent>) -> Self {
        Self {
            accept_all: save.is_some(),
            folder: save.unwrap_or_else(|| PathBuf::from(".")),
            downloads: BTreeMap::new(),
            event_sender,
            attempts: 0,
            offers: 0,
        }
    }

    /// `peer` offers a file.
    pub(crate) fn on_offer(
        &mut self,
        peer: &PeerId,
        name: &str,
        number: u64,
        info: FileInfo,
    ) -> Vec<Effect> {
        self.evict();
        self.offers += 1;
        let key = (peer.clone(), number);
        let download = Download {
            name: name.to_owned(),
            info,
            state: if self.accept_all {
                DownloadState::Waiting
            } else {
                DownloadState::Offer
            },
            partial: None,
            bytes: 0,
            speed: 0,
            corrupt: 0,
            order: self.offers,
        };
        self.downloads.insert(key.clone(), download);
        if self.accept_all {
            Vec::new()
        } else {
            self.file_event(&key, FileStep::Offer, None, None)
                .into_iter()
                .collect()
        }
    }

    /// Accepts the file of this name, or the newest offer. `None`: there is no such offer.
    pub(crate) fn accept(&mut self, name: Option<&str>) -> Option<()> {
        let offers = self.downloads.values_mut().filter(|download| {
            matches!(download.state, DownloadState::Offer)
                && name.is_none_or(|name| {
                    download.info.name == name || download.info.safe_name() == name
                })
        });
        offers.max_by_key(|download| download.order)?.state = DownloadState::Waiting;
        Some(())
    }

    /// Requests waiting files from connected peers.
    pub(crate) fn request_waiting(
        &mut self,
        is_connected: impl Fn(&PeerId) -> bool,
    ) -> Vec<Effect> {
        let busy = |state: &DownloadState| {
            matches!(
                state,
                DownloadState::Requested | DownloadState::Receiving(_)
            )
        };
        let mut busy = self
            .downloads
            .values()
            .filter(|download| busy(&download.state))
            .count();
        let mut effects = Vec::new();
        for ((peer, number), download) in &mut self.downloads {
            if busy >= MAX_CONCURRENT {
                break;
            }
            if !matches!(download.state, DownloadState::Waiting) || !is_connected(peer) {
                continue;
            }
            busy += 1;
            download.state = DownloadState::Requested;
            let offset = download
                .partial
                .as_ref()
                .map_or(0, |partial| partial.progress().received());
            download.bytes = offset;
            let number = *number;
            effects.push(Effect::Send(
                peer.clone(),
                ChatFrame::Want { number, offset },
            ));
        }
        effects
    }

    /// `peer` opened a channel for a file.
    pub(crate) fn on_channel(
        &mut self,
        peer: &PeerId,
        channel: Arc<dyn DataChannel>,
        number: u64,
        offset: u64,
    ) -> Vec<Effect> {
        let key = (peer.clone(), number);
        let folder = self.folder.clone();
        let (mut failed, mut begun) = (None, false);
        if let Some(download) = self.downloads.get_mut(&key)
            && matches!(download.state, DownloadState::Requested)
        {
            let name = download.info.safe_name();
            let partial = match download.partial.take() {
                Some(partial) => Ok(partial),
                None => PartialFile::create(&folder, &name, download.info.size),
            };
            match partial {
                Ok(partial) if partial.progress().received() == offset => {
                    self.attempts += 1;
                    let (running, stop) = RunningTransfer::start(self.attempts, offset);
                    download.state = DownloadState::Receiving(running);
                    let events = TransferEventSender {
                        peer: peer.clone(),
                        number,
                        attempt: self.attempts,
                        sender: self.event_sender.clone(),
                    };
                    let target = Destination { folder, name };
                    tokio::spawn(receive_file(channel.clone(), partial, target, stop, events));
                    begun = true;
                }
                Ok(partial) => download.partial = Some(partial),
                Err(error) => {
                    let folder = folder.display();
                    failed = Some(format!(
                        "Cannot write to {folder}: {error}. Choose another folder (--save)."
                    ));
                    download.state = DownloadState::Done;
                }
            }
        }
        if begun {
            return self
                .file_event(&key, FileStep::Receiving, None, None)
                .into_iter()
                .collect();
        }
        tokio::spawn(async move { channel.close().await });
        let Some(why) = failed else { return Vec::new() };
        let stop = Effect::Send(key.0.clone(), ChatFrame::Stop { number });
        let event = self.file_event(&key, FileStep::Failed, None, Some(why));
        event.into_iter().chain([stop]).collect()
    }

    /// The author withdrew the file.
    pub(crate) fn on_gone(&mut self, peer: &PeerId, number: u64) -> Vec<Effect> {
        let why = "Withdrawn by the sender.".to_owned();
        self.end(&(peer.clone(), number), FileStep::Failed, Some(why))
    }

    /// The connection to `peer` closed.
    pub(crate) fn on_link_closed(&mut self, peer: &PeerId) {
        for ((author, _), download) in &mut self.downloads {
            if author == peer && matches!(download.state, DownloadState::Requested) {
                download.state = DownloadState::Waiting;
            }
        }
    }

    /// `peer` left the room; its files can no longer be received.
    pub(crate) fn on_left(&mut self, peer: &PeerId) -> Vec<Effect> {
        let keys: Vec<_> = self.downloads.keys().cloned().collect();
        let mut effects = Vec::new();
        for key in keys.into_iter().filter(|key| key.0 == *peer) {
            let why = "The sender left before the file was complete.".to_owned();
            effects.extend(self.end(&key, FileStep::Failed, Some(why)));
            self.downloads.remove(&key);
        }
        effects
    }

    /// Cancels the download of this name, or all.
    pub(crate) fn cancel(&mut self, name: Option<&str>) -> Vec<Effect> {
        let keys: Vec<_> = self
            .downloads
            .iter()
            .filter(|(_, download)| {
                name.is_none_or(|name| {
                    download.info.name == name || download.info.safe_name() == name
                })
            })
            .map(|(key, _)| key.clone())
            .collect();
        let mut effects = Vec::new();
        for key in keys {
            let event = self.end(&key, FileStep::Cancelled, None);
            if !event.is_empty() {
                effects.push(Effect::Send(key.0, ChatFrame::Stop { number: key.1 }));
            }
            effects.extend(event);
        }
        effects
    }

    fn end(&mut self, key: &(PeerId, u64), step: FileStep, why: Option<String>) -> Vec<Effect> {
        let Some(download) = self.downloads.get_mut(key) else {
            return Vec::new();
        };
        if matches!(download.state, DownloadState::Offer | DownloadState::Done) {
            return Vec::new();
        }
        download.state = DownloadState::Done;
        download.partial = None;
        self.file_event(key, step, None, why).into_iter().collect()
    }

    pub(crate) fn on_progress(
        &mut self,
        peer: PeerId,
        number: u64,
        attempt: u64,
        progress: TransferProgress<DownloadOutcome>,
    ) -> Vec<Effect> {
        let key = (peer, number);
        let Some(download) = self.downloads.get_mut(&key) else {
            return Vec::new();
        };
        let running = match &mut download.state {
            DownloadState::Receiving(running) if running.attempt == attempt => running,
            _ => return Vec::new(),
        };
        let outcome = match progress {
            TransferProgress::Bytes(bytes) => {
                download.bytes = bytes;
                download.speed = running.speed_at(bytes);
                return self
                    .file_event(&key, FileStep::Receiving, None, None)
                    .into_iter()
                    .collect();
            }
            TransferProgress::Ended(outcome) => outcome,
        };
        let mean = running.mean_speed(download.info.size);
        match outcome {
            DownloadOutcome::Complete(path) => {
                download.state = DownloadState::Done;
                (download.bytes, download.speed) = (download.info.size, mean);
                let path = path.display().to_string();
                let event = self.file_event(&key, FileStep::Received, Some(path), None);
                let kept = Effect::Send(key.0, ChatFrame::Kept { number });
                [kept].into_iter().chain(event).collect()
            }
            DownloadOutcome::Interrupted(partial) => {
                download.bytes = partial.progress().received();
                download.partial = Some(partial);
                download.state = DownloadState::Waiting;
                self.file_event(&key, FileStep::Paused, None, None)
                    .into_iter()
                    .collect()
            }
            DownloadOutcome::Corrupt(why) => {
                download.corrupt += 1;
                if download.corrupt < MAX_CORRUPT {
                    download.state = DownloadState::Waiting;
                    return Vec::new();
                }
                let why = match why {
                    IntegrityError::TooLong => "Longer than announced",
                    IntegrityError::TooShort => "Shorter than announced",
                    IntegrityError::HashMismatch => "Checksum mismatch",
                };
                let why = format!("{why}. Ask the sender to offer it again.");
                self.end(&key, FileStep::Failed, Some(why))
            }
            DownloadOutcome::Stopped => Vec::new(),
            DownloadOutcome::Failed(why) => {
                let stop = Effect::Send(key.0.clone(), ChatFrame::Stop { number });
                let event = self.end(&key, FileStep::Failed, Some(why));
                event.into_iter().chain([stop]).collect()
            }
        }
    }

    /// Removes the oldest offer that is not being received.
    fn evict(&mut self) {
        while self.downloads.len() >= MAX_OFFERS {
            let idle = self.downloads.iter().filter(|(_, download)| {
                matches!(
                    download.state,
                    DownloadState::Offer | DownloadState::Done | DownloadState::Waiting
                )
            });
            let oldest = idle.min_by_key(|(_, download)| download.order);
            let Some(key) = oldest.map(|(key, _)| key.clone()) else {
                return;
            };
            self.downloads.remove(&key);
        }
    }

    fn file_event(
        &self,
        key: &(PeerId, u64),
        what: FileStep,
        path: Option<String>,
        message: Option<String>,
    ) -> Option<Effect> {
        let download = self.downloads.get(key)?;
        Some(Effect::Show(Event::File(FileEvent {
            what,
            peer: Some(key.0.clone()),
            name: download.name.clone(),
            file: download.info.name.clone(),
            number: key.1,
            size: download.info.size,
            bytes: download.bytes,
            speed: download.speed,
            path,
            message,
        })))
    }
}
