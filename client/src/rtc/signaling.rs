//! The WebSocket to the server of a room. [`crate::state::join`] decides when it is opened.

use std::rc::Rc;

use shared::signaling::{ClientMessage, ServerMessage};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageEvent, WebSocket};

use super::listener::Listener;

/// An event of the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignalingEvent {
    Opened,
    Message(ServerMessage),
    /// The socket closed or could not be opened. No event follows.
    Closed,
}

/// Closes the socket and emits no more events when dropped.
#[derive(Debug)]
pub struct SignalingSocket {
    socket: WebSocket,
    listeners: Option<[Listener; 3]>,
}

impl SignalingSocket {
    /// # Errors
    /// The URL is invalid, or the page was loaded over `https` and the URL is `ws`.
    pub fn open(url: &str, on: impl Fn(SignalingEvent) + 'static) -> Result<Self, JsValue> {
        let socket = WebSocket::new(url)?;
        let on: Rc<dyn Fn(SignalingEvent)> = Rc::new(on);
        let (opened, closed) = (Rc::clone(&on), Rc::clone(&on));
        let listeners = [
            Listener::new(&socket, "open", move |_| opened(SignalingEvent::Opened)),
            Listener::new(&socket, "close", move |_| closed(SignalingEvent::Closed)),
            Listener::new(&socket, "message", move |event| {
                let text = event.unchecked_into::<MessageEvent>().data().as_string();
                // Messages of an unknown type are skipped: a newer server may send them.
                let message = text.and_then(|text| serde_json::from_str(&text).ok());
                if let Some(message) = message {
                    on(SignalingEvent::Message(message));
                }
            }),
        ];
        Ok(Self {
            socket,
            listeners: Some(listeners),
        })
    }

    /// Emits no more events.
    pub fn mute(&mut self) {
        self.listeners = None;
    }

    /// Does nothing when the socket is not open: the next `welcome` brings both sides up to date.
    pub fn send(&self, message: &ClientMessage) {
        if self.socket.ready_state() != WebSocket::OPEN {
            return;
        }
        if let Ok(text) = serde_json::to_string(message) {
            // Fails only while connecting.
            let _ = self.socket.send_with_str(&text);
        }
    }
}

impl Drop for SignalingSocket {
    fn drop(&mut self) {
        let _ = self.socket.close();
    }
}
