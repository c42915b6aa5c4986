//! How a person, and a room without a name yet, is shown at a glance.

use shared::signaling::PeerId;

/// One or two characters: `Ann Lee` is `AL`, `peer1` is `P1`, `李雷` is `李`.
pub fn initials(name: &str) -> String {
    let mut words = name.split_whitespace();
    let Some(first) = words.next().and_then(|word| word.chars().next()) else {
        return "?".to_owned();
    };
    let mut letters: String = first.to_uppercase().collect();
    if first.is_ascii() {
        let second = words.next().and_then(|word| word.chars().next());
        let digit = name.chars().last().filter(char::is_ascii_digit);
        let second = second.or(digit).filter(char::is_ascii_alphanumeric);
        if name.chars().nth(1).is_some() {
            letters.extend(second.map(|c| c.to_ascii_uppercase()));
        }
    }
    letters
}

/// A hue in degrees: the same for a peer wherever it is shown.
pub fn hue(id: &PeerId) -> u32 {
    // An id is 16 hexadecimal digits of a hash: any part of it is spread evenly.
    u32::from_str_radix(&id.as_str()[..4], 16).unwrap_or(0) % 360
}

const HOW: [&str; 16] = [
    "quiet", "bright", "gentle", "deep", "silver", "early", "calm", "clear", "green", "winding",
    "open", "north", "slow", "golden", "cool", "little",
];
const WHAT: [&str; 16] = [
    "river", "brook", "harbour", "lake", "ferry", "bridge", "island", "tide", "mill", "delta",
    "spring", "weir", "canal", "heron", "willow", "rain",
];

/// A name for a new room, easy to say and hard to guess: `quiet-river-7k3q`.
pub fn invented_room(random: u32) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let pick = |shift: u32, of: usize| (random >> shift) as usize % of;
    let mut name = format!("{}-{}-", HOW[pick(0, 16)], WHAT[pick(4, 16)]);
    for place in 0..4 {
        name.push(char::from(LETTERS[pick(8 + 5 * place, 32)]));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_tell_people_apart() {
        for (name, letters) in [
            ("Ann Lee", "AL"),
            ("peer1", "P1"),
            ("Lin", "L"),
            ("李雷", "李"),
            ("7", "7"),
            ("ß", "SS"),
            ("", "?"),
            ("  ", "?"),
        ] {
            assert_eq!(initials(name), letters, "{name}");
        }
    }

    #[test]
    fn an_invented_name_fits_into_an_address() {
        for random in [0, u32::MAX, 0x1234_5678] {
            let name = invented_room(random);
            assert!(name.len() <= shared::signaling::MAX_ROOM_NAME);
            assert!(
                name.bytes()
                    .all(|byte| byte == b'-' || byte.is_ascii_alphanumeric()),
                "{name}"
            );
        }
        assert_ne!(invented_room(1), invented_room(2));
    }
}
