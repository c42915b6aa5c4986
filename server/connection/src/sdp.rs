//! A session description (RFC 8866, RFC 9429) as lines: enough to read an offer and to assemble an answer. Pure.
//!
//! Parsing allocates only a vector of slices of the text, and never panics.

/// Bounds the cost of an offer; browsers send fewer m-lines.
const MAX_MEDIA: usize = 64;
/// Formats of an m-line that are looked at; there are no more payload types.
const MAX_FORMATS: usize = 128;

/// Why a text is not a session description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    #[error("The body is empty; send the offer's SDP text.")]
    Empty,
    #[error("The body is not SDP: it does not begin with v=0.")]
    NotSdp,
    #[error("The body is not SDP: line {line} is not of the form x=value.")]
    BadLine { line: usize },
    #[error("The SDP has more than 64 m-lines.")]
    TooManyMedia,
}

/// The session-level lines, and one section per m-line, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sdp<'a> {
    pub(crate) session: Vec<&'a str>,
    pub(crate) media: Vec<Section<'a>>,
}

/// One media section. Its first line is the m-line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section<'a> {
    pub(crate) lines: Vec<&'a str>,
}

/// The direction attribute (RFC 8866 6.7), from the view of the description's sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl<'a> Sdp<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, SdpError> {
        let lines = (1..).zip(text.lines().map(str::trim_end));
        let mut lines = lines.filter(|(_, line)| !line.is_empty()).peekable();
        match lines.peek() {
            None => return Err(SdpError::Empty),
            Some((_, "v=0")) => {}
            Some(_) => return Err(SdpError::NotSdp),
        }
        let mut sdp = Self {
            session: Vec::new(),
            media: Vec::new(),
        };
        for (number, line) in lines {
            let [kind, b'=', ..] = line.as_bytes() else {
                return Err(SdpError::BadLine { line: number });
            };
            if !kind.is_ascii_lowercase() {
                return Err(SdpError::BadLine { line: number });
            }
            if *kind == b'm' {
                if sdp.media.len() == MAX_MEDIA {
                    return Err(SdpError::TooManyMedia);
                }
                sdp.media.push(Section { lines: Vec::new() });
            }
            match sdp.media.last_mut() {
                Some(section) => section.lines.push(line),
                None => sdp.session.push(line),
            }
        }
        Ok(sdp)
    }

    /// The mids that share one transport (RFC 9143); empty without `a=group:BUNDLE`. There may be groups of other kinds (RFC 5888 5).
    pub(crate) fn bundle(&self) -> impl Iterator<Item = &'a str> {
        let mut groups = self.session_attributes("group");
        let bundle = groups.find_map(|group| {
            let mut words = group.split_ascii_whitespace();
            words
                .next()?
                .eq_ignore_ascii_case("BUNDLE")
                .then_some(words)
        });
        bundle.into_iter().flatten()
    }

    /// The value of `a=name:value` at session level, else in the first media section that has it.
    pub(crate) fn anywhere(&self, name: &str) -> Option<&'a str> {
        attribute(&self.session, name).or_else(|| {
            self.media
                .iter()
                .find_map(|section| section.attribute(name))
        })
    }

    /// The values of every `a=name:value` at session level.
    pub(crate) fn session_attributes(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.session
            .iter()
            .filter_map(move |line| value_of(line, name))
    }

    pub(crate) fn session_direction(&self) -> Direction {
        direction(&self.session).unwrap_or(Direction::SendRecv)
    }
}

impl<'a> Section<'a> {
    /// `audio`, `video`, `application`.
    pub(crate) fn kind(&self) -> &'a str {
        self.m_line().next().unwrap_or("")
    }

    pub(crate) fn is_kind(&self, kind: &str) -> bool {
        self.kind().eq_ignore_ascii_case(kind)
    }

    /// True for port 0 without `a=bundle-only` (RFC 3264 6, RFC 9143 6).
    pub(crate) fn is_rejected(&self) -> bool {
        self.m_line().nth(1) == Some("0") && self.attribute("bundle-only").is_none()
    }

    /// `UDP/TLS/RTP/SAVPF` and the like.
    pub(crate) fn protocol(&self) -> &'a str {
        self.m_line().nth(2).unwrap_or("UDP/TLS/RTP/SAVPF")
    }

    /// RTP payload types, or `webrtc-datachannel`.
    pub(crate) fn formats(&self) -> impl Iterator<Item = &'a str> {
        self.m_line().skip(3).take(MAX_FORMATS)
    }

    pub(crate) fn mid(&self) -> Option<&'a str> {
        self.attribute("mid").filter(|mid| !mid.is_empty())
    }

    /// The value of the first `a=name:value`; empty for a bare `a=name`.
    pub(crate) fn attribute(&self, name: &str) -> Option<&'a str> {
        attribute(&self.lines, name)
    }

    /// The values of every `a=name:value`.
    pub(crate) fn attributes(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.lines
            .iter()
            .filter_map(move |line| value_of(line, name))
    }

    /// `None`: the session-level direction applies.
    pub(crate) fn direction(&self) -> Option<Direction> {
        direction(&self.lines)
    }

    fn m_line(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let line = self.lines.first().copied().unwrap_or("m=");
        line[2..].split_ascii_whitespace()
    }
}

/// The value of `a=name:value`; names are compared without regard to case, as the literals of a grammar are (RFC 5234 2.3).
pub(super) fn value_of<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let attribute = line.strip_prefix("a=")?;
    let (given, value) = attribute.split_once(':').unwrap_or((attribute, ""));
    given
        .trim()
        .eq_ignore_ascii_case(name)
        .then(|| value.trim())
}

fn attribute<'a>(lines: &[&'a str], name: &str) -> Option<&'a str> {
    lines.iter().find_map(|line| value_of(line, name))
}

fn direction(lines: &[&str]) -> Option<Direction> {
    const DIRECTIONS: [(&str, Direction); 4] = [
        ("sendrecv", Direction::SendRecv),
        ("sendonly", Direction::SendOnly),
        ("recvonly", Direction::RecvOnly),
        ("inactive", Direction::Inactive),
    ];
    lines.iter().find_map(|line| {
        let mut directions = DIRECTIONS.into_iter();
        let found = directions.find(|(name, _)| value_of(line, name).is_some());
        found.map(|(_, direction)| direction)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:0\r\na=recvonly\r\n\
        m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=bundle-only\r\n";

    #[test]
    fn an_offer_is_read_section_by_section() {
        let sdp = Sdp::parse(OFFER).unwrap();
        assert_eq!(sdp.bundle().collect::<Vec<_>>(), ["0", "1"]);
        assert_eq!(sdp.media.len(), 2);
        assert_eq!(sdp.media[0].kind(), "audio");
        assert_eq!(sdp.media[0].mid(), Some("0"));
        assert_eq!(sdp.media[0].direction(), Some(Direction::RecvOnly));
        assert_eq!(sdp.media[0].formats().collect::<Vec<_>>(), ["111", "63"]);
        assert_eq!(sdp.media[1].direction(), None);
        assert!(
            !sdp.media[1].is_rejected(),
            "bundle-only is an offer, not a rejection"
        );
    }

    #[test]
    fn what_is_not_sdp_is_named() {
        assert_eq!(Sdp::parse(""), Err(SdpError::Empty));
        assert_eq!(Sdp::parse("\r\n\r\n"), Err(SdpError::Empty));
        assert_eq!(Sdp::parse("{\"type\":\"offer\"}"), Err(SdpError::NotSdp));
        assert_eq!(
            Sdp::parse("v=0\r\n\r\nhello"),
            Err(SdpError::BadLine { line: 3 })
        );
        assert_eq!(
            Sdp::parse(&format!("v=0\n{}", "m=\n".repeat(65))),
            Err(SdpError::TooManyMedia)
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(v=0\r\n)?([vosamt]=[ -~]{0,40}(\r\n|\n)|\\PC{0,20}){0,20}") {
            if let Ok(sdp) = Sdp::parse(&text) {
                let _ = sdp.bundle().count();
                for section in &sdp.media {
                    let _ = (section.kind(), section.mid(), section.is_rejected(), section.formats().count());
                }
            }
        }
    }
}
