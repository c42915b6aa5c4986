//! The avatar of a person: initials, and a colour and an identicon of the id.

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
pub fn hue(id: &str) -> u32 {
    // An id is 16 hexadecimal digits of a hash, so any part of it is uniform.
    bits(id, 0) % 360
}

/// The cells of a symmetric grid of 5 by 5, as the path of an SVG. Two ids have the same one by chance once in 32,768; a person who searches for a key finds one.
pub fn identicon(id: &str) -> String {
    let cells = bits(id, 4);
    let mut path = String::new();
    for cell in (0..15).filter(|cell| (cells >> cell) & 1 == 1) {
        let (x, y) = (cell % 3, cell / 3);
        for x in [x, 4 - x] {
            path.push_str(&format!("M{x} {y}h1v1h-1z"));
        }
    }
    path
}

fn bits(id: &str, from: usize) -> u32 {
    let digits = id.get(from..from + 4).unwrap_or_default();
    u32::from_str_radix(digits, 16).unwrap_or(0)
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
    #[test]
    fn an_identicon_is_symmetric_and_of_one_id() {
        assert_eq!(identicon("0123000000000000"), "");
        assert_eq!(identicon("0000000200000000"), "M1 0h1v1h-1zM3 0h1v1h-1z");
        let ids: Vec<String> = (0..1_u64 << 15)
            .map(|n| format!("0000{n:04x}00000000"))
            .collect();
        let identicons: std::collections::HashSet<String> =
            ids.iter().map(|id| identicon(id)).collect();
        assert_eq!(identicons.len(), ids.len());
        assert_eq!(identicon(""), "", "a shorter id is no id");
    }
}
