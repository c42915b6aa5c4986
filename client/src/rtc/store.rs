//! Storage for the bytes of one download.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, ArrayBuffer};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, FileSystemWritableFileStream};

use super::kept_files::{KeptFiles, KeptKey, joined};

/// A file that is being written.
#[derive(Debug)]
pub enum FileStore {
    Kept(KeptStore),
    /// A file that the user has chosen. It appears when it is whole.
    Chosen(ChosenFile),
    /// Blobs of a few MB, in the memory of the page.
    Memory(RefCell<Vec<Blob>>),
}

/// The browser keeps what is written.
#[derive(Debug)]
pub struct KeptStore {
    pub files: Rc<KeptFiles>,
    pub key: KeptKey,
    /// What is recorded of the file once it is whole.
    pub complete: String,
    /// Where the next piece begins.
    pub offset: Cell<u64>,
}

/// Discards what was written when dropped before it is whole.
#[derive(Debug)]
pub struct ChosenFile {
    pub stream: FileSystemWritableFileStream,
    pub whole: Cell<bool>,
}

impl FileStore {
    /// Appends. One call at a time.
    ///
    /// # Errors
    /// The disk is full.
    pub(super) async fn write(&self, buffers: &[ArrayBuffer]) -> Result<(), JsValue> {
        let parts: Array = buffers.iter().collect();
        let piece = Blob::new_with_buffer_source_sequence(&parts)?;
        match self {
            Self::Kept(store) => {
                let offset = store.offset.get();
                store.files.append(&store.key, offset, &piece).await?;
                store.offset.set(offset + piece.size() as u64);
            }
            Self::Chosen(file) => {
                JsFuture::from(file.stream.write_with_blob(&piece)?).await?;
            }
            Self::Memory(blobs) => blobs.borrow_mut().push(piece),
        }
        Ok(())
    }

    /// The whole file as a blob of type `mime`. `None`: it is where the user has chosen.
    ///
    /// # Errors
    /// The disk is full.
    pub(super) async fn finish(&self, mime: &str) -> Result<Option<Blob>, JsValue> {
        match self {
            Self::Kept(store) => {
                let pieces = store.files.pieces(&store.key).await?;
                let file = joined(&pieces, mime)?;
                if file.size() as u64 != store.offset.get() {
                    // Somebody has deleted the data of the page meanwhile.
                    return Err(JsValue::NULL);
                }
                store.files.set_record(&store.key, &store.complete).await?;
                Ok(Some(file))
            }
            Self::Chosen(file) => {
                file.whole.set(true);
                JsFuture::from(file.stream.close()).await?;
                Ok(None)
            }
            Self::Memory(blobs) => joined(&blobs.borrow(), mime).map(Some),
        }
    }
}

impl Drop for ChosenFile {
    fn drop(&mut self) {
        if !self.whole.get() {
            // The result does not matter: the file is deleted.
            let _ = self.stream.abort();
        }
    }
}
