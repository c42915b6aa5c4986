//! Files of a room: those that this side offers, and those on their way. Which is decided in [`crate::state::transfers`], and the bytes flow in [`crate::rtc`].

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::chat::{Body, FileInfo, Frame, MAX_FILE_NAME, MAX_MIME};
use shared::signaling::PeerId;
use shared::transfer::Speed;
use web_sys::{Blob, File, RtcDataChannel, Url};

use super::engine::Engine;
use super::room::Room;
use crate::rtc::folder::{self, Folder};
use crate::rtc::incoming::{Incoming, IncomingEvent};
use crate::rtc::outgoing::{Outgoing, OutgoingEvent};
use crate::rtc::timer::{Timer, now};
use crate::state::room::{Direction, Stage, Transfer};
use crate::state::transfers::{self, Key, TRIES, is_wanted};

/// Progress is shown so often. Milliseconds.
const SHOW_MS: f64 = 250.0;
/// Pictures of the history that are received again after a reload.
const PICTURES: usize = 20;

pub(crate) struct Files {
    room: Room,
    engine: Weak<Engine>,
    me: Weak<Files>,
    /// Files of this side, by the numbers of their messages.
    own: RefCell<BTreeMap<u64, File>>,
    incoming: RefCell<BTreeMap<Key, Part>>,
    outgoing: RefCell<BTreeMap<Key, Outgoing>>,
    /// Bytes that have passed since it was last shown, and how fast.
    passed: RefCell<BTreeMap<Key, (u64, Speed)>>,
    showing: RefCell<Option<Timer>>,
    /// Object URLs, to be given back.
    urls: RefCell<Vec<String>>,
    folder: RefCell<Option<Rc<Folder>>>,
    /// Counts files, for names in the folder.
    files: Cell<u32>,
}

/// A file that has come in part.
struct Part {
    incoming: Incoming,
    /// Channels that ended since something came, and how much had come then.
    tries: u32,
    had: u64,
}

impl Files {
    pub(crate) fn new(room: Room, engine: Weak<Engine>) -> Rc<Self> {
        spawn_local(async {
            // Without a folder there is nothing left over in it.
            let _ = folder::sweep().await;
        });
        Rc::new_cyclic(|me| Self {
            room,
            engine,
            me: me.clone(),
            own: RefCell::default(),
            incoming: RefCell::default(),
            outgoing: RefCell::default(),
            passed: RefCell::default(),
            showing: RefCell::default(),
            urls: RefCell::default(),
            folder: RefCell::default(),
            files: Cell::default(),
        })
    }

    /// Tells everybody of a file; who wants it asks for it.
    pub(crate) fn offer(&self, file: File) {
        let Some(engine) = self.engine.upgrade() else {
            return;
        };
        let info = describe(&file);
        let Some(number) = engine.say(Body::File(info.clone())) else {
            return;
        };
        if is_wanted(&info) {
            // Its author sees it as the others do.
            let me = self.room.conversation.with_untracked(|c| c.me().clone());
            let key = Key::incoming(&me, number);
            let stage = Stage::Kept {
                url: self.url(&file),
            };
            let size = info.size;
            self.change(|all| {
                transfers::begin(all, &key, Direction::Outgoing, info, size, stage);
                true
            });
        }
        self.own.borrow_mut().insert(number, file);
    }

    /// Receives a file, goes on with it, or tries again.
    pub(crate) fn want(&self, author: &PeerId, number: u64) {
        let key = Key::incoming(author, number);
        let info = self.room.conversation.try_with_untracked(|c| {
            match &c.entry(author, number)?.message.body {
                Body::File(info) if c.me() != author => Some(info.clone()),
                _ => None,
            }
        });
        let (Some(info), Some(engine)) = (info.flatten(), self.engine.upgrade()) else {
            return;
        };
        let stage = self.stage(&key);
        if matches!(
            stage,
            Some(Stage::Asked | Stage::Running | Stage::Kept { .. })
        ) {
            return;
        }
        let part = self.incoming.borrow_mut().remove(&key);
        // What a person stopped goes on; what failed begins anew.
        let part = part.unwrap_or_else(|| Part {
            incoming: self.receive(&key, &info),
            tries: 0,
            had: 0,
        });
        let done = part.incoming.received();
        let part = Part { tries: 0, ..part };
        self.incoming.borrow_mut().insert(key.clone(), part);
        let ready = engine.is_ready(author);
        let stage = if ready { Stage::Asked } else { Stage::Paused };
        self.change(|all| {
            transfers::begin(all, &key, Direction::Incoming, info, done, stage);
            true
        });
        if ready {
            let offset = done;
            engine.send(author, &Frame::Want { number, offset });
        }
    }

    fn receive(&self, key: &Key, info: &FileInfo) -> Incoming {
        let (me, heard) = (self.me.clone(), key.clone());
        let on = move |event| {
            if let Some(files) = me.upgrade() {
                files.came(&heard, event);
            }
        };
        let me = self.me.clone();
        let ask = move || -> std::pin::Pin<Box<dyn Future<Output = Option<Rc<Folder>>>>> {
            Box::pin(async move {
                let files = me.upgrade()?;
                if let Some(folder) = &*files.folder.borrow() {
                    return Some(Rc::clone(folder));
                }
                let opened = Rc::new(Folder::open().await.ok()?);
                let mut folder = files.folder.borrow_mut();
                // Another file may have been faster; the lock of the one that is not used ends with the page.
                Some(Rc::clone(folder.get_or_insert(opened)))
            })
        };
        self.files.set(self.files.get().wrapping_add(1));
        // A file is opened by its object URL, in this origin: nothing that a browser would run.
        let mime = if info.is_picture() {
            &info.mime
        } else {
            "application/octet-stream"
        };
        Incoming::new(
            info.size,
            self.files.get().to_string(),
            mime.to_owned(),
            Box::new(ask),
            Box::new(on),
        )
    }

    /// Cancels, in either direction.
    pub(crate) fn stop(&self, author: &PeerId, number: u64, peer: &PeerId) {
        let key = Key {
            author: author.clone(),
            number,
            peer: peer.clone(),
        };
        let Some(engine) = self.engine.upgrade() else {
            return;
        };
        let changed = self.change(|all| transfers::turn(all, &key, Stage::Stopped));
        if !changed {
            return;
        }
        if author == peer {
            if let Some(part) = self.incoming.borrow().get(&key) {
                part.incoming.detach();
            }
            engine.send(peer, &Frame::Stop { number });
        } else {
            drop(self.take_outgoing(&key));
            engine.send(peer, &Frame::Gone { number });
        }
    }

    /// Its author opened a channel for a file that was asked for.
    pub(crate) fn take(&self, peer: &PeerId, channel: RtcDataChannel, number: u64, offset: u64) {
        let key = Key::incoming(peer, number);
        let asked = matches!(
            self.stage(&key),
            Some(Stage::Asked | Stage::Running | Stage::Paused)
        );
        let incoming = self.incoming.borrow();
        match incoming.get(&key).filter(|_| asked) {
            Some(part) => {
                part.incoming.attach(channel, offset);
            }
            None => channel.close(),
        }
    }

    /// Somebody wants a file of this side.
    pub(crate) fn wanted(&self, peer: &PeerId, number: u64, offset: u64) {
        let Some(engine) = self.engine.upgrade() else {
            return;
        };
        let file = self.own.borrow().get(&number).cloned();
        let file = file.filter(|file| offset <= file.size() as u64);
        let opened = engine
            .mesh()
            .and_then(|mesh| mesh.open_file(peer, number, offset));
        let (Some(file), Some((channel, max_message))) = (file, opened) else {
            return engine.send(peer, &Frame::Gone { number });
        };
        let key = Key {
            author: self.room.conversation.with_untracked(|c| c.me().clone()),
            number,
            peer: peer.clone(),
        };
        drop(self.take_outgoing(&key));
        let info = describe(&file);
        self.change(|all| {
            // Asked for again, it is on its way again, whatever it was.
            transfers::begin(all, &key, Direction::Outgoing, info, offset, Stage::Running);
            true
        });
        let (me, told) = (self.me.clone(), key.clone());
        let on = move |event| {
            if let Some(files) = me.upgrade() {
                files.went(&told, event);
            }
        };
        let file: Blob = file.into();
        let outgoing = Outgoing::new(channel, max_message, file, offset, Box::new(on));
        self.outgoing.borrow_mut().insert(key, outgoing);
    }

    /// Somebody no longer wants a file of this side.
    pub(crate) fn stopped(&self, peer: &PeerId, number: u64) {
        self.finish(peer, number, Stage::Stopped);
    }

    /// Somebody has a file of this side, whole.
    pub(crate) fn kept(&self, peer: &PeerId, number: u64) {
        self.finish(peer, number, Stage::Kept { url: None });
    }

    fn finish(&self, peer: &PeerId, number: u64, stage: Stage) {
        let key = Key {
            author: self.room.conversation.with_untracked(|c| c.me().clone()),
            number,
            peer: peer.clone(),
        };
        drop(self.take_outgoing(&key));
        self.change(|all| transfers::turn(all, &key, stage));
    }

    /// Its author no longer has a file.
    pub(crate) fn gone(&self, author: &PeerId, number: u64) {
        self.over(&Key::incoming(author, number), Stage::Gone);
    }

    /// A message came.
    pub(crate) fn heard(&self, author: &PeerId, number: u64) {
        let wanted = self.room.conversation.try_with_untracked(|c| {
            let body = &c.entry(author, number)?.message.body;
            Some(matches!(body, Body::File(info) if is_wanted(info)))
        });
        if wanted.flatten() == Some(true) && self.stage(&Key::incoming(author, number)).is_none() {
            self.want(author, number);
        }
    }

    /// There is a connection to somebody: what was under way goes on.
    pub(crate) fn opened(&self, peer: &PeerId) {
        self.resume(peer);
        let pictures = self.room.conversation.try_with_untracked(|c| {
            let of = c.entries().iter().rev().filter(|e| e.author == *peer);
            let files = of.filter(|e| matches!(&e.message.body, Body::File(i) if is_wanted(i)));
            files.take(PICTURES).map(|e| e.message.number).collect()
        });
        let pictures: Vec<u64> = pictures.unwrap_or_default();
        for number in pictures {
            self.heard(peer, number);
        }
    }

    /// The connection to somebody is away.
    pub(crate) fn closed(&self, peer: &PeerId) {
        self.outgoing
            .borrow_mut()
            .retain(|key, _| key.peer != *peer);
        for (key, part) in &*self.incoming.borrow() {
            if key.peer == *peer {
                part.incoming.detach();
            }
        }
        self.change(|all| transfers::pause(all, peer));
    }

    /// All connections are away.
    pub(crate) fn alone(&self) {
        let peers = self
            .room
            .transfers
            .try_with_untracked(|all| all.iter().map(|t| t.peer.clone()).collect::<Vec<_>>());
        for peer in peers.unwrap_or_default() {
            self.closed(&peer);
        }
    }

    /// About once a second: channels that ended while the connection lives are asked for again.
    pub(crate) fn tick(&self) {
        let peers: Vec<PeerId> = self
            .incoming
            .borrow()
            .keys()
            .map(|key| key.peer.clone())
            .collect();
        for peer in peers {
            self.resume(&peer);
        }
    }

    fn resume(&self, author: &PeerId) {
        let Some(engine) = self
            .engine
            .upgrade()
            .filter(|engine| engine.is_ready(author))
        else {
            return;
        };
        let numbers = self
            .room
            .transfers
            .try_with_untracked(|all| transfers::paused(all, author));
        for number in numbers.unwrap_or_default() {
            let key = Key::incoming(author, number);
            let offset = self
                .incoming
                .borrow()
                .get(&key)
                .map(|part| part.incoming.received());
            let Some(offset) = offset else { continue };
            self.change(|all| transfers::turn(all, &key, Stage::Asked));
            engine.send(author, &Frame::Want { number, offset });
        }
    }

    /// The room is left: what came goes.
    pub(crate) fn end(&self) {
        self.outgoing.take();
        self.incoming.take();
        self.showing.take();
        for url in self.urls.take() {
            // It is one of ours.
            let _ = Url::revoke_object_url(&url);
        }
        if let Some(folder) = self.folder.take() {
            folder.remove();
        }
    }

    fn came(&self, key: &Key, event: IncomingEvent) {
        match event {
            IncomingEvent::Progress(bytes) => self.pass(key, bytes),
            IncomingEvent::Ended => {
                let mut given_up = false;
                if let Some(part) = self.incoming.borrow_mut().get_mut(key) {
                    let has = part.incoming.received();
                    part.tries = if has > part.had { 0 } else { part.tries + 1 };
                    part.had = has;
                    given_up = part.tries >= TRIES;
                }
                if given_up {
                    self.over(key, Stage::Failed);
                } else if matches!(self.stage(key), Some(Stage::Asked | Stage::Running)) {
                    self.change(|all| transfers::turn(all, key, Stage::Paused));
                }
            }
            IncomingEvent::Kept(file) => {
                let url = self.url(&file);
                self.over(key, Stage::Kept { url });
                if let Some(engine) = self.engine.upgrade() {
                    let number = key.number;
                    engine.send(&key.author, &Frame::Kept { number });
                }
            }
            IncomingEvent::Spoiled => self.over(key, Stage::Spoiled),
            IncomingEvent::Failed => self.over(key, Stage::Failed),
        }
    }

    fn went(&self, key: &Key, event: OutgoingEvent) {
        match event {
            OutgoingEvent::Progress(bytes) => self.pass(key, bytes),
            // Its reader asks again.
            OutgoingEvent::Ended => {
                drop(self.take_outgoing(key));
                self.change(|all| transfers::turn(all, key, Stage::Paused));
            }
            OutgoingEvent::Unreadable => {
                drop(self.take_outgoing(key));
                self.own.borrow_mut().remove(&key.number);
                self.change(|all| transfers::turn(all, key, Stage::Failed));
                if let Some(engine) = self.engine.upgrade() {
                    let number = key.number;
                    engine.send(&key.peer, &Frame::Gone { number });
                }
            }
        }
    }

    /// An incoming file is at its end, one way or another.
    fn over(&self, key: &Key, stage: Stage) {
        let part = self.incoming.borrow_mut().remove(key);
        self.change(|all| transfers::turn(all, key, stage));
        drop(part);
    }

    fn take_outgoing(&self, key: &Key) -> Option<Outgoing> {
        self.outgoing.borrow_mut().remove(key)
    }

    fn stage(&self, key: &Key) -> Option<Stage> {
        let stage = self
            .room
            .transfers
            .try_with_untracked(|all| transfers::stage(all, key).cloned());
        stage.flatten()
    }

    /// Tells the page when something changed.
    fn change(&self, change: impl FnOnce(&mut Vec<Transfer>) -> bool) -> bool {
        self.room.transfers.try_maybe_update(|all| {
            let changed = change(all);
            (changed, changed)
        }) == Some(true)
    }

    /// Notes how far a transfer is; shown a few times a second.
    fn pass(&self, key: &Key, bytes: u64) {
        let mut passed = self.passed.borrow_mut();
        if let Some((done, _)) = passed.get_mut(key) {
            *done = bytes;
        } else {
            passed.insert(key.clone(), (bytes, Speed::default()));
        }
        drop(passed);
        let mut showing = self.showing.borrow_mut();
        if showing.is_none() {
            let me = self.me.clone();
            *showing = Some(Timer::every(SHOW_MS, move || {
                if let Some(files) = me.upgrade() {
                    files.show();
                }
            }));
        }
    }

    fn show(&self) {
        let (mut passed, now) = (self.passed.borrow_mut(), now() as u64);
        self.change(|all| {
            let mut changed = false;
            passed.retain(|key, (done, speed)| {
                let Some(transfer) = transfers::find(all, key) else {
                    return false;
                };
                if transfer.stage == Stage::Asked {
                    transfer.stage = Stage::Running;
                }
                let running = transfer.stage == Stage::Running;
                if running {
                    speed.at(now, *done);
                    (transfer.done, transfer.speed) = (*done, speed.now());
                    changed = true;
                }
                running
            });
            changed
        });
        if passed.is_empty() {
            self.showing.take();
        }
    }

    fn url(&self, file: &Blob) -> Option<String> {
        let url = Url::create_object_url_with_blob(file).ok()?;
        self.urls.borrow_mut().push(url.clone());
        Some(url)
    }
}

/// Within the limits of the chat, whatever a system calls its files.
fn describe(file: &File) -> FileInfo {
    let (mut name, mut mime) = (file.name(), file.type_());
    name.truncate(name.floor_char_boundary(MAX_FILE_NAME));
    if name.is_empty() {
        name.push_str("file");
    }
    if mime.len() > MAX_MIME {
        mime.clear();
    }
    FileInfo {
        name,
        size: file.size() as u64,
        mime,
    }
}
