//! One file that is sent to one peer ([`shared::chat`], Files): read in slices, sent as fast as the channel accepts, hashed meanwhile.
//!
//! The bytes go from the browser's file to the browser's channel; they are copied into Wasm only to be hashed.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use js_sys::{ArrayBuffer, Uint8Array};
use shared::chat::MAX_FILE_MESSAGE;
use shared::transfer::FileHash;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, RtcDataChannel};

use super::data_channel::{DataChannel, DataChannelEvent};

/// Bytes of one read; the next slice is read while this one is sent.
const SLICE_BYTES: u64 = 2 << 20;
/// Limit on the bytes queued in the channel. A browser closes a channel whose queue is full; Chrome's holds 16 MiB.
const HIGH_BYTES: u32 = 4 << 20;
/// Sending goes on when the queue has fallen to this.
const LOW_BYTES: u32 = 2 << 20;

/// An event of an upload. `Ended` and `Unreadable` are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadEvent {
    /// Bytes sent, counted from the start of the file.
    Progress(u64),
    /// The channel ended before the last byte was sent.
    Ended,
    /// The file can no longer be read: it was changed or removed.
    Unreadable,
}

/// Closes its channel when dropped.
#[derive(Debug)]
pub struct Upload {
    queue: Rc<SendQueue>,
}

impl Upload {
    /// Sends `file` from `offset` on. `max_message`: the largest message that the peer accepts, in bytes.
    pub fn new(
        channel: RtcDataChannel,
        max_message: u32,
        file: Blob,
        offset: u64,
        on: Box<dyn Fn(UploadEvent)>,
    ) -> Self {
        let queue = Rc::new_cyclic(|weak: &std::rc::Weak<SendQueue>| {
            let weak = weak.clone();
            let on = Rc::new(move |event| {
                let Some(queue) = weak.upgrade() else { return };
                if matches!(event, DataChannelEvent::Closed) {
                    queue.ended.set(true);
                }
                queue.wake();
            });
            let channel = DataChannel::new(channel, on);
            channel.set_low_threshold(LOW_BYTES);
            SendQueue {
                channel: RefCell::new(Some(channel)),
                ended: Cell::new(false),
                waker: RefCell::default(),
            }
        });
        let chunk = max_message.clamp(1, MAX_FILE_MESSAGE as u32);
        let task = UploadTask {
            queue: Rc::clone(&queue),
            file,
            offset,
            chunk,
            on,
        };
        spawn_local(async move {
            let ended = task.run().await;
            if let Some(event) = ended.err().filter(|_| !task.queue.is_dropped()) {
                (task.on)(event);
            }
        });
        Self { queue }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        drop(self.queue.channel.take());
        self.queue.ended.set(true);
        self.queue.wake();
    }
}

/// The channel, and the task that waits until it has room.
#[derive(Debug)]
struct SendQueue {
    channel: RefCell<Option<DataChannel>>,
    ended: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl SendQueue {
    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn is_dropped(&self) -> bool {
        self.channel.borrow().is_none()
    }

    fn buffered_amount(&self) -> u32 {
        let channel = self.channel.borrow();
        channel.as_ref().map_or(0, DataChannel::buffered_amount)
    }

    /// Waits until the channel is open and its queue has room.
    async fn ready(&self) -> Result<(), UploadEvent> {
        poll_fn(|context| {
            if self.ended.get() {
                return Poll::Ready(Err(UploadEvent::Ended));
            }
            let channel = self.channel.borrow();
            let open = channel.as_ref().is_some_and(DataChannel::is_open);
            if open && self.buffered_amount() < HIGH_BYTES {
                return Poll::Ready(Ok(()));
            }
            self.waker.replace(Some(context.waker().clone()));
            Poll::Pending
        })
        .await
    }

    fn send(
        &self,
        send: impl FnOnce(&DataChannel) -> Result<(), JsValue>,
    ) -> Result<(), UploadEvent> {
        let channel = self.channel.borrow();
        let sent = channel
            .as_ref()
            .is_some_and(|channel| send(channel).is_ok());
        sent.then_some(()).ok_or(UploadEvent::Ended)
    }
}

struct UploadTask {
    queue: Rc<SendQueue>,
    file: Blob,
    offset: u64,
    chunk: u32,
    on: Box<dyn Fn(UploadEvent)>,
}

impl UploadTask {
    async fn run(&self) -> Result<(), UploadEvent> {
        self.queue.ready().await?;
        let size = self.file.size() as u64;
        let mut hash = FileHash::default();
        let mut scratch = vec![0; self.chunk as usize];
        let mut at = 0;
        let mut next = self.read(at);
        while at < size {
            let bytes = next.await.map_err(|_| UploadEvent::Unreadable)?;
            let bytes = Uint8Array::new(&bytes.unchecked_into::<ArrayBuffer>());
            let length = bytes.length();
            if length == 0 {
                return Err(UploadEvent::Unreadable);
            }
            next = self.read(at + u64::from(length));
            let mut from = 0;
            while from < length {
                // Bytes before the offset are hashed, not sent: an earlier channel carried them.
                let skipped = self.offset.saturating_sub(at + u64::from(from));
                let skip = u32::try_from(skipped).unwrap_or(u32::MAX);
                let to = from
                    .saturating_add(if skip > 0 {
                        skip.min(self.chunk)
                    } else {
                        self.chunk
                    })
                    .min(length);
                let chunk = bytes.subarray(from, to);
                if skip == 0 {
                    self.queue.ready().await?;
                    self.queue.send(|channel| channel.send(&chunk))?;
                } else if self.queue.ended.get() {
                    return Err(UploadEvent::Ended);
                }
                let scratch = &mut scratch[..(to - from) as usize];
                chunk.copy_to(scratch);
                hash.push(scratch);
                from = to;
                let sent = at + u64::from(to);
                (self.on)(UploadEvent::Progress(
                    sent.saturating_sub(u64::from(self.queue.buffered_amount()))
                        .max(self.offset),
                ));
            }
            at += u64::from(length);
        }
        self.queue.ready().await?;
        let complete = serde_json::to_string(&hash.complete()).unwrap_or_default();
        self.queue.send(|channel| channel.send_text(&complete))?;
        (self.on)(UploadEvent::Progress(size));
        Ok(())
    }

    /// Starts to read the slice at `from`.
    fn read(&self, from: u64) -> JsFuture {
        let to = (from + SLICE_BYTES) as f64;
        let slice = self.file.slice_with_f64_and_f64(from as f64, to);
        let promise = match slice {
            Ok(slice) => slice.array_buffer(),
            Err(error) => js_sys::Promise::reject(&error),
        };
        JsFuture::from(promise)
    }
}
