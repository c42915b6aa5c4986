//! Which callers may open sockets of rooms and have TURN credentials. Everything else is open to pages of any origin. Pure.
//!
//! A page of another site reaches a server of a home through the browser of somebody there. Its `Origin` tells it from the server's own pages
//! (RFC 6455 10.2). A page whose own name leads to this server (DNS rebinding) has the same origin as the server, and is told by its `Host`.
//! A server that everybody reaches anyway has nothing to protect by that.

use std::collections::BTreeSet;

use super::host::Host;

/// Names of private networks: of multicast DNS (RFC 6762), of routers, of RFC 8375, of ICANN for private use, of RFC 6761.
const PRIVATE_SUFFIXES: [&str; 5] = [".local", ".lan", ".home.arpa", ".internal", ".localhost"];

/// Bytes of an origin that is repeated in an answer.
const MAX_ORIGIN: usize = 300;

/// The rules, from the command line.
#[derive(Clone, Debug)]
pub struct Callers {
    /// `--cors-origin`.
    origins: Vec<String>,
    /// `--host`, and the names of this machine, in lower case.
    hosts: BTreeSet<String>,
    /// An address of the server is global, or forwarded to it.
    is_public: bool,
}

/// What a request says of its caller. What is no text is empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller<'a> {
    /// The connection comes from this machine.
    pub is_loopback: bool,
    /// The host that a named proxy was asked for.
    pub forwarded: Option<&'a str>,
    /// `Host`, or `:authority`.
    pub host: Option<&'a str>,
    pub origin: Option<&'a str>,
}

/// Why a caller has neither rooms nor relays. The text is a sentence with a next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallerRefusal {
    #[error("{}", foreign_origin(.0.as_deref()))]
    ForeignOrigin(Option<String>),
    #[error("{}", unknown_host(.0.as_ref()))]
    UnknownHost(Option<Host>),
}

impl Callers {
    /// `origins`: of `--cors-origin`. `hosts`: of `--host`, and the names of this machine, in lower case. `is_public`: an address of the server is
    /// global, or forwarded to it.
    pub fn new(
        origins: Vec<String>,
        hosts: impl IntoIterator<Item = String>,
        is_public: bool,
    ) -> Self {
        Self {
            origins,
            hosts: hosts.into_iter().collect(),
            is_public,
        }
    }

    /// Whether `--cors-origin` names it.
    pub fn is_named(&self, origin: &str) -> bool {
        self.origins.iter().any(|named| named == origin)
    }

    /// # Errors
    /// With the flag that permits the caller.
    pub fn check(&self, caller: &Caller<'_>) -> Result<(), CallerRefusal> {
        if !self.is_public
            && caller.forwarded.is_none()
            && let Some(host) = caller.host
        {
            let host = Host::parse(host);
            if !host.as_ref().is_some_and(|host| self.knows(host)) {
                return Err(CallerRefusal::UnknownHost(host));
            }
        }
        let Some(origin) = caller.origin else {
            return Ok(());
        };
        let page = page_of(origin);
        // Proxies often leave the port out.
        let by_proxy = caller.is_loopback || caller.forwarded.is_some();
        let mut own = [caller.host, caller.forwarded].into_iter().flatten();
        let is_own = own.any(|own| is_same_site(origin, own, by_proxy));
        let host = page.and_then(Host::parse);
        let is_local = caller.is_loopback && host.as_ref().is_some_and(is_loopback);
        let is_open = self.is_public && self.origins.is_empty();
        if is_own || is_local || is_open || self.is_named(origin) {
            return Ok(());
        }
        // What is no origin is not repeated.
        let known = host.is_some() && origin.len() <= MAX_ORIGIN;
        Err(CallerRefusal::ForeignOrigin(
            known.then(|| origin.to_owned()),
        ))
    }

    /// Whether no stranger can have this name: it is an address, of a private network, or one of the server's own.
    fn knows(&self, host: &Host) -> bool {
        let Host::Name(name) = host else { return true };
        let name = name.to_ascii_lowercase();
        let name = name.strip_suffix('.').unwrap_or(&name);
        let mut private = PRIVATE_SUFFIXES.iter();
        !name.contains('.')
            || private.any(|suffix| name.ends_with(suffix))
            || self.hosts.contains(name)
    }
}

/// The host and port of an origin (RFC 6454 6.2). `None` for `null`, and for what is no origin.
fn page_of(origin: &str) -> Option<&str> {
    let (scheme, page) = origin.split_once("://")?;
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.');
    scheme.chars().all(valid).then_some(page)
}

/// Whether a page of this origin comes from the host, which has no port where that is the scheme's own (RFC 9110 4.2), or where `without_port` a
/// proxy leaves it out.
fn is_same_site(origin: &str, host: &str, without_port: bool) -> bool {
    let Some(page) = page_of(origin) else {
        return false;
    };
    let default = match origin.starts_with("https:") {
        true => "443",
        false => "80",
    };
    let ((page, page_port), (host, port)) = (split_port(page), split_port(host));
    let page_port = page_port.unwrap_or(default);
    let port = match port {
        None if without_port => page_port,
        port => port.unwrap_or(default),
    };
    page.eq_ignore_ascii_case(host) && page_port == port
}

/// A host, and its port if it has one.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (host, None),
    }
}

fn foreign_origin(origin: Option<&str>) -> String {
    match origin {
        Some(origin) => format!(
            "Pages of {origin} may watch here, and not use rooms and relays. Open the page of the server itself; or its owner starts it with --cors-origin {origin} to permit this one."
        ),
        None => "Pages without an origin, such as files, may watch here, and not use rooms and relays. Open the page over HTTP.".to_owned(),
    }
}

fn unknown_host(host: Option<&Host>) -> String {
    match host {
        Some(host) => format!(
            "This server does not know that {host} is its name, so that rooms and relays are closed here. Use its address; or its owner starts it with --host {host} to permit the name."
        ),
        None => "This request does not name the server. Use its address.".to_owned(),
    }
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Ip(ip) => ip.to_canonical().is_loopback(),
        Host::Name(name) => name.to_ascii_lowercase().ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callers(origins: &[&str], is_public: bool) -> Callers {
        Callers {
            origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            hosts: BTreeSet::from(["studio.example.org".to_owned()]),
            is_public,
        }
    }

    fn refused(callers: &Callers, host: &str, origin: Option<&str>) -> Option<String> {
        refused_from(callers, host, origin, None, false)
    }

    fn refused_from(
        callers: &Callers,
        host: &str,
        origin: Option<&str>,
        forwarded: Option<&str>,
        is_loopback: bool,
    ) -> Option<String> {
        let caller = Caller {
            is_loopback,
            forwarded,
            host: Some(host),
            origin,
        };
        let refusal = callers.check(&caller).err();
        refusal.map(|refusal| refusal.to_string())
    }

    #[test]
    fn a_name_that_a_stranger_can_have_is_refused() {
        let callers = callers(&[], false);
        for known in [
            "192.168.1.5:8000",
            "[2001:db8::1]:8000",
            "localhost:8000",
            "nas:8000",
            "nas.local:8000",
            "NAS.lan",
            "a.b.home.arpa",
            "weir.internal.",
            "x.localhost",
            "Studio.Example.Org",
        ] {
            assert_eq!(refused(&callers, known, None), None, "{known}");
        }
        for unknown in [
            "evil.example",
            "nas.local.evil.example:8000",
            "evil-local.com",
        ] {
            assert!(refused(&callers, unknown, None).is_some(), "{unknown}");
        }
        let sentence = refused(
            &callers,
            "evil.example:8000",
            Some("http://evil.example:8000"),
        );
        assert!(sentence.unwrap().contains("--host evil.example "));
    }

    #[test]
    fn what_a_proxy_names_passes_and_so_does_its_page() {
        let (callers, page) = (callers(&[], false), "https://video.example");
        let by_proxy = |host, forwarded| refused_from(&callers, host, Some(page), forwarded, true);
        assert!(by_proxy("video.example", None).unwrap().contains("--host"));
        assert_eq!(by_proxy("video.example", Some("video.example")), None);
        assert_eq!(by_proxy("127.0.0.1:8000", Some("video.example")), None);
        let other = by_proxy("127.0.0.1:8000", Some("other.example"));
        assert!(
            other
                .unwrap()
                .contains("--cors-origin https://video.example")
        );
    }

    #[test]
    fn own_pages_named_ones_and_those_of_this_machine_are_permitted() {
        let callers = callers(&["https://friend.example"], false);
        let host = "192.168.1.5:8000";
        for origin in ["http://192.168.1.5:8000", "https://friend.example"] {
            assert_eq!(refused(&callers, host, Some(origin)), None, "{origin}");
        }
        for origin in [
            "http://192.168.1.5",
            "https://evil.example",
            "https://friend.example.evil.example",
            "http://localhost:8080",
            "null",
            "",
        ] {
            assert!(refused(&callers, host, Some(origin)).is_some(), "{origin}");
        }
        let here = |host, origin| refused_from(&callers, host, Some(origin), None, true);
        // As `trunk serve` sends it.
        assert_eq!(here("127.0.0.1", "http://127.0.0.1:8080"), None);
        assert_eq!(here("127.0.0.1:8000", "http://app.localhost:3000"), None);
        assert!(here("127.0.0.1:8000", "http://localhost.evil.example").is_some());
        assert!(
            here("127.0.0.1:8000", "null")
                .unwrap()
                .contains("over HTTP")
        );
        assert!(here("127.0.0.1:8000", "http://a b").is_some_and(|text| !text.contains("a b")));
    }

    #[test]
    fn a_page_and_its_host_may_differ_by_a_port_that_says_nothing() {
        let callers = callers(&["https://friend.example"], true);
        let is_own = |origin, host, is_loopback| {
            refused_from(&callers, host, Some(origin), None, is_loopback).is_none()
        };
        let page = "https://video.example";
        assert!(is_own(page, "Video.example:443", false));
        assert!(is_own("http://[2001:db8::1]", "[2001:db8::1]:80", false));
        assert!(!is_own(page, "video.example:8443", true));
        // nginx with `proxy_set_header Host $host`.
        let page = "https://video.example:8443";
        assert!(is_own(page, "video.example", true));
        assert!(!is_own(page, "video.example", false));
        assert!(!is_own(page, "other.example", true));
    }

    #[test]
    fn a_public_server_is_open_unless_origins_are_named() {
        let (host, page) = ("video.example", Some("https://pages.example"));
        assert_eq!(refused(&callers(&[], true), host, page), None);
        assert_eq!(refused(&callers(&[], true), host, Some("null")), None);
        let named = callers(&["https://friend.example"], true);
        assert!(refused(&named, host, page).is_some());
        assert_eq!(refused(&named, host, Some("https://video.example")), None);
        assert_eq!(refused(&named, host, Some("https://friend.example")), None);
    }
}
