//! The PROXY protocol, versions 1 and 2 ("The PROXY protocol" of HAProxy, 2020): a header before everything else on a connection, in which a proxy names
//! its client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What the first octets of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// No header: they belong to the client.
    Absent,
    /// More octets will tell.
    Incomplete,
    /// A header of this many octets. Without a client the proxy speaks for itself, or cannot say for whom.
    Complete {
        length: usize,
        client: Option<SocketAddr>,
    },
    /// It begins as a header, and is none.
    Malformed,
}

/// Octets. A longer header is not read: those with a certificate of the client have a few hundred.
pub const MAX_HEADER: usize = 4096;

const V1: &[u8] = b"PROXY ";
/// With its line end.
const MAX_V1: usize = 107;
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// With version, command, family and length.
const V2_FIXED: usize = 16;

impl Header {
    /// `first`: what has come of the connection so far.
    pub fn parse(first: &[u8]) -> Self {
        let begins = |signature: &[u8]| {
            let length = first.len().min(signature.len());
            first[..length] == signature[..length]
        };
        if begins(V2) {
            version_2(first)
        } else if begins(V1) {
            version_1(first)
        } else {
            Self::Absent
        }
    }
}

/// Section 2.1: a line of text.
fn version_1(first: &[u8]) -> Header {
    let line = &first[..first.len().min(MAX_V1)];
    let Some(end) = line.windows(2).position(|two| two == b"\r\n") else {
        return match line.len() == MAX_V1 {
            true => Header::Malformed,
            false => Header::Incomplete,
        };
    };
    let length = end + 2;
    let Ok(text) = std::str::from_utf8(&line[V1.len()..end]) else {
        return Header::Malformed;
    };
    let words: Vec<&str> = text.split(' ').collect();
    let client = match words[..] {
        ["UNKNOWN", ..] => None,
        [family @ ("TCP4" | "TCP6"), source, destination, from, to] => {
            let parse = |text: &str| -> Option<IpAddr> {
                let ip: IpAddr = text.parse().ok()?;
                (ip.is_ipv4() == (family == "TCP4")).then_some(ip)
            };
            let ports = (from.parse::<u16>(), to.parse::<u16>());
            match (parse(source), parse(destination), ports) {
                (Some(source), Some(_), (Ok(port), Ok(_))) => Some(SocketAddr::new(source, port)),
                _ => return Header::Malformed,
            }
        }
        _ => return Header::Malformed,
    };
    Header::Complete { length, client }
}

/// Section 2.2: binary.
fn version_2(first: &[u8]) -> Header {
    let Some(fixed) = first.get(V2.len()..V2_FIXED) else {
        return Header::Incomplete;
    };
    let length = V2_FIXED + usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    let is_proxied = match fixed[0] {
        0x20 => false,
        0x21 => true,
        _ => return Header::Malformed,
    };
    if length > MAX_HEADER {
        return Header::Malformed;
    }
    let Some(addresses) = first.get(V2_FIXED..length) else {
        return Header::Incomplete;
    };
    // Source and destination address, then their ports.
    let client = match (is_proxied, fixed[1]) {
        (true, 0x11) => match *addresses {
            [a, b, c, d, _, _, _, _, high, low, _, _, ..] => {
                let port = u16::from_be_bytes([high, low]);
                Some(SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), port))
            }
            _ => return Header::Malformed,
        },
        (true, 0x21) => match (addresses.first_chunk::<16>(), addresses.get(32..36)) {
            (Some(source), Some(ports)) => {
                let port = u16::from_be_bytes([ports[0], ports[1]]);
                Some(SocketAddr::new(Ipv6Addr::from(*source).into(), port))
            }
            _ => return Header::Malformed,
        },
        // Of the proxy itself, or of another family.
        _ => None,
    };
    Header::Complete { length, client }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn complete(length: usize, client: Option<&str>) -> Header {
        let client = client.map(|client| client.parse().unwrap());
        Header::Complete { length, client }
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [V2, &[command, family], &length, rest].concat()
    }

    #[test]
    fn version_1_names_the_client_in_a_line() {
        for (line, client) in [
            (
                "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n",
                Some("192.0.2.1:56324"),
            ),
            (
                "PROXY TCP6 2001:db8::1 ::1 1 2\r\n",
                Some("[2001:db8::1]:1"),
            ),
            ("PROXY UNKNOWN\r\n", None),
            ("PROXY UNKNOWN ffff:: ffff:: 65535 65535\r\n", None),
        ] {
            let with_request = format!("{line}GET / HTTP/1.1\r\n\r\n");
            let header = Header::parse(with_request.as_bytes());
            assert_eq!(header, complete(line.len(), client), "{line}");
        }
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(100));
        for line in [
            "PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n",
            "PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\n",
            "PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n",
            "PROXY /path HTTP/1.1\r\n",
            "PROXY \r\n",
            &long,
        ] {
            assert_eq!(Header::parse(line.as_bytes()), Header::Malformed, "{line}");
        }
    }

    #[test]
    fn version_2_names_the_client_in_octets() {
        let ipv4 = [192, 0, 2, 1, 192, 0, 2, 2, 0xdc, 4, 1, 187];
        let with_tlv = [&ipv4[..], &[4, 0, 1, 0]].concat();
        assert_eq!(
            Header::parse(&v2(0x21, 0x11, &ipv4)),
            complete(28, Some("192.0.2.1:56324"))
        );
        assert_eq!(
            Header::parse(&v2(0x21, 0x11, &with_tlv)),
            complete(32, Some("192.0.2.1:56324"))
        );
        let mut ipv6 = [0; 36];
        ipv6[..2].copy_from_slice(&[0x20, 1]);
        ipv6[33] = 7;
        assert_eq!(
            Header::parse(&v2(0x21, 0x21, &ipv6)),
            complete(52, Some("[2001::]:7"))
        );
        // LOCAL, and a socket of Unix.
        assert_eq!(Header::parse(&v2(0x20, 0, &[])), complete(16, None));
        assert_eq!(
            Header::parse(&v2(0x21, 0x31, &[0; 216])),
            complete(232, None)
        );
        for malformed in [
            v2(0x11, 0x11, &ipv4),
            v2(0x22, 0x11, &ipv4),
            v2(0x21, 0x11, &ipv4[..11]),
            v2(0x21, 0x21, &ipv6[..35]),
            v2(0x21, 0x11, &[0; MAX_HEADER]),
        ] {
            assert_eq!(
                Header::parse(&malformed),
                Header::Malformed,
                "{malformed:?}"
            );
        }
    }

    #[test]
    fn what_a_client_sends_first_is_no_header() {
        for first in [
            "GET / HTTP/1.1\r\n",
            "POST /offer",
            "PRI * HTTP/2.0",
            "\r\nGET /",
            "\x16\x03\x01",
        ] {
            assert_eq!(Header::parse(first.as_bytes()), Header::Absent, "{first}");
        }
    }

    proptest! {
        #[test]
        fn a_part_of_a_header_is_incomplete(command in 0x20_u8..0x22, rest in prop::collection::vec(any::<u8>(), 36..60)) {
            let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n".to_vec();
            for header in [line, v2(command, 0x21, &rest)] {
                for length in 0..header.len() {
                    prop_assert_eq!(Header::parse(&header[..length]), Header::Incomplete);
                }
                let is_complete = matches!(Header::parse(&header), Header::Complete { length, .. } if length == header.len());
                prop_assert!(is_complete);
            }
        }
    }
}
