//! Files that this peer offers, and the uploads of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use shared::chat::{ChatFrame, FileInfo, GoneReason};
use shared::file_name::{MAX_FILE_NAME, shortened};
use shared::signaling::PeerId;
use shared::want_queue::{Want, WantOutcome, WantQueue};
use tokio::sync::mpsc;

use crate::event::{Event, FileEvent, FileStep};
use crate::file_sender::{
    BrokeNotice, Outgoing, OutgoingFile, SourceFile, UploadOutcome, unreadable,
};
use crate::transfer::{
    Effect, RunningTransfer, TransferEvent, TransferEventSender, TransferProgress,
};

#[derive(Debug)]
struct OfferedFile {
    info: FileInfo,
    source: SourceFile,
    /// No longer sent to anyone.
    withdrawn: bool,
    /// Peers that have the whole file.
    kept_by: BTreeSet<PeerId>,
    /// Peers that have cancelled it, or could not take it.
    refused_by: BTreeSet<PeerId>,
}

/// A file that a peer wants.
#[derive(Debug)]
struct Upload {
    /// The receiver's name.
    name: String,
    /// Absent before its turn, and when every byte was sent.
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
    /// What each peer wants, in order.
    wanted: BTreeMap<PeerId, WantQueue>,
    /// Files that could not be offered.
    unreadable: usize,
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

fn withdrawn(peer: &PeerId, number: u64) -> Effect {
    let why = GoneReason::Withdrawn;
    Effect::Send(peer.clone(), ChatFrame::Gone { number, why })
}

impl Uploads {
    pub(crate) fn new(event_sender: mpsc::Sender<TransferEvent>) -> Self {
        Self {
            offered: BTreeMap::new(),
            active: BTreeMap::new(),
            wanted: BTreeMap::new(),
            unreadable: 0,
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
            refused_by: BTreeSet::new(),
        };
        self.offered.insert(number, offered);
        Effect::Show(Event::File(event))
    }

    /// A file of the command line cannot be offered.
    pub(crate) fn on_unreadable(&mut self) {
        self.unreadable += 1;
    }

    /// `peer` requests a file.
    pub(crate) fn on_want(&mut self, peer: &PeerId, name: &str, want: Want) -> Vec<Effect> {
        let (number, offset) = (want.number, want.offset);
        let offered = self.offered.get_mut(&number);
        let Some(offered) =
            offered.filter(|offered| !offered.withdrawn && offset <= offered.source.size)
        else {
            return vec![withdrawn(peer, number)];
        };
        let queue = self.wanted.entry(peer.clone()).or_default();
        if queue.on_want(want) == WantOutcome::Full {
            let reason = "Too many files are wanted at once.";
            let notice = BrokeNotice { number, reason };
            return vec![Effect::Transfer(peer.clone(), Outgoing::Broke(notice))];
        }
        offered.refused_by.remove(peer);
        // An upload of this file that runs is dropped, which stops it.
        let upload = Upload {
            name: name.to_owned(),
            running: None,
            bytes: offset,
            speed: 0,
        };
        self.active.insert((peer.clone(), number), upload);
        self.start_next(peer)
    }

    /// Starts to send what `peer` wants next.
    fn start_next(&mut self, peer: &PeerId) -> Vec<Effect> {
        let Some(want) = self.wanted.get_mut(peer).and_then(WantQueue::begin_next) else {
            return Vec::new();
        };
        let (number, offset) = (want.number, want.offset);
        let key = (peer.clone(), number);
        let (Some(offered), Some(upload)) = (self.offered.get(&number), self.active.get_mut(&key))
        else {
            return Vec::new();
        };
        self.attempts += 1;
        let (running, stop) = RunningTransfer::start(self.attempts, offset);
        upload.running = Some(running);
        let file = OutgoingFile {
            source: offered.source.clone(),
            number,
            offset,
            stop,
            events: TransferEventSender {
                peer: peer.clone(),
                number,
                attempt: self.attempts,
                sender: self.event_sender.clone(),
            },
        };
        // Shown even when the upload continues an earlier one.
        let mut effects = self.file_event(&key, FileStep::Sending, None);
        effects.push(Effect::Transfer(peer.clone(), Outgoing::File(file)));
        effects
    }

    /// `peer` no longer wants a file.
    pub(crate) fn on_stop(&mut self, peer: &PeerId, number: u64) -> Vec<Effect> {
        let key = (peer.clone(), number);
        if let Some(offered) = self.offered.get_mut(&number) {
            offered.refused_by.insert(peer.clone());
        }
        let mut effects = self.file_event(&key, FileStep::Cancelled, None);
        effects.extend(self.drop_upload(&key));
        effects
    }

    /// Frees the place of an upload.
    fn drop_upload(&mut self, key: &(PeerId, u64)) -> Vec<Effect> {
        self.active.remove(key);
        if let Some(queue) = self.wanted.get_mut(&key.0) {
            queue.remove(key.1);
        }
        self.start_next(&key.0)
    }

    /// The connection to `peer` closed. It asks again on the next one.
    pub(crate) fn on_link_closed(&mut self, peer: &PeerId) -> Vec<Effect> {
        let range = (peer.clone(), 0)..=(peer.clone(), u64::MAX);
        let running = self.active.range(range);
        let running = running.filter(|(_, upload)| upload.running.is_some());
        let paused = running.map(|(key, _)| self.file_event(key, FileStep::Paused, None));
        let effects = paused.flatten().collect();
        self.on_left(peer);
        effects
    }

    /// `peer` left the room.
    pub(crate) fn on_left(&mut self, peer: &PeerId) {
        self.active.retain(|(reader, _), _| reader != peer);
        self.wanted.remove(peer);
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
        let mut effects = self.file_event(&key, FileStep::Sent, None);
        effects.extend(self.drop_upload(&key));
        effects
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
            effects.extend(self.drop_upload(&key));
            effects.push(withdrawn(&key.0, key.1));
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
                return self.file_event(&key, FileStep::Sending, None);
            }
            TransferProgress::Ended(outcome) => outcome,
        };
        let running = upload.running.take();
        if let Some(queue) = self.wanted.get_mut(&key.0) {
            queue.on_ended(number);
        }
        let mut effects = match outcome {
            UploadOutcome::Sent => {
                let size = self
                    .offered
                    .get(&number)
                    .map_or(0, |offered| offered.source.size);
                upload.speed = running.map_or(0, |running| running.mean_speed(size));
                Vec::new()
            }
            UploadOutcome::Interrupted => {
                let paused = self.file_event(&key, FileStep::Paused, None);
                self.active.remove(&key);
                paused
            }
            UploadOutcome::Stopped => Vec::new(),
            UploadOutcome::Failed(why) => {
                let mut failed = self.file_event(&key, FileStep::Failed, Some(why));
                self.active.remove(&key);
                if let Some(offered) = self.offered.get_mut(&number) {
                    offered.withdrawn = true;
                }
                failed.push(withdrawn(&key.0, number));
                failed
            }
        };
        effects.extend(self.start_next(&key.0));
        effects
    }

    /// Every file has arrived at a peer, or does not come, and no peer waits for one.
    pub(crate) fn is_done(&self) -> bool {
        let ended = |offered: &OfferedFile| {
            offered.withdrawn || !offered.kept_by.is_empty() || !offered.refused_by.is_empty()
        };
        self.active.is_empty() && self.offered.values().all(ended)
    }

    /// The number of files that have arrived at a peer, and of all.
    pub(crate) fn arrived(&self) -> (usize, usize) {
        let arrived = self.offered.values().filter(|o| !o.kept_by.is_empty());
        (arrived.count(), self.offered.len() + self.unreadable)
    }

    fn file_event(
        &self,
        key: &(PeerId, u64),
        what: FileStep,
        message: Option<String>,
    ) -> Vec<Effect> {
        let (Some(offered), Some(upload)) = (self.offered.get(&key.1), self.active.get(key)) else {
            return Vec::new();
        };
        vec![Effect::Show(Event::File(FileEvent {
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
        }))]
    }
}
