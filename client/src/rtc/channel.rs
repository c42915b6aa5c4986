//! One `RTCDataChannel` and its closures.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::{ArrayBuffer, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageEvent, RtcDataChannel, RtcDataChannelState, RtcDataChannelType};

use super::listener::Listener;

/// What happens on a channel.
#[derive(Clone, Debug)]
pub enum ChannelEvent {
    Open,
    Text(String),
    Bytes(ArrayBuffer),
    /// What waits to be sent has become less than [`Channel::set_low`].
    Low,
    /// Once; nothing follows.
    Closed,
}

/// Closes, and is silent, when dropped.
#[derive(Debug)]
pub struct Channel {
    channel: RtcDataChannel,
    _listeners: [Listener; 5],
}

impl Channel {
    /// Listens to a channel. One that the other side opened has to be taken within its `datachannel` event.
    pub fn new(channel: RtcDataChannel, on: Rc<dyn Fn(ChannelEvent)>) -> Self {
        channel.set_binary_type(RtcDataChannelType::Arraybuffer);
        let over = Rc::new(Cell::new(false));
        let listen = |name: &'static str| {
            let (on, over) = (Rc::clone(&on), Rc::clone(&over));
            Listener::new(&channel, name, move |event| match name {
                "open" => on(ChannelEvent::Open),
                "bufferedamountlow" => on(ChannelEvent::Low),
                "message" => {
                    let data = event.unchecked_into::<MessageEvent>().data();
                    on(match data.as_string() {
                        Some(text) => ChannelEvent::Text(text),
                        None => ChannelEvent::Bytes(data.unchecked_into()),
                    });
                }
                _ if over.replace(true) => {}
                _ => on(ChannelEvent::Closed),
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

    /// Its protocol field.
    pub fn protocol(&self) -> String {
        // web-sys does not have it.
        let text = Reflect::get(&self.channel, &"protocol".into());
        text.ok()
            .and_then(|text| text.as_string())
            .unwrap_or_default()
    }

    /// Bytes that wait to be sent.
    pub fn waiting(&self) -> u32 {
        self.channel.buffered_amount()
    }

    pub fn set_low(&self, bytes: u32) {
        self.channel.set_buffered_amount_low_threshold(bytes);
    }

    /// # Errors
    /// It is not open, the message is longer than the other side takes, or too much waits already.
    pub fn send_text(&self, text: &str) -> Result<(), JsValue> {
        self.channel.send_with_str(text)
    }

    /// # Errors
    /// As [`Channel::send_text`].
    pub fn send(&self, bytes: &Uint8Array) -> Result<(), JsValue> {
        self.channel.send_with_array_buffer_view(bytes)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.channel.close();
    }
}
