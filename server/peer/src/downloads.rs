//! Files that other peers offer, and the downloads of them.

mod download;
mod gone;
mod outcome;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use shared::chat::{ChatFrame, FileInfo};
use shared::file_channel::Violation;
use shared::file_queue::{FileQueue, MAX_FILES, Retry};
use shared::signaling::PeerId;
use tokio::sync::mpsc;

use self::download::{Download, DownloadState};
use crate::event::FileStep;
use crate::file_writer::IncomingFile;
use crate::partial_file::PartialFile;
use crate::transfer::{Effect, RunningTransfer, StopSignal, TransferEvent, TransferEventSender};

/// Offers of one peer that are stored. The oldest that is not accepted, or has ended, is dropped first.
const MAX_OFFERS: usize = 2_048;

/// The author, and the number of the message that offers the file.
type FileKey = (PeerId, u64);

/// Every offer and download.
#[derive(Debug)]
pub(crate) struct Downloads {
    folder: PathBuf,
    /// `--save`: every offered file is accepted.
    accept_all: bool,
    downloads: BTreeMap<FileKey, Download>,
    queue: FileQueue,
    event_sender: mpsc::Sender<TransferEvent>,
    attempts: u64,
    offers: u64,
    /// The time 0 of the queue.
    epoch: Instant,
}

impl Downloads {
    /// `save`: the folder for every file; absent: files that the user accepts go to the current folder.
    pub(crate) fn new(
        save: Option<PathBuf>,
        event_sender: mpsc::Sender<TransferEvent>,
        now: Instant,
    ) -> Self {
        Self {
            accept_all: save.is_some(),
            folder: save.unwrap_or_else(|| PathBuf::from(".")),
            downloads: BTreeMap::new(),
            queue: FileQueue::default(),
            event_sender,
            attempts: 0,
            offers: 0,
            epoch: now,
        }
    }

    fn ms(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.epoch).as_millis() as u64
    }

    /// `peer` offers a file.
    pub(crate) fn on_offer(
        &mut self,
        peer: &PeerId,
        name: &str,
        number: u64,
        info: FileInfo,
        now: Instant,
    ) -> Vec<Effect> {
        let has_room = self.make_room(peer);
        self.offers += 1;
        let key = (peer.clone(), number);
        let mut download = Download {
            name: name.to_owned(),
            info,
            state: DownloadState::Offer,
            partial: None,
            returning: None,
            bytes: 0,
            speed: 0,
            corrupt: 0,
            order: self.offers,
        };
        let now = self.ms(now);
        if !has_room || (self.accept_all && !self.queue.push(peer, number, now)) {
            return refused(&key, &download);
        }
        if self.accept_all {
            download.state = DownloadState::Waiting;
        }
        self.downloads.insert(key.clone(), download);
        if self.accept_all {
            return Vec::new();
        }
        self.file_event(&key, FileStep::Offer, None, None)
    }

    /// Accepts the file of this name, or the newest offer. `None`: there is no such offer.
    pub(crate) fn accept(&mut self, name: Option<&str>, now: Instant) -> Option<Vec<Effect>> {
        let now = self.ms(now);
        let offers = self.downloads.iter_mut().filter(|(_, download)| {
            matches!(download.state, DownloadState::Offer)
                && name.is_none_or(|name| {
                    download.info.name == name || download.info.safe_name() == name
                })
        });
        let (key, download) = offers.max_by_key(|(_, download)| download.order)?;
        if !self.queue.push(&key.0, key.1, now) {
            let effects = refused(key, download);
            download.state = DownloadState::Ended;
            return Some(effects);
        }
        download.state = DownloadState::Waiting;
        Some(Vec::new())
    }

    /// Requests files that wait.
    pub(crate) fn request_waiting(&mut self, now: Instant) -> Vec<Effect> {
        let now = self.ms(now);
        let mut effects = Vec::new();
        let mut granted: Option<PeerId> = None;
        for (peer, number) in self.queue.ask(now) {
            let Some(download) = self.downloads.get_mut(&(peer.clone(), number)) else {
                self.queue.remove(&peer, number);
                continue;
            };
            // The writer of an earlier try still has it, and gives it back.
            if let DownloadState::Receiving(running) = &mut download.state {
                running.interrupt();
                self.queue.defer(&peer, number, now);
                continue;
            }
            if download.returning.is_some() {
                self.queue.defer(&peer, number, now);
                continue;
            }
            let offset = download
                .partial
                .as_ref()
                .map_or(0, |partial| partial.progress().received());
            download.bytes = offset;
            if granted.as_ref() != Some(&peer) {
                effects.push(Effect::Grant(peer.clone()));
                granted = Some(peer.clone());
            }
            effects.push(Effect::Send(peer, ChatFrame::Want { number, offset }));
        }
        effects
    }

    /// `peer` begins to send a file. `None`: it is not wanted now.
    pub(crate) fn on_begin(
        &mut self,
        peer: &PeerId,
        number: u64,
        offset: u64,
        now: Instant,
    ) -> (Option<(IncomingFile, StopSignal)>, Vec<Effect>) {
        let key = (peer.clone(), number);
        let now = self.ms(now);
        let asked = self.queue.on_begin(peer, number, now);
        let Some(download) = self.downloads.get_mut(&key).filter(|_| asked) else {
            return (None, Vec::new());
        };
        let received = download.partial.as_ref().map(PartialFile::progress);
        let received = received.map_or(0, |progress| progress.received());
        if !matches!(download.state, DownloadState::Waiting) || received != offset {
            self.queue.defer(peer, number, now);
            return (None, Vec::new());
        }
        self.attempts += 1;
        let (running, stop) = RunningTransfer::start(self.attempts, offset);
        download.state = DownloadState::Receiving(running);
        let incoming = IncomingFile {
            partial: download.partial.take(),
            size: download.info.size,
            folder: self.folder.clone(),
            name: download.info.safe_name(),
            events: TransferEventSender {
                peer: peer.clone(),
                number,
                attempt: self.attempts,
                sender: self.event_sender.clone(),
            },
        };
        let event = self.file_event(&key, FileStep::Receiving, None, None);
        (Some((incoming, stop)), event)
    }

    /// `peer` still prepares the file that it has begun.
    pub(crate) fn on_alive(&mut self, peer: &PeerId, number: u64, now: Instant) {
        let now = self.ms(now);
        self.queue.on_begin(peer, number, now);
    }

    /// `peer` does not send a file that was requested, for now.
    pub(crate) fn on_broke(&mut self, peer: &PeerId, number: u64, now: Instant) -> Vec<Effect> {
        let now = self.ms(now);
        match self.queue.on_broke(peer, number, now) {
            Retry::Again => Vec::new(),
            Retry::GivenUp => self.give_up(&(peer.clone(), number), "broke it off several times"),
        }
    }

    /// `peer` breaks the rules of the channel: nothing more is taken from it on this connection.
    pub(crate) fn on_violation(&mut self, peer: &PeerId, violation: Violation) -> Vec<Effect> {
        let name = |download: &Download| download.name.clone();
        let why = |download: &Download| violation.sentence(&name(download));
        self.fail_all(peer, why)
    }

    /// `peer` opened a channel for one file, as earlier clients did.
    pub(crate) fn on_old_channel(&mut self, peer: &PeerId, number: u64) -> Vec<Effect> {
        let key = (peer.clone(), number);
        self.give_up(&key, "has a client of an earlier version")
    }

    /// The channels to `peer` are open.
    pub(crate) fn on_link_open(&mut self, peer: &PeerId, now: Instant) -> Vec<Effect> {
        self.queue.on_open(peer, self.ms(now));
        self.ask_for_missing(peer, now);
        // `kept` may have been lost with the last link.
        let range = (peer.clone(), 0)..=(peer.clone(), u64::MAX);
        let received = self
            .downloads
            .range(range)
            .filter(|(_, download)| matches!(download.state, DownloadState::Received));
        received
            .map(|(key, _)| Effect::Send(key.0.clone(), ChatFrame::Kept { number: key.1 }))
            .collect()
    }

    /// The connection to `peer` closed.
    pub(crate) fn on_link_closed(&mut self, peer: &PeerId, now: Instant) {
        let now = self.ms(now);
        self.queue.on_closed(peer, now);
    }

    /// `peer` left the room; its files can no longer be received.
    pub(crate) fn on_left(&mut self, peer: &PeerId) -> Vec<Effect> {
        let why = |_: &Download| "The sender left before the file was complete.".to_owned();
        let effects = self.fail_all(peer, why);
        self.downloads.retain(|(author, _), _| author != peer);
        self.queue.on_left(peer);
        let shown = |effect: &Effect| matches!(effect, Effect::Show(_));
        effects.into_iter().filter(shown).collect()
    }

    /// Call several times a second.
    pub(crate) fn on_tick(&mut self, now: Instant) -> Vec<Effect> {
        let now = self.ms(now);
        let given_up = self.queue.on_tick(now);
        given_up
            .iter()
            .flat_map(|key| self.give_up(key, "does not answer"))
            .collect()
    }

    /// Cancels the download of this name, or all.
    pub(crate) fn cancel(&mut self, name: Option<&str>) -> Vec<Effect> {
        let named = |download: &Download| {
            name.is_none_or(|name| download.info.name == name || download.info.safe_name() == name)
        };
        let keys = self.downloads.iter().filter(|(_, d)| named(d));
        let keys: Vec<_> = keys.map(|(key, _)| key.clone()).collect();
        let mut effects = Vec::new();
        for key in keys {
            effects.extend(self.end_and_stop(&key, FileStep::Cancelled, None));
        }
        effects
    }

    /// `what`: why, after the author's name.
    fn give_up(&mut self, key: &FileKey, what: &str) -> Vec<Effect> {
        let Some(download) = self.downloads.get(key) else {
            return Vec::new();
        };
        let why = format!("{} {what}. Ask for the file again.", download.name);
        self.end_and_stop(key, FileStep::Failed, Some(why))
    }

    fn fail_all(&mut self, peer: &PeerId, why: impl Fn(&Download) -> String) -> Vec<Effect> {
        let range = (peer.clone(), 0)..=(peer.clone(), u64::MAX);
        let all = self.downloads.range(range);
        let all: Vec<_> = all.map(|(key, d)| (key.clone(), why(d))).collect();
        let mut effects = Vec::new();
        for (key, why) in all {
            effects.extend(self.end_and_stop(&key, FileStep::Failed, Some(why)));
        }
        effects
    }

    /// Ends the download, and tells the author.
    fn end_and_stop(&mut self, key: &FileKey, step: FileStep, why: Option<String>) -> Vec<Effect> {
        let mut effects = self.end(key, step, why);
        if !effects.is_empty() {
            let number = key.1;
            effects.push(Effect::Send(key.0.clone(), ChatFrame::Stop { number }));
        }
        effects
    }

    /// Nothing, unless the download was accepted and has not ended.
    fn end(&mut self, key: &FileKey, step: FileStep, why: Option<String>) -> Vec<Effect> {
        let Some(download) = self.downloads.get_mut(key) else {
            return Vec::new();
        };
        if !matches!(
            download.state,
            DownloadState::Waiting | DownloadState::Receiving(_) | DownloadState::Missing
        ) {
            return Vec::new();
        }
        download.state = DownloadState::Ended;
        (download.partial, download.returning) = (None, None);
        self.queue.remove(&key.0, key.1);
        self.file_event(key, step, None, why)
    }

    /// Removes the oldest offers of `peer` that nothing waits for. False: all its files are accepted and have not ended.
    fn make_room(&mut self, peer: &PeerId) -> bool {
        let range = (peer.clone(), 0)..=(peer.clone(), u64::MAX);
        let of_peer = self.downloads.range(range);
        if of_peer.clone().count() < MAX_OFFERS {
            return true;
        }
        let idle = of_peer.filter(|(_, download)| {
            !matches!(
                download.state,
                DownloadState::Waiting | DownloadState::Receiving(_)
            )
        });
        let oldest = idle.min_by_key(|(_, download)| download.order);
        let oldest = oldest.map(|(key, _)| key.clone());
        oldest.is_some_and(|key| self.downloads.remove(&key).is_some())
    }

    fn file_event(
        &self,
        key: &FileKey,
        what: FileStep,
        path: Option<String>,
        message: Option<String>,
    ) -> Vec<Effect> {
        let download = self.downloads.get(key);
        let event = download.map(|download| download.event(key, what, path, message));
        event.map(Effect::Show).into_iter().collect()
    }
}

/// Too many files wait already.
fn refused(key: &FileKey, download: &Download) -> Vec<Effect> {
    let why = format!(
        "More than {} files of one peer, or {MAX_FILES} in all, cannot wait at once. Ask for it to be offered again when some have arrived.",
        MAX_OFFERS
    );
    let number = key.1;
    vec![
        Effect::Show(download.event(key, FileStep::Failed, None, Some(why))),
        Effect::Send(key.0.clone(), ChatFrame::Stop { number }),
    ]
}
