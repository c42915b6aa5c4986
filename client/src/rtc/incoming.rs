//! One file on its way from its author ([`shared::chat`], Files): counted, hashed and written as it comes, over one channel after the other.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::{Rc, Weak};

use js_sys::{ArrayBuffer, Uint8Array};
use shared::chat::{Complete, MAX_PIECE};
use shared::transfer::{Receipt, Spoiled};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Blob, RtcDataChannel};

use super::channel::{Channel, ChannelEvent};
use super::folder::Folder;
use super::store::Store;

/// Bytes that are written at once.
const BATCH: usize = 2 << 20;
/// Bytes that wait for a slow disk at most. A channel cannot be told to wait, so it is closed then, and another is asked for when all is written.
const MAX_WAITING: usize = 64 << 20;

/// What becomes of it.
#[derive(Clone, Debug)]
pub enum IncomingEvent {
    /// So many bytes have come.
    Progress(u64),
    /// The channel ended before the last byte: ask for another, from [`Incoming::received`] on.
    Ended,
    /// Whole, and its hash is right.
    Kept(Blob),
    /// Not what was announced. It has to begin anew.
    Spoiled,
    /// It cannot be written.
    Failed,
}

/// The folder to write to, if there is one.
pub type AskFolder = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = Option<Rc<Folder>>>>>>;

/// Ends its channel when dropped, and deletes what was not finished.
#[derive(Debug)]
pub struct Incoming {
    state: Rc<State>,
}

struct State {
    me: Weak<State>,
    on: Box<dyn Fn(IncomingEvent)>,
    /// Name in the folder, and type in the end.
    name: String,
    mime: String,
    channel: RefCell<Option<Channel>>,
    receipt: RefCell<Receipt>,
    scratch: RefCell<Vec<u8>>,
    waiting: RefCell<Vec<ArrayBuffer>>,
    waiting_bytes: Cell<usize>,
    /// Until the first byte is written.
    folder: RefCell<Option<AskFolder>>,
    store: RefCell<Option<Rc<Store>>>,
    writing: Cell<bool>,
    complete: Cell<bool>,
    /// Write what there is, however little; then say that the channel ended.
    ended: Cell<bool>,
    over: Cell<bool>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("State").field(&self.receipt).finish()
    }
}

impl Incoming {
    /// A file of `size` bytes. `name`: unlike all others in the folder.
    pub fn new(
        size: u64,
        name: String,
        mime: String,
        folder: AskFolder,
        on: Box<dyn Fn(IncomingEvent)>,
    ) -> Self {
        let state = Rc::new_cyclic(|me| State {
            me: me.clone(),
            on,
            name,
            mime,
            channel: RefCell::default(),
            receipt: RefCell::new(Receipt::new(size)),
            scratch: RefCell::default(),
            waiting: RefCell::default(),
            waiting_bytes: Cell::default(),
            folder: RefCell::new(Some(folder)),
            store: RefCell::default(),
            writing: Cell::default(),
            complete: Cell::default(),
            ended: Cell::default(),
            over: Cell::default(),
        });
        Self { state }
    }

    /// Bytes that have come: the offset to ask for.
    pub fn received(&self) -> u64 {
        self.state.receipt.borrow().received()
    }

    /// Takes a channel that its author opened, within its `datachannel` event. One from another place than asked for is closed.
    pub fn attach(&self, channel: RtcDataChannel, offset: u64) -> bool {
        let state = &self.state;
        if offset != self.received() || state.complete.get() || state.over.get() {
            channel.close();
            return false;
        }
        let me = state.me.clone();
        let on = move |event| {
            if let Some(state) = me.upgrade() {
                state.happened(event);
            }
        };
        state.ended.set(false);
        let channel = Channel::new(channel, Rc::new(on));
        drop(state.channel.replace(Some(channel)));
        true
    }

    /// Ends the channel; what has come is kept for another.
    pub fn detach(&self) {
        drop(self.state.channel.take());
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.state.over.set(true);
        self.detach();
    }
}

impl State {
    fn happened(&self, event: ChannelEvent) {
        match event {
            ChannelEvent::Bytes(bytes) => self.take(bytes),
            ChannelEvent::Text(text) => match serde_json::from_str::<Complete>(&text) {
                Ok(complete) => self.check(&complete),
                Err(_) => self.end(IncomingEvent::Spoiled),
            },
            ChannelEvent::Closed if !self.complete.get() => self.pause(),
            _ => {}
        }
    }

    fn take(&self, bytes: ArrayBuffer) {
        let length = bytes.byte_length() as usize;
        if length > MAX_PIECE || self.complete.get() {
            return self.end(IncomingEvent::Spoiled);
        }
        let mut scratch = self.scratch.borrow_mut();
        if scratch.len() < length {
            scratch.resize(length, 0);
        }
        Uint8Array::new(&bytes).copy_to(&mut scratch[..length]);
        let counted = self.receipt.borrow_mut().push(&scratch[..length]);
        drop(scratch);
        if counted.is_err() {
            return self.end(IncomingEvent::Spoiled);
        }
        self.waiting.borrow_mut().push(bytes);
        let waiting = self.waiting_bytes.get() + length;
        self.waiting_bytes.set(waiting);
        (self.on)(IncomingEvent::Progress(self.receipt.borrow().received()));
        if waiting > MAX_WAITING {
            self.pause();
        } else if waiting >= BATCH {
            self.write();
        }
    }

    fn check(&self, complete: &Complete) {
        let checked = self.receipt.borrow().check(complete);
        match checked {
            Ok(()) => {
                self.complete.set(true);
                self.write();
            }
            Err(Spoiled::TooShort | Spoiled::TooLong | Spoiled::Hash) => {
                self.end(IncomingEvent::Spoiled);
            }
        }
    }

    /// No more comes from this channel.
    fn pause(&self) {
        drop(self.channel.take());
        self.ended.set(true);
        self.write();
    }

    /// The last word.
    fn end(&self, event: IncomingEvent) {
        if self.over.replace(true) {
            return;
        }
        drop(self.channel.take());
        self.waiting.take();
        (self.on)(event);
    }

    /// Writes what waits, batch after batch.
    fn write(&self) {
        let Some(me) = self.me.upgrade().filter(|_| !self.writing.replace(true)) else {
            return;
        };
        spawn_local(async move {
            if me.write_all().await.is_err() {
                me.end(IncomingEvent::Failed);
            }
        });
    }

    async fn write_all(&self) -> Result<(), JsValue> {
        let store = self.store().await;
        loop {
            let batch = self.batch();
            if batch.is_empty() || self.over.get() {
                break;
            }
            store.write(&batch).await?;
            let bytes: usize = batch
                .iter()
                .map(|buffer| buffer.byte_length() as usize)
                .sum();
            self.waiting_bytes
                .set(self.waiting_bytes.get().saturating_sub(bytes));
        }
        if self.complete.get() && !self.over.get() {
            let file = store.finish(&self.mime).await?;
            self.end(IncomingEvent::Kept(file));
        }
        self.writing.set(false);
        if self.ended.replace(false) && !self.over.get() {
            (self.on)(IncomingEvent::Ended);
        }
        Ok(())
    }

    async fn store(&self) -> Rc<Store> {
        if let Some(store) = &*self.store.borrow() {
            return Rc::clone(store);
        }
        let ask = self.folder.take();
        let folder = match ask {
            Some(ask) => ask().await,
            None => None,
        };
        let store = Rc::new(Store::open(folder, self.name.clone()).await);
        self.store.replace(Some(Rc::clone(&store)));
        store
    }

    /// What is to be written next: nothing while more is worth waiting for.
    fn batch(&self) -> Vec<ArrayBuffer> {
        let last = self.complete.get() || self.ended.get();
        if self.waiting_bytes.get() < BATCH && !last {
            return Vec::new();
        }
        let mut waiting = self.waiting.borrow_mut();
        let mut bytes = 0;
        let enough = waiting.iter().position(|buffer| {
            bytes += buffer.byte_length() as usize;
            bytes >= 2 * BATCH
        });
        let count = enough.map_or(waiting.len(), |at| at + 1);
        waiting.drain(..count).collect()
    }
}
