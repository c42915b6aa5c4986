//! The connection to one other peer: perfect negotiation (W3C WebRTC 10.7), trickle ICE, and its repair. What happens is done in order, one step at a time.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use shared::chat::{FILE_CHANNEL, Frame, MAX_FRAME, parse_file_protocol};
use shared::negotiation::{Negotiation, OnOffer, is_polite};
use shared::safety::{fingerprint, safety_code};
use shared::signaling::{Candidate, PeerId};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{RtcDataChannel, RtcPeerConnectionState, RtcSdpType, RtcSignalingState};

use super::channel::ChannelEvent;
use super::connection::{Connection, ConnectionEvent};
use super::mesh::{Context, MeshEvent, News, Signal};
use super::repair::{Health, Remedy, Repair};
use super::timer::now;

/// Candidates that wait for their description; a browser has a few dozen.
const MAX_EARLY: usize = 128;

enum Task {
    Offer,
    Mend(Remedy),
    Hear(Signal),
}

/// To be closed by its owner: what is under way holds it.
pub(super) struct Pair {
    peer: PeerId,
    context: Rc<Context>,
    me: Weak<Pair>,
    negotiation: Cell<Negotiation>,
    repair: Cell<Repair>,
    connection: RefCell<Option<Rc<Connection>>>,
    tasks: RefCell<Vec<Task>>,
    working: Cell<bool>,
    /// Their candidates that came before their description.
    early: RefCell<Vec<Candidate>>,
    /// Own candidates that were found before the description they belong to was sent.
    held: RefCell<Vec<Candidate>>,
    holding: Cell<bool>,
    shown: Cell<Option<Health>>,
    over: Cell<bool>,
}

impl Pair {
    pub(super) fn new(peer: PeerId, context: Rc<Context>) -> Rc<Self> {
        let polite = is_polite(&context.me, &peer);
        Rc::new_cyclic(|me| Self {
            peer,
            context,
            me: me.clone(),
            negotiation: Cell::new(Negotiation::new(polite)),
            repair: Cell::new(Repair::new(polite)),
            connection: RefCell::default(),
            tasks: RefCell::default(),
            working: Cell::default(),
            early: RefCell::default(),
            held: RefCell::default(),
            holding: Cell::default(),
            shown: Cell::default(),
            over: Cell::default(),
        })
    }

    pub(super) fn peer(&self) -> &PeerId {
        &self.peer
    }

    /// The server can carry offers to it. `offer`: this side arrived later, and offers.
    pub(super) fn reachable(&self, offer: bool) {
        self.mend(|repair, now| repair.reachable(now, offer));
        self.tick();
    }

    pub(super) fn unreachable(&self) {
        self.mend(|repair, _| repair.unreachable());
    }

    pub(super) fn hear(&self, signal: Signal) {
        self.push(Task::Hear(signal));
    }

    pub(super) fn connection(&self) -> Option<Rc<Connection>> {
        self.connection.borrow().clone()
    }

    pub(super) fn is_open(&self) -> bool {
        self.repair.get().health() == Health::Open
    }

    pub(super) fn renew(&self) {
        if self.connection.borrow().is_some() {
            self.push(Task::Mend(Remedy::Restart));
        }
    }

    /// The connection is of no more use, whatever it says itself.
    pub(super) fn distrust(&self) {
        self.mend(Repair::ended);
        self.tell(News::Closed);
    }

    /// Ends it for good. Nothing is told any more, whatever was under way.
    pub(super) fn close(&self) {
        self.over.set(true);
        self.tasks.borrow_mut().clear();
        if let Some(connection) = self.connection.take() {
            connection.close();
        }
    }

    /// About once a second.
    pub(super) fn tick(&self) {
        let mut remedy = None;
        self.mend(|repair, now| remedy = repair.tick(now));
        if let Some(remedy) = remedy {
            self.push(Task::Mend(remedy));
        }
    }

    /// Looks which way the packets go.
    pub(super) fn measure(&self) {
        let Some(connection) = self.connection().filter(|_| self.is_open()) else {
            return;
        };
        let (me, report) = (self.me.clone(), connection.stats());
        spawn_local(async move {
            if let (Ok(report), Some(pair)) = (JsFuture::from(report).await, me.upgrade()) {
                pair.tell(News::Stats(report));
            }
        });
    }

    fn tell(&self, news: News) {
        if self.over.get() {
            return;
        }
        (self.context.on)(MeshEvent {
            peer: self.peer.clone(),
            news,
        });
    }

    fn signal(&self, signal: Signal) {
        self.tell(News::Signal(signal));
    }

    fn mend(&self, change: impl FnOnce(&mut Repair, u64)) {
        let mut repair = self.repair.get();
        change(&mut repair, now() as u64);
        self.repair.set(repair);
        let health = repair.health();
        if self.shown.replace(Some(health)) != Some(health) {
            self.tell(News::Health(health));
        }
    }

    fn push(&self, task: Task) {
        self.tasks.borrow_mut().push(task);
        let Some(me) = self.me.upgrade().filter(|_| !self.working.replace(true)) else {
            return;
        };
        spawn_local(async move {
            loop {
                let tasks = me.tasks.take();
                if tasks.is_empty() {
                    break;
                }
                for task in tasks {
                    // A step that the browser refuses leaves things as they are; the repair notices when nothing comes of it.
                    let _ = me.perform(task).await;
                }
            }
            me.working.set(false);
        });
    }

    async fn perform(&self, task: Task) -> Result<(), JsValue> {
        if self.over.get() {
            return Ok(());
        }
        let connection = self.connection();
        match (task, connection) {
            (Task::Offer, Some(connection)) => self.offer(&connection).await,
            (Task::Offer, None) => Ok(()),
            (Task::Mend(Remedy::Restart), Some(connection)) => {
                if connection.signaling() == RtcSignalingState::HaveLocalOffer {
                    // It was not answered: it, or its answer, got lost.
                    let sdp = connection.local().unwrap_or_default();
                    self.signal(Signal::Offer(sdp));
                    return Ok(());
                }
                let ice = (self.context.ice)().await;
                connection.restart(&ice)
            }
            (Task::Mend(_), _) => self.rebuild().await.map(drop),
            (Task::Hear(Signal::Offer(sdp)), connection) => self.answer(connection, &sdp).await,
            (Task::Hear(Signal::Answer(sdp)), Some(connection)) => {
                self.answered(&connection, &sdp).await
            }
            (Task::Hear(Signal::Candidate(candidate)), Some(connection))
                if connection.remote().is_some() =>
            {
                connection.add(&candidate).await
            }
            (Task::Hear(Signal::Candidate(candidate)), _) => {
                let mut early = self.early.borrow_mut();
                if early.len() < MAX_EARLY {
                    early.push(candidate);
                }
                Ok(())
            }
            (Task::Hear(Signal::Answer(_)), None) => Ok(()),
        }
    }

    /// A connection from nothing, which asks to be negotiated. When it replaces one, it has a certificate of its own, so that the other side sees that it is new.
    async fn rebuild(&self) -> Result<Rc<Connection>, JsValue> {
        let fresh = self.connection.borrow().is_some();
        self.replace(fresh).await
    }

    async fn replace(&self, fresh: bool) -> Result<Rc<Connection>, JsValue> {
        let certificate = if fresh {
            None
        } else {
            self.context.certificate().await
        };
        let ice = (self.context.ice)().await;
        if self.over.get() {
            return Err(JsValue::NULL);
        }
        let me = self.me.clone();
        let on = Rc::new(move |event| {
            if let Some(pair) = me.upgrade() {
                pair.happened(event);
            }
        });
        let connection = Rc::new(Connection::new(&ice, certificate.as_ref(), on)?);
        self.early.borrow_mut().clear();
        self.held.borrow_mut().clear();
        let before = self.connection.replace(Some(Rc::clone(&connection)));
        if let Some(before) = before {
            before.close();
            self.tell(News::Closed);
        }
        let polite = is_polite(&self.context.me, &self.peer);
        self.negotiation.set(Negotiation::new(polite));
        self.mend(|repair, now| repair.rebuilt(now));
        Ok(connection)
    }

    fn promise(&self, making: bool) {
        let mut negotiation = self.negotiation.get();
        negotiation.making_offer(making);
        self.negotiation.set(negotiation);
    }

    async fn offer(&self, connection: &Rc<Connection>) -> Result<(), JsValue> {
        if connection.signaling() != RtcSignalingState::Stable {
            // The browser asks again when it is.
            return Ok(());
        }
        self.promise(true);
        self.holding.set(true);
        let offer = connection.set_local().await;
        self.promise(false);
        self.describe(offer.map(Signal::Offer))
    }

    async fn answer(&self, connection: Option<Rc<Connection>>, sdp: &str) -> Result<(), JsValue> {
        let connection = match connection {
            Some(connection) if !is_another(&connection, sdp) => connection,
            // The first offer, or the other side has a new connection: it reloaded, or gave the old one up.
            _ => self.replace(false).await?,
        };
        let stable = connection.signaling() == RtcSignalingState::Stable;
        let mut negotiation = self.negotiation.get();
        let todo = negotiation.on_offer(stable);
        self.negotiation.set(negotiation);
        if todo == OnOffer::Ignore {
            return Ok(());
        }
        self.mend(|repair, now| repair.offered(now));
        // Takes an own offer back by itself.
        connection.set_remote(RtcSdpType::Offer, sdp).await?;
        self.add_early(&connection).await;
        self.holding.set(true);
        let answer = connection.set_local().await;
        self.describe(answer.map(Signal::Answer))
    }

    async fn answered(&self, connection: &Rc<Connection>, sdp: &str) -> Result<(), JsValue> {
        if connection.signaling() != RtcSignalingState::HaveLocalOffer {
            return Ok(());
        }
        if is_another(connection, sdp) {
            return self.rebuild().await.map(drop);
        }
        connection.set_remote(RtcSdpType::Answer, sdp).await?;
        self.add_early(connection).await;
        Ok(())
    }

    async fn add_early(&self, connection: &Connection) {
        for candidate in self.early.take() {
            // One that does not fit is one path less.
            let _ = connection.add(&candidate).await;
        }
    }

    /// Sends a description that was set, and then the candidates that were found meanwhile.
    fn describe(&self, description: Result<Signal, JsValue>) -> Result<(), JsValue> {
        self.holding.set(false);
        let held = self.held.take();
        self.signal(description?);
        for candidate in held {
            self.signal(Signal::Candidate(candidate));
        }
        Ok(())
    }

    fn happened(&self, event: ConnectionEvent) {
        match event {
            ConnectionEvent::Negotiate => self.push(Task::Offer),
            ConnectionEvent::Candidate(candidate) if self.holding.get() => {
                self.held.borrow_mut().push(candidate);
            }
            ConnectionEvent::Candidate(candidate) => self.signal(Signal::Candidate(candidate)),
            ConnectionEvent::State => {
                match self.connection().map(|connection| connection.state()) {
                    Some(RtcPeerConnectionState::Disconnected) => self.mend(Repair::silent),
                    Some(RtcPeerConnectionState::Failed) => self.mend(Repair::failed),
                    _ => self.look(),
                }
            }
            ConnectionEvent::Chat(ChannelEvent::Open) => {
                self.look();
                self.tell(News::Open);
            }
            ConnectionEvent::Chat(ChannelEvent::Text(text)) => {
                if text.len() > MAX_FRAME {
                    return;
                }
                // Frames of a type that is newer than this client are passed over.
                if let Ok(frame) = serde_json::from_str::<Frame>(&text) {
                    self.tell(News::Frame(frame));
                }
            }
            ConnectionEvent::Chat(ChannelEvent::Closed) => self.distrust(),
            ConnectionEvent::Chat(_) => {}
            ConnectionEvent::File(channel) => self.take(channel),
        }
    }

    /// Whether messages flow now.
    fn look(&self) {
        let Some(connection) = self.connection() else {
            return;
        };
        let connected = connection.state() == RtcPeerConnectionState::Connected;
        if !(connected && connection.chat().is_open()) || self.is_open() {
            return;
        }
        self.mend(|repair, _| repair.open());
        self.measure();
        let (local, remote) = (connection.local(), connection.remote());
        let prints = (
            local.as_deref().and_then(fingerprint),
            remote.as_deref().and_then(fingerprint),
        );
        if let (Some(mine), Some(theirs)) = prints {
            self.tell(News::Safety(safety_code(mine, theirs)));
        }
    }

    fn take(&self, channel: RtcDataChannel) {
        let text = js_sys::Reflect::get(&channel, &"protocol".into());
        let text = text.ok().and_then(|text| text.as_string());
        let file = text.as_deref().and_then(parse_file_protocol);
        match file.filter(|_| channel.label() == FILE_CHANNEL) {
            Some((number, offset)) => self.tell(News::File {
                channel,
                number,
                offset,
            }),
            None => channel.close(),
        }
    }
}

/// Whether a description is of another connection than the one that is described already.
fn is_another(connection: &Connection, sdp: &str) -> bool {
    let before = connection.remote();
    let before = before.as_deref().and_then(fingerprint);
    before.is_some_and(|before| fingerprint(sdp).is_some_and(|print| print != before))
}
