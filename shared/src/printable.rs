//! Text of others for a terminal or a log: it changes nothing beside itself.

use std::borrow::Cow;

/// Replaces each character that may affect what is beside the text by U+FFFD: control characters, ends of lines, and those that change the direction of
/// writing (UAX 9).
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let replaced = |c| if is_unprintable(c) { '\u{fffd}' } else { c };
    Cow::Owned(text.chars().map(replaced).collect())
}

/// As [`printable`], of a text of several lines.
pub fn printable_lines(text: &str) -> String {
    let lines: Vec<Cow<'_, str>> = text.split('\n').map(printable).collect();
    lines.join("\n")
}

/// Whether a character may affect what is beside it.
pub fn is_unprintable(c: char) -> bool {
    // Line and paragraph separator are not control characters (general category Cc).
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') || is_bidi(c)
}

/// Marks, embeddings, overrides and isolates.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_affects_the_text_beside_it_is_replaced() {
        for bad in [
            '\0', '\t', '\n', '\r', '\x1b', '\x7f', '\u{85}', '\u{9b}', '\u{61c}', '\u{200e}',
            '\u{202e}', '\u{2028}', '\u{2029}', '\u{2066}',
        ] {
            let text = format!("a{bad}b");
            assert_eq!(printable(&text), "a\u{fffd}b", "{bad:?}");
        }
        assert_eq!(printable_lines("a\r\nb\x1b[2J"), "a\u{fffd}\nb\u{fffd}[2J");
    }

    #[test]
    fn other_text_stays() {
        for text in ["", "film.mp4", "影片 é", "👨‍👩‍👧", "עברית"] {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
        }
    }
}
