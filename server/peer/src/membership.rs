//! Peers of the room, as the server announces them.

use std::time::Instant;

use shared::api::{IceConfig, IceTransportPolicy};
use shared::negotiation::is_polite;
use shared::signaling::{LeaveReason, Peer, ServerMessage};

use crate::app::{ExitReason, PeerApp};
use crate::event::Event;
use crate::ice;
use crate::peer_link::LinkRole;
use crate::recovery::Recovery;
use crate::remote_peer::RemotePeer;
use crate::signaling::{SignalingEvent, jitter};

impl PeerApp {
    pub(crate) fn on_signaling_event(&mut self, event: SignalingEvent, now: Instant) {
        match event {
            SignalingEvent::Welcome {
                room,
                you,
                peers,
                ice,
            } => {
                match ice {
                    Ok(config) => self.use_ice(&config),
                    Err(message) => self.output.print(&Event::Error { message }),
                }
                self.on_welcome(room, you, peers, now);
            }
            SignalingEvent::Message(message) => self.on_message(message, now),
            SignalingEvent::Down { why } => {
                self.online = false;
                if !std::mem::replace(&mut self.offline_shown, true) {
                    let message = format!("{why}. Trying again.");
                    self.output.print(&Event::Offline { message });
                }
            }
            SignalingEvent::Refused { message } => self.exit = Some(ExitReason::Refused(message)),
        }
    }

    pub(crate) fn use_ice(&mut self, config: &IceConfig) {
        let all: Vec<_> = config
            .ice_servers
            .iter()
            .chain(&self.extra_ice_servers)
            .cloned()
            .collect();
        self.settings.ice_servers = ice::usable(&all);
        let required = config.ice_transport_policy == IceTransportPolicy::Relay;
        self.settings.relay_only = required || self.options.relay_only;
    }

    fn on_welcome(&mut self, room: String, you: Peer, peers: Vec<Peer>, now: Instant) {
        self.online = true;
        self.offline_shown = false;
        for (id, remote) in &mut self.remote_peers {
            if !peers.iter().any(|peer| peer.id == *id) {
                remote.gone_since.get_or_insert(now);
            }
        }
        for peer in peers {
            if peer.id == self.me {
                continue;
            }
            match self.remote_peers.get_mut(&peer.id) {
                Some(remote) => {
                    remote.peer = peer;
                    remote.gone_since = None;
                    let id = remote.peer.id.clone();
                    if remote.recovery.on_signaling_restored(now) {
                        self.close_link(&id, now);
                    }
                }
                None => {
                    let recovery =
                        Recovery::connect_now(now, is_polite(&self.me, &peer.id), jitter());
                    self.remote_peers
                        .insert(peer.id.clone(), RemotePeer::new(peer, recovery));
                }
            }
        }
        let event = Event::Welcome {
            room,
            id: you.id,
            name: you.name,
            peers: self.remote_peers.values().map(RemotePeer::info).collect(),
            again: self.welcomed,
        };
        self.output.print(&event);
        // Not earlier: a message is for the peers that are in the room.
        if !std::mem::replace(&mut self.welcomed, true) {
            self.run_command_line();
        }
    }

    fn on_message(&mut self, message: ServerMessage, now: Instant) {
        match message {
            ServerMessage::Arrived { peer } => self.on_arrived(peer, now),
            ServerMessage::Away { id } => {
                if let Some(remote) = self.remote_peers.get_mut(&id) {
                    remote.peer.away = true;
                    let name = remote.peer.name.clone();
                    self.output.print(&Event::Away { peer: id, name });
                }
            }
            ServerMessage::Left { id, why } => {
                let Some(remote) = self.remote_peers.get_mut(&id) else {
                    return;
                };
                if why == LeaveReason::Lost && remote.recovery.is_responsive() {
                    remote.gone_since.get_or_insert(now);
                } else {
                    self.remove(&id);
                }
            }
            ServerMessage::Offer { from, sdp } => {
                let link = self
                    .remote_peers
                    .get(&from)
                    .map(|remote| remote.link.as_ref());
                match link {
                    Some(Some(link)) => link.on_offer(sdp),
                    Some(None) => self.connect(&from, LinkRole::Answer(sdp), now),
                    None => tracing::debug!(%from, "an offer from an unknown peer"),
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
            // The server also sends `away` or `left` for this peer.
            ServerMessage::Error { to: Some(_), .. } => {}
            ServerMessage::Error { message, .. } => self.output.print(&Event::Error { message }),
            ServerMessage::Welcome { .. } | ServerMessage::Pong => {}
        }
    }

    fn on_arrived(&mut self, peer: Peer, now: Instant) {
        if peer.id == self.me {
            return;
        }
        let (id, name) = (peer.id.clone(), peer.name.clone());
        let event = match self.remote_peers.get_mut(&id) {
            Some(remote) => {
                let was_away = !remote.is_present();
                remote.peer = peer;
                remote.gone_since = None;
                if remote
                    .recovery
                    .on_signaling_restored(Recovery::offer_deadline(now))
                {
                    self.close_link(&id, now);
                }
                was_away.then_some(Event::Back { peer: id, name })
            }
            None => {
                let kind = peer.kind;
                let recovery = Recovery::wait_for_offer(now, is_polite(&self.me, &id), jitter());
                self.remote_peers
                    .insert(id.clone(), RemotePeer::new(peer, recovery));
                Some(Event::Joined {
                    peer: id,
                    name,
                    kind,
                })
            }
        };
        if let Some(event) = event {
            self.output.print(&event);
        }
    }
}
