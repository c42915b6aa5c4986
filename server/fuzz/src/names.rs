//! Fuzzes the names of people: an input is a list of lines, each a name that somebody wants in one room.

use room::peer_name::PeerName;
use shared::signaling::MAX_NAME;

/// Runs one input. Panics when an invariant does not hold.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let lines = text.split('\n').take(8);
    let names: Vec<(&str, PeerName)> = lines
        .filter_map(|line| Some((line, PeerName::new(line).ok()?)))
        .collect();
    for (line, name) in &names {
        let shown = name.as_str();
        assert!((1..=MAX_NAME).contains(&shown.len()), "{line:?}: {shown:?}");
        assert!(!shown.chars().any(char::is_control), "{line:?}: {shown:?}");
        let again = PeerName::new(shown).expect("a name that is shown is valid");
        assert_eq!(again.as_str(), shown, "{line:?}");
        assert!(again.resembles(name), "{line:?}");
        let upper = shown.to_uppercase();
        if let Ok(upper) = PeerName::new(&upper) {
            assert!(upper.resembles(name), "{line:?} {upper:?}");
        }
        for (_, other) in &names {
            assert_eq!(name.resembles(other), other.resembles(name), "{line:?}");
        }
    }
}
