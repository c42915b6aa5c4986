//! What holds for the names of rooms and of people, and how they are compared regardless of case.

use shared::signaling::{ErrorCode, MAX_NAME, MAX_ROOM_NAME};

use super::refusal::Refusal;

/// A valid room name, without surrounding white space.
///
/// # Errors
/// It is empty, too long, or has control characters.
pub fn of_room(name: &str) -> Result<String, Refusal> {
    checked(ErrorCode::BadRoomName, name, MAX_ROOM_NAME)
}

/// A peer's name that is neither empty, too long nor disruptive, without surrounding white space.
pub(super) fn checked_peer(name: &str) -> Result<String, Refusal> {
    checked(ErrorCode::BadName, name, MAX_NAME)
}

fn checked(code: ErrorCode, name: &str, limit: usize) -> Result<String, Refusal> {
    let name = name.trim();
    if fold(name).is_empty() {
        return Err(Refusal::bad_name(code, "is empty; give it one".to_owned()));
    }
    if name.len() > limit {
        let why = format!("is longer than {limit} bytes; take a shorter one");
        return Err(Refusal::bad_name(code, why));
    }
    if name.chars().any(|c| c.is_control() || is_disruptive(c)) {
        let why = "has control characters in it; leave them out".to_owned();
        return Err(Refusal::bad_name(code, why));
    }
    Ok(name.to_owned())
}

/// A form for comparison, without case and zero-width characters.
pub(super) fn fold(name: &str) -> String {
    let seen = name.chars().filter(|c| !is_invisible(*c));
    // To upper case, then to lower case: this unites ß with ss, and the two small sigmas.
    let upper = seen.flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).collect()
}

/// Bidirectional controls and line separators affect text outside of the name.
fn is_disruptive(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Zero-width characters. Names may contain them, as some join emoji.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_a_name_is_cut_off() {
        assert_eq!(of_room("  demo\u{3000}\n").unwrap(), "demo");
        assert_eq!(checked_peer(" 张 三 ").unwrap(), "张 三");
    }

    #[test]
    fn an_invalid_name_is_refused_with_a_reason() {
        for (name, reason) in [
            ("", "empty"),
            ("  \t", "empty"),
            ("\u{200b}\u{feff}", "empty"),
            ("a\u{0}b", "control"),
            ("a\u{202e}b", "control"),
            ("a\nb", "control"),
            (&"名".repeat(17), "longer than 48 bytes"),
        ] {
            let refusal = checked_peer(name).unwrap_err();
            assert_eq!(refusal.code, ErrorCode::BadName);
            assert!(refusal.sentence.contains(reason), "{}", refusal.sentence);
        }
        assert!(checked_peer(&"名".repeat(16)).is_ok());
        assert!(of_room(&"x".repeat(64)).is_ok());
        assert!(of_room(&"x".repeat(65)).is_err());
    }

    #[test]
    fn case_and_zero_width_characters_do_not_count() {
        for (a, b) in [
            ("Ada", "aDA"),
            ("ada", "a\u{200b}da"),
            ("ΟΔΟΣ", "οδος"),
            ("STRASSE", "straße"),
        ] {
            assert_eq!(fold(a), fold(b), "{a} {b}");
        }
        assert_ne!(fold("ada"), fold("adb"));
    }
}
