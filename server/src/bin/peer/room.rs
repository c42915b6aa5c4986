//! The room as this peer sees it: who is there, what is said. One task owns it all, and waits for nobody.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use shared::api::{IceConfig, IceServer, IceTransportPolicy};
use shared::chat::Frame;
use shared::conversation::Conversation;
use shared::negotiation::is_polite;
use shared::signaling::{AWAY, ClientMessage, Peer, PeerId, ServerMessage, Why};
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
use crate::path::{Path, Step};
use crate::signaling::News;
use crate::taking::Taking;

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
    pub(crate) fn on_news(&mut self, news: News, now: Instant) {
        match news {
            News::Welcome {
                room,
                you,
                peers,
                ice,
            } => {
                match ice {
                    Ok(config) => self.use_ice(&config),
                    Err(message) => self.face.show(&Event::Error { message }),
                }
                self.on_welcome(room, you, peers, now);
            }
            News::Message(message) => self.on_message(message, now),
            News::Down { why } => {
                self.online = false;
                if !std::mem::replace(&mut self.offline_told, true) {
                    let message = format!("{why} (trying again)");
                    self.face.show(&Event::Offline { message });
                }
            }
            News::Refused { message } => self.end = Some(End::Refused(message)),
        }
    }

    pub(crate) fn use_ice(&mut self, config: &IceConfig) {
        let all: Vec<_> = config
            .ice_servers
            .iter()
            .chain(&self.own_ice)
            .cloned()
            .collect();
        self.setup.ice_servers = ice::usable(&all);
        let asked = config.ice_transport_policy == IceTransportPolicy::Relay;
        self.setup.relay_only = asked || self.options.relay_only;
    }

    fn on_welcome(&mut self, room: String, you: Peer, peers: Vec<Peer>, now: Instant) {
        self.online = true;
        self.offline_told = false;
        for (id, member) in &mut self.members {
            if !peers.iter().any(|peer| peer.id == *id) {
                member.gone.get_or_insert(now);
            }
        }
        for peer in peers {
            if peer.id == self.me {
                continue;
            }
            match self.members.get_mut(&peer.id) {
                Some(member) => {
                    member.peer = peer;
                    member.gone = None;
                    if member.path.again(now) {
                        member.drop_link();
                    }
                }
                None => {
                    let path = Path::begin_now(now, is_polite(&self.me, &peer.id));
                    self.members
                        .insert(peer.id.clone(), Member::new(peer, path));
                }
            }
        }
        let event = Event::Welcome {
            room,
            id: you.id,
            name: you.name,
            peers: self.members.values().map(Member::somebody).collect(),
            again: self.welcomed,
        };
        self.face.show(&event);
        // Not before: what is said is for those who are in the room.
        if !std::mem::replace(&mut self.welcomed, true) {
            self.begin();
        }
    }

    fn on_message(&mut self, message: ServerMessage, now: Instant) {
        match message {
            ServerMessage::Arrived { peer } => self.on_arrived(peer, now),
            ServerMessage::Away { id } => {
                if let Some(member) = self.members.get_mut(&id) {
                    member.peer.away = true;
                    let name = member.peer.name.clone();
                    self.face.show(&Event::Away { peer: id, name });
                }
            }
            ServerMessage::Left { id, why } => {
                let Some(member) = self.members.get_mut(&id) else {
                    return;
                };
                if why == Why::Lost && member.path.is_alive() {
                    member.gone.get_or_insert(now);
                } else {
                    self.remove(&id);
                }
            }
            ServerMessage::Offer { from, sdp } => {
                let link = self.members.get(&from).map(|member| member.link.as_ref());
                match link {
                    Some(Some(link)) => link.on_offer(sdp),
                    Some(None) => self.connect(&from, Beginning::Answer(sdp), now),
                    None => tracing::debug!(%from, "an offer of a stranger"),
                }
            }
            ServerMessage::Answer { from, sdp } => {
                if let Some(link) = self.link(&from) {
                    link.on_answer(sdp);
                }
            }
            ServerMessage::Candidate { from, candidate } => {
                if let Some(link) = self.link(&from) {
                    link.on_candidate(candidate);
                }
            }
            // The peer is away or has left, which is told apart from this.
            ServerMessage::Error { to: Some(_), .. } => {}
            ServerMessage::Error { message, .. } => self.face.show(&Event::Error { message }),
            ServerMessage::Welcome { .. } | ServerMessage::Pong => {}
        }
    }

    fn on_arrived(&mut self, peer: Peer, now: Instant) {
        if peer.id == self.me {
            return;
        }
        let (id, name) = (peer.id.clone(), peer.name.clone());
        let event = match self.members.get_mut(&id) {
            Some(member) => {
                let was_away = !member.is_present();
                member.peer = peer;
                member.gone = None;
                if member.path.again(Path::after_offer(now)) {
                    member.drop_link();
                }
                was_away.then_some(Event::Back { peer: id, name })
            }
            None => {
                let kind = peer.kind;
                let path = Path::wait_for_offer(now, is_polite(&self.me, &id));
                self.members.insert(id.clone(), Member::new(peer, path));
                Some(Event::Joined {
                    peer: id,
                    name,
                    kind,
                })
            }
        };
        if let Some(event) = event {
            self.face.show(&event);
        }
    }

    fn remove(&mut self, id: &PeerId) {
        if let Some(member) = self.members.remove(id) {
            self.taking.on_dead(id);
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
    fn connect(&mut self, id: &PeerId, beginning: Beginning, now: Instant) {
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
                member.path.open();
                if let Some(event) = member.connected() {
                    self.face.show(&event);
                }
                for message in self.conversation.on_open(&id) {
                    self.send(&id, Frame::Message(message), now);
                }
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
                self.on_dead(&id, now);
            }
        }
    }

    pub(crate) fn on_dead(&mut self, id: &PeerId, now: Instant) {
        let Some(member) = self.members.get_mut(id) else {
            return;
        };
        member.path.dead(now);
        let was_open = member.drop_link();
        self.taking.on_dead(id);
        if member.gone.is_some() {
            self.remove(id);
        } else if was_open {
            let name = member.peer.name.clone();
            self.face.show(&Event::Disconnected {
                peer: id.clone(),
                name,
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
                now > since + Duration::from_secs(AWAY) && !member.path.is_alive()
            });
            if given_up {
                self.remove(&id);
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
