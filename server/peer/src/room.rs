//! The room as this peer sees it: who is there, what is said. One task owns it all, and waits for nobody.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use shared::api::IceServer;
use shared::conversation::Conversation;
use shared::signaling::{AWAY_TIMEOUT_S, ClientMessage, PeerId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::advice::{Means, advice};
use crate::connection::Setup;
use crate::event::Event;
use crate::face::Face;
use crate::giving::Giving;
use crate::ice;
use crate::link::{Beginning, Link, Report, Reported};
use crate::member::Member;
use crate::options::Options;
use crate::path::Step;
use crate::taking::Taking;

/// So long after a chat has opened, what was not received is sent again. The other side may have lost the first frames ([`crate::runtime`] tells how);
/// doubles are known by their number.
const AGAIN: Duration = Duration::from_secs(3);

/// For the server to tell that a peer has left, whose connection has ended.
const TO_LEAVE: Duration = Duration::from_secs(1);

/// How it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As it should.
    Left,
    /// A sentence.
    Refused(String),
}

pub(crate) struct Room {
    pub(crate) options: Options,
    pub(crate) me: PeerId,
    pub(crate) face: Face,
    pub(crate) setup: Setup,
    /// Those of the command line.
    pub(crate) own_ice: Vec<IceServer>,
    pub(crate) conversation: Conversation,
    pub(crate) giving: Giving,
    pub(crate) taking: Taking,
    pub(crate) to_server: mpsc::Sender<ClientMessage>,
    pub(crate) reports: mpsc::Sender<Reported>,
    pub(crate) links: JoinSet<()>,
    pub(crate) members: BTreeMap<PeerId, Member>,
    pub(crate) online: bool,
    /// That the server is away has been told.
    pub(crate) offline_told: bool,
    /// The server has let this peer in before.
    pub(crate) welcomed: bool,
    pub(crate) generations: u64,
    /// Standard input has ended.
    pub(crate) no_more_input: bool,
    pub(crate) end: Option<End>,
}

impl Room {
    pub(crate) fn remove(&mut self, id: &PeerId) {
        if let Some(member) = self.members.remove(id) {
            self.giving.on_left(id);
            let acts = self.taking.on_left(id);
            self.act(acts, Instant::now());
            self.face.show(&Event::Left {
                peer: id.clone(),
                name: member.peer.name,
            });
        }
    }

    pub(crate) fn link(&self, id: &PeerId) -> Option<&Link> {
        self.members.get(id)?.link.as_ref()
    }

    /// A new link, in place of the one there is.
    pub(crate) fn connect(&mut self, id: &PeerId, beginning: Beginning, now: Instant) {
        let Some(member) = self.members.get_mut(id) else {
            return;
        };
        if member.drop_link() {
            self.taking.on_dead(id);
        }
        self.generations += 1;
        let fresh =
            std::mem::replace(&mut member.linked, true) && matches!(beginning, Beginning::Offer);
        let (link, task) = Link::start(
            self.setup.clone(),
            &self.me,
            id,
            self.generations,
            beginning,
            fresh,
            self.reports.clone(),
        );
        member.link = Some(link);
        member.path.connecting(now);
        self.links.spawn(task);
    }

    pub(crate) fn on_report(&mut self, (id, generation, report): Reported, now: Instant) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        let current = member.link.as_ref().map(|link| link.generation);
        if current != Some(generation) {
            return;
        }
        let name = member.peer.name.clone();
        match report {
            Report::Signal(message) => {
                if self.online && self.to_server.try_send(message).is_err() {
                    tracing::debug!("the server takes less than there is to say");
                }
            }
            Report::Gathered(kind) => member.found.candidate(kind),
            Report::Agreed => member.found.agreed = true,
            Report::Open => {
                member.open = true;
                member.missed_at = None;
                member.path.open();
                member.again_at = Some(now + AGAIN);
                if let Some(event) = member.connected() {
                    self.face.show(&event);
                }
                self.send_missing(&id, now);
                self.ask_for_files(now);
            }
            Report::Route { pair, safety_code } => {
                member.route = Some((pair, safety_code));
                if let Some(event) = member.connected() {
                    self.face.show(&event);
                }
            }
            Report::RoundTrip(milliseconds) => member.rtt_ms = Some(milliseconds),
            Report::Heard(heard) => {
                if member.path.heard(now, heard) {
                    let silent = Event::Disconnected { peer: id, name };
                    let event = if heard {
                        member.connected()
                    } else {
                        Some(silent)
                    };
                    if let Some(event) = event {
                        self.face.show(&event);
                    }
                }
            }
            Report::Frame(frame) => self.on_frame(&id, name, frame, now),
            Report::File {
                channel,
                number,
                offset,
            } => {
                let acts = self.taking.on_channel(&id, channel, number, offset);
                self.act(acts, now);
            }
            Report::Replaced(offer) => {
                let beginning = offer.map_or(Beginning::Offer, Beginning::Answer);
                self.connect(&id, beginning, now);
            }
            Report::Dead(why) => {
                tracing::debug!(peer = %id, why, "a link is over");
                self.on_dead(&id, why, now);
            }
        }
    }

    /// `why`: a sentence, unless the other side has ended it.
    pub(crate) fn on_dead(&mut self, id: &PeerId, why: Option<String>, now: Instant) {
        let Some(member) = self.members.get_mut(id) else {
            return;
        };
        let first = member.path.dead(now);
        if member.drop_link() {
            member.missed_at = Some(now + TO_LEAVE);
        }
        let (gone, name) = (member.gone.is_some(), member.peer.name.clone());
        self.taking.on_dead(id);
        if gone {
            self.remove(id);
        } else if let Some(why) = why.filter(|_| first) {
            self.face.show(&Event::Failed {
                peer: id.clone(),
                name,
                message: format!("{why} It is tried again."),
            });
        }
    }

    /// A few times a second: what has become due.
    pub(crate) fn on_tick(&mut self, now: Instant) {
        let ids: Vec<_> = self.members.keys().cloned().collect();
        for id in ids {
            let Some(member) = self.members.get_mut(&id) else {
                continue;
            };
            let given_up = member.gone.is_some_and(|since| {
                now > since + Duration::from_secs(AWAY_TIMEOUT_S) && !member.path.is_alive()
            });
            if given_up {
                self.remove(&id);
                continue;
            }
            if member.missed_at.is_some_and(|at| now >= at) {
                member.missed_at = None;
                let name = member.peer.name.clone();
                self.face.show(&Event::Disconnected { peer: id, name });
                continue;
            }
            if member.again_at.is_some_and(|at| now >= at) {
                member.again_at = None;
                self.send_missing(&id, now);
                continue;
            }
            match member.path.step(now, self.online && member.is_present()) {
                Step::Nothing => {}
                Step::Connect => self.connect(&id, Beginning::Offer, now),
                Step::Restart => {
                    if let Some(link) = &member.link {
                        link.restart();
                    }
                }
                Step::GiveUp { first } => {
                    let means = Means {
                        stun: !self.setup.ice_servers.is_empty(),
                        turn: ice::has_turn(&self.setup.ice_servers),
                        relay_only: self.setup.relay_only,
                    };
                    let name = member.peer.name.clone();
                    let message = advice(&name, means, member.found);
                    member.drop_link();
                    if first {
                        self.face.show(&Event::Failed {
                            peer: id,
                            name,
                            message,
                        });
                    }
                }
            }
        }
        if self.is_done() || self.face.is_broken() {
            self.end = Some(End::Left);
        }
    }
}
