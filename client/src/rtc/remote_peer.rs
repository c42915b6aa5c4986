//! The connection to one other peer: perfect negotiation (W3C WebRTC 10.7), trickle ICE (RFC 8838) and recovery.
//!
//! Tasks run one after the other, in the order in which they were queued.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use shared::chat::{OLD_FILE_CHANNEL, old_file_number};
use shared::negotiation::{Negotiation, OfferAction, is_polite};
use shared::signaling::{Candidate, PeerId};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{RtcDataChannel, RtcPeerConnectionState, RtcSdpType, RtcSignalingState};

use super::chat_channels::ChatEvent;
use super::mesh::{MeshContext, MeshEvent, PeerEvent, Signal};
use super::peer_connection::{PeerConnection, PeerConnectionEvent};
use super::recovery::{ConnectionHealth, Recovery, RecoveryAction};
use super::timer::now_ms;

/// Remote candidates kept until their description arrives; a browser has a few dozen.
const MAX_PENDING_REMOTE: usize = 128;

/// Negotiates and recovers the connection to one peer. The owner has to call [`RemotePeer::close`]: tasks under way hold a reference.
pub(super) struct RemotePeer {
    peer: PeerId,
    context: Rc<MeshContext>,
    me: Weak<RemotePeer>,
    /// It is a client of this repository.
    native: Cell<bool>,
    negotiation: Cell<Negotiation>,
    recovery: Cell<Recovery>,
    connection: RefCell<Option<Rc<PeerConnection>>>,
    tasks: RefCell<Vec<Task>>,
    running: Cell<bool>,
    /// Remote candidates that arrived before their description.
    pending_remote: RefCell<Vec<Candidate>>,
    /// Local candidates that were gathered before their description was sent.
    pending_local: RefCell<Vec<Candidate>>,
    /// A local description is being set and has not been sent.
    describing: Cell<bool>,
    reported_health: Cell<Option<ConnectionHealth>>,
    closed: Cell<bool>,
}

enum Task {
    Offer,
    Recover(RecoveryAction),
    Handle(Signal),
}

impl RemotePeer {
    pub(super) fn new(peer: PeerId, context: Rc<MeshContext>) -> Rc<Self> {
        let polite = is_polite(&context.me, &peer);
        Rc::new_cyclic(|me| Self {
            peer,
            context,
            me: me.clone(),
            native: Cell::default(),
            negotiation: Cell::new(Negotiation::new(polite)),
            recovery: Cell::new(Recovery::new(polite)),
            connection: RefCell::default(),
            tasks: RefCell::default(),
            running: Cell::default(),
            pending_remote: RefCell::default(),
            pending_local: RefCell::default(),
            describing: Cell::default(),
            reported_health: Cell::default(),
            closed: Cell::default(),
        })
    }

    pub(super) fn peer(&self) -> &PeerId {
        &self.peer
    }

    /// The server can carry signals to the peer. `offer`: this side arrived later and sends the offer.
    pub(super) fn on_reachable(&self, offer: bool, native: bool) {
        self.native.set(native);
        self.update(|recovery, now| recovery.on_reachable(now, offer));
        self.tick();
    }

    pub(super) fn on_unreachable(&self) {
        self.update(|recovery, _| recovery.on_unreachable());
    }

    pub(super) fn on_signal(&self, signal: Signal) {
        self.push(Task::Handle(signal));
    }

    pub(super) fn connection(&self) -> Option<Rc<PeerConnection>> {
        self.connection.borrow().clone()
    }

    pub(super) fn is_open(&self) -> bool {
        self.recovery.get().health() == ConnectionHealth::Open
    }

    pub(super) fn restart_ice(&self) {
        if self.connection.borrow().is_some() {
            self.push(Task::Recover(RecoveryAction::RestartIce));
        }
    }

    /// Treats the connection as closed, whatever its state.
    pub(super) fn invalidate(&self) {
        self.update(Recovery::on_closed);
        self.emit(PeerEvent::Closed);
    }

    /// Closes the connection for good. No event follows.
    pub(super) fn close(&self) {
        self.closed.set(true);
        self.tasks.borrow_mut().clear();
        if let Some(connection) = self.connection.take() {
            connection.close();
        }
    }

    /// About once a second.
    pub(super) fn tick(&self) {
        let mut action = None;
        self.update(|recovery, now| action = recovery.tick(now, js_sys::Math::random()));
        if let Some(action) = action {
            self.push(Task::Recover(action));
        }
    }

    /// Asks for the statistics of the connection, which name the selected candidate pair.
    pub(super) fn request_stats(&self) {
        let Some(connection) = self.connection().filter(|_| self.is_open()) else {
            return;
        };
        let (me, report) = (self.me.clone(), connection.stats());
        spawn_local(async move {
            if let (Ok(report), Some(peer)) = (JsFuture::from(report).await, me.upgrade()) {
                peer.emit(PeerEvent::Stats(report));
            }
        });
    }

    fn emit(&self, event: PeerEvent) {
        if self.closed.get() {
            return;
        }
        (self.context.on)(MeshEvent {
            peer: self.peer.clone(),
            event,
        });
    }

    fn signal(&self, signal: Signal) {
        self.emit(PeerEvent::Signal(signal));
    }

    fn update(&self, change: impl FnOnce(&mut Recovery, u64)) {
        let mut recovery = self.recovery.get();
        change(&mut recovery, now_ms());
        self.recovery.set(recovery);
        let health = recovery.health();
        if self.reported_health.replace(Some(health)) != Some(health) {
            self.emit(PeerEvent::Health(health));
        }
    }

    fn push(&self, task: Task) {
        self.tasks.borrow_mut().push(task);
        let Some(me) = self.me.upgrade().filter(|_| !self.running.replace(true)) else {
            return;
        };
        spawn_local(async move {
            loop {
                let tasks = me.tasks.take();
                if tasks.is_empty() {
                    break;
                }
                for task in tasks {
                    // A failed step changes nothing; recovery acts when the connection does not open.
                    let _ = me.perform(task).await;
                }
            }
            me.running.set(false);
        });
    }

    async fn perform(&self, task: Task) -> Result<(), JsValue> {
        if self.closed.get() {
            return Ok(());
        }
        let connection = self.connection();
        match (task, connection) {
            (Task::Offer, Some(connection)) => self.offer(&connection).await,
            (Task::Offer, None) => Ok(()),
            (Task::Recover(RecoveryAction::RestartIce), Some(connection)) => {
                if connection.signaling() == RtcSignalingState::HaveLocalOffer {
                    // The offer was not answered: send it again, since it or its answer was lost.
                    self.signal(Signal::Offer(connection.description()));
                    return Ok(());
                }
                let ice = (self.context.ice)().await;
                connection.restart(&ice)
            }
            (Task::Recover(_), _) => self.reconnect().await.map(drop),
            (Task::Handle(Signal::Offer(sdp)), connection) => self.on_offer(connection, &sdp).await,
            (Task::Handle(Signal::Answer(sdp)), Some(connection)) => {
                self.on_answer(&connection, &sdp).await
            }
            (Task::Handle(Signal::Candidate(candidate)), Some(connection))
                if connection.remote().is_some() =>
            {
                connection.add(&candidate).await
            }
            (Task::Handle(Signal::Candidate(candidate)), _) => {
                let mut pending_remote = self.pending_remote.borrow_mut();
                if pending_remote.len() < MAX_PENDING_REMOTE {
                    pending_remote.push(candidate);
                }
                Ok(())
            }
            (Task::Handle(Signal::Answer(_)), None) => Ok(()),
        }
    }

    /// Makes a new connection, which then asks for negotiation. One that replaces another has its own certificate: the other
    /// side recognizes a new connection by its fingerprint.
    async fn reconnect(&self) -> Result<Rc<PeerConnection>, JsValue> {
        let new_certificate = self.connection.borrow().is_some();
        self.replace(new_certificate).await
    }

    async fn replace(&self, new_certificate: bool) -> Result<Rc<PeerConnection>, JsValue> {
        let certificate = if new_certificate {
            None
        } else {
            self.context.certificate().await
        };
        let ice = (self.context.ice)().await;
        if self.closed.get() {
            return Err(JsValue::NULL);
        }
        let me = self.me.clone();
        let on = Rc::new(move |event| {
            if let Some(peer) = me.upgrade() {
                peer.on_connection_event(event);
            }
        });
        let connection = Rc::new(PeerConnection::new(
            &ice,
            certificate.as_ref(),
            self.native.get(),
            on,
        )?);
        self.pending_remote.borrow_mut().clear();
        self.pending_local.borrow_mut().clear();
        let previous = self.connection.replace(Some(Rc::clone(&connection)));
        if let Some(previous) = previous {
            previous.close();
            self.emit(PeerEvent::Closed);
        }
        let polite = is_polite(&self.context.me, &self.peer);
        self.negotiation.set(Negotiation::new(polite));
        self.update(|recovery, now| recovery.on_replaced(now));
        Ok(connection)
    }

    fn set_making_offer(&self, making: bool) {
        let mut negotiation = self.negotiation.get();
        negotiation.making_offer(making);
        self.negotiation.set(negotiation);
    }

    async fn offer(&self, connection: &Rc<PeerConnection>) -> Result<(), JsValue> {
        if connection.signaling() != RtcSignalingState::Stable {
            // `negotiationneeded` fires again in the stable state.
            return Ok(());
        }
        self.set_making_offer(true);
        self.describing.set(true);
        let offer = connection.set_local().await;
        self.set_making_offer(false);
        self.send_description(offer.map(Signal::Offer))
    }

    async fn on_offer(
        &self,
        connection: Option<Rc<PeerConnection>>,
        sdp: &str,
    ) -> Result<(), JsValue> {
        let connection = match connection {
            Some(connection) if !connection.has_other_fingerprint(sdp) => connection,
            // The first offer, or the other side made a new connection.
            _ => self.replace(false).await?,
        };
        let stable = connection.signaling() == RtcSignalingState::Stable;
        let mut negotiation = self.negotiation.get();
        let action = negotiation.on_offer(stable);
        self.negotiation.set(negotiation);
        if action == OfferAction::Ignore {
            return Ok(());
        }
        self.update(|recovery, now| recovery.on_offer(now));
        // Rolls a local offer back implicitly (W3C WebRTC, `setRemoteDescription`).
        connection.set_remote(RtcSdpType::Offer, sdp).await?;
        self.add_pending_remote(&connection).await;
        self.describing.set(true);
        let answer = connection.set_local().await;
        self.send_description(answer.map(Signal::Answer))
    }

    async fn on_answer(&self, connection: &Rc<PeerConnection>, sdp: &str) -> Result<(), JsValue> {
        if connection.signaling() != RtcSignalingState::HaveLocalOffer {
            return Ok(());
        }
        if connection.has_other_fingerprint(sdp) {
            return self.reconnect().await.map(drop);
        }
        connection.set_remote(RtcSdpType::Answer, sdp).await?;
        self.add_pending_remote(connection).await;
        Ok(())
    }

    async fn add_pending_remote(&self, connection: &PeerConnection) {
        for candidate in self.pending_remote.take() {
            // A candidate that is refused is only one path less.
            let _ = connection.add(&candidate).await;
        }
    }

    /// Sends the local description, then the candidates that were gathered meanwhile.
    fn send_description(&self, description: Result<Signal, JsValue>) -> Result<(), JsValue> {
        self.describing.set(false);
        let pending_local = self.pending_local.take();
        self.signal(description?);
        for candidate in pending_local {
            self.signal(Signal::Candidate(candidate));
        }
        Ok(())
    }

    fn on_connection_event(&self, event: PeerConnectionEvent) {
        match event {
            PeerConnectionEvent::Negotiate => self.push(Task::Offer),
            PeerConnectionEvent::Candidate(candidate) if self.describing.get() => {
                self.pending_local.borrow_mut().push(candidate);
            }
            PeerConnectionEvent::Candidate(candidate) => self.signal(Signal::Candidate(candidate)),
            PeerConnectionEvent::State => {
                match self.connection().map(|connection| connection.state()) {
                    Some(RtcPeerConnectionState::Disconnected) => {
                        self.update(Recovery::on_disconnected)
                    }
                    Some(RtcPeerConnectionState::Failed) => self.update(Recovery::on_ice_failed),
                    _ => self.check_open(),
                }
            }
            PeerConnectionEvent::Chat(ChatEvent::Open) => {
                self.check_open();
                self.emit(PeerEvent::Open);
            }
            PeerConnectionEvent::Chat(ChatEvent::Received(event)) => self.emit(event),
            PeerConnectionEvent::Chat(ChatEvent::Closed) => self.invalidate(),
            PeerConnectionEvent::File(event) => self.emit(PeerEvent::File(event)),
            PeerConnectionEvent::Channel(channel) => self.on_channel(channel),
        }
    }

    /// Reports the connection as open, once the connection and the chat channel are both up.
    fn check_open(&self) {
        let Some(connection) = self.connection() else {
            return;
        };
        let connected = connection.state() == RtcPeerConnectionState::Connected;
        if !(connected && connection.chat().is_open()) || self.is_open() {
            return;
        }
        self.update(|recovery, _| recovery.on_open());
        self.request_stats();
        if let Some(code) = connection.safety_code() {
            self.emit(PeerEvent::Safety(code));
        }
    }

    fn on_channel(&self, channel: RtcDataChannel) {
        let protocol = js_sys::Reflect::get(&channel, &"protocol".into());
        let protocol = protocol.ok().and_then(|text| text.as_string());
        let number = protocol.as_deref().and_then(old_file_number);
        if let Some(number) = number.filter(|_| channel.label() == OLD_FILE_CHANNEL) {
            // Clients of earlier versions opened one for each file.
            channel.close();
            self.emit(PeerEvent::OldFileChannel(number));
        } else if let Some(connection) = self.connection() {
            connection.chat().accept(channel);
        }
    }
}
