//! The state of the program: the peers of the room, the connections to them, the conversation. One task owns it and never blocks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use shared::api::IceServer;
use shared::conversation::Conversation;
use shared::signaling::{AWAY_TIMEOUT_S, ClientMessage, PeerId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::connection::ConnectionSettings;
use crate::downloads::Downloads;
use crate::event::Event;
use crate::failure::{IceAvailability, failure_message};
use crate::ice;
use crate::options::Options;
use crate::output::Output;
use crate::peer_link::{LinkEvent, LinkRole, PeerLink, TaggedLinkEvent};
use crate::recovery::RecoveryAction;
use crate::remote_peer::RemotePeer;
use crate::uploads::Uploads;

/// Messages that were not acknowledged are sent again this long after the chat channel opened. The other side may have lost the first frames
/// ([`crate::startup`]); it recognizes duplicates by their number. A foreign peer may not, and shows them twice.
const RESEND_AFTER: Duration = Duration::from_secs(3);

/// A peer whose connection closed may have left the room: the server has this long to say so before `disconnected` is shown.
const LEAVE_NOTICE_WAIT: Duration = Duration::from_secs(1);

/// Why the program ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ExitReason {
    /// The user left, or everything was sent.
    Left,
    /// Files of the command line did not arrive; a sentence.
    Incomplete(String),
    /// The server refused the peer; a sentence for the user.
    Refused(String),
}

pub(crate) struct PeerApp {
    pub(crate) options: Options,
    pub(crate) me: PeerId,
    pub(crate) output: Output,
    pub(crate) settings: ConnectionSettings,
    /// Of the flag `--ice-server`.
    pub(crate) extra_ice_servers: Vec<IceServer>,
    pub(crate) conversation: Conversation,
    pub(crate) uploads: Uploads,
    pub(crate) downloads: Downloads,
    pub(crate) to_server: mpsc::Sender<ClientMessage>,
    pub(crate) link_events: mpsc::Sender<TaggedLinkEvent>,
    pub(crate) links: JoinSet<()>,
    pub(crate) remote_peers: BTreeMap<PeerId, RemotePeer>,
    /// Between `welcome` and the loss of the WebSocket.
    pub(crate) online: bool,
    /// `offline` was shown since the last `welcome`.
    pub(crate) offline_shown: bool,
    /// The server has sent `welcome` before.
    pub(crate) welcomed: bool,
    pub(crate) next_generation: u64,
    pub(crate) input_ended: bool,
    pub(crate) exit: Option<ExitReason>,
}

impl PeerApp {
    pub(crate) fn remove(&mut self, id: &PeerId) {
        if let Some(mut remote) = self.remote_peers.remove(id) {
            if let Some(number) = remote.delivery.take_all() {
                self.on_received(id.clone(), remote.peer.name.clone(), number);
            }
            self.uploads.on_left(id);
            let effects = self.downloads.on_left(id);
            self.apply(effects, Instant::now());
            self.output.print(&Event::Left {
                peer: id.clone(),
                name: remote.peer.name,
            });
        }
    }

    pub(crate) fn link(&self, id: &PeerId) -> Option<&PeerLink> {
        self.remote_peers.get(id)?.link.as_ref()
    }

    /// Starts a new link, which replaces the current one.
    pub(crate) fn connect(&mut self, id: &PeerId, role: LinkRole, now: Instant) {
        self.close_link(id, now);
        let Some(remote) = self.remote_peers.get_mut(id) else {
            return;
        };
        self.next_generation += 1;
        let new_certificate =
            std::mem::replace(&mut remote.had_link, true) && matches!(role, LinkRole::Offer);
        let (link, task) = PeerLink::start(
            self.settings.clone(),
            &self.me,
            &remote.peer,
            self.next_generation,
            role,
            new_certificate,
            self.link_events.clone(),
        );
        remote.link = Some(link);
        remote.recovery.on_connecting(now);
        self.links.spawn(task);
    }

    pub(crate) fn on_link_event(&mut self, (id, generation, event): TaggedLinkEvent, now: Instant) {
        let Some(remote) = self.remote_peers.get_mut(&id) else {
            return;
        };
        let current = remote.link.as_ref().map(|link| link.generation);
        if current != Some(generation) {
            return;
        }
        let name = remote.peer.name.clone();
        match event {
            LinkEvent::Signal(message) => {
                if self.online && self.to_server.try_send(message).is_err() {
                    tracing::debug!("a signal was dropped: the queue to the server is full");
                }
            }
            LinkEvent::Gathered(kind) => remote.progress.on_local_candidate(kind),
            LinkEvent::Negotiated => remote.progress.answered = true,
            LinkEvent::Open => {
                remote.open = true;
                remote.report_closed_at = None;
                remote.recovery.on_open();
                remote.resend_at = remote.acknowledges().then_some(now + RESEND_AFTER);
                if let Some(event) = remote.connected_event() {
                    self.output.print(&event);
                }
                self.send_missing(&id, now);
                let effects = self.downloads.on_link_open(&id, now);
                self.apply(effects, now);
                self.request_files(now);
            }
            LinkEvent::Route { pair, safety_code } => {
                remote.route = Some((pair, safety_code));
                if let Some(event) = remote.connected_event() {
                    self.output.print(&event);
                }
            }
            LinkEvent::RoundTrip(milliseconds) => remote.rtt_ms = Some(milliseconds),
            LinkEvent::Responsive(responsive) => {
                if remote.recovery.on_responsive(now, responsive) {
                    let disconnected = Event::Disconnected { peer: id, name };
                    let event = if responsive {
                        remote.connected_event()
                    } else {
                        Some(disconnected)
                    };
                    if let Some(event) = event {
                        self.output.print(&event);
                    }
                }
            }
            LinkEvent::Frame(frame) => self.on_frame(&id, name, frame, now),
            LinkEvent::PlainText(text) => self.on_plain_text(id, name, text),
            LinkEvent::Drained(number) => remote.delivery.on_drained(number, now),
            LinkEvent::FileBegins {
                number,
                offset,
                decision,
            } => {
                let (incoming, effects) = self.downloads.on_begin(&id, number, offset, now);
                let _ = decision.send(incoming);
                self.apply(effects, now);
            }
            LinkEvent::FileAlive(number) => self.downloads.on_alive(&id, number, now),
            LinkEvent::FileBroke(number) => {
                let effects = self.downloads.on_broke(&id, number, now);
                self.apply(effects, now);
            }
            LinkEvent::FileViolation(violation) => {
                let effects = self.downloads.on_violation(&id, violation);
                self.apply(effects, now);
            }
            LinkEvent::OldFileChannel(number) => {
                let effects = self.downloads.on_old_channel(&id, number);
                self.apply(effects, now);
            }
            LinkEvent::Replaced(offer) => {
                let role = offer.map_or(LinkRole::Offer, LinkRole::Answer);
                self.connect(&id, role, now);
            }
            LinkEvent::Closed(why) => {
                tracing::debug!(peer = %id, why, "a link closed");
                self.on_link_closed(&id, why, now);
            }
        }
    }

    /// `why`: a sentence; absent when the other side closed the connection.
    pub(crate) fn on_link_closed(&mut self, id: &PeerId, why: Option<String>, now: Instant) {
        let Some(remote) = self.remote_peers.get_mut(id) else {
            return;
        };
        let first = remote.recovery.on_closed(now);
        let (gone, name) = (remote.gone_since.is_some(), remote.peer.name.clone());
        let was_open = self.close_link(id, now);
        if was_open && let Some(remote) = self.remote_peers.get_mut(id) {
            remote.report_closed_at = Some(now + LEAVE_NOTICE_WAIT);
        }
        if gone {
            self.remove(id);
        } else if let Some(why) = why.filter(|_| first) {
            self.output.print(&Event::Failed {
                peer: id.clone(),
                name,
                message: format!("{why} Trying again."),
            });
        }
    }

    /// Drops the link, if there is one. Files wait for the next. True when its chat channel was open.
    pub(crate) fn close_link(&mut self, id: &PeerId, now: Instant) -> bool {
        let remote = self.remote_peers.get_mut(id);
        let was_open = remote.is_some_and(RemotePeer::drop_link);
        self.downloads.on_link_closed(id, now);
        let effects = self.uploads.on_link_closed(id);
        self.apply(effects, now);
        was_open
    }

    /// Handles what is due; called several times a second.
    pub(crate) fn on_tick(&mut self, now: Instant) {
        let ids: Vec<_> = self.remote_peers.keys().cloned().collect();
        for id in ids {
            let Some(remote) = self.remote_peers.get_mut(&id) else {
                continue;
            };
            let given_up = remote.gone_since.is_some_and(|since| {
                now > since + Duration::from_secs(AWAY_TIMEOUT_S)
                    && !remote.recovery.is_responsive()
            });
            if given_up {
                self.remove(&id);
                continue;
            }
            if remote.report_closed_at.is_some_and(|at| now >= at) {
                remote.report_closed_at = None;
                let name = remote.peer.name.clone();
                self.output.print(&Event::Disconnected { peer: id, name });
                continue;
            }
            if let Some(number) = remote.delivery.take(now) {
                let name = remote.peer.name.clone();
                self.on_received(id, name, number);
                continue;
            }
            if remote.resend_at.is_some_and(|at| now >= at) {
                remote.resend_at = None;
                self.send_missing(&id, now);
                continue;
            }
            match remote
                .recovery
                .update(now, self.online && remote.is_present())
            {
                RecoveryAction::Nothing => {}
                RecoveryAction::Reconnect => self.connect(&id, LinkRole::Offer, now),
                RecoveryAction::RestartIce => {
                    if let Some(link) = &remote.link {
                        link.restart_ice();
                    }
                }
                RecoveryAction::GiveUp { first } => {
                    let ice = IceAvailability {
                        stun: !self.settings.ice_servers.is_empty(),
                        turn: ice::has_turn(&self.settings.ice_servers),
                        relay_only: self.settings.relay_only,
                    };
                    let name = remote.peer.name.clone();
                    let message = failure_message(&name, ice, remote.progress);
                    self.close_link(&id, now);
                    if first {
                        self.output.print(&Event::Failed {
                            peer: id,
                            name,
                            message,
                        });
                    }
                }
            }
        }
        let effects = self.downloads.on_tick(now);
        self.apply(effects, now);
        self.request_files(now);
        if self.is_done() || self.output.is_closed() {
            self.exit = Some(self.leave_reason());
        }
    }
}
