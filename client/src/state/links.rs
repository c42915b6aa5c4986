//! URLs in a text, which become links. Nothing else in a message is interpreted.

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextSegment<'a> {
    Text(&'a str),
    /// Starts with `http://` or `https://`.
    Url(&'a str),
}

/// A text of more lines or bytes is shown in part at first.
const LONG_LINES: usize = 24;
const LONG_BYTES: usize = 3_000;

/// Whether a text is about as high as a window.
pub fn is_long(text: &str) -> bool {
    text.len() > LONG_BYTES || text.lines().count() > LONG_LINES
}

/// Splits a text into URLs and the rest. A URL ends at white space, a quotation mark, an angle bracket or a character outside ASCII: browsers
/// copy URLs in ASCII, and Chinese follows them without a space. Punctuation at the end belongs to the sentence.
pub fn segments(text: &str) -> Vec<TextSegment<'_>> {
    let mut segments = Vec::new();
    let mut rest = text;
    let mut searched = 0;
    while let Some(found) = rest[searched..].find("http") {
        let at = searched + found;
        let length = link(&rest[at..]);
        let glued = rest[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        if length == 0 || glued {
            searched = at + 4;
            continue;
        }
        if at > 0 {
            segments.push(TextSegment::Text(&rest[..at]));
        }
        segments.push(TextSegment::Url(&rest[at..at + length]));
        rest = &rest[at + length..];
        searched = 0;
    }
    if !rest.is_empty() {
        segments.push(TextSegment::Text(rest));
    }
    segments
}

/// The length in bytes of the URL at the start of the text; 0 without one.
fn link(text: &str) -> usize {
    let after = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let Some(after) =
        after.filter(|after| after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '['))
    else {
        return 0;
    };
    let scheme = text.len() - after.len();
    let end = after.find(|c: char| !c.is_ascii_graphic() || matches!(c, '"' | '<' | '>' | '`'));
    let mut address = &after[..end.unwrap_or(after.len())];
    loop {
        let closes = |close: char, open: char| {
            address.ends_with(close)
                && address.matches(close).count() > address.matches(open).count()
        };
        let loose = address.ends_with(['.', ',', ';', ':', '!', '?', '\'', '*', '_']);
        if !(loose || closes(')', '(') || closes(']', '[')) {
            return scheme + address.len();
        }
        address = &address[..address.len() - 1];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(text: &str) -> Vec<&str> {
        let links = segments(text)
            .into_iter()
            .filter_map(|segment| match segment {
                TextSegment::Url(link) => Some(link),
                TextSegment::Text(_) => None,
            });
        links.collect()
    }

    #[test]
    fn nothing_of_a_text_is_lost() {
        for text in [
            "",
            "plain",
            "http://a.b",
            "see http://a.b/c, and https://d.e.",
            "http http:// 看http://a.b看",
        ] {
            let whole: String = segments(text)
                .into_iter()
                .map(|(TextSegment::Text(part) | TextSegment::Url(part))| part)
                .collect();
            assert_eq!(whole, text);
        }
    }

    #[test]
    fn an_address_is_found_without_the_sentence_around_it() {
        assert_eq!(
            links("Look at https://weir.example/a?b=1#c."),
            ["https://weir.example/a?b=1#c"]
        );
        assert_eq!(links("(http://a.b/x_(y))"), ["http://a.b/x_(y)"]);
        assert_eq!(links("看http://a.b/c，很好"), ["http://a.b/c"]);
        assert_eq!(
            links("<http://a.b>\nhttp://[::1]:8000/"),
            ["http://a.b", "http://[::1]:8000/"]
        );
    }

    #[test]
    fn only_the_two_schemes_of_the_web_are_links() {
        for text in [
            "javascript:alert(1)",
            "data:text/html,x",
            "xhttp://a.b",
            "http://",
            "https://.",
            "httpx://a",
        ] {
            assert!(links(text).is_empty(), "{text}");
        }
    }
}
