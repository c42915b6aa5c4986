//! Files that this peer offers, and the uploads of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use shared::chat::{ChatFrame, FileInfo, file_protocol};
use shared::file_name::{MAX_FILE_NAME, shortened};
use shared::signaling::PeerId;
use tokio::sync::mpsc;

use crate::event::{Event, FileEvent, FileStep};
use crate::file_sender::{SourceFile, UploadOutcome, send_file, unreadable};
use crate::peer_link::PeerLink;
use crate::transfer::{
    Effect, RunningTransfer, TransferEvent, TransferEventSender, TransferProgress,
};

/// Uploads at a time, each with a reading thread: as many as a full room requests ([`crate::downloads`]).
const MAX_CONCURRENT: usize = 128;

#[derive(Debug)]
struct OfferedFile {
    info: FileInfo,
    source: SourceFile,
    /// No longer sent to anyone.
    withdrawn: bool,
    /// Peers that have the whole file.
    kept_by: BTreeSet<PeerId>,
}

#[derive(Debug)]
struct Upload {
    /// The receiver's name.
    name: String,
    running: Option<RunningTransfer>,
    /// Sent so far.
    bytes: u64,
    /// Bytes per second of the last attempt, once every byte was sent.
    speed: u64,
}

/// Every offered file and upload.
#[derive(Debug)]
pub(crate) struct Uploads {
    offered: BTreeMap<u64, OfferedFile>,
    active: BTreeMap<(PeerId, u64), Upload>,
    event_sender: mpsc::Sender<TransferEvent>,
    attempts: u64,
}

/// Reads the metadata of a file to offer.
///
/// # Errors
/// A sentence for the user.
pub(crate) fn inspect(path: &Path) -> Result<(FileInfo, SourceFile), String> {
    let path = fs::canonicalize(path).map_err(|error| unreadable(path, &error))?;
    let metadata = fs::metadata(&path).map_err(|error| unreadable(&path, &error))?;
    if !metadata.is_file() {
        return Err(format!(
            "{} is not a file. Pack a folder into an archive first.",
            path.display()
        ));
    }
    fs::File::open(&path).map_err(|error| unreadable(&path, &error))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let info = FileInfo {
        name: shortened(&name, MAX_FILE_NAME),
        size: metadata.len(),
        mime: mime(&name).to_owned(),
    };
    let size = info.size;
    Ok((info, SourceFile { path, size }))
}

/// The types that a browser shows or plays; others have none.
fn mime(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "zip" => "application/zip",
        _ => "",
    }
}

impl Uploads {
    pub(crate) fn new(event_sender: mpsc::Sender<TransferEvent>) -> Self {
        Self {
            offered: BTreeMap::new(),
            active: BTreeMap::new(),
            event_sender,
            attempts: 0,
        }
    }

    /// Adds a file; its offer was sent with this number.
    pub(crate) fn offer(&mut self, number: u64, info: FileInfo, source: SourceFile) -> Effect {
        let event = FileEvent {
            what: FileStep::Offered,
            peer: None,
            name: String::new(),
            file: info.name.clone(),
            number,
            size: info.size,
            bytes: 0,
            speed: 0,
            path: Some(source.path.display().to_string()),
            message: None,
        };
        let offered = OfferedFile {
            info,
            source,
            withdrawn: false,
            kept_by: BTreeSet::new(),
        };
        self.offered.insert(number, offered);
        Effect::Show(Event::File(event))
    }

    /// `peer` requests the file of this number from `offset` on.
    pub(crate) fn on_want(
        &mut self,
        peer: &PeerId,
        name: &str,
        (number, offset): (u64, u64),
        link: &PeerLink,
    ) -> Vec<Effect> {
        let key = (peer.clone(), number);
        // A new request means that the previous upload was lost.
        self.active.remove(&key);
        let busy = self
            .active
            .values()
            .filter(|upload| upload.running.is_some());
        let offered = self
            .offered
            .get(&number)
            .filter(|offered| !offered.withdrawn && offset <= offered.source.size);
        let Some(offered) = offered.filter(|_| busy.count() < MAX_CONCURRENT) else {
            return vec![Effect::Send(peer.clone(), ChatFrame::Gone { number })];
        };
        self.attempts += 1;
        let (running, stop) = RunningTransfer::start(self.attempts, offset);
        let events = TransferEventSender {
            peer: peer.clone(),
            number,
            attempt: self.attempts,
            sender: self.event_sender.clone(),
        };
        let channel = link.open_file(file_protocol(number, offset));
        tokio::spawn(send_file(
            offered.source.clone(),
            offset,
            channel,
            stop,
            events,
        ));
        let upload = Upload {
            name: name.to_owned(),
            running: Some(running),
            bytes: offset,
            speed: 0,
        };
        self.active.insert(key.clone(), upload);
        // Shown even when the upload continues an earlier one.
        self.file_event(&key, FileStep::Sending, None)
            .into_iter()
            .collect()
    }

    /// `peer` cancelled its download.
    pub(crate) fn on_stop(&mut self, peer: &PeerId, number: u64) -> Vec<Effect> {
        let key = (peer.clone(), number);
        let event = self.file_event(&key, FileStep::Cancelled, None);
        self.active.remove(&key);
        event.into_iter().collect()
    }

    /// `peer` left the room.
    pub(crate) fn on_left(&mut self, peer: &PeerId) {
        self.active.retain(|(reader, _), _| reader != peer);
    }

    /// `peer` has the whole file.
    pub(crate) fn on_kept(&mut self, peer: &PeerId, name: &str, number: u64) -> Vec<Effect> {
        let Some(offered) = self.offered.get_mut(&number) else {
            return Vec::new();
        };
        if !offered.kept_by.insert(peer.clone()) {
            return Vec::new();
        }
        let size = offered.source.size;
        let key = (peer.clone(), number);
        let upload = self.active.entry(key.clone()).or_insert_with(|| Upload {
            name: name.to_owned(),
            running: None,
            bytes: 0,
            speed: 0,
        });
        upload.bytes = size;
        if let Some(running) = &upload.running {
            upload.speed = running.mean_speed(size);
        }
        let event = self.file_event(&key, FileStep::Sent, None);
        self.active.remove(&key);
        event.into_iter().collect()
    }

    /// Cancels the uploads of this name, or all.
    pub(crate) fn cancel(&mut self, name: Option<&str>) -> Vec<Effect> {
        let numbers: BTreeSet<u64> = self
            .offered
            .iter_mut()
            .filter(|(_, offered)| {
                !offered.withdrawn && name.is_none_or(|name| offered.info.name == name)
            })
            .map(|(number, offered)| {
                offered.withdrawn = true;
                *number
            })
            .collect();
        let keys: Vec<_> = self.active.keys().cloned().collect();
        let mut effects = Vec::new();
        for key in keys.into_iter().filter(|key| numbers.contains(&key.1)) {
            effects.extend(self.file_event(&key, FileStep::Cancelled, None));
            self.active.remove(&key);
            effects.push(Effect::Send(key.0, ChatFrame::Gone { number: key.1 }));
        }
        effects
    }

    pub(crate) fn on_progress(
        &mut self,
        peer: PeerId,
        number: u64,
        attempt: u64,
        progress: TransferProgress<UploadOutcome>,
    ) -> Vec<Effect> {
        let key = (peer, number);
        let upload = self.active.get_mut(&key);
        let Some(upload) = upload.filter(|upload| {
            upload
                .running
                .as_ref()
                .is_some_and(|running| running.attempt == attempt)
        }) else {
            return Vec::new();
        };
        let outcome = match progress {
            TransferProgress::Bytes(bytes) => {
                upload.bytes = bytes;
                if let Some(running) = &mut upload.running {
                    upload.speed = running.speed_at(bytes);
                }
                return self
                    .file_event(&key, FileStep::Sending, None)
                    .into_iter()
                    .collect();
            }
            TransferProgress::Ended(outcome) => outcome,
        };
        let running = upload.running.take();
        match outcome {
            UploadOutcome::Sent => {
                let size = self
                    .offered
                    .get(&number)
                    .map_or(0, |offered| offered.source.size);
                upload.speed = running.map_or(0, |running| running.mean_speed(size));
                Vec::new()
            }
            UploadOutcome::Interrupted => self
                .file_event(&key, FileStep::Paused, None)
                .into_iter()
                .collect(),
            UploadOutcome::Stopped => Vec::new(),
            UploadOutcome::Failed(why) => {
                let event = self.file_event(&key, FileStep::Failed, Some(why));
                self.active.remove(&key);
                if let Some(offered) = self.offered.get_mut(&number) {
                    offered.withdrawn = true;
                }
                let gone = Effect::Send(key.0, ChatFrame::Gone { number });
                event.into_iter().chain([gone]).collect()
            }
        }
    }

    /// Every file has reached at least one peer.
    pub(crate) fn all_kept(&self) -> bool {
        self.offered
            .values()
            .all(|offered| offered.withdrawn || !offered.kept_by.is_empty())
    }

    fn file_event(
        &self,
        key: &(PeerId, u64),
        what: FileStep,
        message: Option<String>,
    ) -> Option<Effect> {
        let (offered, upload) = (self.offered.get(&key.1)?, self.active.get(key)?);
        Some(Effect::Show(Event::File(FileEvent {
            what,
            peer: Some(key.0.clone()),
            name: upload.name.clone(),
            file: offered.info.name.clone(),
            number: key.1,
            size: offered.info.size,
            bytes: upload.bytes,
            speed: upload.speed,
            path: None,
            message,
        })))
    }
}
