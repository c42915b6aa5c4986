//! The channel `files` to one peer ([`shared::file_channel`]): what may be sent, and which file the bytes that arrive belong to.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

use js_sys::{ArrayBuffer, Uint8Array};
use shared::file_channel::{
    FileFrame, FileIntake, Intake, MAX_FILE_FRAME, MAX_FILE_MESSAGE, SendCredit, Violation,
};
use web_sys::RtcDataChannel;

use super::data_channel::{DataChannel, DataChannelEvent};

/// Limit on the bytes queued in the channel. A browser closes a channel whose queue is full; Chrome's holds 16 MiB.
const HIGH_BYTES: u32 = 4 << 20;
/// Sending goes on when the queue has fallen to this.
const LOW_BYTES: u32 = 2 << 20;

/// An event of the channel.
#[derive(Debug)]
pub enum FileEvent {
    /// The peer begins a file. Answer with [`FileChannel::on_begin`] before the callback returns.
    Begin { number: u64, offset: u64 },
    /// The next bytes of the file of this number, which is wanted.
    Bytes { number: u64, bytes: ReceivedBytes },
    /// The last byte of the file was sent.
    End { number: u64, sha256: String },
    /// The peer broke the file off. Perhaps it had not begun.
    Broke { number: u64 },
    /// The peer breaks the rules. Nothing more is taken from it.
    Violation(Violation),
}

/// Bytes on their way to the disk. When they are dropped, the peer may send as many again.
#[derive(Debug)]
pub struct ReceivedBytes {
    buffer: ArrayBuffer,
    channel: Weak<FileChannel>,
}

impl ReceivedBytes {
    pub fn buffer(&self) -> &ArrayBuffer {
        &self.buffer
    }

    pub fn length(&self) -> usize {
        self.buffer.byte_length() as usize
    }
}

impl Drop for ReceivedBytes {
    fn drop(&mut self) {
        if let Some(channel) = self.channel.upgrade() {
            channel.on_stored(self.length());
        }
    }
}

/// Closes the channel when dropped.
pub struct FileChannel {
    channel: DataChannel,
    me: Weak<FileChannel>,
    on: Box<dyn Fn(FileEvent)>,
    credit: Cell<SendCredit>,
    intake: RefCell<FileIntake>,
    closed: Cell<bool>,
    wakers: RefCell<Vec<Waker>>,
}

impl std::fmt::Debug for FileChannel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FileChannel").field(&self.credit).finish()
    }
}

impl FileChannel {
    pub(super) fn new(channel: RtcDataChannel, on: Box<dyn Fn(FileEvent)>) -> Rc<Self> {
        Rc::new_cyclic(|me: &Weak<Self>| {
            let weak = me.clone();
            let on_event = move |event| {
                if let Some(channel) = weak.upgrade() {
                    channel.on_event(event);
                }
            };
            let channel = DataChannel::new(channel, Rc::new(on_event));
            channel.set_low_threshold(LOW_BYTES);
            Self {
                channel,
                me: me.clone(),
                on,
                credit: Cell::default(),
                intake: RefCell::default(),
                closed: Cell::default(),
                wakers: RefCell::default(),
            }
        })
    }

    /// Tells the peer how many bytes it may send.
    pub fn grant(&self) {
        let grant = self.intake.borrow().grant();
        self.send_frame(&grant);
    }

    /// The answer to [`FileEvent::Begin`]: whether the bytes that follow are wanted.
    pub fn on_begin(&self, number: u64, wanted: bool) {
        self.intake.borrow_mut().on_begin(number, wanted);
    }

    /// The rest of the file of this number is not wanted.
    pub fn discard(&self, number: u64) {
        self.intake.borrow_mut().discard(number);
    }

    /// False: the channel is not open.
    pub fn send_frame(&self, frame: &FileFrame) -> bool {
        let text = serde_json::to_string(frame).unwrap_or_default();
        self.channel.is_open() && self.channel.send_text(&text).is_ok()
    }

    /// Bytes queued to be sent.
    pub(super) fn buffered_amount(&self) -> u32 {
        self.channel.buffered_amount()
    }

    /// Whether the peer lets this side wait.
    pub(super) fn lacks_credit(&self) -> bool {
        self.credit.get().left() == 0
    }

    /// Sends the beginning of these bytes, as many as are granted and one message holds. Returns their number; 0: wait ([`FileChannel::writable`]).
    ///
    /// # Errors
    /// The channel is closed.
    pub(super) fn send(&self, bytes: &Uint8Array, max_message: u32) -> Result<u32, Closed> {
        if self.closed.get() {
            return Err(Closed);
        }
        let mut credit = self.credit.get();
        let left = u32::try_from(credit.left()).unwrap_or(u32::MAX);
        let length = bytes.length().min(max_message).min(left);
        if length == 0 || !self.is_writable() {
            return Ok(0);
        }
        let sent = self.channel.send(&bytes.subarray(0, length));
        sent.map_err(|_| Closed)?;
        credit.on_sent(u64::from(length));
        self.credit.set(credit);
        Ok(length)
    }

    /// Waits until bytes can be sent, or `stopped` holds; see [`FileChannel::wake`].
    ///
    /// # Errors
    /// The channel is closed.
    pub(super) async fn writable(&self, stopped: &Cell<bool>) -> Result<(), Closed> {
        poll_fn(|context| {
            if self.closed.get() || stopped.get() {
                return Poll::Ready(Err(Closed));
            }
            if self.is_writable() && !self.lacks_credit() {
                return Poll::Ready(Ok(()));
            }
            self.wakers.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Uploads that wait look at their conditions again.
    pub(super) fn wake(&self) {
        for waker in self.wakers.take() {
            waker.wake();
        }
    }

    fn is_writable(&self) -> bool {
        self.channel.is_open() && self.buffered_amount() < HIGH_BYTES
    }

    fn on_stored(&self, bytes: usize) {
        let grant = self.intake.borrow_mut().on_stored(bytes as u64);
        if let Some(grant) = grant {
            self.send_frame(&grant);
        }
    }

    fn on_event(&self, event: DataChannelEvent) {
        match event {
            DataChannelEvent::Bytes(buffer) => self.on_bytes(buffer),
            DataChannelEvent::Text(text) if text.len() <= MAX_FILE_FRAME => {
                // Frames of an unknown type are skipped: a newer client may send them.
                if let Ok(frame) = serde_json::from_str::<FileFrame>(&text) {
                    self.on_frame(frame);
                }
            }
            DataChannelEvent::Text(_) => {}
            DataChannelEvent::Open | DataChannelEvent::Low => self.wake(),
            DataChannelEvent::Closed => {
                self.closed.set(true);
                self.wake();
            }
        }
    }

    fn on_bytes(&self, buffer: ArrayBuffer) {
        let length = buffer.byte_length() as usize;
        let taken = self.intake.borrow_mut().on_bytes(length);
        match taken {
            Ok(Intake::Take(number)) => {
                let bytes = ReceivedBytes {
                    buffer,
                    channel: self.me.clone(),
                };
                (self.on)(FileEvent::Bytes { number, bytes });
            }
            Ok(Intake::Discard) => self.on_stored(length),
            Err(violation) => (self.on)(FileEvent::Violation(violation)),
        }
    }

    fn on_frame(&self, frame: FileFrame) {
        match frame {
            FileFrame::Begin { number, offset } => (self.on)(FileEvent::Begin { number, offset }),
            FileFrame::End { number, sha256 } => {
                let taken = self.intake.borrow_mut().on_end(number);
                match taken {
                    Ok(Intake::Take(_)) => (self.on)(FileEvent::End { number, sha256 }),
                    Ok(Intake::Discard) => {}
                    Err(violation) => (self.on)(FileEvent::Violation(violation)),
                }
            }
            FileFrame::Broke { number, .. } => {
                self.intake.borrow_mut().on_broke(number);
                (self.on)(FileEvent::Broke { number });
            }
            FileFrame::More { until } => {
                let mut credit = self.credit.get();
                credit.on_more(until);
                self.credit.set(credit);
                self.wake();
            }
        }
    }
}

/// The channel is closed, or the upload was stopped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closed;

/// The length of a message: what the peer accepts, within the limit of the channel.
pub(super) fn message_length(max_message: u32) -> u32 {
    max_message.clamp(1, MAX_FILE_MESSAGE as u32)
}
