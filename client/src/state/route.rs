//! Routes of pages. They are in the URL fragment (`#/watch/NAME`), so the bundle works from any path of any static host.

use std::fmt;

/// One page of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Gallery,
    Watch(String),
    /// Without a name: the first stream that has video.
    Canvas(Option<String>),
    /// Without a name: the first stream.
    Embed(Option<String>),
    /// The page to publish from. Without a name: the person types it.
    Go(Option<String>),
    /// The lobby, where the user chooses a room and a name.
    Rooms,
    Room(String),
    /// The connection test.
    ConnectionTest,
    Settings,
    /// A fragment that names no page, unchanged.
    Unknown(String),
}

impl Route {
    /// Parses `location.hash`, with or without `#`. Empty: the gallery.
    pub fn parse(hash: &str) -> Self {
        let path = hash.strip_prefix('#').unwrap_or(hash);
        let trimmed = path.trim_matches('/');
        // The key of `#/go/NAME?key=` is no part of the address: the page takes it away.
        let trimmed = match trimmed.split_once('?') {
            Some((path, _)) if path == "go" || path.starts_with("go/") => path,
            _ => trimmed,
        };
        let (page, name) = trimmed.split_once('/').unwrap_or((trimmed, ""));
        // A slash in a name may be encoded or not.
        let name = (!name.is_empty()).then(|| decode(name));
        match (page, name) {
            ("", None) => Self::Gallery,
            ("watch", Some(name)) => Self::Watch(name),
            ("watch", None) => Self::Gallery,
            ("canvas", name) => Self::Canvas(name),
            ("embed", name) => Self::Embed(name),
            ("go", name) => Self::Go(name),
            ("rooms" | "room", None) => Self::Rooms,
            ("room", Some(name)) => Self::Room(name),
            ("doctor", None) => Self::ConnectionTest,
            ("settings", None) => Self::Settings,
            _ => Self::Unknown(path.to_owned()),
        }
    }

    /// The page to open first: that of the fragment when there is one, else the stream of `?stream=`.
    pub fn first(hash: &str, stream: Option<&str>) -> Self {
        match stream.filter(|name| !name.is_empty()) {
            Some(name) if hash.trim_start_matches('#').is_empty() => Self::Watch(name.to_owned()),
            _ => Self::parse(hash),
        }
    }

    /// The page of a player in a frame of another site: the stream of the fragment, else that of `?stream=`. [`Self::Gallery`]: the first stream.
    pub fn embedded(hash: &str, stream: Option<&str>) -> Self {
        match (Self::parse(hash), stream) {
            (Self::Watch(name), _) => Self::Watch(name),
            (_, Some(name)) => Self::Watch(name.to_owned()),
            (_, None) => Self::Gallery,
        }
    }
}

/// The fragment, with `#`.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gallery => f.write_str("#/"),
            Self::Watch(name) => write!(f, "#/watch/{}", encode(name)),
            Self::Canvas(None) => f.write_str("#/canvas"),
            Self::Canvas(Some(name)) => write!(f, "#/canvas/{}", encode(name)),
            Self::Embed(None) => f.write_str("#/embed"),
            Self::Embed(Some(name)) => write!(f, "#/embed/{}", encode(name)),
            Self::Go(None) => f.write_str("#/go"),
            Self::Go(Some(name)) => write!(f, "#/go/{}", encode(name)),
            Self::Rooms => f.write_str("#/rooms"),
            Self::Room(name) => write!(f, "#/room/{}", encode(name)),
            Self::ConnectionTest => f.write_str("#/doctor"),
            Self::Settings => f.write_str("#/settings"),
            Self::Unknown(path) => write!(f, "#{path}"),
        }
    }
}

/// Percent-encodes everything except unreserved characters (RFC 3986 2.3), so a name fits in one path segment.
pub fn encode(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

/// Reverses [`encode`]. A `%` without two hex digits stays unchanged; bytes that are not UTF-8 become U+FFFD.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = bytes.get(at + 1..at + 3).and_then(|pair| {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            u8::try_from(high * 16 + low).ok()
        });
        match pair {
            Some(value) if byte == b'%' => {
                out.push(value);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The decoded value of `key` in a query string (`?a=1&b=two`). `None` when absent or empty.
pub fn query(search: &str, key: &str) -> Option<String> {
    search
        .strip_prefix('?')
        .unwrap_or(search)
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| *name == key)
        .map(|(_, value)| decode(&value.replace('+', " ")))
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_being_written_and_read() {
        for name in [
            "bunny",
            "front door",
            "前门 摄像头",
            "a/b",
            "100% #1?&=",
            "..",
            "é",
        ] {
            for route in [
                Route::Watch(name.into()),
                Route::Canvas(Some(name.into())),
                Route::Embed(Some(name.into())),
                Route::Go(Some(name.into())),
                Route::Room(name.into()),
            ] {
                assert_eq!(Route::parse(&route.to_string()), route);
            }
        }
        for route in [
            Route::Gallery,
            Route::Settings,
            Route::Rooms,
            Route::ConnectionTest,
            Route::Canvas(None),
            Route::Embed(None),
            Route::Go(None),
        ] {
            assert_eq!(Route::parse(&route.to_string()), route);
        }
    }

    #[test]
    fn an_address_typed_by_hand_finds_its_page() {
        assert_eq!(Route::parse(""), Route::Gallery);
        assert_eq!(Route::parse("#"), Route::Gallery);
        assert_eq!(Route::parse("#/watch/"), Route::Gallery);
        assert_eq!(Route::parse("#settings"), Route::Settings);
        assert_eq!(Route::parse("#/room/"), Route::Rooms);
        assert_eq!(Route::parse("#/room/demo"), Route::Room("demo".into()));
        assert_eq!(Route::parse("#/watch/前门"), Route::Watch("前门".into()));
        let camera = Route::Go(Some("front door".into()));
        assert_eq!(Route::parse("#/go/front%20door?key=a/b"), camera);
        assert_eq!(Route::parse("#/go?key=a/b"), Route::Go(None));
        assert_eq!(Route::parse("#/nowhere"), Route::Unknown("/nowhere".into()));
    }

    #[test]
    fn the_stream_parameter_opens_its_page_unless_the_fragment_names_one() {
        assert_eq!(Route::first("", Some("a b")), Route::Watch("a b".into()));
        assert_eq!(Route::first("#/settings", Some("a")), Route::Settings);
        assert_eq!(
            Route::first("#/", Some("a")),
            Route::Gallery,
            "a reload stays where a person went"
        );
        assert_eq!(Route::first("", None), Route::Gallery);
        assert_eq!(Route::first("", Some("")), Route::Gallery);
    }

    #[test]
    fn a_player_in_a_frame_shows_a_stream_whatever_its_fragment() {
        let watch = |name: &str| Route::Watch(name.into());
        for hash in ["", "#", "#/", "#/settings", "#/nowhere", "#/watch/"] {
            assert_eq!(Route::embedded(hash, Some("a b")), watch("a b"), "{hash}");
            assert_eq!(Route::embedded(hash, None), Route::Gallery, "{hash}");
        }
        assert_eq!(Route::embedded("#/watch/b", Some("a")), watch("b"));
        assert_eq!(Route::embedded("#/watch/b", None), watch("b"));
    }

    #[test]
    fn a_query_is_read_whatever_its_order_and_encoding() {
        let search = "?server=http%3A%2F%2Fhost%3A8000&stream=front+door&embed=1";
        assert_eq!(query(search, "server").as_deref(), Some("http://host:8000"));
        assert_eq!(query(search, "stream").as_deref(), Some("front door"));
        assert_eq!(query(search, "embed").as_deref(), Some("1"));
        assert_eq!(query(search, "absent"), None);
        assert_eq!(query("?stream=", "stream"), None);
        assert_eq!(query("", "stream"), None);
    }

    #[test]
    fn an_invalid_encoding_is_kept() {
        assert_eq!(decode("50%"), "50%");
        assert_eq!(decode("%zz%4"), "%zz%4");
        assert_eq!(decode("%ff"), "\u{fffd}");
        assert_eq!(decode("%+f"), "%+f");
    }
}
