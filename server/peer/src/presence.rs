//! Who is in the room: what the server tells.

use std::time::Instant;

use shared::api::{IceConfig, IceTransportPolicy};
use shared::negotiation::is_polite;
use shared::signaling::{LeaveReason, Peer, ServerMessage};

use crate::event::Event;
use crate::ice;
use crate::link::Beginning;
use crate::member::Member;
use crate::path::Path;
use crate::room::{End, Room};
use crate::signaling::News;

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
                if why == LeaveReason::Lost && member.path.is_alive() {
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
}
