//! Random names for new rooms.

const ADJECTIVES: [&str; 16] = [
    "quiet", "bright", "gentle", "deep", "silver", "early", "calm", "clear", "green", "winding",
    "open", "north", "slow", "golden", "cool", "little",
];
const NOUNS: [&str; 16] = [
    "river", "brook", "harbour", "lake", "ferry", "bridge", "island", "tide", "mill", "delta",
    "spring", "weir", "canal", "heron", "willow", "rain",
];

/// A name for a new room, easy to say and hard to guess: `quiet-river-7k3q`.
pub fn random_room_name(random: u32) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let pick = |shift: u32, of: usize| (random >> shift) as usize % of;
    let mut name = format!("{}-{}-", ADJECTIVES[pick(0, 16)], NOUNS[pick(4, 16)]);
    for place in 0..4 {
        name.push(char::from(LETTERS[pick(8 + 5 * place, 32)]));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_room_name_fits_into_an_address() {
        for random in [0, u32::MAX, 0x1234_5678] {
            let name = random_room_name(random);
            assert!(name.len() <= shared::signaling::MAX_ROOM_NAME);
            assert!(
                name.bytes()
                    .all(|byte| byte == b'-' || byte.is_ascii_alphanumeric()),
                "{name}"
            );
        }
        assert_ne!(random_room_name(1), random_room_name(2));
    }
}
