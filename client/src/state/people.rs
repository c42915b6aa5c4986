//! Who is in a room, as the server and the connections tell it; and what follows for the connections.

use shared::signaling::{Peer, PeerId, ServerMessage, Why};

use super::room::{PeerPath, Person, Presence, RoomEvent};

/// What to do with the connection to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerAction {
    /// The server carries signals to it. `offer`: it was there before.
    Connect { peer: PeerId, offer: bool },
    /// The server does not, for now. What is connected stays so.
    Unreachable(PeerId),
    /// It is gone.
    Remove(PeerId),
}

/// What came of some news.
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

    fn and(mut self, note: RoomEvent) -> Self {
        self.events.push(note);
        self
    }
}

/// Takes in what the server says about who is there; other messages change nothing. `again`: this is not the first `welcome`, so that those who are new
/// in it have come meanwhile.
pub fn on_server_message(
    people: &mut Vec<Person>,
    message: &ServerMessage,
    again: bool,
) -> PeopleUpdate {
    match message {
        ServerMessage::Welcome { peers, .. } => on_welcome(people, peers, again),
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

/// The connection to somebody has changed. Somebody whom the server no longer knows is gone when it ends.
pub fn on_path(people: &mut Vec<Person>, id: &PeerId, path: PeerPath) -> PeopleUpdate {
    let Some(person) = find(people, id) else {
        return PeopleUpdate::default();
    };
    person.path = path;
    if !is_open(person) {
        person.safety = None;
        person.typing = false;
        if person.presence == Presence::Unlisted {
            return on_gone(people, id, Why::Lost);
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

fn on_welcome(people: &mut Vec<Person>, peers: &[Peer], again: bool) -> PeopleUpdate {
    let unlisted: Vec<PeerId> = people
        .iter()
        .map(|person| person.id.clone())
        .filter(|id| !peers.iter().any(|peer| peer.id == *id))
        .collect();
    let mut all = PeopleUpdate::default();
    let after = unlisted
        .iter()
        .map(|id| on_gone(people, id, Why::Lost))
        .collect::<Vec<_>>();
    let now = peers.iter().map(|peer| {
        let mut outcome = on_arrived(people, peer, again);
        for action in &mut outcome.actions {
            if let PeerAction::Connect { offer, .. } = action {
                *offer = true;
            }
        }
        outcome
    });
    for mut outcome in after.into_iter().chain(now.collect::<Vec<_>>()) {
        all.actions.append(&mut outcome.actions);
        all.events.append(&mut outcome.events);
    }
    all
}

fn on_arrived(people: &mut Vec<Person>, peer: &Peer, noted: bool) -> PeopleUpdate {
    let presence = if peer.away {
        Presence::Away
    } else {
        Presence::Present
    };
    let outcome = PeopleUpdate::of(if peer.away {
        PeerAction::Unreachable(peer.id.clone())
    } else {
        PeerAction::Connect {
            peer: peer.id.clone(),
            offer: false,
        }
    });
    let name = peer.name.clone();
    if let Some(person) = find(people, &peer.id) {
        person.presence = presence;
        person.kind = peer.kind;
        let from = std::mem::replace(&mut person.name, name.clone());
        return if from == name {
            outcome
        } else {
            outcome.and(RoomEvent::Renamed { from, to: name })
        };
    }
    people.push(Person {
        id: peer.id.clone(),
        name: name.clone(),
        kind: peer.kind,
        presence,
        path: PeerPath::Connecting,
        typing: false,
        safety: None,
    });
    if noted {
        outcome.and(RoomEvent::Arrived { name })
    } else {
        outcome
    }
}

fn on_gone(people: &mut Vec<Person>, id: &PeerId, why: Why) -> PeopleUpdate {
    let Some(at) = people.iter().position(|person| person.id == *id) else {
        return PeopleUpdate::default();
    };
    if why == Why::Lost && is_open(&people[at]) {
        people[at].presence = Presence::Unlisted;
        return PeopleUpdate::of(PeerAction::Unreachable(id.clone()));
    }
    let name = people.remove(at).name;
    PeopleUpdate::of(PeerAction::Remove(id.clone())).and(match why {
        Why::Left => RoomEvent::Left { name },
        Why::Lost => RoomEvent::Lost { name },
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
        PeerAction::Connect { peer: id(n), offer }
    }

    const OPEN: PeerPath = PeerPath::Open {
        relayed: false,
        rtt: None,
    };

    fn room() -> Vec<Person> {
        let mut people = Vec::new();
        let outcome = on_server_message(
            &mut people,
            &welcome(&[peer(1, "ann", false), peer(2, "bo", true)]),
            false,
        );
        assert_eq!(
            outcome.actions,
            [connect(1, true), PeerAction::Unreachable(id(2))]
        );
        assert!(
            outcome.events.is_empty(),
            "those who were there are no news"
        );
        people
    }

    #[test]
    fn who_arrives_is_noted_and_offers_by_itself() {
        let mut people = room();
        let arrived = ServerMessage::Arrived {
            peer: peer(3, "cy", false),
        };
        let outcome = on_server_message(&mut people, &arrived, false);
        assert_eq!(outcome.actions, [connect(3, false)]);
        assert_eq!(outcome.events, [RoomEvent::Arrived { name: "cy".into() }]);
        assert_eq!(people[2].path, PeerPath::Connecting);
        let again = on_server_message(&mut people, &arrived, false);
        assert!(again.events.is_empty(), "it was only away");
    }

    #[test]
    fn who_comes_back_under_another_name_is_the_same_person() {
        let mut people = room();
        let back = ServerMessage::Arrived {
            peer: peer(2, "bob", false),
        };
        let outcome = on_server_message(&mut people, &back, false);
        let (from, to) = ("bo".into(), "bob".into());
        assert_eq!(outcome.events, [RoomEvent::Renamed { from, to }]);
        assert_eq!(people.len(), 2);
        assert_eq!(people[1].presence, Presence::Present);
    }

    #[test]
    fn whom_the_server_forgot_stays_while_the_connection_lives() {
        let mut people = room();
        on_path(&mut people, &id(1), OPEN);
        let lost = ServerMessage::Left {
            id: id(1),
            why: Why::Lost,
        };
        let outcome = on_server_message(&mut people, &lost, false);
        assert_eq!(outcome, PeopleUpdate::of(PeerAction::Unreachable(id(1))));
        assert_eq!(people[0].presence, Presence::Unlisted);
        let outcome = on_path(&mut people, &id(1), PeerPath::Broken);
        assert_eq!(outcome.actions, [PeerAction::Remove(id(1))]);
        assert_eq!(outcome.events, [RoomEvent::Lost { name: "ann".into() }]);
        assert_eq!(people.len(), 1);
    }

    #[test]
    fn a_restarted_server_loses_nobody_who_is_connected() {
        let mut people = room();
        on_path(&mut people, &id(1), OPEN);
        let outcome = on_server_message(&mut people, &welcome(&[peer(3, "cy", false)]), true);
        assert_eq!(
            outcome.actions,
            [
                PeerAction::Unreachable(id(1)),
                PeerAction::Remove(id(2)),
                connect(3, true)
            ]
        );
        assert_eq!(
            outcome.events,
            [
                RoomEvent::Lost { name: "bo".into() },
                RoomEvent::Arrived { name: "cy".into() }
            ]
        );
        let back = ServerMessage::Arrived {
            peer: peer(1, "ann", false),
        };
        assert_eq!(on_server_message(&mut people, &back, true).events, []);
        assert_eq!(people[0].presence, Presence::Present);
        assert_eq!(people[0].path, OPEN);
    }

    #[test]
    fn who_says_goodbye_is_gone_whatever_the_connection() {
        let mut people = room();
        on_path(&mut people, &id(1), OPEN);
        let left = ServerMessage::Left {
            id: id(1),
            why: Why::Left,
        };
        let outcome = on_server_message(&mut people, &left, false);
        assert_eq!(outcome.actions, [PeerAction::Remove(id(1))]);
        assert_eq!(outcome.events, [RoomEvent::Left { name: "ann".into() }]);
    }
}
