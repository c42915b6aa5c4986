//! Names in the browser's storage of what is kept by server: a key or a message for one server is no business of another.

/// The name in the browser's storage of what is kept for a room or a stream of a server. An address has no space.
pub fn stored_as(what: &str, base: &str, name: &str) -> String {
    format!("weir {what} {base} {name}")
}

/// The name of something else that is kept for the room or stream of a stored name. `None`: the name is not of `what`.
pub fn beside(stored: &str, what: &str, other: &str) -> Option<String> {
    let of_it = stored.strip_prefix(&format!("weir {what} "))?;
    Some(format!("weir {other} {of_it}"))
}

/// The room of the stored name of a conversation.
pub fn room_of(stored: &str) -> Option<String> {
    let of_it = stored.strip_prefix("weir room ")?;
    Some(of_it.split_once(' ')?.1.to_owned())
}

/// How the same was named before it was kept by server: the beginning of the name, and what it is.
const NAMED_BEFORE: [(&str, &str); 5] = [
    ("weir.room.", "room"),
    ("weir.key.", "key"),
    ("weir.password.", "password"),
    ("weir-key-", "stream-key"),
    ("weir-session-", "session"),
];

/// The name today, for the server `base`, of what is stored under an earlier name.
pub fn renamed(stored: &str, base: &str) -> Option<String> {
    let mut before = NAMED_BEFORE.iter();
    before.find_map(|(prefix, what)| Some(stored_as(what, base, stored.strip_prefix(prefix)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_for_one_server_is_found_for_no_other() {
        let names = [
            stored_as("key", "https://a", "room"),
            stored_as("key", "https://a/room", "room"),
            stored_as("key", "https://a", "b room"),
            stored_as("room", "https://a", "room"),
        ];
        for (at, name) in names.iter().enumerate() {
            assert!(!names[at + 1..].contains(name), "{name}");
        }
    }

    #[test]
    fn from_one_name_of_a_room_another_follows() {
        let held = stored_as("held", "https://a", "b room");
        let room = stored_as("room", "https://a", "b room");
        assert_eq!(room_of(&room).as_deref(), Some("b room"));
        assert_eq!(room_of(&held), None);
        assert_eq!(beside(&held, "held", "room"), Some(room));
        for other in ["weir key https://a b room", "weir heldx", "another"] {
            assert_eq!(beside(other, "held", "room"), None, "{other}");
        }
    }

    #[test]
    fn earlier_names_are_those_of_the_own_server() {
        for (before, now) in [
            ("weir.room.a b", "weir room https://own a b"),
            ("weir.key.demo", "weir key https://own demo"),
            ("weir.password.demo", "weir password https://own demo"),
            ("weir-key-cam", "weir stream-key https://own cam"),
            ("weir-session-cam", "weir session https://own cam"),
        ] {
            let renamed = renamed(before, "https://own");
            assert_eq!(renamed.as_deref(), Some(now));
        }
        for other in [
            "weir",
            "weir.events",
            "weir key https://own demo",
            "another",
        ] {
            assert_eq!(renamed(other, "https://own"), None, "{other}");
        }
    }
}
