//! Properties of a room under any order of joins, departures, crashes and messages.

mod expected;
mod model;
mod relayed_pair;

use proptest::prelude::*;
use shared::signaling::MAX_PEERS;

use self::model::RoomModel;
use crate::SocketEnd;

/// More than a room's limit.
const PEOPLE: usize = MAX_PEERS + 4;
/// Some look the same.
const NAMES: [&str; 8] = [
    "Ada",
    "aDA",
    "\u{410}da",
    "Bob",
    "bob ",
    "Carl",
    "\u{200b}CARL",
    "Car1",
];

/// An event. Sockets are chosen among all that ever existed, so that closed ones are included.
#[derive(Clone, Debug)]
enum RoomAction {
    /// A new socket with a key and one of [`NAMES`], or a name of its own.
    Join {
        person: usize,
        name: Option<usize>,
    },
    Leave {
        socket: prop::sample::Index,
    },
    Drop {
        socket: prop::sample::Index,
        end: SocketEnd,
    },
    /// An offer, an answer or a candidate.
    Relay {
        socket: prop::sample::Index,
        to: usize,
        mark: u8,
    },
    Ping {
        socket: prop::sample::Index,
    },
    JoinAgain {
        socket: prop::sample::Index,
    },
    Wait {
        seconds: u64,
    },
}

fn event() -> impl Strategy<Value = RoomAction> {
    let socket = any::<prop::sample::Index>;
    prop_oneof![
        6 => (0..PEOPLE, prop::option::weighted(0.3, 0..NAMES.len())).prop_map(|(person, name)| RoomAction::Join { person, name }),
        1 => socket().prop_map(|socket| RoomAction::Leave { socket }),
        2 => socket().prop_map(|socket| RoomAction::Drop { socket, end: SocketEnd::Dropped }),
        2 => socket().prop_map(|socket| RoomAction::Drop { socket, end: SocketEnd::GoingAway }),
        6 => (socket(), 0..PEOPLE, any::<u8>()).prop_map(|(socket, to, mark)| RoomAction::Relay { socket, to, mark }),
        1 => socket().prop_map(|socket| RoomAction::Ping { socket }),
        1 => socket().prop_map(|socket| RoomAction::JoinAgain { socket }),
        2 => (0..20_u64).prop_map(|seconds| RoomAction::Wait { seconds }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_peer_sees_the_members_of_the_room(
        events in prop::collection::vec(event(), 1..150),
    ) {
        let mut model = RoomModel::new();
        for event in events {
            model.apply(event);
        }
        model.end();
    }
}
