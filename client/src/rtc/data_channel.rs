//! One `RTCDataChannel` and its closures.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::{ArrayBuffer, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageEvent, RtcDataChannel, RtcDataChannelState, RtcDataChannelType};

use super::listener::Listener;

/// An event of a data channel.
#[derive(Clone, Debug)]
pub enum DataChannelEvent {
    Open,
    Text(String),
    Bytes(ArrayBuffer),
    /// `bufferedamountlow`: see [`DataChannel::set_low_threshold`].
    Low,
    /// Sent once; no event follows.
    Closed,
}

/// Closes the channel and emits no more events when dropped.
#[derive(Debug)]
pub struct DataChannel {
    channel: RtcDataChannel,
    _listeners: [Listener; 5],
}

impl DataChannel {
    /// Listens to a channel. A channel that the other side opened has to be passed here within its `datachannel` event.
    pub fn new(channel: RtcDataChannel, on: Rc<dyn Fn(DataChannelEvent)>) -> Self {
        channel.set_binary_type(RtcDataChannelType::Arraybuffer);
        let closed = Rc::new(Cell::new(false));
        let listen = |name: &'static str| {
            let (on, closed) = (Rc::clone(&on), Rc::clone(&closed));
            Listener::new(&channel, name, move |event| match name {
                "open" => on(DataChannelEvent::Open),
                "bufferedamountlow" => on(DataChannelEvent::Low),
                "message" => {
                    let data = event.unchecked_into::<MessageEvent>().data();
                    on(match data.as_string() {
                        Some(text) => DataChannelEvent::Text(text),
                        None => DataChannelEvent::Bytes(data.unchecked_into()),
                    });
                }
                _ if closed.replace(true) => {}
                _ => on(DataChannelEvent::Closed),
            })
        };
        let listeners = ["open", "message", "bufferedamountlow", "closing", "close"].map(listen);
        Self {
            channel,
            _listeners: listeners,
        }
    }

    pub fn is_open(&self) -> bool {
        self.channel.ready_state() == RtcDataChannelState::Open
    }

    /// The `protocol` field of the channel.
    pub fn protocol(&self) -> String {
        // Not in web-sys.
        let text = Reflect::get(&self.channel, &"protocol".into());
        text.ok()
            .and_then(|text| text.as_string())
            .unwrap_or_default()
    }

    /// Bytes queued to be sent.
    pub fn buffered_amount(&self) -> u32 {
        self.channel.buffered_amount()
    }

    /// [`DataChannelEvent::Low`] follows when the queue falls to `bytes`.
    pub fn set_low_threshold(&self, bytes: u32) {
        self.channel.set_buffered_amount_low_threshold(bytes);
    }

    /// # Errors
    /// The channel is not open, the message is longer than the peer accepts, or the queue is full.
    pub fn send_text(&self, text: &str) -> Result<(), JsValue> {
        self.channel.send_with_str(text)
    }

    /// # Errors
    /// As [`DataChannel::send_text`].
    pub fn send(&self, bytes: &Uint8Array) -> Result<(), JsValue> {
        self.channel.send_with_array_buffer_view(bytes)
    }
}

impl Drop for DataChannel {
    fn drop(&mut self) {
        self.channel.close();
    }
}
