//! What a text of a message has besides words: code, URLs, domains and mail addresses. Nothing else is interpreted.

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextPart<'a> {
    Text(&'a str),
    /// Starts with `http://` or `https://`.
    Url(&'a str),
    /// A domain, perhaps with a port and a path, but without a scheme.
    Domain(&'a str),
    Mail(&'a str),
    /// Within a line, between backticks.
    Code(&'a str),
    /// Lines between two lines that begin with three backticks.
    CodeBlock(&'a str),
}

impl<'a> TextPart<'a> {
    fn text(self) -> &'a str {
        match self {
            Self::Text(text)
            | Self::Url(text)
            | Self::Domain(text)
            | Self::Mail(text)
            | Self::Code(text)
            | Self::CodeBlock(text) => text,
        }
    }
}

/// A text of more lines or bytes is shown in part at first.
const LONG_LINES: usize = 24;
const LONG_BYTES: usize = 3_000;
const FENCE: &str = "```";
/// What follows so many parts is a text: each part costs an element.
const MAX_PARTS: usize = 300;
/// Limit on an address, in bytes. Its end is searched for in quadratic time.
const MAX_ADDRESS: usize = 2_000;
/// Limit on what is before the `@`, in bytes (RFC 5321 4.5.3.1.1).
const MAX_LOCAL: usize = 64;
/// Domains without a scheme are links when they end with one of these: names of files must not become links (`main.rs`, `README.md`, `run.sh`).
const TOP_DOMAINS: [&str; 44] = [
    "com", "org", "net", "edu", "gov", "info", "app", "dev", "io", "ai", "tv", "me", "co", "eu",
    "cn", "hk", "tw", "jp", "kr", "in", "sg", "au", "nz", "us", "ca", "br", "mx", "de", "at", "ch",
    "fr", "uk", "ie", "nl", "be", "it", "es", "pt", "se", "no", "dk", "fi", "cz", "example",
];

/// Whether a text is about as high as a window.
pub fn is_long(text: &str) -> bool {
    text.len() > LONG_BYTES || text.lines().count() > LONG_LINES
}

/// Splits a text into its parts. Only the backticks of code are left out, with what follows them in a first line of three.
pub fn parts(text: &str) -> Vec<TextPart<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while parts.len() < MAX_PARTS
        && let Some((before, code, after)) = code_block(rest)
    {
        add_lines(before, &mut parts);
        parts.push(TextPart::CodeBlock(code));
        rest = after;
    }
    add_lines(rest, &mut parts);
    parts
}

/// The text before the first block of code, the block, and what follows.
fn code_block(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let begin = fence(text, from)?;
        let code = begin + text[begin..].find('\n')? + 1;
        let end = fence(text, code)?;
        let after = text[end..].find('\n').map_or(text.len(), |at| end + at + 1);
        let code = text[code..end].strip_suffix('\n').unwrap_or_default();
        if !code.trim().is_empty() {
            return Some((&text[..begin], code, &text[after..]));
        }
        from = after;
    }
}

/// The next line from `from` on, which is the beginning of a line, that begins with a fence.
fn fence(text: &str, from: usize) -> Option<usize> {
    let mut line = from;
    loop {
        if text[line..].starts_with(FENCE) {
            return Some(line);
        }
        line += text[line..].find('\n')? + 1;
    }
}

fn add_lines<'a>(text: &'a str, parts: &mut Vec<TextPart<'a>>) {
    let mut rest = text;
    let mut searched = 0;
    while parts.len() < MAX_PARTS
        && let Some(found) = rest[searched..].find('`')
    {
        let begin = searched + found + 1;
        let line = rest[begin..].find(['`', '\n']).map(|at| begin + at);
        let is_code =
            |end: &usize| rest[*end..].starts_with('`') && !rest[begin..*end].trim().is_empty();
        match line.filter(is_code) {
            Some(end) => {
                add_words(&rest[..begin - 1], parts);
                parts.push(TextPart::Code(&rest[begin..end]));
                rest = &rest[end + 1..];
                searched = 0;
            }
            None => searched = begin,
        }
    }
    add_words(rest, parts);
}

/// A URL ends at white space, a quotation mark, an angle bracket or a character outside ASCII: browsers copy URLs in ASCII, and Chinese follows them without
/// a space. Punctuation at the end belongs to the sentence.
fn add_words<'a>(text: &'a str, parts: &mut Vec<TextPart<'a>>) {
    let (mut begin, mut at) = (0, 0);
    let mut before = ' ';
    while parts.len() < MAX_PARTS
        && let Some(next) = text[at..].chars().next()
    {
        let is_glued = before.is_ascii_alphanumeric()
            || matches!(before, '@' | '.' | '-' | '_' | '/' | '\\' | '+' | '%');
        let found = match next.is_ascii_alphanumeric() && !is_glued {
            true => link(&text[at..]),
            false => None,
        };
        match found {
            Some(part) => {
                if at > begin {
                    parts.push(TextPart::Text(&text[begin..at]));
                }
                parts.push(part);
                at += part.text().len();
                begin = at;
                before = ' ';
            }
            None => {
                at += next.len_utf8();
                before = next;
            }
        }
    }
    if text.len() > begin {
        parts.push(TextPart::Text(&text[begin..]));
    }
}

/// The link at the start of the text.
fn link(text: &str) -> Option<TextPart<'_>> {
    if let Some(length) = url(text) {
        return Some(TextPart::Url(&text[..length]));
    }
    let local = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-')));
    if let Some(local) =
        local.filter(|local| *local <= MAX_LOCAL && text[*local..].starts_with('@'))
    {
        let host = host(&text[local + 1..])?;
        return Some(TextPart::Mail(&text[..local + 1 + host]));
    }
    let host = host(text)?;
    let has_more = match text.as_bytes().get(host..) {
        Some([b'/', ..]) => true,
        Some([b':', port, ..]) => port.is_ascii_digit(),
        _ => false,
    };
    let length = if has_more {
        address(text).max(host)
    } else {
        host
    };
    Some(TextPart::Domain(&text[..length]))
}

/// The length of the domain at the start of the text.
fn host(text: &str) -> Option<usize> {
    let is_of_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let end = text.find(|c: char| !is_of_host(c)).unwrap_or(text.len());
    let host = text[..end].trim_end_matches(['.', '-']);
    let (name, top) = host.rsplit_once('.')?;
    let is_known = TOP_DOMAINS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(top));
    let mut labels = name.split('.');
    let is_name = labels.all(|label| !label.is_empty() && !label.starts_with('-'));
    (is_known && is_name).then_some(host.len())
}

fn url(text: &str) -> Option<usize> {
    let after = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))?;
    let begins = after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
    begins.then(|| text.len() - after.len() + address(after))
}

/// The length of an address at the start of the text, without the punctuation of a sentence.
fn address(text: &str) -> usize {
    let end = text.find(|c: char| !c.is_ascii_graphic() || matches!(c, '"' | '<' | '>' | '`'));
    let mut address = &text[..end.unwrap_or(text.len()).min(MAX_ADDRESS)];
    loop {
        let closes = |close: char, open: char| {
            address.ends_with(close)
                && address.matches(close).count() > address.matches(open).count()
        };
        let loose = address.ends_with(['.', ',', ';', ':', '!', '?', '\'', '*', '_']);
        if !(loose || closes(')', '(') || closes(']', '[')) {
            return address.len();
        }
        address = &address[..address.len() - 1];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(text: &str) -> Vec<&str> {
        let links = parts(text).into_iter().filter_map(|part| match part {
            TextPart::Url(link) | TextPart::Domain(link) | TextPart::Mail(link) => Some(link),
            TextPart::Text(_) | TextPart::Code(_) | TextPart::CodeBlock(_) => None,
        });
        links.collect()
    }

    fn joined(text: &str) -> String {
        parts(text).into_iter().map(TextPart::text).collect()
    }

    #[test]
    fn nothing_of_a_text_is_lost() {
        for text in [
            "",
            "plain",
            "http://a.b",
            "see http://a.b/c, and https://d.e.",
            "http http:// 看http://a.b看",
            "a@b.com,weir.example:80/x ` ``",
            "```\nopen",
            "`` ``` `a\nb`",
        ] {
            assert_eq!(joined(text), text);
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

    #[test]
    fn domains_and_mail_addresses_are_links_and_names_of_files_are_not() {
        assert_eq!(
            links("看weir.example，or www.a-b.co.uk/x(1). Mail ann.b+c@mail.weir.example!"),
            [
                "weir.example",
                "www.a-b.co.uk/x(1)",
                "ann.b+c@mail.weir.example"
            ]
        );
        assert_eq!(links("(weir.example:8080)"), ["weir.example:8080"]);
        for text in [
            "main.rs README.md e.g. run.sh 1.2.3 a.b..com",
            "-x.com ann@ @weir.example x_y.com a@main.rs",
        ] {
            assert!(links(text).is_empty(), "{text}: {:?}", links(text));
        }
    }

    #[test]
    fn code_is_between_backticks_and_has_no_links() {
        let text =
            "Run `cargo run` at:\n```rust\nlet a = `b`;\n// http://a.b\n```\nDone http://c.d";
        assert_eq!(
            parts(text),
            [
                TextPart::Text("Run "),
                TextPart::Code("cargo run"),
                TextPart::Text(" at:\n"),
                TextPart::CodeBlock("let a = `b`;\n// http://a.b"),
                TextPart::Text("Done "),
                TextPart::Url("http://c.d"),
            ]
        );
        assert_eq!(parts("```\n\n```"), [TextPart::Text("```\n\n```")]);
        assert_eq!(
            parts("```x```"),
            [
                TextPart::Text("``"),
                TextPart::Code("x"),
                TextPart::Text("``")
            ]
        );
    }

    #[test]
    fn a_blank_block_hides_no_other() {
        let text = "```\n\n```\n```\nx\n```";
        assert_eq!(
            parts(text),
            [TextPart::Text("```\n\n```\n"), TextPart::CodeBlock("x")]
        );
    }

    #[test]
    fn the_longest_texts_are_split_at_once_and_into_few_parts() {
        const LENGTH: usize = 64 * 1024;
        let began = std::time::Instant::now();
        for unit in [
            ")",
            "a%",
            "a.",
            "a.io ",
            "`a` ",
            "```\n",
            "```\nx\n```\n",
            "`",
            "a@",
            "http://a",
            "]",
        ] {
            for begin in ["", "http://a", "a.io/", "a@"] {
                let text = begin.to_owned() + &unit.repeat(LENGTH / unit.len());
                assert!(parts(&text).len() <= MAX_PARTS + 2, "{begin}{unit}");
            }
        }
        // A second or less; minutes in quadratic time.
        assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
    }
}
