//! SDP fragments (RFC 8840): trickled candidates and the credentials of ICE restarts (RFC 9725 4.3). Pure.

use super::negotiation::is_usable_candidate;

/// Bounds the cost of a fragment; browsers send a few candidates at once.
const MAX_LINES: usize = 200;

/// ICE credentials and candidates of one side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub(crate) ufrag: String,
    pub(crate) pwd: String,
    /// `candidate:1 1 udp ...`: UDP candidates with an IP address.
    pub(crate) candidates: Vec<String>,
}

/// Why a text is not a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FragmentError {
    #[error("The body is not an SDP fragment: a line is not of the form x=value.")]
    BadLine,
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
        let mut fragment = Self::default();
        for (count, line) in text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .enumerate()
        {
            if count == MAX_LINES {
                return Err(FragmentError::TooLong);
            }
            let (kind, value) = line.split_once('=').ok_or(FragmentError::BadLine)?;
            if kind.len() != 1 || !kind.as_bytes()[0].is_ascii_lowercase() {
                return Err(FragmentError::BadLine);
            }
            if let Some(ufrag) = value.strip_prefix("ice-ufrag:") {
                // With BUNDLE every section repeats the same credentials.
                if fragment.ufrag.is_empty() {
                    fragment.ufrag = ufrag.trim().to_owned();
                }
            } else if let Some(pwd) = value.strip_prefix("ice-pwd:") {
                if fragment.pwd.is_empty() {
                    fragment.pwd = pwd.trim().to_owned();
                }
            } else if value.starts_with("candidate:") && is_usable_candidate(value) {
                fragment.candidates.push(value.to_owned());
            }
        }
        if fragment.ufrag.is_empty() || fragment.pwd.is_empty() {
            return Err(FragmentError::NoCredentials);
        }
        // RFC 8839 5.4.
        let well_formed = |text: &str, least: usize| {
            (least..=256).contains(&text.len())
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
        };
        if !well_formed(&fragment.ufrag, 4) || !well_formed(&fragment.pwd, 22) {
            return Err(FragmentError::BadCredentials);
        }
        Ok(fragment)
    }

    /// The fragment as text, with one m-line: that of the transport.
    pub(crate) fn to_text(&self, mid: &str, kind: &str) -> String {
        let mut text = format!(
            "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\nm={kind} 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:{mid}\r\n",
            self.ufrag, self.pwd
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
        assert_eq!(
            (fragment.ufrag.as_str(), fragment.pwd.as_str()),
            ("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1")
        );
        assert_eq!(fragment.candidates.len(), 1, "a name is not an address");
        assert!(fragment.candidates[0].contains("192.0.2.1 61764"));
    }

    #[test]
    fn what_is_not_a_fragment_is_named() {
        assert_eq!(Fragment::parse(""), Err(FragmentError::NoCredentials));
        assert_eq!(Fragment::parse("hello"), Err(FragmentError::BadLine));
        assert_eq!(
            Fragment::parse("a=ice-ufrag:EsAw\r\na=ice-pwd:short"),
            Err(FragmentError::BadCredentials)
        );
        assert_eq!(
            Fragment::parse("a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjK\u{7}aWCBui1"),
            Err(FragmentError::BadCredentials)
        );
        assert_eq!(
            Fragment::parse(&"a=x\n".repeat(201)),
            Err(FragmentError::TooLong)
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(ufrag in "[a-zA-Z0-9+/]{4,32}", pwd in "[a-zA-Z0-9+/]{22,64}", ports in proptest::collection::vec(1u16.., 0..8)) {
            let candidates = ports.iter().map(|port| format!("candidate:1 1 udp 1 192.0.2.1 {port} typ host")).collect();
            let fragment = Fragment { ufrag, pwd, candidates };
            prop_assert_eq!(Fragment::parse(&fragment.to_text("0", "video")).unwrap(), fragment);
        }

        #[test]
        fn no_text_makes_it_panic(text in "(a=(ice-ufrag|ice-pwd|candidate):\\PC{0,30}\r?\n|\\PC{0,20}\n){0,20}") {
            let _ = Fragment::parse(&text);
        }
    }
}
