//! Received files in the browser's database: the pieces of each in the order of its bytes, and a record.
//!
//! A piece is a blob, which the browser keeps on disk. So a file is written once, piece by piece as it arrives, also without a secure context; a whole
//! one is a blob of these blobs. (A file of the origin private file system is written to a copy until it is closed, which a reload deletes.)

use std::cell::{Cell, RefCell};

use js_sys::{Array, ArrayBuffer, Uint8Array};
use shared::signaling::PeerId;
use shared::transfer::ReceiveProgress;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, IdbKeyRange};

use super::database::{Change, Database};

const DATABASE: &str = "weir files";
const RECORDS: &str = "records";
const PIECES: &str = "pieces";
/// Bytes of one read of a piece.
const SLICE_BYTES: u64 = 2 << 20;

/// One file of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptKey {
    pub author: PeerId,
    /// Of its message.
    pub number: u64,
}

/// One file as it is kept.
#[derive(Debug)]
pub struct KeptFile {
    pub key: KeptKey,
    pub record: String,
    pub pieces: Vec<Blob>,
}

impl KeptFile {
    pub fn bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.size() as u64).sum()
    }

    /// The next piece. What comes after a gap does not count: somebody has deleted the data of the page.
    fn add(&mut self, offset: u64, piece: JsValue) {
        if self.bytes() == offset {
            self.pieces.push(piece.unchecked_into());
        }
    }
}

/// The files of one room of a server.
pub struct KeptFiles {
    database: Database,
    room: String,
    /// Whether no other tab has the room: one writes at a time.
    is_ours: Box<dyn Fn() -> bool>,
    closed: Cell<bool>,
    /// Writes under way.
    writing: Cell<u32>,
    /// The bytes that are kept of each.
    sizes: RefCell<Vec<(KeptKey, u64)>>,
}

impl std::fmt::Debug for KeptFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptFiles")
            .field("room", &self.room)
            .finish()
    }
}

impl KeptFiles {
    /// # Errors
    /// The browser keeps nothing for this page.
    pub async fn open(room: String, is_ours: Box<dyn Fn() -> bool>) -> Result<Self, JsValue> {
        Ok(Self {
            database: Database::open(DATABASE, &[RECORDS, PIECES]).await?,
            room,
            is_ours,
            closed: Cell::default(),
            writing: Cell::default(),
            sizes: RefCell::default(),
        })
    }

    /// The bytes that are kept.
    pub fn bytes(&self) -> u64 {
        self.sizes.borrow().iter().map(|(_, bytes)| bytes).sum()
    }

    pub fn keys(&self) -> Vec<KeptKey> {
        let sizes = self.sizes.borrow();
        sizes.iter().map(|(key, _)| key.clone()).collect()
    }

    pub fn contains(&self, key: &KeptKey) -> bool {
        self.sizes.borrow().iter().any(|(other, _)| other == key)
    }

    /// Nothing is written from now on.
    pub fn close(&self) {
        self.closed.set(true);
    }

    pub fn is_writing(&self) -> bool {
        self.writing.get() > 0
    }

    /// # Errors
    /// They cannot be read.
    pub async fn all(&self) -> Result<Vec<KeptFile>, JsValue> {
        let range = below(&[self.room.as_str().into()])?;
        let records = self.database.records(RECORDS, Some(&range)).await?;
        let records = records.iter().filter_map(|(key, record)| {
            let (key, _) = parse_key(key)?;
            let (record, pieces) = (record.as_string()?, Vec::new());
            Some(KeptFile {
                key,
                record,
                pieces,
            })
        });
        let mut files: Vec<KeptFile> = records.collect();
        let pieces = self.database.records(PIECES, Some(&range)).await?;
        // Both are in the order of the keys.
        let (mut at, mut orphans) = (0, Vec::new());
        for (key, piece) in pieces {
            let Some((file, Some(offset))) = parse_key(&key) else {
                continue;
            };
            let mut files = files.iter_mut().enumerate().skip(at);
            let Some((found, file)) = files.find(|(_, other)| other.key == file) else {
                // Written by a tab that did not know that the room was deleted.
                orphans.push((PIECES, Change::Delete(key.clone())));
                continue;
            };
            at = found;
            file.add(offset, piece);
        }
        // They are found again where this fails.
        let _ = self.write(orphans).await;
        let sizes = files.iter().map(|file| (file.key.clone(), file.bytes()));
        self.sizes.replace(sizes.collect());
        Ok(files)
    }

    /// The pieces of one file, up to a gap.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn pieces(&self, key: &KeptKey) -> Result<Vec<Blob>, JsValue> {
        let range = below(&self.key(key))?;
        let pieces = self.database.records(PIECES, Some(&range)).await?;
        let mut file = KeptFile {
            key: key.clone(),
            record: String::new(),
            pieces: Vec::new(),
        };
        for (key, piece) in pieces {
            if let Some((_, Some(offset))) = parse_key(&key) {
                file.add(offset, piece);
            }
        }
        Ok(file.pieces)
    }

    /// Writes the piece at this offset. It is the last one then.
    ///
    /// # Errors
    /// The storage is full, or another tab has the room.
    pub async fn append(&self, key: &KeptKey, offset: u64, piece: &Blob) -> Result<(), JsValue> {
        let mut at = self.key(key);
        let end = end_of(&at);
        at.push((offset as f64).into());
        let later = IdbKeyRange::bound(&list(&at), &end)?;
        let changes = vec![
            (PIECES, Change::DeleteRange(later)),
            (PIECES, put(&at, piece.into())),
        ];
        self.write(changes).await?;
        self.set_size(key, offset + piece.size() as u64);
        Ok(())
    }

    /// Changes the record of a file. Write one before its first piece.
    ///
    /// # Errors
    /// The storage is full, or another tab has the room.
    pub async fn set_record(&self, key: &KeptKey, record: &str) -> Result<(), JsValue> {
        let change = put(&self.key(key), record.into());
        if !self.contains(key) {
            self.set_size(key, 0);
        }
        self.write(vec![(RECORDS, change)]).await
    }

    /// # Errors
    /// The browser denies it, or another tab has the room.
    pub async fn delete(&self, keys: &[KeptKey]) -> Result<(), JsValue> {
        let mut changes = Vec::new();
        for key in keys {
            let key = self.key(key);
            changes.push((PIECES, Change::DeleteRange(below(&key)?)));
            changes.push((RECORDS, Change::Delete(list(&key))));
        }
        let sizes = &self.sizes;
        sizes.borrow_mut().retain(|(key, _)| !keys.contains(key));
        self.write(changes).await
    }

    async fn write(&self, changes: Vec<(&'static str, Change)>) -> Result<(), JsValue> {
        if self.closed.get() || !(self.is_ours)() {
            return Err(JsValue::NULL);
        }
        self.writing.set(self.writing.get() + 1);
        let written = self.database.write(&changes).await;
        self.writing.set(self.writing.get() - 1);
        written
    }

    fn set_size(&self, key: &KeptKey, bytes: u64) {
        let mut sizes = self.sizes.borrow_mut();
        match sizes.iter_mut().find(|(other, _)| other == key) {
            Some((_, size)) => *size = bytes,
            None => sizes.push((key.clone(), bytes)),
        }
    }

    fn key(&self, key: &KeptKey) -> Vec<JsValue> {
        vec![
            self.room.as_str().into(),
            key.author.as_str().into(),
            (key.number as f64).into(),
        ]
    }
}

/// Deletes all files of a room.
///
/// # Errors
/// The browser denies it.
pub async fn delete_room(room: &str) -> Result<(), JsValue> {
    let database = Database::open(DATABASE, &[RECORDS, PIECES]).await?;
    let room = [room.into()];
    let changes = vec![
        (PIECES, Change::DeleteRange(below(&room)?)),
        (RECORDS, Change::DeleteRange(below(&room)?)),
    ];
    database.write(&changes).await
}

fn list(parts: &[JsValue]) -> JsValue {
    parts.iter().collect::<Array>().into()
}

fn put(key: &[JsValue], value: JsValue) -> Change {
    let key = list(key);
    Change::Put { key, value }
}

/// All keys that begin with these parts.
fn below(parts: &[JsValue]) -> Result<IdbKeyRange, JsValue> {
    IdbKeyRange::bound(&list(parts), &end_of(parts))
}

/// After all keys that begin with these parts: a list sorts after every number and text (Indexed Database API 3.0, 2.4).
fn end_of(parts: &[JsValue]) -> JsValue {
    let end = parts.iter().cloned().chain([Array::new().into()]);
    end.collect::<Array>().into()
}

/// The file of a key, and the offset of a piece.
fn parse_key(key: &JsValue) -> Option<(KeptKey, Option<u64>)> {
    let key = Array::from(key);
    let file = KeptKey {
        author: PeerId::try_from(key.get(1).as_string()?).ok()?,
        number: key.get(2).as_f64()? as u64,
    };
    Some((file, key.get(3).as_f64().map(|offset| offset as u64)))
}

/// Pieces as one blob of type `mime`.
///
/// # Errors
/// The browser refuses to make it.
pub fn joined(pieces: &[Blob], mime: &str) -> Result<Blob, JsValue> {
    let options = BlobPropertyBag::new();
    options.set_type(mime);
    let parts: Array = pieces.iter().collect();
    Blob::new_with_blob_sequence_and_options(&parts, &options)
}

/// The progress of a file of `size` bytes after these pieces: reads and hashes them.
///
/// # Errors
/// They cannot be read, or are longer.
pub async fn progress(pieces: &[Blob], size: u64) -> Result<ReceiveProgress, JsValue> {
    let mut progress = ReceiveProgress::new(size);
    for piece in pieces {
        let (mut at, end) = (0, piece.size() as u64);
        while at < end {
            let to = end.min(at + SLICE_BYTES);
            let slice = piece.slice_with_f64_and_f64(at as f64, to as f64)?;
            let bytes = JsFuture::from(slice.array_buffer()).await?;
            let bytes = Uint8Array::new(&bytes.unchecked_into::<ArrayBuffer>());
            let pushed = progress.push(&bytes.to_vec());
            pushed.map_err(|_| JsValue::NULL)?;
            at = to;
        }
    }
    Ok(progress)
}
