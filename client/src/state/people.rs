//! The people in a room, from the messages of the server and the states of the connections; and which connections to make or close.

use shared::signaling::{LeaveReason, Peer, PeerId, ServerMessage};

use super::room::{PeerPath, Person, Presence, RoomEvent};

/// Milliseconds in which people come back to a server that has restarted; their attempts to join are at most 10 s apart.
const RESTART_MS: u64 = 15_000;

/// What to do with the connection to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerAction {
    /// The server can carry signals to it. `offer`: the peer was there first, so this side sends the offer.
    /// `native`: it is a client of this repository.
    Connect {
        peer: PeerId,
        offer: bool,
        native: bool,
    },
    /// The server cannot carry signals to it for now. An open connection stays open.
    Unreachable(PeerId),
    /// The peer is gone: close the connection.
    Remove(PeerId),
}

/// The consequences of a message or of a change of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeopleUpdate {
    pub actions: Vec<PeerAction>,
    pub events: Vec<RoomEvent>,
}

impl PeopleUpdate {
    fn of(action: PeerAction) -> Self {
        Self {
            actions: vec![action],
            events: Vec::new(),
        }
    }

    fn append(&mut self, mut other: Self) {
        self.actions.append(&mut other.actions);
        self.events.append(&mut other.events);
    }

    fn and(mut self, event: RoomEvent) -> Self {
        self.events.push(event);
        self
    }
}

/// Handles the messages of the server about people in the room; ignores others. `rejoined`: this is not the first `welcome`, so
/// people who are new in it have arrived meanwhile, and people who are not may still come: the server may have restarted.
/// `now`: milliseconds of a monotonic clock.
pub fn on_server_message(
    people: &mut Vec<Person>,
    message: &ServerMessage,
    rejoined: bool,
    now: u64,
) -> PeopleUpdate {
    match message {
        ServerMessage::Welcome { peers, .. } => on_welcome(people, peers, rejoined, now),
        ServerMessage::Arrived { peer } => on_arrived(people, peer, true),
        ServerMessage::Away { id } => match find(people, id) {
            Some(person) => {
                person.presence = Presence::Away;
                PeopleUpdate::of(PeerAction::Unreachable(id.clone()))
            }
            None => PeopleUpdate::default(),
        },
        ServerMessage::Left { id, why } => on_gone(people, id, *why),
        _ => PeopleUpdate::default(),
    }
}

/// Removes the people who have not come back to the server. Call about once a second.
pub fn on_tick(people: &mut Vec<Person>, now: u64) -> PeopleUpdate {
    let missing = |person: &&Person| {
        person.presence == Presence::Unlisted && !is_open(person) && !is_expected(person, now)
    };
    let missing: Vec<PeerId> = people
        .iter()
        .filter(missing)
        .map(|p| p.id.clone())
        .collect();
    let mut all = PeopleUpdate::default();
    for id in missing {
        all.append(on_gone(people, &id, LeaveReason::Lost));
    }
    all
}

/// Sets the path of a person. An unlisted person is removed when the connection is no longer open.
pub fn on_path(people: &mut Vec<Person>, id: &PeerId, path: PeerPath, now: u64) -> PeopleUpdate {
    let Some(person) = find(people, id) else {
        return PeopleUpdate::default();
    };
    person.path = path;
    if !is_open(person) {
        person.safety = None;
        person.typing = false;
        if person.presence == Presence::Unlisted && !is_expected(person, now) {
            return on_gone(people, id, LeaveReason::Lost);
        }
    }
    PeopleUpdate::default()
}

pub fn find<'a>(people: &'a mut [Person], id: &PeerId) -> Option<&'a mut Person> {
    people.iter_mut().find(|person| person.id == *id)
}

fn is_open(person: &Person) -> bool {
    matches!(person.path, PeerPath::Open { .. })
}

fn is_expected(person: &Person, now: u64) -> bool {
    person.expected_until.is_some_and(|until| now < until)
}

fn on_welcome(people: &mut Vec<Person>, peers: &[Peer], rejoined: bool, now: u64) -> PeopleUpdate {
    let mut all = PeopleUpdate::default();
    for person in people.iter_mut() {
        if !peers.iter().any(|peer| peer.id == person.id) {
            person.presence = Presence::Unlisted;
            person.expected_until = Some(now + RESTART_MS);
            all.actions.push(PeerAction::Unreachable(person.id.clone()));
        }
    }
    let present = peers.iter().map(|peer| {
        let mut update = on_arrived(people, peer, rejoined);
        for action in &mut update.actions {
            if let PeerAction::Connect { offer, .. } = action {
                *offer = true;
            }
        }
        update
    });
    for update in present.collect::<Vec<_>>() {
        all.append(update);
    }
    all
}

fn on_arrived(people: &mut Vec<Person>, peer: &Peer, report: bool) -> PeopleUpdate {
    let presence = if peer.away {
        Presence::Away
    } else {
        Presence::Present
    };
    let update = PeopleUpdate::of(if peer.away {
        PeerAction::Unreachable(peer.id.clone())
    } else {
        PeerAction::Connect {
            peer: peer.id.clone(),
            offer: false,
            native: peer.native,
        }
    });
    let name = peer.name.clone();
    if let Some(person) = find(people, &peer.id) {
        (person.presence, person.expected_until) = (presence, None);
        person.kind = peer.kind;
        let from = std::mem::replace(&mut person.name, name.clone());
        return if from == name {
            update
        } else {
            update.and(RoomEvent::Renamed { from, to: name })
        };
    }
    people.push(Person {
        id: peer.id.clone(),
        name: name.clone(),
        kind: peer.kind,
        presence,
        expected_until: None,
        path: PeerPath::Connecting,
        typing: false,
        safety: None,
    });
    if report {
        update.and(RoomEvent::Arrived { name })
    } else {
        update
    }
}

fn on_gone(people: &mut Vec<Person>, id: &PeerId, why: LeaveReason) -> PeopleUpdate {
    let Some(at) = people.iter().position(|person| person.id == *id) else {
        return PeopleUpdate::default();
    };
    if why == LeaveReason::Lost && is_open(&people[at]) {
        people[at].presence = Presence::Unlisted;
        return PeopleUpdate::of(PeerAction::Unreachable(id.clone()));
    }
    let name = people.remove(at).name;
    PeopleUpdate::of(PeerAction::Remove(id.clone())).and(match why {
        LeaveReason::Left => RoomEvent::Left { name },
        LeaveReason::Lost => RoomEvent::Lost { name },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::signaling::{PeerKind, VERSION};

    fn id(n: u8) -> PeerId {
        PeerId::try_from(format!("{n:016x}")).expect("sixteen digits")
    }

    fn peer(n: u8, name: &str, away: bool) -> Peer {
        Peer {
            id: id(n),
            name: name.into(),
            kind: PeerKind::Browser,
            native: true,
            away,
        }
    }

    fn welcome(peers: &[Peer]) -> ServerMessage {
        ServerMessage::Welcome {
            version: VERSION,
            room: "demo".into(),
            you: peer(9, "me", false),
            peers: peers.to_vec(),
        }
    }

    fn connect(n: u8, offer: bool) -> PeerAction {
        PeerAction::Connect {
            peer: id(n),
            offer,
            native: true,
        }
    }

    const OPEN: PeerPath = PeerPath::Open {
        relayed: false,
        rtt: None,
    };

    fn room() -> Vec<Person> {
        let mut people = Vec::new();
        let update = on_server_message(
            &mut people,
            &welcome(&[peer(1, "ann", false), peer(2, "bo", true)]),
            false,
            0,
        );
        assert_eq!(
            update.actions,
            [connect(1, true), PeerAction::Unreachable(id(2))]
        );
        assert!(
            update.events.is_empty(),
            "no event for people who were there"
        );
        people
    }

    #[test]
    fn a_person_who_arrives_is_noted_and_sends_the_offer() {
        let mut people = room();
        let arrived = ServerMessage::Arrived {
            peer: peer(3, "cy", false),
        };
        let update = on_server_message(&mut people, &arrived, false, 0);
        assert_eq!(update.actions, [connect(3, false)]);
        assert_eq!(update.events, [RoomEvent::Arrived { name: "cy".into() }]);
        assert_eq!(people[2].path, PeerPath::Connecting);
        let again = on_server_message(&mut people, &arrived, false, 0);
        assert!(again.events.is_empty(), "it was only away");
    }

    #[test]
    fn a_person_who_returns_under_another_name_is_renamed() {
        let mut people = room();
        let back = ServerMessage::Arrived {
            peer: peer(2, "bob", false),
        };
        let update = on_server_message(&mut people, &back, false, 0);
        let (from, to) = ("bo".into(), "bob".into());
        assert_eq!(update.events, [RoomEvent::Renamed { from, to }]);
        assert_eq!(people.len(), 2);
        assert_eq!(people[1].presence, Presence::Present);
    }

    #[test]
    fn a_person_the_server_no_longer_lists_stays_while_connected() {
        let mut people = room();
        on_path(&mut people, &id(1), OPEN, 0);
        let lost = ServerMessage::Left {
            id: id(1),
            why: LeaveReason::Lost,
        };
        let update = on_server_message(&mut people, &lost, false, 0);
        assert_eq!(update, PeopleUpdate::of(PeerAction::Unreachable(id(1))));
        assert_eq!(people[0].presence, Presence::Unlisted);
        let update = on_path(&mut people, &id(1), PeerPath::Broken, 0);
        assert_eq!(update.actions, [PeerAction::Remove(id(1))]);
        assert_eq!(update.events, [RoomEvent::Lost { name: "ann".into() }]);
        assert_eq!(people.len(), 1);
    }

    #[test]
    fn a_restart_of_the_server_removes_no_connected_person() {
        let mut people = room();
        on_path(&mut people, &id(1), OPEN, 0);
        let update = on_server_message(&mut people, &welcome(&[peer(3, "cy", false)]), true, 0);
        assert_eq!(
            update.actions,
            [
                PeerAction::Unreachable(id(1)),
                PeerAction::Unreachable(id(2)),
                connect(3, true)
            ]
        );
        assert_eq!(update.events, [RoomEvent::Arrived { name: "cy".into() }]);
        let back = ServerMessage::Arrived {
            peer: peer(1, "ann", false),
        };
        assert_eq!(on_server_message(&mut people, &back, true, 0).events, []);
        assert_eq!(people[0].presence, Presence::Present);
        assert_eq!(people[0].path, OPEN);
        // Who does not come back to the restarted server was lost.
        assert_eq!(
            on_tick(&mut people, RESTART_MS - 1),
            PeopleUpdate::default()
        );
        let update = on_tick(&mut people, RESTART_MS);
        assert_eq!(update.events, [RoomEvent::Lost { name: "bo".into() }]);
    }

    /// A relay of the server restarts with it.
    #[test]
    fn a_person_whose_connection_breaks_with_the_server_does_not_join_again() {
        let mut people = room();
        on_path(&mut people, &id(1), OPEN, 0);
        let mut seen = on_server_message(&mut people, &welcome(&[]), true, 0);
        seen.append(on_path(&mut people, &id(1), PeerPath::Broken, 1_000));
        let back = ServerMessage::Arrived {
            peer: peer(1, "ann", false),
        };
        seen.append(on_server_message(&mut people, &back, true, 5_000));
        assert_eq!(seen.events, []);
        assert_eq!(people[0].presence, Presence::Present);
    }

    #[test]
    fn a_person_who_leaves_is_removed_even_while_connected() {
        let mut people = room();
        on_path(&mut people, &id(1), OPEN, 0);
        let left = ServerMessage::Left {
            id: id(1),
            why: LeaveReason::Left,
        };
        let update = on_server_message(&mut people, &left, false, 0);
        assert_eq!(update.actions, [PeerAction::Remove(id(1))]);
        assert_eq!(update.events, [RoomEvent::Left { name: "ann".into() }]);
    }
}
