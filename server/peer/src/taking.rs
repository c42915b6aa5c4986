//! The files that others offer, and how much of them is here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use shared::chat::{ChatFrame, FileInfo};
use shared::signaling::PeerId;
use shared::transfer::IntegrityError;
use tokio::sync::mpsc;
use webrtc::data_channel::DataChannel;

use crate::event::{Event, FileEvent, FileStep};
use crate::folder::Partial;
use crate::receiving::{Received, Target, receive};
use crate::transfer::{Act, Progress, Running, Teller, Told};

/// Files that are on their way at a time; others wait.
const AT_ONCE: usize = 8;
/// Offers that are remembered.
const MAX_OFFERS: usize = 256;
/// A file that comes spoiled so often is given up.
const TRIES: u32 = 3;

#[derive(Debug)]
enum State {
    /// Nobody has asked for it.
    Offer,
    /// To be asked for, as soon as its author is connected and there is room.
    Waiting,
    Asked,
    Taking(Running),
    Done,
}

#[derive(Debug)]
struct Incoming {
    /// The author's name.
    name: String,
    info: FileInfo,
    state: State,
    /// What is here of it, while no task has it.
    partial: Option<Partial>,
    bytes: u64,
    speed: u64,
    spoiled: u32,
    /// Counts up with the offers.
    order: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Taking {
    folder: PathBuf,
    /// Everything that is offered is taken.
    all: bool,
    incoming: BTreeMap<(PeerId, u64), Incoming>,
    told: mpsc::Sender<Told>,
    attempts: u64,
    offers: u64,
}

impl Taking {
    /// `save`: the folder that everything goes to.
    pub(crate) fn new(save: Option<PathBuf>, told: mpsc::Sender<Told>) -> Self {
        Self {
            all: save.is_some(),
            folder: save.unwrap_or_else(|| PathBuf::from(".")),
            incoming: BTreeMap::new(),
            told,
            attempts: 0,
            offers: 0,
        }
    }

    /// `peer` has a file to give.
    pub(crate) fn on_offer(
        &mut self,
        peer: &PeerId,
        name: &str,
        number: u64,
        info: FileInfo,
    ) -> Vec<Act> {
        self.forget();
        self.offers += 1;
        let key = (peer.clone(), number);
        let incoming = Incoming {
            name: name.to_owned(),
            info,
            state: if self.all {
                State::Waiting
            } else {
                State::Offer
            },
            partial: None,
            bytes: 0,
            speed: 0,
            spoiled: 0,
            order: self.offers,
        };
        self.incoming.insert(key.clone(), incoming);
        if self.all {
            Vec::new()
        } else {
            self.show(&key, FileStep::Offer, None, None)
                .into_iter()
                .collect()
        }
    }

    /// Takes the file of this name, or the newest. None: there is none.
    pub(crate) fn accept(&mut self, name: Option<&str>) -> Option<()> {
        let offers = self.incoming.values_mut().filter(|incoming| {
            matches!(incoming.state, State::Offer)
                && name.is_none_or(|name| {
                    incoming.info.name == name || incoming.info.safe_name() == name
                })
        });
        offers.max_by_key(|incoming| incoming.order)?.state = State::Waiting;
        Some(())
    }

    /// Asks for what is waiting, of the peers that are connected.
    pub(crate) fn ask(&mut self, is_connected: impl Fn(&PeerId) -> bool) -> Vec<Act> {
        let busy = |state: &State| matches!(state, State::Asked | State::Taking(_));
        let mut busy = self
            .incoming
            .values()
            .filter(|incoming| busy(&incoming.state))
            .count();
        let mut acts = Vec::new();
        for ((peer, number), incoming) in &mut self.incoming {
            if busy >= AT_ONCE {
                break;
            }
            if !matches!(incoming.state, State::Waiting) || !is_connected(peer) {
                continue;
            }
            busy += 1;
            incoming.state = State::Asked;
            let offset = incoming
                .partial
                .as_ref()
                .map_or(0, |partial| partial.receipt().received());
            incoming.bytes = offset;
            let number = *number;
            acts.push(Act::Send(peer.clone(), ChatFrame::Want { number, offset }));
        }
        acts
    }

    /// `peer` opened a channel for a file.
    pub(crate) fn on_channel(
        &mut self,
        peer: &PeerId,
        channel: Arc<dyn DataChannel>,
        number: u64,
        offset: u64,
    ) -> Vec<Act> {
        let key = (peer.clone(), number);
        let folder = self.folder.clone();
        let (mut failed, mut begun) = (None, false);
        if let Some(incoming) = self.incoming.get_mut(&key)
            && matches!(incoming.state, State::Asked)
        {
            let name = incoming.info.safe_name();
            let partial = match incoming.partial.take() {
                Some(partial) => Ok(partial),
                None => Partial::create(&folder, &name, incoming.info.size),
            };
            match partial {
                Ok(partial) if partial.receipt().received() == offset => {
                    self.attempts += 1;
                    let (running, stop) = Running::begin(self.attempts, offset);
                    incoming.state = State::Taking(running);
                    let teller = Teller {
                        peer: peer.clone(),
                        number,
                        attempt: self.attempts,
                        told: self.told.clone(),
                    };
                    let target = Target { folder, name };
                    tokio::spawn(receive(channel.clone(), partial, target, stop, teller));
                    begun = true;
                }
                Ok(partial) => incoming.partial = Some(partial),
                Err(error) => {
                    let folder = folder.display();
                    failed = Some(format!(
                        "it cannot be written to {folder}: {error}; choose another folder (--save)."
                    ));
                    incoming.state = State::Done;
                }
            }
        }
        if begun {
            return self
                .show(&key, FileStep::Receiving, None, None)
                .into_iter()
                .collect();
        }
        tokio::spawn(async move { channel.close().await });
        let Some(why) = failed else { return Vec::new() };
        let stop = Act::Send(key.0.clone(), ChatFrame::Stop { number });
        let shown = self.show(&key, FileStep::Failed, None, Some(why));
        shown.into_iter().chain([stop]).collect()
    }

    /// Its author no longer has it.
    pub(crate) fn on_gone(&mut self, peer: &PeerId, number: u64) -> Vec<Act> {
        let why = "its author no longer gives it.".to_owned();
        self.end(&(peer.clone(), number), FileStep::Failed, Some(why))
    }

    /// The connection to `peer` is gone.
    pub(crate) fn on_dead(&mut self, peer: &PeerId) {
        for ((author, _), incoming) in &mut self.incoming {
            if author == peer && matches!(incoming.state, State::Asked) {
                incoming.state = State::Waiting;
            }
        }
    }

    /// `peer` is no longer in the room, and its files with it.
    pub(crate) fn on_left(&mut self, peer: &PeerId) -> Vec<Act> {
        let keys: Vec<_> = self.incoming.keys().cloned().collect();
        let mut acts = Vec::new();
        for key in keys.into_iter().filter(|key| key.0 == *peer) {
            let why = "its author left before it was here.".to_owned();
            acts.extend(self.end(&key, FileStep::Failed, Some(why)));
            self.incoming.remove(&key);
        }
        acts
    }

    /// Stops the file of this name, or all.
    pub(crate) fn cancel(&mut self, name: Option<&str>) -> Vec<Act> {
        let keys: Vec<_> = self
            .incoming
            .iter()
            .filter(|(_, incoming)| {
                name.is_none_or(|name| {
                    incoming.info.name == name || incoming.info.safe_name() == name
                })
            })
            .map(|(key, _)| key.clone())
            .collect();
        let mut acts = Vec::new();
        for key in keys {
            let shown = self.end(&key, FileStep::Cancelled, None);
            if !shown.is_empty() {
                acts.push(Act::Send(key.0, ChatFrame::Stop { number: key.1 }));
            }
            acts.extend(shown);
        }
        acts
    }

    fn end(&mut self, key: &(PeerId, u64), step: FileStep, why: Option<String>) -> Vec<Act> {
        let Some(incoming) = self.incoming.get_mut(key) else {
            return Vec::new();
        };
        if matches!(incoming.state, State::Offer | State::Done) {
            return Vec::new();
        }
        incoming.state = State::Done;
        incoming.partial = None;
        self.show(key, step, None, why).into_iter().collect()
    }

    pub(crate) fn on_told(
        &mut self,
        peer: PeerId,
        number: u64,
        attempt: u64,
        progress: Progress<Received>,
    ) -> Vec<Act> {
        let key = (peer, number);
        let Some(incoming) = self.incoming.get_mut(&key) else {
            return Vec::new();
        };
        let running = match &mut incoming.state {
            State::Taking(running) if running.attempt == attempt => running,
            _ => return Vec::new(),
        };
        let outcome = match progress {
            Progress::Bytes(bytes) => {
                incoming.bytes = bytes;
                incoming.speed = running.speed_at(bytes);
                return self
                    .show(&key, FileStep::Receiving, None, None)
                    .into_iter()
                    .collect();
            }
            Progress::Over(outcome) => outcome,
        };
        let mean = running.mean_speed(incoming.info.size);
        match outcome {
            Received::Kept(path) => {
                incoming.state = State::Done;
                (incoming.bytes, incoming.speed) = (incoming.info.size, mean);
                let path = path.display().to_string();
                let shown = self.show(&key, FileStep::Received, Some(path), None);
                let kept = Act::Send(key.0, ChatFrame::Kept { number });
                [kept].into_iter().chain(shown).collect()
            }
            Received::BrokeOff(partial) => {
                incoming.bytes = partial.receipt().received();
                incoming.partial = Some(partial);
                incoming.state = State::Waiting;
                self.show(&key, FileStep::Paused, None, None)
                    .into_iter()
                    .collect()
            }
            Received::Corrupt(why) => {
                incoming.spoiled += 1;
                if incoming.spoiled < TRIES {
                    incoming.state = State::Waiting;
                    return Vec::new();
                }
                let why = match why {
                    IntegrityError::TooLong => "more came than was announced",
                    IntegrityError::TooShort => "it ends too early",
                    IntegrityError::HashMismatch => "its SHA-256 is another",
                };
                let why = format!("{why}; its author should offer it again.");
                self.end(&key, FileStep::Failed, Some(why))
            }
            Received::Stopped => Vec::new(),
            Received::Failed(why) => {
                let stop = Act::Send(key.0.clone(), ChatFrame::Stop { number });
                let shown = self.end(&key, FileStep::Failed, Some(why));
                shown.into_iter().chain([stop]).collect()
            }
        }
    }

    /// Lets go of the oldest that is not under way.
    fn forget(&mut self) {
        while self.incoming.len() >= MAX_OFFERS {
            let idle = self.incoming.iter().filter(|(_, incoming)| {
                matches!(incoming.state, State::Offer | State::Done | State::Waiting)
            });
            let oldest = idle.min_by_key(|(_, incoming)| incoming.order);
            let Some(key) = oldest.map(|(key, _)| key.clone()) else {
                return;
            };
            self.incoming.remove(&key);
        }
    }

    fn show(
        &self,
        key: &(PeerId, u64),
        what: FileStep,
        path: Option<String>,
        message: Option<String>,
    ) -> Option<Act> {
        let incoming = self.incoming.get(key)?;
        Some(Act::Show(Event::File(FileEvent {
            what,
            peer: Some(key.0.clone()),
            name: incoming.name.clone(),
            file: incoming.info.name.clone(),
            number: key.1,
            size: incoming.info.size,
            bytes: incoming.bytes,
            speed: incoming.speed,
            path,
            message,
        })))
    }
}
