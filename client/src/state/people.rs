//! Who is in a room, as the server and the connections tell it; and what follows for the connections.

use shared::signaling::{Peer, PeerId, ServerMessage, Why};

use super::room::{Happened, Path, Person, Presence};

/// What to do with the connection to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The server carries signals to it. `offer`: it was there before.
    Meet { peer: PeerId, offer: bool },
    /// The server does not, for now. What is connected stays so.
    Unreachable(PeerId),
    /// It is gone.
    Part(PeerId),
}

/// What came of some news.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub steps: Vec<Step>,
    pub notes: Vec<Happened>,
}

impl Outcome {
    fn of(step: Step) -> Self {
        Self {
            steps: vec![step],
            notes: Vec::new(),
        }
    }

    fn and(mut self, note: Happened) -> Self {
        self.notes.push(note);
        self
    }
}

/// Takes in what the server says about who is there; other messages change nothing. `again`: this is not the first `welcome`, so that those who are new
/// in it have come meanwhile.
pub fn told(people: &mut Vec<Person>, message: &ServerMessage, again: bool) -> Outcome {
    match message {
        ServerMessage::Welcome { peers, .. } => welcomed(people, peers, again),
        ServerMessage::Arrived { peer } => arrived(people, peer, true),
        ServerMessage::Away { id } => match find(people, id) {
            Some(person) => {
                person.presence = Presence::Away;
                Outcome::of(Step::Unreachable(id.clone()))
            }
            None => Outcome::default(),
        },
        ServerMessage::Left { id, why } => gone(people, id, *why),
        _ => Outcome::default(),
    }
}

/// The connection to somebody has changed. Somebody whom the server no longer knows is gone when it ends.
pub fn moved(people: &mut Vec<Person>, id: &PeerId, path: Path) -> Outcome {
    let Some(person) = find(people, id) else {
        return Outcome::default();
    };
    person.path = path;
    if !is_open(person) {
        person.safety = None;
        person.typing = false;
        if person.presence == Presence::Unlisted {
            return gone(people, id, Why::Lost);
        }
    }
    Outcome::default()
}

pub fn find<'a>(people: &'a mut [Person], id: &PeerId) -> Option<&'a mut Person> {
    people.iter_mut().find(|person| person.id == *id)
}

fn is_open(person: &Person) -> bool {
    matches!(person.path, Path::Open { .. })
}

fn welcomed(people: &mut Vec<Person>, peers: &[Peer], again: bool) -> Outcome {
    let unlisted: Vec<PeerId> = people
        .iter()
        .map(|person| person.id.clone())
        .filter(|id| !peers.iter().any(|peer| peer.id == *id))
        .collect();
    let mut all = Outcome::default();
    let after = unlisted
        .iter()
        .map(|id| gone(people, id, Why::Lost))
        .collect::<Vec<_>>();
    let now = peers.iter().map(|peer| {
        let mut outcome = arrived(people, peer, again);
        for step in &mut outcome.steps {
            if let Step::Meet { offer, .. } = step {
                *offer = true;
            }
        }
        outcome
    });
    for mut outcome in after.into_iter().chain(now.collect::<Vec<_>>()) {
        all.steps.append(&mut outcome.steps);
        all.notes.append(&mut outcome.notes);
    }
    all
}

fn arrived(people: &mut Vec<Person>, peer: &Peer, noted: bool) -> Outcome {
    let presence = if peer.away {
        Presence::Away
    } else {
        Presence::Here
    };
    let outcome = Outcome::of(if peer.away {
        Step::Unreachable(peer.id.clone())
    } else {
        Step::Meet {
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
            outcome.and(Happened::Renamed { from, to: name })
        };
    }
    people.push(Person {
        id: peer.id.clone(),
        name: name.clone(),
        kind: peer.kind,
        presence,
        path: Path::Connecting,
        typing: false,
        safety: None,
    });
    if noted {
        outcome.and(Happened::Arrived { name })
    } else {
        outcome
    }
}

fn gone(people: &mut Vec<Person>, id: &PeerId, why: Why) -> Outcome {
    let Some(at) = people.iter().position(|person| person.id == *id) else {
        return Outcome::default();
    };
    if why == Why::Lost && is_open(&people[at]) {
        people[at].presence = Presence::Unlisted;
        return Outcome::of(Step::Unreachable(id.clone()));
    }
    let name = people.remove(at).name;
    Outcome::of(Step::Part(id.clone())).and(match why {
        Why::Left => Happened::Left { name },
        Why::Lost => Happened::Lost { name },
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

    fn meet(n: u8, offer: bool) -> Step {
        Step::Meet { peer: id(n), offer }
    }

    const OPEN: Path = Path::Open {
        relayed: false,
        rtt: None,
    };

    fn room() -> Vec<Person> {
        let mut people = Vec::new();
        let outcome = told(
            &mut people,
            &welcome(&[peer(1, "ann", false), peer(2, "bo", true)]),
            false,
        );
        assert_eq!(outcome.steps, [meet(1, true), Step::Unreachable(id(2))]);
        assert!(outcome.notes.is_empty(), "those who were there are no news");
        people
    }

    #[test]
    fn who_arrives_is_noted_and_offers_by_itself() {
        let mut people = room();
        let arrived = ServerMessage::Arrived {
            peer: peer(3, "cy", false),
        };
        let outcome = told(&mut people, &arrived, false);
        assert_eq!(outcome.steps, [meet(3, false)]);
        assert_eq!(outcome.notes, [Happened::Arrived { name: "cy".into() }]);
        assert_eq!(people[2].path, Path::Connecting);
        let again = told(&mut people, &arrived, false);
        assert!(again.notes.is_empty(), "it was only away");
    }

    #[test]
    fn who_comes_back_under_another_name_is_the_same_person() {
        let mut people = room();
        let back = ServerMessage::Arrived {
            peer: peer(2, "bob", false),
        };
        let outcome = told(&mut people, &back, false);
        let (from, to) = ("bo".into(), "bob".into());
        assert_eq!(outcome.notes, [Happened::Renamed { from, to }]);
        assert_eq!(people.len(), 2);
        assert_eq!(people[1].presence, Presence::Here);
    }

    #[test]
    fn whom_the_server_forgot_stays_while_the_connection_lives() {
        let mut people = room();
        moved(&mut people, &id(1), OPEN);
        let lost = ServerMessage::Left {
            id: id(1),
            why: Why::Lost,
        };
        let outcome = told(&mut people, &lost, false);
        assert_eq!(outcome, Outcome::of(Step::Unreachable(id(1))));
        assert_eq!(people[0].presence, Presence::Unlisted);
        let outcome = moved(&mut people, &id(1), Path::Broken);
        assert_eq!(outcome.steps, [Step::Part(id(1))]);
        assert_eq!(outcome.notes, [Happened::Lost { name: "ann".into() }]);
        assert_eq!(people.len(), 1);
    }

    #[test]
    fn a_restarted_server_loses_nobody_who_is_connected() {
        let mut people = room();
        moved(&mut people, &id(1), OPEN);
        let outcome = told(&mut people, &welcome(&[peer(3, "cy", false)]), true);
        assert_eq!(
            outcome.steps,
            [Step::Unreachable(id(1)), Step::Part(id(2)), meet(3, true)]
        );
        assert_eq!(
            outcome.notes,
            [
                Happened::Lost { name: "bo".into() },
                Happened::Arrived { name: "cy".into() }
            ]
        );
        let back = ServerMessage::Arrived {
            peer: peer(1, "ann", false),
        };
        assert_eq!(told(&mut people, &back, true).notes, []);
        assert_eq!(people[0].presence, Presence::Here);
        assert_eq!(people[0].path, OPEN);
    }

    #[test]
    fn who_says_goodbye_is_gone_whatever_the_connection() {
        let mut people = room();
        moved(&mut people, &id(1), OPEN);
        let left = ServerMessage::Left {
            id: id(1),
            why: Why::Left,
        };
        let outcome = told(&mut people, &left, false);
        assert_eq!(outcome.steps, [Step::Part(id(1))]);
        assert_eq!(outcome.notes, [Happened::Left { name: "ann".into() }]);
    }
}
