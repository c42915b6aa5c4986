//! The files that this peer offers, and who is getting them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use shared::chat::{ChatFrame, FileInfo, MAX_FILE_NAME, file_protocol};
use shared::signaling::PeerId;
use tokio::sync::mpsc;

use crate::event::{Event, FileEvent, FileStep};
use crate::link::Link;
use crate::sending::{Sent, Source, send, unreadable};
use crate::transfer::{Act, Progress, Running, Teller, Told};

/// Files that go out at a time, each read by a thread of its own: as many as a full room asks for ([`crate::taking`]).
const AT_ONCE: usize = 128;

#[derive(Debug)]
struct Offered {
    info: FileInfo,
    source: Source,
    /// Nobody gets it any more.
    withdrawn: bool,
    kept_by: BTreeSet<PeerId>,
}

#[derive(Debug)]
struct Getting {
    name: String,
    running: Option<Running>,
    bytes: u64,
    /// Of the last try, once everything has gone out.
    speed: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Giving {
    offered: BTreeMap<u64, Offered>,
    getting: BTreeMap<(PeerId, u64), Getting>,
    told: mpsc::Sender<Told>,
    attempts: u64,
}

/// Looks at a file that is to be offered.
///
/// # Errors
/// A sentence.
pub(crate) fn inspect(path: &Path) -> Result<(FileInfo, Source), String> {
    let path = fs::canonicalize(path).map_err(|error| unreadable(path, &error))?;
    let metadata = fs::metadata(&path).map_err(|error| unreadable(&path, &error))?;
    if !metadata.is_file() {
        return Err(format!(
            "{} is no file; pack a folder first.",
            path.display()
        ));
    }
    fs::File::open(&path).map_err(|error| unreadable(&path, &error))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut end = name.len().min(MAX_FILE_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let info = FileInfo {
        name: name[..end].to_owned(),
        size: metadata.len(),
        mime: mime(&name).to_owned(),
    };
    let size = info.size;
    Ok((info, Source { path, size }))
}

/// For the kinds that a browser shows or plays; others go without.
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

impl Giving {
    pub(crate) fn new(told: mpsc::Sender<Told>) -> Self {
        Self {
            offered: BTreeMap::new(),
            getting: BTreeMap::new(),
            told,
            attempts: 0,
        }
    }

    /// Everybody has been told of it, with this number.
    pub(crate) fn offer(&mut self, number: u64, info: FileInfo, source: Source) -> Act {
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
        let offered = Offered {
            info,
            source,
            withdrawn: false,
            kept_by: BTreeSet::new(),
        };
        self.offered.insert(number, offered);
        Act::Show(Event::File(event))
    }

    /// `peer` wants the file of this number, from `offset` on.
    pub(crate) fn on_want(
        &mut self,
        peer: &PeerId,
        name: &str,
        (number, offset): (u64, u64),
        link: &Link,
    ) -> Vec<Act> {
        let key = (peer.clone(), number);
        // It asks anew, so it has lost what was under way.
        self.getting.remove(&key);
        let busy = self
            .getting
            .values()
            .filter(|getting| getting.running.is_some());
        let offered = self
            .offered
            .get(&number)
            .filter(|offered| !offered.withdrawn && offset <= offered.source.size);
        let Some(offered) = offered.filter(|_| busy.count() < AT_ONCE) else {
            return vec![Act::Send(peer.clone(), ChatFrame::Gone { number })];
        };
        self.attempts += 1;
        let (running, stop) = Running::begin(self.attempts, offset);
        let teller = Teller {
            peer: peer.clone(),
            number,
            attempt: self.attempts,
            told: self.told.clone(),
        };
        let channel = link.open_file(file_protocol(number, offset));
        tokio::spawn(send(offered.source.clone(), offset, channel, stop, teller));
        let getting = Getting {
            name: name.to_owned(),
            running: Some(running),
            bytes: offset,
            speed: 0,
        };
        self.getting.insert(key.clone(), getting);
        // Shown even when it goes on where it broke off.
        self.show(&key, FileStep::Sending, None)
            .into_iter()
            .collect()
    }

    /// `peer` no longer wants it.
    pub(crate) fn on_stop(&mut self, peer: &PeerId, number: u64) -> Vec<Act> {
        let key = (peer.clone(), number);
        let shown = self.show(&key, FileStep::Cancelled, None);
        self.getting.remove(&key);
        shown.into_iter().collect()
    }

    /// `peer` is no longer in the room.
    pub(crate) fn on_left(&mut self, peer: &PeerId) {
        self.getting.retain(|(reader, _), _| reader != peer);
    }

    /// `peer` has it, whole.
    pub(crate) fn on_kept(&mut self, peer: &PeerId, name: &str, number: u64) -> Vec<Act> {
        let Some(offered) = self.offered.get_mut(&number) else {
            return Vec::new();
        };
        if !offered.kept_by.insert(peer.clone()) {
            return Vec::new();
        }
        let size = offered.source.size;
        let key = (peer.clone(), number);
        let getting = self.getting.entry(key.clone()).or_insert_with(|| Getting {
            name: name.to_owned(),
            running: None,
            bytes: 0,
            speed: 0,
        });
        getting.bytes = size;
        if let Some(running) = &getting.running {
            getting.speed = running.mean_speed(size);
        }
        let shown = self.show(&key, FileStep::Sent, None);
        self.getting.remove(&key);
        shown.into_iter().collect()
    }

    /// Stops the file of this name, or all.
    pub(crate) fn cancel(&mut self, name: Option<&str>) -> Vec<Act> {
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
        let keys: Vec<_> = self.getting.keys().cloned().collect();
        let mut acts = Vec::new();
        for key in keys.into_iter().filter(|key| numbers.contains(&key.1)) {
            acts.extend(self.show(&key, FileStep::Cancelled, None));
            self.getting.remove(&key);
            acts.push(Act::Send(key.0, ChatFrame::Gone { number: key.1 }));
        }
        acts
    }

    pub(crate) fn on_told(
        &mut self,
        peer: PeerId,
        number: u64,
        attempt: u64,
        progress: Progress<Sent>,
    ) -> Vec<Act> {
        let key = (peer, number);
        let getting = self.getting.get_mut(&key);
        let Some(getting) = getting.filter(|getting| {
            getting
                .running
                .as_ref()
                .is_some_and(|running| running.attempt == attempt)
        }) else {
            return Vec::new();
        };
        let outcome = match progress {
            Progress::Bytes(bytes) => {
                getting.bytes = bytes;
                if let Some(running) = &mut getting.running {
                    getting.speed = running.speed_at(bytes);
                }
                return self
                    .show(&key, FileStep::Sending, None)
                    .into_iter()
                    .collect();
            }
            Progress::Over(outcome) => outcome,
        };
        let running = getting.running.take();
        match outcome {
            Sent::All => {
                let size = self
                    .offered
                    .get(&number)
                    .map_or(0, |offered| offered.source.size);
                getting.speed = running.map_or(0, |running| running.mean_speed(size));
                Vec::new()
            }
            Sent::BrokeOff => self
                .show(&key, FileStep::Paused, None)
                .into_iter()
                .collect(),
            Sent::Stopped => Vec::new(),
            Sent::Failed(why) => {
                let shown = self.show(&key, FileStep::Failed, Some(why));
                self.getting.remove(&key);
                if let Some(offered) = self.offered.get_mut(&number) {
                    offered.withdrawn = true;
                }
                let gone = Act::Send(key.0, ChatFrame::Gone { number });
                shown.into_iter().chain([gone]).collect()
            }
        }
    }

    /// Every file has reached somebody.
    pub(crate) fn all_kept(&self) -> bool {
        self.offered
            .values()
            .all(|offered| offered.withdrawn || !offered.kept_by.is_empty())
    }

    fn show(&self, key: &(PeerId, u64), what: FileStep, message: Option<String>) -> Option<Act> {
        let (offered, getting) = (self.offered.get(&key.1)?, self.getting.get(key)?);
        Some(Act::Show(Event::File(FileEvent {
            what,
            peer: Some(key.0.clone()),
            name: getting.name.clone(),
            file: offered.info.name.clone(),
            number: key.1,
            size: offered.info.size,
            bytes: getting.bytes,
            speed: getting.speed,
            path: None,
            message,
        })))
    }
}
