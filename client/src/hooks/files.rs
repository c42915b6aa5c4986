//! Files of a room: those that this side offers, and transfers. [`crate::state::transfers`] has the rules, [`crate::rtc`] moves the bytes.

mod chosen;
mod downloads;
mod gone;
mod kept;
mod offers;
mod pictures;
mod uploads;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use js_sys::Promise;
use leptos::prelude::WithUntracked;
use shared::chat::{ChatFrame, GoneReason};
use shared::file_queue::FileQueue;
use shared::signaling::PeerId;
use shared::transfer::Speed;
use shared::want_queue::WantQueue;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;
use web_sys::{Blob, File, Url};

pub(crate) use offers::OwnOffer;
pub(crate) use uploads::describe;

use self::offers::StoredOffers;
use super::room::RoomHandle;
use super::room_client::RoomClient;
use super::room_identity::RoomIdentity;
use super::transfer_board::TransferBoard;
use crate::rtc::download::Download;
use crate::rtc::file_channel::FileChannel;
use crate::rtc::kept_files::KeptFiles;
use crate::rtc::timer::{Timer, now_ms, sleep};
use crate::rtc::upload::Upload;
use crate::state::kept_file::{HeldFiles, KeptStage};
use crate::state::room::{Transfer, TransferStage};
use crate::state::stored_name::stored_as;
use crate::state::transfers::{self, TransferKey};

/// The interval at which progress is shown.
const SHOW_MS: f64 = 250.0;
/// How long giving the room up waits for what is being written. A tab that takes it waits for a second.
const SETTLE_MS: u64 = 700;

pub(crate) struct Files {
    room: RoomHandle,
    client: Weak<RoomClient>,
    me: Weak<Files>,
    transfers: TransferBoard,
    /// The files that this side offers, by the numbers of their messages.
    own: RefCell<Vec<(u64, File)>>,
    offers: StoredOffers,
    /// What is asked for, in order.
    queue: RefCell<FileQueue>,
    downloads: RefCell<Vec<ActiveDownload>>,
    /// Downloads whose last byte has arrived, in order, each with its file once that is stored.
    arrived: RefCell<Vec<ArrivedFile>>,
    /// What each peer has asked for, in order.
    wanted: RefCell<Vec<(PeerId, WantQueue)>>,
    /// One for each peer at most.
    uploads: RefCell<Vec<(TransferKey, Upload)>>,
    /// Bytes done and speed of the running transfers.
    progress: RefCell<Vec<(TransferKey, u64, Speed)>>,
    show_timer: RefCell<Option<Timer>>,
    /// Object URLs, revoked when the user leaves the room.
    urls: RefCell<Vec<String>>,
    identity: Rc<RoomIdentity>,
    /// The name of the room in the database.
    stored_as: String,
    /// Where received files are kept. Absent when the browser keeps nothing for this page, and before `restored`.
    kept: RefCell<Option<Rc<KeptFiles>>>,
    /// Those in memory, where the browser keeps nothing.
    held: RefCell<HeldFiles>,
    /// What was received before is shown, and this tab may receive more.
    restored: Cell<bool>,
    /// The browser was asked to keep what it has.
    persists: Cell<bool>,
    /// Peers that are connected again, and until when they may ask for what they have not got whole.
    reconnected: RefCell<Vec<(PeerId, u64)>>,
    /// The browser asks where to save a file.
    asking: Cell<bool>,
    /// What the user asked for before that.
    early: RefCell<Vec<TransferKey>>,
    /// Files of which a part is kept, and which are not being received.
    partial: RefCell<Vec<TransferKey>>,
}

/// The object URL is absent where the user has chosen the file.
type StoredFile = Option<Blob>;
/// The file is absent until it is stored.
type ArrivedFile = (TransferKey, Option<StoredFile>);

/// A download that is running or can be continued.
struct ActiveDownload {
    key: TransferKey,
    download: Rc<Download>,
}

impl Files {
    /// `server`: its address. `name`: of the room.
    pub(crate) fn new(
        room: RoomHandle,
        client: Weak<RoomClient>,
        identity: Rc<RoomIdentity>,
        server: &str,
        name: &str,
    ) -> Rc<Self> {
        Rc::new_cyclic(|me| Self {
            room,
            client,
            me: me.clone(),
            transfers: TransferBoard::default(),
            own: RefCell::default(),
            offers: StoredOffers::open(server, name),
            queue: RefCell::default(),
            downloads: RefCell::default(),
            arrived: RefCell::default(),
            wanted: RefCell::default(),
            uploads: RefCell::default(),
            progress: RefCell::default(),
            show_timer: RefCell::default(),
            urls: RefCell::default(),
            identity,
            stored_as: stored_as("files", server, name),
            kept: RefCell::default(),
            held: RefCell::default(),
            restored: Cell::default(),
            persists: Cell::default(),
            reconnected: RefCell::default(),
            asking: Cell::default(),
            early: RefCell::default(),
            partial: RefCell::default(),
        })
    }

    /// The person would lose something with the page: bytes flow, or a file is in its memory alone.
    pub(crate) fn is_unsaved(&self) -> bool {
        let lost = |active: &ActiveDownload| !active.download.is_kept();
        self.transfers.is_running()
            || self.held.borrow().has_unsaved()
            || self.downloads.borrow().iter().any(lost)
    }

    pub(crate) fn transfers(&self) -> &TransferBoard {
        &self.transfers
    }

    /// Cancels a transfer, in either direction.
    pub(crate) fn stop(&self, author: &PeerId, number: u64, peer: &PeerId) {
        let key = TransferKey {
            author: author.clone(),
            number,
            peer: peer.clone(),
        };
        let Some(client) = self.client.upgrade() else {
            return;
        };
        if !self.transfers.set_stage(&key, TransferStage::Stopped) {
            return;
        }
        if author == peer {
            self.early.borrow_mut().retain(|early| *early != key);
            self.suspend_download(&key);
            self.record_stage(&key, KeptStage::Stopped);
            client.send(peer, &ChatFrame::Stop { number });
            self.ask();
        } else {
            self.drop_upload(&key);
            let why = GoneReason::Cancelled;
            client.send(peer, &ChatFrame::Gone { number, why });
        }
    }

    /// The connection to a peer closed.
    pub(crate) fn on_closed(&self, peer: &PeerId) {
        self.wanted.borrow_mut().retain(|(other, _)| other != peer);
        self.uploads
            .borrow_mut()
            .retain(|(key, _)| key.peer != *peer);
        self.reconnected
            .borrow_mut()
            .retain(|(other, _)| other != peer);
        self.queue.borrow_mut().on_closed(peer, now_ms());
        for active in &*self.downloads.borrow() {
            if active.key.peer == *peer {
                active.download.flush();
            }
        }
        self.transfers.pause(peer);
    }

    /// A peer left the room.
    pub(crate) fn on_left(&self, peer: &PeerId) {
        self.queue.borrow_mut().on_left(peer);
        self.transfers.leave(peer);
    }

    /// The server has listed the people: who left while this side was away is not among them.
    pub(crate) fn end_absent(&self) {
        let mut absent = self.transfers.peers();
        let listed = self.room.people.try_with_untracked(|people| {
            absent.retain(|peer| !people.iter().any(|person| person.id == *peer));
        });
        for peer in listed.map_or_else(Vec::new, |()| absent) {
            self.on_left(&peer);
        }
    }

    /// All connections closed.
    pub(crate) fn all_closed(&self) {
        self.wanted.take();
        self.uploads.take();
        for peer in self.transfers.peers() {
            self.on_closed(&peer);
        }
    }

    /// The room is given up. Resolves when what has arrived is written, or after a moment; nothing more is written then.
    pub(crate) fn settle(&self) -> Promise {
        self.restored.set(false);
        let me = self.me.clone();
        future_to_promise(async move {
            let until = now_ms() + SETTLE_MS;
            while me.upgrade().is_some_and(|files| files.is_writing()) && now_ms() < until {
                sleep(10).await;
            }
            if let Some(files) = me.upgrade() {
                files.drop_kept();
            }
            Ok(JsValue::UNDEFINED)
        })
    }

    fn is_writing(&self) -> bool {
        let kept = self.kept.borrow();
        let downloads = self.downloads.borrow();
        kept.as_ref().is_some_and(|kept| kept.is_writing())
            || downloads
                .iter()
                .any(|active| active.download.is_kept() && active.download.is_writing())
    }

    /// The user leaves the room: ends all transfers. What was received is kept.
    pub(crate) fn end(&self) {
        self.wanted.take();
        self.uploads.take();
        self.queue.take();
        self.downloads.take();
        self.arrived.take();
        self.show_timer.take();
        for url in self.urls.take() {
            // Fails only for an invalid URL.
            let _ = Url::revoke_object_url(&url);
        }
    }

    /// The channel `files` to a peer.
    fn channel(&self, peer: &PeerId) -> Option<(Rc<FileChannel>, u32)> {
        self.client.upgrade()?.mesh()?.files(peer)
    }

    /// Stores the progress of a transfer, which is shown a few times a second.
    fn set_progress(&self, key: &TransferKey, bytes: u64) {
        let mut progress = self.progress.borrow_mut();
        match progress.iter_mut().find(|(other, ..)| other == key) {
            Some((_, done, _)) => *done = bytes,
            None => progress.push((key.clone(), bytes, Speed::default())),
        }
        drop(progress);
        let mut show_timer = self.show_timer.borrow_mut();
        if show_timer.is_none() {
            let me = self.me.clone();
            *show_timer = Some(Timer::every(SHOW_MS, move || {
                if let Some(files) = me.upgrade() {
                    files.show();
                }
            }));
        }
    }

    fn show(&self) {
        let (mut progress, now) = (self.progress.borrow_mut(), now_ms());
        progress.retain_mut(|(key, done, speed)| {
            let mut running = false;
            let mut change = |all: &mut Vec<Transfer>| {
                let Some(transfer) = transfers::find(all, key) else {
                    return false;
                };
                let began = transfer.stage == TransferStage::Requested;
                if began {
                    transfer.stage = TransferStage::Running;
                }
                running = transfer.stage == TransferStage::Running;
                if !running {
                    return false;
                }
                speed.record(now, *done);
                let shown = (*done, speed.bytes_per_second());
                let before = (transfer.done, transfer.speed);
                (transfer.done, transfer.speed) = shown;
                began || shown != before
            };
            self.transfers.change(key, &mut change);
            running
        });
        if progress.is_empty() {
            self.show_timer.take();
        }
    }

    fn url(&self, file: &Blob) -> Option<String> {
        let url = Url::create_object_url_with_blob(file).ok()?;
        self.urls.borrow_mut().push(url.clone());
        Some(url)
    }
}
