//! One file that another peer sends ([`shared::chat`], Files): counted, hashed and written as its bytes arrive. When a channel
//! ends early, the next one continues at the same offset.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::{Rc, Weak};

use js_sys::{ArrayBuffer, Uint8Array};
use shared::chat::{FileComplete, MAX_FILE_MESSAGE};
use shared::transfer::{IntegrityError, ReceiveProgress};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Blob, RtcDataChannel};

use super::data_channel::{DataChannel, DataChannelEvent};
use super::folder::Folder;
use super::store::FileStore;

/// Bytes that are collected before a write.
const BATCH_BYTES: usize = 2 << 20;
/// Limit on the bytes that wait for a slow disk. A data channel has no flow control towards the sender: above the limit the
/// channel is closed, and another is requested when everything is written.
const MAX_UNWRITTEN_BYTES: usize = 64 << 20;

/// An event of a download. `Complete`, `Corrupt` and `Failed` are final.
#[derive(Clone, Debug)]
pub enum DownloadEvent {
    /// Bytes received so far.
    Progress(u64),
    /// The channel ended before the last byte: request another, from [`Download::received`] on.
    Ended,
    /// The file is whole and its SHA-256 is right.
    Complete(Blob),
    /// The bytes differ from what was announced. Download again from byte 0.
    Corrupt,
    /// The file cannot be written.
    Failed,
}

/// Opens the folder to write to. `None`: keep the file in memory.
pub type FolderProvider = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = Option<Rc<Folder>>>>>>;

/// Closes its channel and deletes an unfinished file when dropped.
#[derive(Debug)]
pub struct Download {
    state: Rc<DownloadState>,
}

struct DownloadState {
    me: Weak<DownloadState>,
    on: Box<dyn Fn(DownloadEvent)>,
    /// The name in the folder.
    name: String,
    /// The MIME type of the finished blob.
    mime: String,
    channel: RefCell<Option<DataChannel>>,
    progress: RefCell<ReceiveProgress>,
    scratch: RefCell<Vec<u8>>,
    unwritten: RefCell<Vec<ArrayBuffer>>,
    unwritten_bytes: Cell<usize>,
    /// Taken at the first write.
    folder: RefCell<Option<FolderProvider>>,
    store: RefCell<Option<Rc<FileStore>>>,
    writing: Cell<bool>,
    complete: Cell<bool>,
    /// Write everything, even less than a batch, then emit `Ended`.
    channel_ended: Cell<bool>,
    finished: Cell<bool>,
}

impl std::fmt::Debug for DownloadState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("DownloadState")
            .field(&self.progress)
            .finish()
    }
}

impl Download {
    /// A file of `size` bytes. `name` has to be unique in the folder.
    pub fn new(
        size: u64,
        name: String,
        mime: String,
        folder: FolderProvider,
        on: Box<dyn Fn(DownloadEvent)>,
    ) -> Self {
        let state = Rc::new_cyclic(|me| DownloadState {
            me: me.clone(),
            on,
            name,
            mime,
            channel: RefCell::default(),
            progress: RefCell::new(ReceiveProgress::new(size)),
            scratch: RefCell::default(),
            unwritten: RefCell::default(),
            unwritten_bytes: Cell::default(),
            folder: RefCell::new(Some(folder)),
            store: RefCell::default(),
            writing: Cell::default(),
            complete: Cell::default(),
            channel_ended: Cell::default(),
            finished: Cell::default(),
        });
        Self { state }
    }

    /// Bytes received: the offset at which to continue.
    pub fn received(&self) -> u64 {
        self.state.progress.borrow().received()
    }

    /// Takes a channel that the author opened; call it within the `datachannel` event. A channel that starts at another offset is
    /// closed, and the result is false.
    pub fn attach(&self, channel: RtcDataChannel, offset: u64) -> bool {
        let state = &self.state;
        if offset != self.received() || state.complete.get() || state.finished.get() {
            channel.close();
            return false;
        }
        let me = state.me.clone();
        let on = move |event| {
            if let Some(state) = me.upgrade() {
                state.on_channel_event(event);
            }
        };
        state.channel_ended.set(false);
        let channel = DataChannel::new(channel, Rc::new(on));
        drop(state.channel.replace(Some(channel)));
        true
    }

    /// Closes the channel; another may continue.
    pub fn detach(&self) {
        drop(self.state.channel.take());
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.state.finished.set(true);
        self.detach();
    }
}

impl DownloadState {
    fn on_channel_event(&self, event: DataChannelEvent) {
        match event {
            DataChannelEvent::Bytes(bytes) => self.on_bytes(bytes),
            DataChannelEvent::Text(text) => match serde_json::from_str::<FileComplete>(&text) {
                Ok(complete) => self.on_complete(&complete),
                Err(_) => self.finish(DownloadEvent::Corrupt),
            },
            DataChannelEvent::Closed if !self.complete.get() => self.end_channel(),
            _ => {}
        }
    }

    fn on_bytes(&self, bytes: ArrayBuffer) {
        let length = bytes.byte_length() as usize;
        if length > MAX_FILE_MESSAGE || self.complete.get() {
            return self.finish(DownloadEvent::Corrupt);
        }
        let mut scratch = self.scratch.borrow_mut();
        if scratch.len() < length {
            scratch.resize(length, 0);
        }
        Uint8Array::new(&bytes).copy_to(&mut scratch[..length]);
        let counted = self.progress.borrow_mut().push(&scratch[..length]);
        drop(scratch);
        if counted.is_err() {
            return self.finish(DownloadEvent::Corrupt);
        }
        self.unwritten.borrow_mut().push(bytes);
        let unwritten = self.unwritten_bytes.get() + length;
        self.unwritten_bytes.set(unwritten);
        (self.on)(DownloadEvent::Progress(self.progress.borrow().received()));
        if unwritten > MAX_UNWRITTEN_BYTES {
            self.end_channel();
        } else if unwritten >= BATCH_BYTES {
            self.write();
        }
    }

    fn on_complete(&self, complete: &FileComplete) {
        let checked = self.progress.borrow().check(complete);
        match checked {
            Ok(()) => {
                self.complete.set(true);
                self.write();
            }
            Err(
                IntegrityError::TooShort | IntegrityError::TooLong | IntegrityError::HashMismatch,
            ) => {
                self.finish(DownloadEvent::Corrupt);
            }
        }
    }

    /// Closes the channel and writes what has arrived.
    fn end_channel(&self) {
        drop(self.channel.take());
        self.channel_ended.set(true);
        self.write();
    }

    /// Emits the final event, once.
    fn finish(&self, event: DownloadEvent) {
        if self.finished.replace(true) {
            return;
        }
        drop(self.channel.take());
        self.unwritten.take();
        (self.on)(event);
    }

    /// Starts to write, unless a write is under way.
    fn write(&self) {
        let Some(me) = self.me.upgrade().filter(|_| !self.writing.replace(true)) else {
            return;
        };
        spawn_local(async move {
            if me.write_all().await.is_err() {
                me.finish(DownloadEvent::Failed);
            }
        });
    }

    async fn write_all(&self) -> Result<(), JsValue> {
        let store = self.store().await;
        loop {
            let batch = self.batch();
            if batch.is_empty() || self.finished.get() {
                break;
            }
            store.write(&batch).await?;
            let bytes: usize = batch
                .iter()
                .map(|buffer| buffer.byte_length() as usize)
                .sum();
            self.unwritten_bytes
                .set(self.unwritten_bytes.get().saturating_sub(bytes));
        }
        if self.complete.get() && !self.finished.get() {
            let file = store.finish(&self.mime).await?;
            self.finish(DownloadEvent::Complete(file));
        }
        self.writing.set(false);
        if self.channel_ended.replace(false) && !self.finished.get() {
            (self.on)(DownloadEvent::Ended);
        }
        Ok(())
    }

    async fn store(&self) -> Rc<FileStore> {
        if let Some(store) = &*self.store.borrow() {
            return Rc::clone(store);
        }
        let ask = self.folder.take();
        let folder = match ask {
            Some(ask) => ask().await,
            None => None,
        };
        let store = Rc::new(FileStore::open(folder, self.name.clone()).await);
        self.store.replace(Some(Rc::clone(&store)));
        store
    }

    /// The buffers to write next. Empty: wait until a batch is full.
    fn batch(&self) -> Vec<ArrayBuffer> {
        let last = self.complete.get() || self.channel_ended.get();
        if self.unwritten_bytes.get() < BATCH_BYTES && !last {
            return Vec::new();
        }
        let mut unwritten = self.unwritten.borrow_mut();
        let mut bytes = 0;
        let enough = unwritten.iter().position(|buffer| {
            bytes += buffer.byte_length() as usize;
            bytes >= 2 * BATCH_BYTES
        });
        let count = enough.map_or(unwritten.len(), |at| at + 1);
        unwritten.drain(..count).collect()
    }
}
