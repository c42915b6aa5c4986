//! The avatar of a person: initials and a colour.

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

/// A hue in degrees, derived from the id: every client shows the same.
pub fn hue(id: &PeerId) -> u32 {
    // An id is 16 hexadecimal digits of a hash, so any part of it is uniform.
    u32::from_str_radix(&id.as_str()[..4], 16).unwrap_or(0) % 360
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_distinguish_people() {
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
}
