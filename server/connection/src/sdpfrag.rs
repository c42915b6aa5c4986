//! SDP fragments (RFC 8840): trickled candidates and the credentials of ICE restarts (RFC 9725 4.3). Pure.

use transport::ice::Credentials;

use super::credentials;
use super::sdp::value_of;

/// Bounds the cost of a fragment; browsers send a few candidates at once.
const MAX_LINES: usize = 200;

/// ICE credentials and candidates of one side.
#[derive(Clone, Debug)]
pub(crate) struct Fragment {
    pub(crate) credentials: Credentials,
    /// `candidate:1 1 udp ...`, unparsed.
    pub(crate) candidates: Vec<String>,
}

/// Why a text is not a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FragmentError {
    #[error("The body is not an SDP fragment: line {line} is not of the form x=value.")]
    BadLine { line: usize },
    #[error("The SDP fragment has more than 200 lines.")]
    TooLong,
    #[error("The SDP fragment has no a=ice-ufrag and a=ice-pwd.")]
    NoCredentials,
    #[error(
        "The ICE credentials are malformed: an ufrag has 4 to 256 characters, a password 22 to 256, letters, digits, + and /."
    )]
    BadCredentials,
}

impl Fragment {
    pub(crate) fn parse(text: &str) -> Result<Self, FragmentError> {
        let (mut ufrag, mut pwd, mut candidates) = (None, None, Vec::new());
        let lines = (1..).zip(text.lines().map(str::trim));
        let lines = lines.filter(|(_, line)| !line.is_empty());
        for (count, (number, line)) in lines.enumerate() {
            if count == MAX_LINES {
                return Err(FragmentError::TooLong);
            }
            let [kind, b'=', ..] = line.as_bytes() else {
                return Err(FragmentError::BadLine { line: number });
            };
            if !kind.is_ascii_lowercase() {
                return Err(FragmentError::BadLine { line: number });
            }
            // With BUNDLE every section repeats the same credentials.
            if let Some(value) = value_of(line, "ice-ufrag") {
                ufrag.get_or_insert(value);
            } else if let Some(value) = value_of(line, "ice-pwd") {
                pwd.get_or_insert(value);
            } else if let Some(value) = value_of(line, "candidate") {
                candidates.push(format!("candidate:{value}"));
            }
        }
        let (Some(ufrag), Some(pwd)) = (ufrag, pwd) else {
            return Err(FragmentError::NoCredentials);
        };
        Ok(Self {
            credentials: credentials::parse(ufrag, pwd).ok_or(FragmentError::BadCredentials)?,
            candidates,
        })
    }

    /// The fragment as text, with one m-line: that of the transport.
    pub(crate) fn to_text(&self, mid: &str, kind: &str) -> String {
        let mut text = format!(
            "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\nm={kind} 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:{mid}\r\n",
            self.credentials.ufrag, self.credentials.pwd
        );
        for candidate in &self.candidates {
            text.push_str(&format!("a={candidate}\r\n"));
        }
        text.push_str("a=end-of-candidates\r\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRICKLE: &str = "a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n\
        a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n\
        a=candidate:3471623853 1 udp 2122194687 5b9d.local 61765 typ host\r\na=end-of-candidates\r\n";

    #[test]
    fn candidates_and_credentials_are_read() {
        let fragment = Fragment::parse(TRICKLE).unwrap();
        let Credentials { ufrag, pwd } = &fragment.credentials;
        assert_eq!(
            (ufrag.as_str(), pwd.as_str()),
            ("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1")
        );
        assert_eq!(fragment.candidates.len(), 2);
        assert!(fragment.candidates[0].contains("192.0.2.1 61764"));
    }

    #[test]
    fn what_is_not_a_fragment_is_named() {
        let error = |text: &str| Fragment::parse(text).unwrap_err();
        assert_eq!(error(""), FragmentError::NoCredentials);
        assert_eq!(error("a=x\n\nhello"), FragmentError::BadLine { line: 3 });
        assert_eq!(
            error("a=ice-ufrag:EsAw\r\na=ice-pwd:short"),
            FragmentError::BadCredentials
        );
        assert_eq!(error(&"a=x\n".repeat(201)), FragmentError::TooLong);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(ufrag in "[a-zA-Z0-9+/]{4,32}", pwd in "[a-zA-Z0-9+/]{22,64}", ports in proptest::collection::vec(1u16.., 0..8)) {
            let candidates: Vec<_> = ports.iter().map(|port| format!("candidate:1 1 udp 1 192.0.2.1 {port} typ host")).collect();
            let fragment = Fragment { credentials: Credentials { ufrag, pwd }, candidates };
            let read = Fragment::parse(&fragment.to_text("0", "video")).unwrap();
            prop_assert_eq!(&read.credentials.ufrag, &fragment.credentials.ufrag);
            prop_assert_eq!(&read.credentials.pwd, &fragment.credentials.pwd);
            prop_assert_eq!(read.candidates, fragment.candidates);
        }

        #[test]
        fn no_text_makes_it_panic(text in "(a=(ice-ufrag|ice-pwd|candidate):\\PC{0,30}\r?\n|\\PC{0,20}\n){0,20}") {
            let _ = Fragment::parse(&text);
        }
    }
}
