//! The WebSocket to the server of a room. When to open it is decided elsewhere.

use std::rc::Rc;

use shared::signaling::{ClientMessage, ServerMessage};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageEvent, WebSocket};

use super::listener::Listener;

/// What happens on a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketEvent {
    Opened,
    Message(ServerMessage),
    /// Closed, or never opened. Nothing follows.
    Closed,
}

/// Closes, and is silent, when dropped.
#[derive(Debug)]
pub struct Socket {
    socket: WebSocket,
    _listeners: [Listener; 3],
}

impl Socket {
    /// # Errors
    /// The address is not one, or a page over `https` may not open `ws`.
    pub fn open(url: &str, on: impl Fn(SocketEvent) + 'static) -> Result<Self, JsValue> {
        let socket = WebSocket::new(url)?;
        let on: Rc<dyn Fn(SocketEvent)> = Rc::new(on);
        let (opened, closed) = (Rc::clone(&on), Rc::clone(&on));
        let listeners = [
            Listener::new(&socket, "open", move |_| opened(SocketEvent::Opened)),
            Listener::new(&socket, "close", move |_| closed(SocketEvent::Closed)),
            Listener::new(&socket, "message", move |event| {
                let text = event.unchecked_into::<MessageEvent>().data().as_string();
                // What is newer than this client is passed over.
                let message = text.and_then(|text| serde_json::from_str(&text).ok());
                if let Some(message) = message {
                    on(SocketEvent::Message(message));
                }
            }),
        ];
        Ok(Self {
            socket,
            _listeners: listeners,
        })
    }

    /// Lost when the socket is not open; the server's state is then told anew with the next `welcome`.
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

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = self.socket.close();
    }
}
