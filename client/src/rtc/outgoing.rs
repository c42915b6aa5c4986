//! One file on its way to one reader ([`shared::chat`], Files): read in slices, sent as fast as the channel takes it, hashed as it passes.
//!
//! The bytes go from the browser's file to the browser's channel; only the hash looks at them in Wasm.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use js_sys::{ArrayBuffer, Uint8Array};
use shared::chat::MAX_PIECE;
use shared::transfer::FileHash;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, RtcDataChannel};

use super::channel::{Channel, ChannelEvent};

/// Bytes read at once; the next slice is read while this one is sent.
const SLICE: u64 = 2 << 20;
/// Bytes that wait in the channel at most. A browser ends a channel whose queue is full; Chrome's holds 16 MiB.
const HIGH: u32 = 4 << 20;
const LOW: u32 = 2 << 20;

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutgoingEvent {
    /// So many bytes of the file, from its start, have gone out.
    Progress(u64),
    /// The channel ended before the last byte was sent.
    Ended,
    /// The file cannot be read any more: it was changed or removed.
    Unreadable,
}

/// Ends its channel when dropped.
#[derive(Debug)]
pub struct Outgoing {
    flow: Rc<Flow>,
}

impl Outgoing {
    /// Sends `file` from `offset` on. `max_message`: bytes that the other side takes as one message.
    pub fn new(
        channel: RtcDataChannel,
        max_message: u32,
        file: Blob,
        offset: u64,
        on: Box<dyn Fn(OutgoingEvent)>,
    ) -> Self {
        let flow = Rc::new_cyclic(|weak: &std::rc::Weak<Flow>| {
            let weak = weak.clone();
            let on = Rc::new(move |event| {
                let Some(flow) = weak.upgrade() else { return };
                if matches!(event, ChannelEvent::Closed) {
                    flow.over.set(true);
                }
                flow.wake();
            });
            let channel = Channel::new(channel, on);
            channel.set_low(LOW);
            Flow {
                channel: RefCell::new(Some(channel)),
                over: Cell::new(false),
                waker: RefCell::default(),
            }
        });
        let piece = max_message.clamp(1, MAX_PIECE as u32);
        let sending = Sending {
            flow: Rc::clone(&flow),
            file,
            offset,
            piece,
            on,
        };
        spawn_local(async move {
            let ended = sending.run().await;
            if let Some(event) = ended.err().filter(|_| !sending.flow.is_dropped()) {
                (sending.on)(event);
            }
        });
        Self { flow }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        drop(self.flow.channel.take());
        self.flow.over.set(true);
        self.flow.wake();
    }
}

/// The channel, and whoever waits for it.
#[derive(Debug)]
struct Flow {
    channel: RefCell<Option<Channel>>,
    over: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Flow {
    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn is_dropped(&self) -> bool {
        self.channel.borrow().is_none()
    }

    fn waiting(&self) -> u32 {
        let channel = self.channel.borrow();
        channel.as_ref().map_or(0, Channel::waiting)
    }

    /// Waits until the channel is open and has room.
    async fn room(&self) -> Result<(), OutgoingEvent> {
        poll_fn(|context| {
            if self.over.get() {
                return Poll::Ready(Err(OutgoingEvent::Ended));
            }
            let channel = self.channel.borrow();
            let open = channel.as_ref().is_some_and(Channel::is_open);
            if open && self.waiting() < HIGH {
                return Poll::Ready(Ok(()));
            }
            self.waker.replace(Some(context.waker().clone()));
            Poll::Pending
        })
        .await
    }

    fn send(
        &self,
        send: impl FnOnce(&Channel) -> Result<(), JsValue>,
    ) -> Result<(), OutgoingEvent> {
        let channel = self.channel.borrow();
        let sent = channel
            .as_ref()
            .is_some_and(|channel| send(channel).is_ok());
        sent.then_some(()).ok_or(OutgoingEvent::Ended)
    }
}

struct Sending {
    flow: Rc<Flow>,
    file: Blob,
    offset: u64,
    piece: u32,
    on: Box<dyn Fn(OutgoingEvent)>,
}

impl Sending {
    async fn run(&self) -> Result<(), OutgoingEvent> {
        self.flow.room().await?;
        let size = self.file.size() as u64;
        let mut hash = FileHash::default();
        let mut scratch = vec![0; self.piece as usize];
        let mut at = 0;
        let mut next = self.read(at);
        while at < size {
            let bytes = next.await.map_err(|_| OutgoingEvent::Unreadable)?;
            let bytes = Uint8Array::new(&bytes.unchecked_into::<ArrayBuffer>());
            let length = bytes.length();
            if length == 0 {
                return Err(OutgoingEvent::Unreadable);
            }
            next = self.read(at + u64::from(length));
            let mut from = 0;
            while from < length {
                // The first bytes may have been sent before; they count for the hash only.
                let skipped = self.offset.saturating_sub(at + u64::from(from));
                let skip = u32::try_from(skipped).unwrap_or(u32::MAX);
                let to = from
                    .saturating_add(if skip > 0 {
                        skip.min(self.piece)
                    } else {
                        self.piece
                    })
                    .min(length);
                let piece = bytes.subarray(from, to);
                if skip == 0 {
                    self.flow.room().await?;
                    self.flow.send(|channel| channel.send(&piece))?;
                } else if self.flow.over.get() {
                    return Err(OutgoingEvent::Ended);
                }
                let scratch = &mut scratch[..(to - from) as usize];
                piece.copy_to(scratch);
                hash.push(scratch);
                from = to;
                let gone = at + u64::from(to);
                (self.on)(OutgoingEvent::Progress(
                    gone.saturating_sub(u64::from(self.flow.waiting()))
                        .max(self.offset),
                ));
            }
            at += u64::from(length);
        }
        self.flow.room().await?;
        let complete = serde_json::to_string(&hash.complete()).unwrap_or_default();
        self.flow.send(|channel| channel.send_text(&complete))?;
        (self.on)(OutgoingEvent::Progress(size));
        Ok(())
    }

    /// Starts to read a slice.
    fn read(&self, from: u64) -> JsFuture {
        let to = (from + SLICE) as f64;
        let slice = self.file.slice_with_f64_and_f64(from as f64, to);
        let promise = match slice {
            Ok(slice) => slice.array_buffer(),
            Err(error) => js_sys::Promise::reject(&error),
        };
        JsFuture::from(promise)
    }
}
