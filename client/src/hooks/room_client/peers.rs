//! Handles the messages of the server and the events of the connections.

use std::rc::Rc;

use leptos::prelude::*;
use shared::signaling::{ClientMessage, PeerId, ServerMessage};

use super::super::{ice, report};
use super::RoomClient;
use crate::rtc::mesh::{Mesh, MeshEvent, PeerEvent, Signal};
use crate::rtc::recovery::ConnectionHealth;
use crate::rtc::timer::{now, now_ms, wall_ms};
use crate::state::join::JoinEvent;
use crate::state::people::{PeerAction, PeopleUpdate, find, on_path, on_server_message, on_tick};
use crate::state::room::{Note, PeerPath, Person, RoomEvent};

/// Notes that are kept; the oldest are dropped first.
const MAX_NOTES: usize = 100;

impl RoomClient {
    pub(super) fn on_server_message(&self, message: ServerMessage) {
        let mut rejoined = false;
        let (from, signal) = match message {
            ServerMessage::Pong => return,
            ServerMessage::Error { to: Some(_), .. } => return,
            ServerMessage::Error { code, message, .. } => {
                return self.on_refused(code, message);
            }
            ServerMessage::Offer { from, sdp } => (from, Signal::Offer(sdp)),
            ServerMessage::Answer { from, sdp } => (from, Signal::Answer(sdp)),
            ServerMessage::Candidate { from, candidate } => (from, Signal::Candidate(candidate)),
            message => {
                if let ServerMessage::Welcome { you, .. } = &message {
                    rejoined = self.room.me.try_get_untracked().flatten().is_some();
                    self.on_welcome(&you.id);
                    let _ = self.room.me.try_set(Some(you.clone()));
                }
                let update = self
                    .room
                    .people
                    .try_update(|people| on_server_message(people, &message, rejoined, now_ms()));
                self.apply(update.unwrap_or_default());
                if let ServerMessage::Welcome { .. } = message {
                    self.files.end_absent();
                }
                return;
            }
        };
        let listed = self
            .room
            .people
            .try_with_untracked(|people| people.iter().any(|person| person.id == from));
        if let (Some(mesh), Some(true)) = (self.mesh(), listed) {
            mesh.on_signal(&from, signal);
        }
    }

    fn on_welcome(&self, id: &PeerId) {
        self.step(JoinEvent::Welcomed);
        self.keep_name();
        let other = self.room.conversation.try_with_untracked(|c| c.me() != id);
        if other == Some(true) {
            let _ = self.room.conversation.try_update(|c| c.set_id(id.clone()));
        }
        if self.mesh.borrow().is_none() {
            let me = self.me.clone();
            let on = move |event| {
                if let Some(client) = me.upgrade() {
                    client.on_mesh_event(event);
                }
            };
            let mesh = Mesh::new(
                id.clone(),
                ice::ice_provider(self.settings, &self.server),
                Box::new(on),
            );
            self.mesh.replace(Some(Rc::new(mesh)));
        }
    }

    /// Below the newest message.
    pub(super) fn add_note(&self, event: RoomEvent) {
        let after = self
            .room
            .conversation
            .try_with_untracked(|c| c.entries().last().map(|entry| entry.message.number));
        let _ = self.room.notes.try_update(|notes| {
            let is_history = |event: &RoomEvent| matches!(event, RoomEvent::History { .. });
            let before = notes.last().map(|note| note.at);
            // A switch that is turned on and off has one note.
            if is_history(&event) {
                notes.pop_if(|last| is_history(&last.event));
            }
            notes.push(Note {
                // Notes are told apart by it.
                at: before.map_or(0, |at| at + 1).max(wall_ms()),
                after: after.flatten().unwrap_or(0),
                event,
            });
            let excess = notes.len().saturating_sub(MAX_NOTES);
            notes.drain(..excess);
        });
    }

    pub(super) fn apply(&self, update: PeopleUpdate) {
        for event in update.events {
            self.add_note(event);
        }
        let Some(mesh) = self.mesh() else { return };
        for action in update.actions {
            match action {
                PeerAction::Connect {
                    peer,
                    offer,
                    native,
                } => mesh.connect(&peer, offer, native),
                PeerAction::Unreachable(peer) => mesh.peer_unreachable(&peer),
                PeerAction::Remove(peer) => {
                    mesh.remove(&peer);
                    self.on_closed(&peer);
                    self.files.on_left(&peer);
                }
            }
        }
    }

    /// Removes the people who have not come back after a restart of the server.
    pub(super) fn expire_people(&self) {
        let waits = |people: &Vec<Person>| people.iter().any(|p| p.expected_until.is_some());
        if self.room.people.try_with_untracked(waits) != Some(true) {
            return;
        }
        let update = self.room.people.try_maybe_update(|people| {
            let update = on_tick(people, now_ms());
            (!update.actions.is_empty(), update)
        });
        self.apply(update.unwrap_or_default());
    }

    fn on_mesh_event(&self, event: MeshEvent) {
        let MeshEvent { peer, event } = event;
        match event {
            PeerEvent::Signal(signal) => self.send_to_server(&match signal {
                Signal::Offer(sdp) => ClientMessage::Offer { to: peer, sdp },
                Signal::Answer(sdp) => ClientMessage::Answer { to: peer, sdp },
                Signal::Candidate(candidate) => ClientMessage::Candidate {
                    to: peer,
                    candidate,
                },
            }),
            PeerEvent::Health(health) => self.on_health(&peer, health),
            PeerEvent::Open => self.on_open(&peer),
            PeerEvent::Closed => self.on_closed(&peer),
            PeerEvent::Frame(frame) => self.on_frame(&peer, frame),
            PeerEvent::PlainText(text) => self.on_plain_text(&peer, text),
            PeerEvent::File(event) => self.files.on_file_event(&peer, event),
            PeerEvent::OldFileChannel(number) => self.files.on_old_channel(&peer, number),
            PeerEvent::Safety(code) => {
                let _ = self.room.people.try_update(|people| {
                    if let Some(person) = find(people, &peer) {
                        person.safety = Some(code);
                    }
                });
            }
            PeerEvent::Stats(report) => {
                let Some(pair) = report::read(&report, None, now()).pair else {
                    return;
                };
                let relay = |kind: &Option<String>| kind.as_deref() == Some("relay");
                let path = PeerPath::Open {
                    relayed: relay(&pair.local_kind) || relay(&pair.remote_kind),
                    // From seconds to milliseconds.
                    rtt: pair.round_trip.map(|rtt| (rtt * 1_000.0) as u32),
                };
                if matches!(self.path(&peer), Some(PeerPath::Open { .. })) {
                    self.set_path(&peer, path);
                }
            }
        }
    }

    fn on_health(&self, peer: &PeerId, health: ConnectionHealth) {
        let path = match health {
            ConnectionHealth::Connecting => PeerPath::Connecting,
            ConnectionHealth::Open => PeerPath::Open {
                relayed: false,
                rtt: None,
            },
            ConnectionHealth::Broken => PeerPath::Broken,
            ConnectionHealth::Failed => PeerPath::Failed,
        };
        self.set_path(peer, path);
    }

    fn path(&self, peer: &PeerId) -> Option<PeerPath> {
        let path = self.room.people.try_with_untracked(|people| {
            let person = people.iter().find(|person| person.id == *peer)?;
            Some(person.path)
        });
        path.flatten()
    }

    fn set_path(&self, peer: &PeerId, path: PeerPath) {
        if self.path(peer).is_none_or(|before| before == path) {
            return;
        }
        let update = self
            .room
            .people
            .try_update(|people| on_path(people, peer, path, now_ms()));
        self.apply(update.unwrap_or_default());
    }
}
