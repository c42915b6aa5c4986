//! One file that is sent to one peer ([`shared::file_channel`]): read in slices, sent as fast as the channel and the peer accept, hashed meanwhile.
//!
//! The bytes go from the browser's file to the browser's channel; they are copied into Wasm only to be hashed.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::{ArrayBuffer, Uint8Array};
use shared::file_channel::{BEGIN_AGAIN_MS, CREDIT_TIMEOUT_MS, FileFrame};
use shared::transfer::FileHash;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::Blob;

use super::file_channel::{FileChannel, message_length};
use super::timer::now;

/// Bytes of one read; the next slice is read while this one is sent.
const SLICE_BYTES: u64 = 2 << 20;

/// An event of an upload. `Sent`, `Ended` and `Unreadable` are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadEvent {
    /// Bytes sent, counted from the start of the file.
    Progress(u64),
    /// Every byte was sent.
    Sent,
    /// The channel ended before the last byte was sent.
    Ended,
    /// The file can no longer be read: it was changed or removed.
    Unreadable,
}

/// Stops sending when dropped.
#[derive(Debug)]
pub struct Upload {
    channel: Rc<FileChannel>,
    state: Rc<UploadState>,
}

#[derive(Debug, Default)]
struct UploadState {
    stopped: Cell<bool>,
    /// The peer has granted nothing since then.
    waiting_since: Cell<Option<f64>>,
}

impl Upload {
    /// Sends the file of this number from `offset` on. `max_message`: the largest message that the peer accepts, in bytes.
    pub fn new(
        channel: Rc<FileChannel>,
        max_message: u32,
        file: Blob,
        number: u64,
        offset: u64,
        on: Box<dyn Fn(UploadEvent)>,
    ) -> Self {
        let state = Rc::new(UploadState::default());
        let task = UploadTask {
            channel: Rc::clone(&channel),
            state: Rc::clone(&state),
            file,
            number,
            offset,
            chunk: message_length(max_message),
            on,
        };
        spawn_local(async move {
            let end = task.run().await.err().unwrap_or(UploadEvent::Sent);
            if !task.state.stopped.get() {
                (task.on)(end);
            }
        });
        Self { channel, state }
    }

    /// The peer has granted nothing for too long.
    pub fn is_stalled(&self) -> bool {
        let since = self.state.waiting_since.get();
        since.is_some_and(|since| now() - since > CREDIT_TIMEOUT_MS as f64)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.state.stopped.set(true);
        self.channel.wake();
    }
}

struct UploadTask {
    channel: Rc<FileChannel>,
    state: Rc<UploadState>,
    file: Blob,
    number: u64,
    offset: u64,
    chunk: u32,
    on: Box<dyn Fn(UploadEvent)>,
}

impl UploadTask {
    /// The error is an early end.
    async fn run(&self) -> Result<(), UploadEvent> {
        let (number, offset) = (self.number, self.offset);
        let begin = FileFrame::Begin { number, offset };
        self.send_frame(&begin)?;
        let mut begun_at = now();
        let size = self.file.size() as u64;
        let mut hash = FileHash::default();
        let mut scratch = vec![0; u64::from(self.chunk).min(size) as usize];
        let mut at = 0;
        let mut next = self.read(at, size);
        while let Some(bytes) = next {
            let bytes = bytes.await.map_err(|_| UploadEvent::Unreadable)?;
            let bytes = Uint8Array::new(&bytes.unchecked_into::<ArrayBuffer>());
            let length = bytes.length();
            if length == 0 {
                return Err(UploadEvent::Unreadable);
            }
            next = self.read(at + u64::from(length), size);
            let mut from = 0;
            while from < length {
                if self.state.stopped.get() {
                    return Err(UploadEvent::Ended);
                }
                // Bytes before the offset are hashed, not sent: the peer has them.
                let skipped = offset.saturating_sub(at + u64::from(from));
                let skip = u32::try_from(skipped).unwrap_or(u32::MAX);
                let count = if skip > 0 {
                    skip.min(self.chunk).min(length - from)
                } else {
                    self.send(&bytes.subarray(from, length)).await?
                };
                let scratch = &mut scratch[..count as usize];
                bytes.subarray(from, from + count).copy_to(scratch);
                hash.push(scratch);
                from += count;
                if skip == 0 {
                    let sent = at + u64::from(from);
                    let queued = u64::from(self.channel.buffered_amount());
                    (self.on)(UploadEvent::Progress(
                        sent.saturating_sub(queued).max(offset),
                    ));
                }
            }
            at += u64::from(length);
            // The bytes before the offset take a while to read.
            if at <= offset && now() - begun_at > BEGIN_AGAIN_MS as f64 {
                begun_at = now();
                self.send_frame(&begin)?;
            }
        }
        let sha256 = hash.sha256();
        self.send_frame(&FileFrame::End { number, sha256 })
    }

    /// Sends the beginning of these bytes. Returns its length.
    async fn send(&self, bytes: &Uint8Array) -> Result<u32, UploadEvent> {
        loop {
            let sent = self.channel.send(bytes, self.chunk);
            match sent.map_err(|_| UploadEvent::Ended)? {
                0 => {}
                count => return Ok(count),
            }
            let waits = self.channel.lacks_credit().then(now);
            self.state.waiting_since.set(waits);
            let writable = self.channel.writable(&self.state.stopped).await;
            writable.map_err(|_| UploadEvent::Ended)?;
            self.state.waiting_since.set(None);
        }
    }

    fn send_frame(&self, frame: &FileFrame) -> Result<(), UploadEvent> {
        let sent = !self.state.stopped.get() && self.channel.send_frame(frame);
        sent.then_some(()).ok_or(UploadEvent::Ended)
    }

    /// Starts to read the slice at `from`; `None` at the end.
    fn read(&self, from: u64, size: u64) -> Option<JsFuture> {
        if from >= size {
            return None;
        }
        let to = (from + SLICE_BYTES) as f64;
        let slice = self.file.slice_with_f64_and_f64(from as f64, to);
        let promise = match slice {
            Ok(slice) => slice.array_buffer(),
            Err(error) => js_sys::Promise::reject(&error),
        };
        Some(JsFuture::from(promise))
    }
}
