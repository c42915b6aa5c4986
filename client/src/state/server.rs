//! Chooses the server: `?server=`, then the saved setting, then `config.json` beside the bundle, then the page's origin.

use serde::Deserialize;

/// Where the server's URL comes from, in order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// `?server=` in the page's URL.
    Query,
    /// The setting saved on the settings page.
    Saved,
    /// `config.json` beside the bundle.
    Config,
    /// The page's own origin.
    Origin,
}

/// The server to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// `http://host:8000` or `https://host/weir`, without a trailing slash.
    pub base: String,
    pub source: Source,
}

/// `config.json` beside the bundle. An empty or absent URL is ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ConfigFile {
    pub server: Option<String>,
    /// `?server=` is switched off.
    pub ignore_server_query: bool,
}

impl Server {
    /// The first usable URL of the four. `None` without any: the page was opened from a file.
    pub fn choose(
        query: Option<&str>,
        saved: Option<&str>,
        config: Option<&str>,
        origin: &str,
    ) -> Option<Self> {
        [
            (query, Source::Query),
            (saved, Source::Saved),
            (config, Source::Config),
            (Some(origin), Source::Origin),
        ]
        .into_iter()
        .find_map(|(text, source)| {
            let base = normalize(text?)?;
            Some(Self { base, source })
        })
    }

    /// The URL of a path on this server. A `path` that is already a URL stays unchanged.
    pub fn url(&self, path: &str) -> String {
        if path.starts_with("http://") || path.starts_with("https://") {
            return path.to_owned();
        }
        format!("{}/{}", self.base, path.trim_start_matches('/'))
    }

    /// The URL of the signaling WebSocket.
    pub fn socket(&self) -> String {
        // `http` becomes `ws`, `https` becomes `wss` (RFC 6455 3).
        format!("ws{}", self.url("ws").trim_start_matches("http"))
    }

    /// The name or address of its machine, without a port.
    pub fn host(&self) -> &str {
        let (_, rest) = self.base.split_once("://").unwrap_or_default();
        let authority = rest.split('/').next().unwrap_or_default();
        let end = authority.rfind(':').filter(|_| !authority.ends_with(']'));
        &authority[..end.unwrap_or(authority.len())]
    }

    /// The URL of a `Location` header (RFC 9110 10.2.2).
    pub fn resolve(&self, location: &str) -> String {
        if !location.starts_with('/') {
            return self.url(location);
        }
        let after_scheme = self.base.find("://").map_or(0, |at| at + 3);
        let origin = match self.base[after_scheme..].find('/') {
            Some(slash) => &self.base[..after_scheme + slash],
            None => &self.base,
        };
        // A server behind a path prefix may send paths with or without the prefix.
        let prefix = &self.base[origin.len()..];
        if prefix.is_empty() || location.starts_with(prefix) {
            format!("{origin}{location}")
        } else {
            self.url(location)
        }
    }
}

/// The query string of a page without its `?server=`.
pub fn without_server(search: &str) -> String {
    let pairs = search.trim_start_matches('?').split('&');
    let kept: Vec<&str> = pairs
        .filter(|pair| !pair.is_empty() && *pair != "server" && !pair.starts_with("server="))
        .collect();
    match kept.is_empty() {
        true => String::new(),
        false => format!("?{}", kept.join("&")),
    }
}

/// Normalizes a typed URL: adds `http://` to `host:8000`, removes trailing slashes. `None`: not a usable URL.
pub fn normalize(text: &str) -> Option<String> {
    let text = text.trim();
    let (scheme, host) = text.split_once("://").unwrap_or(("http", text));
    let host = host.trim_end_matches('/');
    let bad = |c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>' | '\\' | '?' | '#' | '@');
    let usable = matches!(scheme, "http" | "https")
        && !host.is_empty()
        && !host.starts_with(['/', ':'])
        && !host.contains(bad)
        && host != "null";
    usable.then(|| format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(query: Option<&str>, saved: Option<&str>, config: Option<&str>) -> (String, Source) {
        let server = Server::choose(query, saved, config, "http://page:1")
            .expect("the origin is always usable");
        (server.base, server.source)
    }

    #[test]
    fn the_first_address_in_the_order_of_the_design_wins() {
        assert_eq!(
            choose(Some("http://q"), Some("http://s"), Some("http://c")),
            ("http://q".into(), Source::Query)
        );
        assert_eq!(
            choose(None, Some("http://s"), Some("http://c")),
            ("http://s".into(), Source::Saved)
        );
        assert_eq!(
            choose(None, None, Some("http://c")),
            ("http://c".into(), Source::Config)
        );
        assert_eq!(
            choose(None, None, None),
            ("http://page:1".into(), Source::Origin)
        );
    }

    #[test]
    fn an_unusable_url_is_skipped() {
        assert_eq!(
            choose(Some("ftp://q"), Some(""), Some("  ")),
            ("http://page:1".into(), Source::Origin)
        );
        assert_eq!(
            Server::choose(None, None, None, "null"),
            None,
            "a page opened from a file has no origin"
        );
    }

    #[test]
    fn the_server_alone_is_taken_out_of_a_query() {
        for (search, rest) in [
            ("", ""),
            ("?server=ftp://x", ""),
            ("?server", ""),
            ("?stream=a+b&server=%20&embed=1", "?stream=a+b&embed=1"),
            ("?my-server=1&serverless=2", "?my-server=1&serverless=2"),
        ] {
            assert_eq!(without_server(search), rest, "{search}");
        }
    }

    #[test]
    fn a_typed_url_is_normalized() {
        assert_eq!(
            normalize(" media.local:8000/ ").as_deref(),
            Some("http://media.local:8000")
        );
        assert_eq!(
            normalize("https://host/weir//").as_deref(),
            Some("https://host/weir")
        );
        assert_eq!(
            normalize("http://[::1]:8000").as_deref(),
            Some("http://[::1]:8000")
        );
        for bad in [
            "",
            "http://",
            "ws://host",
            "two words",
            "http://a?b",
            "http://u@h",
            "http:///x",
        ] {
            assert_eq!(normalize(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_location_is_resolved_whether_relative_or_absolute() {
        let root = Server {
            base: "http://h:8000".into(),
            source: Source::Saved,
        };
        assert_eq!(root.resolve("/session/abc"), "http://h:8000/session/abc");
        assert_eq!(
            root.resolve("http://other/session/abc"),
            "http://other/session/abc"
        );
        let below = Server {
            base: "https://h/weir".into(),
            source: Source::Saved,
        };
        assert_eq!(
            below.resolve("/weir/session/abc"),
            "https://h/weir/session/abc"
        );
        assert_eq!(below.resolve("/session/abc"), "https://h/weir/session/abc");
        assert_eq!(below.url("/api/streams"), "https://h/weir/api/streams");
        assert_eq!(below.socket(), "wss://h/weir/ws");
        assert_eq!(root.socket(), "ws://h:8000/ws");
        assert_eq!((root.host(), below.host()), ("h", "h"));
        let ipv6 = ["http://[::1]:8000", "http://[::1]"].map(|base| Server {
            base: base.into(),
            source: Source::Saved,
        });
        assert!(ipv6.iter().all(|server| server.host() == "[::1]"));
    }
}
