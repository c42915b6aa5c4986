//! The offers of this side over a reload: attached again, or withdrawn.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{ArrayBuffer, Uint8Array};
use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::chat::{Body, ChatFrame, FileInfo, GoneReason};
use shared::signaling::PeerId;
use shared::transfer::FileHash;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, File};

use super::super::window::storage;
use super::{Files, describe};
use crate::state::draft::AttachProblem;
use crate::state::offers::{HEAD_BYTES, OfferBook};
use crate::state::room::{Direction, TransferStage};
use crate::state::stored_name::stored_as;
use crate::state::transfers;

/// An offer of this side, as this page has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnOffer {
    Available,
    /// It was offered before a reload: its file has to be chosen again.
    Missing,
    Withdrawn,
}

/// The book in the browser's storage, by server and room. It is read before each change: other tabs write it, too.
pub(super) struct StoredOffers {
    name: String,
    /// As it was read, since thousands of cards ask.
    book: RefCell<Option<Rc<OfferBook>>>,
}

impl StoredOffers {
    pub(super) fn open(server: &str, room: &str) -> Self {
        let name = stored_as("offers", server, room);
        let book = RefCell::default();
        Self { name, book }
    }

    fn read(&self) -> Rc<OfferBook> {
        let load = || Rc::new(self.load());
        Rc::clone(self.book.borrow_mut().get_or_insert_with(load))
    }

    /// Another tab may have changed it.
    pub(super) fn read_again(&self) {
        self.book.take();
    }

    fn load(&self) -> OfferBook {
        let text = storage().and_then(|storage| storage.get_item(&self.name).ok().flatten());
        OfferBook::parse(&text.unwrap_or_default())
    }

    /// A full storage keeps the book before, which holds after a reload.
    fn change(&self, change: impl FnOnce(&mut OfferBook)) {
        let mut book = self.load();
        change(&mut book);
        if let Some(storage) = storage() {
            let _ = storage.set_item(&self.name, &book.text());
        }
        self.book.replace(Some(Rc::new(book)));
    }
}

/// The SHA-256 of the first bytes.
async fn head(file: &File) -> Result<String, JsValue> {
    let file: &Blob = file.as_ref();
    let slice = file.slice_with_f64_and_f64(0.0, HEAD_BYTES as f64)?;
    let bytes = JsFuture::from(slice.array_buffer()).await?;
    let bytes = Uint8Array::new(&bytes.unchecked_into::<ArrayBuffer>());
    let mut hash = FileHash::default();
    hash.push(&bytes.to_vec());
    Ok(hash.sha256())
}

impl Files {
    /// Keeps how to recognize an offered file.
    pub(super) fn record(&self, number: u64, file: &File) {
        let (me, file) = (self.me.clone(), file.clone());
        spawn_local(async move {
            if let (Ok(head), Some(files)) = (head(&file).await, me.upgrade()) {
                files.offers.change(|book| book.insert(number, &head));
            }
        });
    }

    /// The book of offers may have been changed by another tab.
    pub(crate) fn read_offers(&self) {
        self.offers.read_again();
        let book = self.offers.read();
        let mut own = self.own.borrow_mut();
        own.retain(|(number, _)| !book.is_withdrawn(*number));
    }

    pub(crate) fn own_offer(&self, number: u64) -> OwnOffer {
        // Another tab may have withdrawn what this one has.
        if self.offers.read().is_withdrawn(number) {
            OwnOffer::Withdrawn
        } else if self.own_file(number).is_some() {
            OwnOffer::Available
        } else {
            OwnOffer::Missing
        }
    }

    /// A peer asks for a file that this page cannot send.
    pub(super) fn refuse(&self, peer: &PeerId, number: u64) {
        let why = match self.own_offer(number) {
            OwnOffer::Withdrawn => GoneReason::Withdrawn,
            OwnOffer::Available => GoneReason::Cancelled,
            OwnOffer::Missing => GoneReason::Missing,
        };
        let key = self.outgoing(peer, number);
        let info = self.own_info(number);
        if let (GoneReason::Missing, Some(info)) = (why, info) {
            // Its author sees who waits for it.
            self.transfers.change(&key, &mut |all| {
                let (outgoing, missing) = (Direction::Outgoing, TransferStage::Missing);
                transfers::begin(all, &key, outgoing, info.clone(), 0, missing);
                true
            });
        }
        if let Some(client) = self.client.upgrade() {
            client.send(peer, &ChatFrame::Gone { number, why });
        }
    }

    fn own_info(&self, number: u64) -> Option<FileInfo> {
        let info = self.room.conversation.try_with_untracked(|c| {
            match &c.entry(c.me(), number)?.message.body {
                Body::File(info) => Some(info.clone()),
                Body::Text { .. } => None,
            }
        });
        info.flatten()
    }

    /// Takes files that were offered before a reload. One that was not is reported.
    pub(crate) fn attach_again(&self, chosen: Vec<File>) {
        let _ = self.room.draft.problem.try_set(None);
        let me = self.me.clone();
        spawn_local(async move {
            for file in chosen {
                let head = head(&file).await.unwrap_or_default();
                let Some(files) = me.upgrade() else { return };
                if !files.recognize(&file, &head) {
                    let problem = AttachProblem::OtherFile(describe(&file).name);
                    let _ = files.room.draft.problem.try_set(Some(problem));
                }
            }
        });
    }

    /// True when it was offered.
    fn recognize(&self, file: &File, head: &str) -> bool {
        let (chosen, book) = (describe(file), self.offers.read());
        let numbers = self.room.conversation.try_with_untracked(|c| {
            let own = c.entries().iter().filter(|entry| c.is_mine(entry));
            let same = own.filter(|entry| match &entry.message.body {
                Body::File(info) => book.is_same(entry.message.number, info, &chosen, head),
                Body::Text { .. } => false,
            });
            same.map(|entry| entry.message.number).collect::<Vec<_>>()
        });
        let numbers = numbers.unwrap_or_default();
        for number in &numbers {
            if self.own_file(*number).is_none() {
                self.own.borrow_mut().push((*number, file.clone()));
                self.show_own(*number, file, &chosen);
                self.tell_all(&ChatFrame::Available { number: *number });
                self.notify_own(*number);
            }
        }
        !numbers.is_empty()
    }

    /// Takes an offer back.
    pub(crate) fn withdraw(&self, number: u64) {
        self.offers.change(|book| book.withdraw(number));
        self.own.borrow_mut().retain(|(own, _)| *own != number);
        let me = self.room.conversation.with_untracked(|c| c.me().clone());
        for transfer in self.transfers.of(&me, number) {
            let key = self.outgoing(&transfer.peer, number);
            if self.transfers.set_stage(&key, TransferStage::Withdrawn) {
                self.drop_upload(&key);
            }
        }
        let why = GoneReason::Withdrawn;
        self.tell_all(&ChatFrame::Gone { number, why });
        self.notify_own(number);
    }

    /// A peer that was away learns what was withdrawn meanwhile.
    pub(super) fn send_withdrawn(&self, peer: &PeerId) {
        let Some(client) = self.client.upgrade() else {
            return;
        };
        for number in self.offers.read().withdrawn() {
            // Of others, nobody has a message.
            if self.own_info(number).is_some() {
                let why = GoneReason::Withdrawn;
                client.send(peer, &ChatFrame::Gone { number, why });
            }
        }
    }

    fn tell_all(&self, frame: &ChatFrame) {
        if let Some(client) = self.client.upgrade() {
            client.send_all(frame);
        }
    }

    fn notify_own(&self, number: u64) {
        let me = self
            .room
            .conversation
            .try_with_untracked(|c| c.me().clone());
        if let Some(me) = me {
            self.transfers.notify(&me, number);
        }
    }
}
