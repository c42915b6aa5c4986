//! The data channels that carry the chat with one peer: which they are, and on which of them frames are sent, is decided by [`shared::chat_channels`].

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use shared::chat::MAX_FRAME;
use shared::plain_text::plain_text;
use wasm_bindgen::JsValue;
use web_sys::RtcDataChannel;

use super::data_channel::{DataChannel, DataChannelEvent};
use super::mesh::PeerEvent;

/// An event of the channels together.
pub(super) enum ChatEvent {
    /// What is sent reaches the peer. Once.
    Open,
    /// A frame, or a text that is none.
    Received(PeerEvent),
    /// No channel is left.
    Closed,
}

/// Closes the channels when dropped.
#[derive(Debug)]
pub(super) struct ChatChannels {
    state: Rc<ChatState>,
    /// Channels of this side.
    own: usize,
    /// By the numbers of the rules.
    channels: RefCell<Vec<DataChannel>>,
}

struct ChatState {
    rules: RefCell<shared::chat_channels::ChatChannels>,
    opened: Cell<bool>,
    on: Box<dyn Fn(ChatEvent)>,
}

impl std::fmt::Debug for ChatState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.rules.fmt(f)
    }
}

impl ChatChannels {
    /// With the channels of this side.
    pub(super) fn new(own: Vec<RtcDataChannel>, on: Box<dyn Fn(ChatEvent)>) -> Self {
        let state = Rc::new(ChatState {
            rules: RefCell::default(),
            opened: Cell::default(),
            on,
        });
        let channels = own.into_iter().map(|channel| {
            let number = state.rules.borrow_mut().add();
            state.listen(number, channel)
        });
        let channels: Vec<_> = channels.collect();
        Self {
            own: channels.len(),
            channels: RefCell::new(channels),
            state,
        }
    }

    /// A channel that the other side has opened, within its `datachannel` event. It is closed if there are too many.
    pub(super) fn accept(&self, channel: RtcDataChannel) {
        let number = self.state.rules.borrow_mut().accept(self.own);
        let Some(number) = number else {
            return channel.close();
        };
        let channel = self.state.listen(number, channel);
        let mut channels = self.channels.borrow_mut();
        if number == channels.len() {
            channels.push(channel);
        } else {
            channels[number] = channel;
        }
        drop(channels);
        self.state.report_open();
    }

    pub(super) fn is_open(&self) -> bool {
        self.state.rules.borrow().is_ready()
    }

    /// # Errors
    /// No channel took the text.
    pub(super) fn send_text(&self, text: &str) -> Result<(), JsValue> {
        let receivers: Vec<_> = self.state.rules.borrow().receivers().collect();
        let channels = self.channels.borrow();
        let mut outcome = Err(JsValue::NULL);
        for number in receivers {
            let sent = channels[number].send_text(text);
            outcome = outcome.or(sent);
        }
        outcome
    }
}

impl ChatState {
    fn listen(self: &Rc<Self>, number: usize, channel: RtcDataChannel) -> DataChannel {
        let state = Rc::clone(self);
        DataChannel::new(channel, Rc::new(move |event| state.handle(number, event)))
    }

    fn handle(&self, number: usize, event: DataChannelEvent) {
        match event {
            DataChannelEvent::Open => {
                self.rules.borrow_mut().on_open(number);
                self.report_open();
            }
            DataChannelEvent::Text(text) if text.len() <= MAX_FRAME => {
                self.rules.borrow_mut().on_message(number);
                self.report_open();
                let event = match serde_json::from_str(&text) {
                    Ok(frame) => Some(PeerEvent::Frame(frame)),
                    // Frames of an unknown type are skipped: a newer client may send them.
                    Err(_) => plain_text(&text).map(PeerEvent::PlainText),
                };
                if let Some(event) = event {
                    (self.on)(ChatEvent::Received(event));
                }
            }
            DataChannelEvent::Closed => {
                self.rules.borrow_mut().on_closed(number);
                if self.rules.borrow().is_over() {
                    (self.on)(ChatEvent::Closed);
                } else {
                    // It may have been the one that was waited for.
                    self.report_open();
                }
            }
            DataChannelEvent::Text(_) | DataChannelEvent::Bytes(_) | DataChannelEvent::Low => {}
        }
    }

    fn report_open(&self) {
        if self.rules.borrow().is_ready() && !self.opened.replace(true) {
            (self.on)(ChatEvent::Open);
        }
    }
}
