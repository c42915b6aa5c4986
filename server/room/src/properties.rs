//! What must hold for every room, in whatever order peers come, go, crash, come back and talk.

mod model;

use proptest::prelude::*;
use shared::signaling::MAX_PEERS;

use self::model::RoomModel;

/// More than fit into a room.
const PEOPLE: usize = MAX_PEERS + 4;
/// Some differ in their case only.
const NAMES: [&str; 6] = ["Ada", "aDA", "Bob", "bob ", "Carl", "\u{200b}CARL"];

/// What happens. Sockets are chosen among all that there ever were, so that those that ended are heard of too.
#[derive(Clone, Debug)]
enum Event {
    /// A new socket, with a key and one of [`NAMES`], or a name of its own.
    Join {
        person: usize,
        name: Option<usize>,
    },
    Leave {
        socket: prop::sample::Index,
    },
    Drop {
        socket: prop::sample::Index,
    },
    /// An offer, an answer or a candidate.
    Say {
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

fn event() -> impl Strategy<Value = Event> {
    let socket = any::<prop::sample::Index>;
    prop_oneof![
        6 => (0..PEOPLE, prop::option::weighted(0.3, 0..NAMES.len())).prop_map(|(person, name)| Event::Join { person, name }),
        1 => socket().prop_map(|socket| Event::Leave { socket }),
        2 => socket().prop_map(|socket| Event::Drop { socket }),
        6 => (socket(), 0..PEOPLE, any::<u8>()).prop_map(|(socket, to, mark)| Event::Say { socket, to, mark }),
        1 => socket().prop_map(|socket| Event::Ping { socket }),
        1 => socket().prop_map(|socket| Event::JoinAgain { socket }),
        2 => (0..20_u64).prop_map(|seconds| Event::Wait { seconds }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everybody_sees_the_room_as_it_is_and_nobody_is_lost(
        events in prop::collection::vec(event(), 1..150),
    ) {
        let mut model = RoomModel::new();
        for event in events {
            model.take(event);
        }
        model.end();
    }
}
