//! One file that another peer sends ([`shared::file_channel`]): counted, hashed and written as its bytes arrive. When they end early, the next
//! try continues at the same offset.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use js_sys::Uint8Array;
use shared::transfer::ReceiveProgress;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::Blob;

use super::file_channel::ReceivedBytes;
use super::store::FileStore;

/// Bytes that are collected before a write.
const BATCH_BYTES: usize = 2 << 20;

/// An event of a download. `Complete`, `Corrupt` and `Failed` are final.
#[derive(Clone, Debug)]
pub enum DownloadEvent {
    /// Bytes received so far.
    Progress(u64),
    /// The file is whole and its SHA-256 is right. `None`: it is where the user has chosen.
    Complete(Option<Blob>),
    /// The bytes differ from what was announced. Download again from byte 0.
    Corrupt,
    /// The file cannot be written.
    Failed,
}

/// What has arrived stays in its store when dropped.
#[derive(Debug)]
pub struct Download {
    state: Rc<DownloadState>,
}

struct DownloadState {
    me: Weak<DownloadState>,
    on: Box<dyn Fn(DownloadEvent)>,
    /// The MIME type of the finished blob.
    mime: String,
    progress: RefCell<ReceiveProgress>,
    scratch: RefCell<Vec<u8>>,
    unwritten: RefCell<Vec<ReceivedBytes>>,
    unwritten_bytes: Cell<usize>,
    store: FileStore,
    writing: Cell<bool>,
    complete: Cell<bool>,
    /// Write everything, even less than a batch.
    flushing: Cell<bool>,
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
    /// A file of which `store` has what `progress` has counted.
    pub fn new(
        progress: ReceiveProgress,
        mime: String,
        store: FileStore,
        on: Box<dyn Fn(DownloadEvent)>,
    ) -> Self {
        let state = Rc::new_cyclic(|me| DownloadState {
            me: me.clone(),
            on,
            mime,
            progress: RefCell::new(progress),
            scratch: RefCell::default(),
            unwritten: RefCell::default(),
            unwritten_bytes: Cell::default(),
            store,
            writing: Cell::default(),
            complete: Cell::default(),
            flushing: Cell::default(),
            finished: Cell::default(),
        });
        Self { state }
    }

    /// Bytes received: the offset at which to continue.
    pub fn received(&self) -> u64 {
        self.state.progress.borrow().received()
    }

    /// Bytes that have been announced and have not arrived.
    pub fn remaining(&self) -> u64 {
        let progress = self.state.progress.borrow();
        progress.size().saturating_sub(progress.received())
    }

    /// The last byte has arrived, and the hash is right.
    pub fn is_whole(&self) -> bool {
        self.state.complete.get()
    }

    /// The next bytes.
    pub fn push(&self, bytes: ReceivedBytes) {
        self.state.push(bytes);
    }

    /// The last byte has arrived; `sha256` is that of the whole file.
    pub fn complete(&self, sha256: &str) {
        self.state.on_end(sha256);
    }

    /// Bytes that have arrived are being written.
    pub fn is_writing(&self) -> bool {
        self.state.writing.get()
    }

    /// The browser keeps what is written.
    pub fn is_kept(&self) -> bool {
        matches!(self.state.store, FileStore::Kept(_))
    }

    /// No more bytes come for now: writes those that have arrived.
    pub fn flush(&self) {
        self.state.flushing.set(true);
        self.state.write();
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.state.finished.set(true);
        drop(self.state.unwritten.take());
    }
}

impl DownloadState {
    fn push(&self, bytes: ReceivedBytes) {
        if self.finished.get() {
            return;
        }
        if self.complete.get() {
            return self.finish(DownloadEvent::Corrupt);
        }
        let length = bytes.length();
        let mut scratch = self.scratch.borrow_mut();
        if scratch.len() < length {
            scratch.resize(length, 0);
        }
        Uint8Array::new(bytes.buffer()).copy_to(&mut scratch[..length]);
        let counted = self.progress.borrow_mut().push(&scratch[..length]);
        drop(scratch);
        if counted.is_err() {
            return self.finish(DownloadEvent::Corrupt);
        }
        self.unwritten.borrow_mut().push(bytes);
        let unwritten = self.unwritten_bytes.get() + length;
        self.unwritten_bytes.set(unwritten);
        (self.on)(DownloadEvent::Progress(self.progress.borrow().received()));
        if unwritten >= BATCH_BYTES {
            self.write();
        }
    }

    fn on_end(&self, sha256: &str) {
        if self.finished.get() {
            return;
        }
        let checked = self.progress.borrow().check(sha256);
        match checked {
            Ok(()) => {
                self.complete.set(true);
                self.write();
            }
            Err(_) => self.finish(DownloadEvent::Corrupt),
        }
    }

    /// Emits the final event, once.
    fn finish(&self, event: DownloadEvent) {
        if self.finished.replace(true) {
            return;
        }
        drop(self.unwritten.take());
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
        loop {
            let batch = self.batch();
            if batch.is_empty() || self.finished.get() {
                break;
            }
            let buffers: Vec<_> = batch.iter().map(|bytes| bytes.buffer().clone()).collect();
            self.store.write(&buffers).await?;
            let bytes: usize = batch.iter().map(ReceivedBytes::length).sum();
            self.unwritten_bytes
                .set(self.unwritten_bytes.get().saturating_sub(bytes));
        }
        self.flushing.set(false);
        if self.complete.get() && !self.finished.get() {
            let file = self.store.finish(&self.mime).await?;
            self.finish(DownloadEvent::Complete(file));
        }
        self.writing.set(false);
        Ok(())
    }

    /// The buffers to write next. Empty: wait until a batch is full.
    fn batch(&self) -> Vec<ReceivedBytes> {
        let last = self.complete.get() || self.flushing.get();
        if self.unwritten_bytes.get() < BATCH_BYTES && !last {
            return Vec::new();
        }
        let mut unwritten = self.unwritten.borrow_mut();
        let mut bytes = 0;
        let enough = unwritten.iter().position(|piece| {
            bytes += piece.length();
            bytes >= 2 * BATCH_BYTES
        });
        let count = enough.map_or(unwritten.len(), |at| at + 1);
        unwritten.drain(..count).collect()
    }
}
