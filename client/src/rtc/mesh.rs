//! The connections to all other peers of a room.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;

use js_sys::{Object, Reflect};
use shared::chat::ChatFrame;
use shared::signaling::{Candidate, PeerId};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::RtcPeerConnection;

use super::file_channel::{FileChannel, FileEvent};
pub use super::peer_connection::IceSettings;
use super::recovery::ConnectionHealth;
use super::remote_peer::RemotePeer;
use super::timer::Timer;

const TICK_MS: f64 = 1_000.0;
/// Statistics are requested every so many ticks.
const STATS_EVERY_TICKS: u32 = 4;

/// A signaling message between two peers, carried by the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    Offer(String),
    Answer(String),
    Candidate(Candidate),
}

/// An event of the connection to one peer.
#[derive(Debug)]
pub struct MeshEvent {
    pub peer: PeerId,
    pub event: PeerEvent,
}

#[derive(Debug)]
pub enum PeerEvent {
    /// To be sent to the peer through the server, in order.
    Signal(Signal),
    Health(ConnectionHealth),
    /// The chat channel is open: send the messages that the peer lacks before any other.
    Open,
    /// The chat channel closed, and the channel `files` with it.
    Closed,
    Frame(ChatFrame),
    /// A text on the chat channel that is no frame.
    PlainText(String),
    /// Of the channel `files`.
    File(FileEvent),
    /// The peer opened a channel for the file of this number, as earlier clients did. It is closed.
    OldFileChannel(u64),
    /// The safety code of the connection ([`shared::safety`]).
    Safety(String),
    /// An `RTCStatsReport` of the connection.
    Stats(JsValue),
}

/// Returns the current ICE settings.
pub type IceProvider = Box<dyn Fn() -> Pin<Box<dyn Future<Output = IceSettings>>>>;

/// Shared by all peers of a mesh.
pub(super) struct MeshContext {
    pub(super) me: PeerId,
    pub(super) ice: IceProvider,
    pub(super) on: Box<dyn Fn(MeshEvent)>,
    certificate: RefCell<Option<JsValue>>,
}

impl MeshContext {
    /// One certificate for all connections of the page, which gives them one fingerprint. `None`: the browser makes one for each.
    pub(super) async fn certificate(&self) -> Option<JsValue> {
        if self.certificate.borrow().is_none() {
            let algorithm = Object::new();
            for (name, value) in [("name", "ECDSA"), ("namedCurve", "P-256")] {
                Reflect::set(&algorithm, &name.into(), &value.into()).ok()?;
            }
            let made = RtcPeerConnection::generate_certificate_with_object(&algorithm).ok()?;
            let made = JsFuture::from(made).await.ok()?;
            // Another call may have stored one meanwhile.
            self.certificate.borrow_mut().get_or_insert(made);
        }
        self.certificate.borrow().clone()
    }
}

/// Closes all connections when dropped.
pub struct Mesh {
    state: Rc<MeshState>,
    _timer: Timer,
}

struct MeshState {
    context: Rc<MeshContext>,
    /// Searched linearly: a room is small.
    peers: RefCell<Vec<Rc<RemotePeer>>>,
}

impl std::fmt::Debug for Mesh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let peers = self.state.peers.borrow();
        f.debug_tuple("Mesh").field(&peers.len()).finish()
    }
}

impl Mesh {
    /// `on` may be called from within any other method.
    pub fn new(me: PeerId, ice: IceProvider, on: Box<dyn Fn(MeshEvent)>) -> Self {
        let state = Rc::new(MeshState {
            context: Rc::new(MeshContext {
                me,
                ice,
                on,
                certificate: RefCell::default(),
            }),
            peers: RefCell::default(),
        });
        let (weak, mut ticks) = (Rc::downgrade(&state), 0_u32);
        let timer = Timer::every(TICK_MS, move || {
            ticks = ticks.wrapping_add(1);
            let Some(state) = weak.upgrade() else { return };
            for remote in state.all() {
                remote.tick();
                if ticks.is_multiple_of(STATS_EVERY_TICKS) {
                    remote.request_stats();
                }
            }
        });
        Self {
            state,
            _timer: timer,
        }
    }

    /// The server can carry signals to `peer`. `offer`: the peer was there first, so this side sends the offer. `native`: it is a
    /// client of this repository. An open connection is not changed.
    pub fn connect(&self, peer: &PeerId, offer: bool, native: bool) {
        self.state.get_or_create(peer).on_reachable(offer, native);
    }

    /// The server cannot carry signals to `peer` for now.
    pub fn peer_unreachable(&self, peer: &PeerId) {
        if let Some(remote) = self.state.get(peer) {
            remote.on_unreachable();
        }
    }

    /// The connection to the server is lost: signals reach no peer.
    pub fn signaling_lost(&self) {
        for remote in self.state.all() {
            remote.on_unreachable();
        }
    }

    /// Restarts ICE on all connections: the network may have changed. Open channels stay open.
    pub fn restart_ice(&self) {
        for remote in self.state.all() {
            remote.restart_ice();
        }
    }

    /// Closes the connection to a peer that left.
    pub fn remove(&self, peer: &PeerId) {
        let mut peers = self.state.peers.borrow_mut();
        if let Some(at) = peers.iter().position(|remote| remote.peer() == peer) {
            peers.remove(at).close();
        }
    }

    /// Handles a signal of a peer in the room.
    pub fn on_signal(&self, from: &PeerId, signal: Signal) {
        self.state.get_or_create(from).on_signal(signal);
    }

    /// Whether messages can be sent to `peer`.
    pub fn is_open(&self, peer: &PeerId) -> bool {
        self.state.get(peer).is_some_and(|remote| remote.is_open())
    }

    /// Sends a frame. False: the channel refused it and is unusable. A frame longer than the peer accepts is skipped.
    pub fn send(&self, peer: &PeerId, frame: &ChatFrame) -> bool {
        let connection = self.state.get(peer).and_then(|remote| remote.connection());
        let (Some(connection), Ok(text)) = (connection, serde_json::to_string(frame)) else {
            return false;
        };
        text.len() > connection.max_message_size() as usize
            || connection.chat().send_text(&text).is_ok()
    }

    /// The chat channel to a peer lost a frame: replaces the connection.
    pub fn invalidate(&self, peer: &PeerId) {
        if let Some(remote) = self.state.get(peer) {
            remote.invalidate();
        }
    }

    /// The channel `files` to a peer, and the length of a message that the peer accepts, in bytes.
    pub fn files(&self, peer: &PeerId) -> Option<(Rc<FileChannel>, u32)> {
        let connection = self.state.get(peer)?.connection()?;
        Some((Rc::clone(connection.files()), connection.max_message_size()))
    }
}

impl MeshState {
    fn get(&self, peer: &PeerId) -> Option<Rc<RemotePeer>> {
        let peers = self.peers.borrow();
        peers.iter().find(|remote| remote.peer() == peer).cloned()
    }

    fn get_or_create(&self, peer: &PeerId) -> Rc<RemotePeer> {
        self.get(peer).unwrap_or_else(|| {
            let remote = RemotePeer::new(peer.clone(), Rc::clone(&self.context));
            self.peers.borrow_mut().push(Rc::clone(&remote));
            remote
        })
    }

    fn all(&self) -> Vec<Rc<RemotePeer>> {
        self.peers.borrow().clone()
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        for remote in self.state.all() {
            remote.close();
        }
    }
}
