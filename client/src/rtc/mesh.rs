//! The connections to all other peers of a room.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;

use js_sys::{Object, Reflect};
use shared::chat::Frame;
use shared::signaling::{Candidate, PeerId};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::{RtcDataChannel, RtcPeerConnection};

pub use super::connection::Ice;
use super::pair::Pair;
use super::repair::Health;
use super::timer::Timer;

const TICK_MS: f64 = 1_000.0;
/// Every so many ticks the way of the packets is looked at.
const MEASURE_EVERY: u32 = 4;

/// What the server carries between two peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    Offer(String),
    Answer(String),
    Candidate(Candidate),
}

/// Something happened between this peer and another.
#[derive(Debug)]
pub struct MeshEvent {
    pub peer: PeerId,
    pub news: News,
}

#[derive(Debug)]
pub enum News {
    /// To be carried to it by the server, in order.
    Signal(Signal),
    Health(Health),
    /// The chat channel is open: send what it has not got, before anything else.
    Open,
    /// The chat channel is gone, and the file channels with it.
    Closed,
    Frame(Frame),
    /// It opened a channel for a file of its. Take it before returning.
    File {
        channel: RtcDataChannel,
        number: u64,
        offset: u64,
    },
    /// The code that both sides see, of the connection as it is now.
    Safety(String),
    /// An `RTCStatsReport` of the connection.
    Stats(JsValue),
}

/// Tells the ICE servers of the moment.
pub type AskIce = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Ice>>>>;

/// What all pairs share.
pub(super) struct Context {
    pub(super) me: PeerId,
    pub(super) ice: AskIce,
    pub(super) on: Box<dyn Fn(MeshEvent)>,
    certificate: RefCell<Option<JsValue>>,
}

impl Context {
    /// One certificate for all connections of the page, so that it has one fingerprint. `None`: the browser makes one for each.
    pub(super) async fn certificate(&self) -> Option<JsValue> {
        if self.certificate.borrow().is_none() {
            let algorithm = Object::new();
            for (name, value) in [("name", "ECDSA"), ("namedCurve", "P-256")] {
                Reflect::set(&algorithm, &name.into(), &value.into()).ok()?;
            }
            let made = RtcPeerConnection::generate_certificate_with_object(&algorithm).ok()?;
            let made = JsFuture::from(made).await.ok()?;
            // Somebody else may have been faster.
            self.certificate.borrow_mut().get_or_insert(made);
        }
        self.certificate.borrow().clone()
    }
}

/// Closes everything when dropped.
pub struct Mesh {
    shared: Rc<Shared>,
    _timer: Timer,
}

struct Shared {
    context: Rc<Context>,
    /// A room is small: looked through from the start.
    pairs: RefCell<Vec<Rc<Pair>>>,
}

impl std::fmt::Debug for Mesh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pairs = self.shared.pairs.borrow();
        f.debug_tuple("Mesh").field(&pairs.len()).finish()
    }
}

impl Mesh {
    /// `on` is called from within other calls too.
    pub fn new(me: PeerId, ice: AskIce, on: Box<dyn Fn(MeshEvent)>) -> Self {
        let shared = Rc::new(Shared {
            context: Rc::new(Context {
                me,
                ice,
                on,
                certificate: RefCell::default(),
            }),
            pairs: RefCell::default(),
        });
        let (weak, mut ticks) = (Rc::downgrade(&shared), 0_u32);
        let timer = Timer::every(TICK_MS, move || {
            ticks = ticks.wrapping_add(1);
            let Some(shared) = weak.upgrade() else { return };
            for pair in shared.all() {
                pair.tick();
                if ticks.is_multiple_of(MEASURE_EVERY) {
                    pair.measure();
                }
            }
        });
        Self {
            shared,
            _timer: timer,
        }
    }

    /// The server can carry signals to a peer. `offer`: it was there before this side, which therefore offers.
    /// A connection that works is left as it is.
    pub fn meet(&self, peer: &PeerId, offer: bool) {
        self.shared.pair(peer).reachable(offer);
    }

    /// The server cannot carry signals to a peer for now.
    pub fn unreachable(&self, peer: &PeerId) {
        if let Some(pair) = self.shared.known(peer) {
            pair.unreachable();
        }
    }

    /// The server is away.
    pub fn alone(&self) {
        for pair in self.shared.all() {
            pair.unreachable();
        }
    }

    /// The network may be another one: looks for new paths at once. What is open stays so meanwhile.
    pub fn renew(&self) {
        for pair in self.shared.all() {
            pair.renew();
        }
    }

    /// A peer has gone for good.
    pub fn part(&self, peer: &PeerId) {
        let mut pairs = self.shared.pairs.borrow_mut();
        if let Some(at) = pairs.iter().position(|pair| pair.peer() == peer) {
            pairs.remove(at).close();
        }
    }

    /// A signal of a peer that is in the room.
    pub fn hear(&self, from: &PeerId, signal: Signal) {
        self.shared.pair(from).hear(signal);
    }

    /// Whether messages flow between the two.
    pub fn is_open(&self, peer: &PeerId) -> bool {
        self.shared.known(peer).is_some_and(|pair| pair.is_open())
    }

    /// False when it could not be sent; the channel is of no more use then. A frame that is longer than the other side takes is passed over.
    pub fn send(&self, peer: &PeerId, frame: &Frame) -> bool {
        let connection = self.shared.known(peer).and_then(|pair| pair.connection());
        let (Some(connection), Ok(text)) = (connection, serde_json::to_string(frame)) else {
            return false;
        };
        text.len() > connection.max_message() as usize || connection.chat().send_text(&text).is_ok()
    }

    /// The channel to a peer has lost something: another connection is needed.
    pub fn distrust(&self, peer: &PeerId) {
        if let Some(pair) = self.shared.known(peer) {
            pair.distrust();
        }
    }

    /// A channel for a file of this side, and how many bytes the other takes as one message.
    pub fn open_file(
        &self,
        peer: &PeerId,
        number: u64,
        offset: u64,
    ) -> Option<(RtcDataChannel, u32)> {
        let connection = self.shared.known(peer)?.connection()?;
        let open = connection.chat().is_open();
        open.then(|| {
            (
                connection.open_file(number, offset),
                connection.max_message(),
            )
        })
    }
}

impl Shared {
    fn known(&self, peer: &PeerId) -> Option<Rc<Pair>> {
        let pairs = self.pairs.borrow();
        pairs.iter().find(|pair| pair.peer() == peer).cloned()
    }

    fn pair(&self, peer: &PeerId) -> Rc<Pair> {
        self.known(peer).unwrap_or_else(|| {
            let pair = Pair::new(peer.clone(), Rc::clone(&self.context));
            self.pairs.borrow_mut().push(Rc::clone(&pair));
            pair
        })
    }

    fn all(&self) -> Vec<Rc<Pair>> {
        self.pairs.borrow().clone()
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        for pair in self.shared.all() {
            pair.close();
        }
    }
}
