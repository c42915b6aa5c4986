//! The first octets of a connection, and the fields of a request that say who calls, through which proxies, and which host.
//!
//! An input is a byte, whose bits choose the server and the connection (1: public, 2: with named origins, 4: from a trusted proxy, 8: from this
//! machine), and the octets of a connection: a header of the PROXY protocol, or none, then lines `name: value`.

use std::net::SocketAddr;

use access::{Caller, CallerRefusal, Callers, Host};
use limits::Cidr;
use limits::forwarded::{Client, ForwardedHeaders};
use limits::proxy_protocol::{Header, MAX_HEADER};

use crate::input::Input;

const NAMED: &str = "https://friend.example";
const KNOWN: &str = "weir.example";

/// Runs one input. Panics when an invariant does not hold.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let bits = input.byte();
    let (is_public, has_named) = (bits & 1 != 0, bits & 2 != 0);
    let (by_proxy, is_loopback) = (bits & 4 != 0, bits & 8 != 0);
    let octets = input.0;
    let length = match Header::parse(octets) {
        Header::Complete { length, client } => {
            assert!(length <= octets.len().min(MAX_HEADER));
            // What follows, and when it comes, changes nothing.
            let same = Header::Complete { length, client };
            assert_eq!(Header::parse(&octets[..length]), same);
            assert_eq!(Header::parse(&octets[..length - 1]), Header::Incomplete);
            length
        }
        Header::Incomplete => {
            assert!(octets.len() < MAX_HEADER);
            return;
        }
        Header::Malformed => return,
        Header::Absent => 0,
    };
    let text = String::from_utf8_lossy(&octets[length..]);
    let fields: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.split_once(": "))
        .collect();
    let all = |wanted: &str| -> Vec<&str> {
        let of_name = fields.iter().filter(|(name, _)| *name == wanted);
        of_name.map(|(_, value)| *value).collect()
    };
    client(by_proxy, &all("x-forwarded-for"), &all("forwarded"));
    let origins = match has_named {
        true => vec![NAMED.to_owned()],
        false => Vec::new(),
    };
    let callers = Callers::new(origins, [KNOWN.to_owned()], is_public);
    let first = |name: &str| all(name).first().copied();
    let caller = Caller {
        is_loopback,
        forwarded: first("x-forwarded-host").filter(|_| by_proxy),
        host: first("host"),
        origin: first("origin"),
    };
    check(&callers, &caller, is_public);
}

/// A peer that is no proxy is its own client, whatever it says.
fn client(by_proxy: bool, x_forwarded_for: &[&str], forwarded: &[&str]) {
    let peer: SocketAddr = ([192, 0, 2, 1], 1).into();
    let trusted: Vec<Cidr> = match by_proxy {
        true => vec!["192.0.2.0/24".parse().expect("a range")],
        false => Vec::new(),
    };
    let headers = ForwardedHeaders {
        x_forwarded_for: x_forwarded_for.to_vec(),
        forwarded: forwarded.to_vec(),
    };
    let own = Client::Address(peer.ip().into());
    let client = Client::of_request(peer.ip(), &trusted, &headers);
    assert_eq!(client == own, !by_proxy);
}

fn check(callers: &Callers, caller: &Caller<'_>, is_public: bool) {
    let host = caller.host.and_then(Host::parse);
    if let Some(host) = &host {
        // What is repeated in answers is a host again, and the same one.
        assert_eq!(Host::parse(&host.to_string()), Some(host.clone()));
    }
    match callers.check(caller) {
        Ok(()) => {
            let is_known = match &host {
                Some(Host::Ip(_)) => true,
                Some(Host::Name(name)) => !name.to_ascii_lowercase().ends_with(".example"),
                None => caller.host.is_none(),
            };
            let is_own = caller.host.is_some_and(|host| {
                let name = host.split(':').next().unwrap_or_default();
                name.trim_end_matches('.').eq_ignore_ascii_case(KNOWN)
            });
            assert!(is_public || caller.forwarded.is_some() || is_known || is_own);
        }
        Err(refusal) => {
            let sentence = refusal.to_string();
            assert!(!sentence.contains(|c: char| c.is_control() || "\"<>`$".contains(c)));
            match refusal {
                CallerRefusal::ForeignOrigin(_) => assert_ne!(
                    caller.origin,
                    Some(NAMED).filter(|_| callers.is_named(NAMED))
                ),
                CallerRefusal::UnknownHost(_) => assert!(!is_public),
            }
        }
    }
}
