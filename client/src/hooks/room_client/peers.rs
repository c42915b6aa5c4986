//! The others in a room, as the server and the connections tell of them.

use std::rc::Rc;

use leptos::prelude::*;
use shared::signaling::{ClientMessage, PeerId, ServerMessage};

use super::super::room::wall_ms;
use super::super::{ice, report};
use super::RoomClient;
use crate::rtc::mesh::{Mesh, MeshEvent, News, Signal};
use crate::rtc::repair::Health;
use crate::rtc::timer::now;
use crate::state::join::JoinEvent;
use crate::state::people::{PeerAction, PeopleUpdate, find, on_path, on_server_message};
use crate::state::room::{Note, PeerPath};

const MAX_NOTES: usize = 100;

impl RoomClient {
    pub(super) fn told(&self, message: ServerMessage) {
        let mut again = false;
        let (from, signal) = match message {
            ServerMessage::Pong => return,
            ServerMessage::Error { to: Some(_), .. } => return,
            ServerMessage::Error { code, message, .. } => {
                return self.step(JoinEvent::Refused { code, message });
            }
            ServerMessage::Offer { from, sdp } => (from, Signal::Offer(sdp)),
            ServerMessage::Answer { from, sdp } => (from, Signal::Answer(sdp)),
            ServerMessage::Candidate { from, candidate } => (from, Signal::Candidate(candidate)),
            message => {
                if let ServerMessage::Welcome { you, .. } = &message {
                    again = self.room.me.try_get_untracked().flatten().is_some();
                    self.welcomed(&you.id);
                    let _ = self.room.me.try_set(Some(you.clone()));
                }
                let update = self
                    .room
                    .people
                    .try_update(|people| on_server_message(people, &message, again));
                return self.follow(update.unwrap_or_default());
            }
        };
        let listed = self
            .room
            .people
            .try_with_untracked(|people| people.iter().any(|person| person.id == from));
        if let (Some(mesh), Some(true)) = (self.mesh(), listed) {
            mesh.hear(&from, signal);
        }
    }

    fn welcomed(&self, id: &PeerId) {
        self.step(JoinEvent::Welcomed);
        let other = self.room.conversation.try_with_untracked(|c| c.me() != id);
        if other == Some(true) {
            let _ = self
                .room
                .conversation
                .try_update(|c| c.become_peer(id.clone()));
        }
        if self.mesh.borrow().is_none() {
            let me = self.me.clone();
            let on = move |event| {
                if let Some(client) = me.upgrade() {
                    client.happened(event);
                }
            };
            let mesh = Mesh::new(id.clone(), ice::ask(self.app), Box::new(on));
            self.mesh.replace(Some(Rc::new(mesh)));
        }
    }

    fn follow(&self, update: PeopleUpdate) {
        let after = self
            .room
            .conversation
            .try_with_untracked(|c| c.entries().last().map(|entry| entry.message.number));
        for what in update.events {
            let note = Note {
                at: wall_ms(),
                after: after.flatten().unwrap_or(0),
                what,
            };
            let _ = self.room.notes.try_update(|notes| {
                notes.push(note);
                let over = notes.len().saturating_sub(MAX_NOTES);
                notes.drain(..over);
            });
        }
        let Some(mesh) = self.mesh() else { return };
        for action in update.actions {
            match action {
                PeerAction::Connect { peer, offer } => mesh.meet(&peer, offer),
                PeerAction::Unreachable(peer) => mesh.unreachable(&peer),
                PeerAction::Remove(peer) => {
                    mesh.part(&peer);
                    self.closed(&peer);
                }
            }
        }
    }

    fn happened(&self, event: MeshEvent) {
        let MeshEvent { peer, news } = event;
        match news {
            News::Signal(signal) => self.tell(&match signal {
                Signal::Offer(sdp) => ClientMessage::Offer { to: peer, sdp },
                Signal::Answer(sdp) => ClientMessage::Answer { to: peer, sdp },
                Signal::Candidate(candidate) => ClientMessage::Candidate {
                    to: peer,
                    candidate,
                },
            }),
            News::Health(health) => self.mended(&peer, health),
            News::Open => self.opened(&peer),
            News::Closed => self.closed(&peer),
            News::Frame(frame) => self.hear(&peer, frame),
            News::File {
                channel,
                number,
                offset,
            } => self.files.take(&peer, channel, number, offset),
            News::Safety(code) => {
                let _ = self.room.people.try_update(|people| {
                    if let Some(person) = find(people, &peer) {
                        person.safety = Some(code);
                    }
                });
            }
            News::Stats(report) => {
                let Some(pair) = report::read(&report, now()).pair else {
                    return;
                };
                let relay = |kind: &Option<String>| kind.as_deref() == Some("relay");
                let path = PeerPath::Open {
                    relayed: relay(&pair.local_kind) || relay(&pair.remote_kind),
                    // The counter is in seconds.
                    rtt: pair.round_trip.map(|rtt| (rtt * 1_000.0) as u32),
                };
                if matches!(self.path(&peer), Some(PeerPath::Open { .. })) {
                    self.moved(&peer, path);
                }
            }
        }
    }

    fn mended(&self, peer: &PeerId, health: Health) {
        let path = match health {
            Health::Connecting => PeerPath::Connecting,
            Health::Open => PeerPath::Open {
                relayed: false,
                rtt: None,
            },
            Health::Broken => PeerPath::Broken,
            Health::Failed => PeerPath::Failed,
        };
        self.moved(peer, path);
    }

    fn path(&self, peer: &PeerId) -> Option<PeerPath> {
        let path = self.room.people.try_with_untracked(|people| {
            let person = people.iter().find(|person| person.id == *peer)?;
            Some(person.path)
        });
        path.flatten()
    }

    fn moved(&self, peer: &PeerId, path: PeerPath) {
        if self.path(peer).is_none_or(|before| before == path) {
            return;
        }
        let update = self
            .room
            .people
            .try_update(|people| on_path(people, peer, path));
        self.follow(update.unwrap_or_default());
    }
}
