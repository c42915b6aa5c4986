//! Storage for the bytes of one download: a file on disk, or memory where the browser has no file system.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, ArrayBuffer, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, FileSystemFileHandle, FileSystemWritableFileStream};

use super::folder::Folder;

/// A file that is being written. An unfinished file on disk is deleted when dropped.
#[derive(Debug)]
pub(super) enum FileStore {
    Disk(DiskFile),
    /// Blobs of a few MB, which the browser may move to disk.
    Memory(RefCell<Vec<Blob>>),
}

#[derive(Debug)]
pub(super) struct DiskFile {
    folder: Rc<Folder>,
    name: String,
    handle: FileSystemFileHandle,
    stream: FileSystemWritableFileStream,
    finished: RefCell<bool>,
}

impl FileStore {
    /// On disk when `folder` is given and the file can be created in it, else in memory.
    pub(super) async fn open(folder: Option<Rc<Folder>>, name: String) -> Self {
        match folder {
            Some(folder) => match DiskFile::open(folder, name).await {
                Ok(disk) => Self::Disk(disk),
                Err(_) => Self::Memory(RefCell::default()),
            },
            None => Self::Memory(RefCell::default()),
        }
    }

    /// Appends. One call at a time.
    ///
    /// # Errors
    /// The disk is full.
    pub(super) async fn write(&self, buffers: &[ArrayBuffer]) -> Result<(), JsValue> {
        match self {
            Self::Disk(disk) => {
                let length: u32 = buffers.iter().map(ArrayBuffer::byte_length).sum();
                // Each write is a call to another process; a copy is cheaper.
                let all = Uint8Array::new_with_length(length);
                let mut at = 0;
                for buffer in buffers {
                    all.set(&Uint8Array::new(buffer), at);
                    at += buffer.byte_length();
                }
                let written = disk.stream.write_with_buffer_source(&all)?;
                JsFuture::from(written).await.map(drop)
            }
            Self::Memory(blobs) => {
                let parts: Array = buffers.iter().collect();
                let blob = Blob::new_with_buffer_source_sequence(&parts)?;
                blobs.borrow_mut().push(blob);
                Ok(())
            }
        }
    }

    /// Closes the file and returns it as a blob of type `mime`.
    ///
    /// # Errors
    /// The disk is full.
    pub(super) async fn finish(&self, mime: &str) -> Result<Blob, JsValue> {
        match self {
            Self::Disk(disk) => {
                disk.finished.replace(true);
                JsFuture::from(disk.stream.close()).await?;
                let file: Blob = JsFuture::from(disk.handle.get_file())
                    .await?
                    .unchecked_into();
                file.slice_with_f64_and_f64_and_content_type(0.0, file.size(), mime)
            }
            Self::Memory(blobs) => {
                let options = BlobPropertyBag::new();
                options.set_type(mime);
                let parts: Array = blobs.borrow().iter().collect();
                Blob::new_with_blob_sequence_and_options(&parts, &options)
            }
        }
    }
}

impl DiskFile {
    async fn open(folder: Rc<Folder>, name: String) -> Result<Self, JsValue> {
        let handle = folder.file(&name).await?;
        let stream = JsFuture::from(handle.create_writable()).await?;
        Ok(Self {
            folder,
            name,
            handle,
            stream: stream.unchecked_into(),
            finished: RefCell::new(false),
        })
    }
}

impl Drop for DiskFile {
    fn drop(&mut self) {
        if !self.finished.take() {
            // The result does not matter: the file is deleted.
            let _ = self.stream.abort();
            self.folder.delete(&self.name);
        }
    }
}
