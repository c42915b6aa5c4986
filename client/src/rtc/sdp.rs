//! The lines of SDP that the client reads or changes. Pure; line ends are CRLF (RFC 8866 5).

/// ICE credentials and candidates of one side: the content of an `application/trickle-ice-sdpfrag` (RFC 8840 9).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceFragment {
    pub ufrag: String,
    pub password: String,
    /// The text after `a=` of each candidate.
    pub candidates: Vec<String>,
    /// `a=end-of-candidates`: no candidates follow.
    pub end_of_candidates: bool,
}

impl IceFragment {
    /// Reads a fragment, or the credentials and candidates of a whole description. The first credentials count, since all media
    /// is bundled. `None` without credentials.
    pub fn parse(text: &str) -> Option<Self> {
        let find = |name: &str| {
            lines(text)
                .find_map(|line| line.strip_prefix(name))
                .map(str::to_owned)
        };
        Some(Self {
            ufrag: find("a=ice-ufrag:")?,
            password: find("a=ice-pwd:")?,
            candidates: lines(text)
                .filter(|line| line.starts_with("a=candidate:"))
                .map(|line| line[2..].to_owned())
                .collect(),
            end_of_candidates: lines(text).any(|line| line == "a=end-of-candidates"),
        })
    }

    /// Writes the body of a `PATCH`. The first m-line and its mid are copied from `offer`; candidates stand below them (RFC 8840 4.4).
    pub fn write(&self, offer: &str) -> String {
        let media = lines(offer)
            .find(|line| line.starts_with("m="))
            .unwrap_or("m=video 9 UDP/TLS/RTP/SAVPF 0");
        let mid = lines(offer)
            .find(|line| line.starts_with("a=mid:"))
            .unwrap_or("a=mid:0");
        let mut text = format!(
            "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n{media}\r\n{mid}\r\n",
            self.ufrag, self.password
        );
        for candidate in &self.candidates {
            text.push_str(&format!("a={candidate}\r\n"));
        }
        if self.end_of_candidates {
            text.push_str("a=end-of-candidates\r\n");
        }
        text
    }

    /// The answer after an ICE restart: `answer` with the credentials and candidates of this fragment.
    pub fn apply(&self, answer: &str) -> String {
        let mut text = String::with_capacity(answer.len());
        let mut media = 0;
        for line in lines(answer) {
            if line.starts_with("a=candidate:") || line == "a=end-of-candidates" {
                continue;
            }
            // Candidates of the bundle stand at the end of its first m-section.
            if line.starts_with("m=") {
                media += 1;
                if media == 2 {
                    self.push_candidates(&mut text);
                }
            }
            if line.starts_with("a=ice-ufrag:") {
                text.push_str(&format!("a=ice-ufrag:{}", self.ufrag));
            } else if line.starts_with("a=ice-pwd:") {
                text.push_str(&format!("a=ice-pwd:{}", self.password));
            } else {
                text.push_str(line);
            }
            text.push_str("\r\n");
        }
        if media == 1 {
            self.push_candidates(&mut text);
        }
        text
    }

    fn push_candidates(&self, text: &mut String) {
        for candidate in &self.candidates {
            text.push_str(&format!("a={candidate}\r\n"));
        }
    }
}

/// Adds `stereo=1` to Opus: without it, Chrome decodes Opus to one channel (RFC 7587 6.1).
pub fn with_stereo(offer: &str) -> String {
    let opus = lines(offer).find_map(|line| {
        let (kind, name) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
        name.to_ascii_lowercase()
            .starts_with("opus/48000/2")
            .then_some(kind)
    });
    let Some(kind) = opus else {
        return offer.to_owned();
    };
    let prefix = format!("a=fmtp:{kind} ");
    let mut text = String::with_capacity(offer.len() + 16);
    for line in lines(offer) {
        text.push_str(line);
        if line.starts_with(&prefix) && !line.contains("stereo=1") {
            text.push_str(";stereo=1");
        }
        text.push_str("\r\n");
    }
    text
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n\
        a=ice-ufrag:old\r\na=ice-pwd:oldoldoldoldoldoldoldold\r\na=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n\
        a=end-of-candidates\r\na=sendonly\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=ice-ufrag:old\r\n\
        a=ice-pwd:oldoldoldoldoldoldoldold\r\na=sendonly\r\n";

    #[test]
    fn a_fragment_survives_being_written_and_read() {
        let fragment = IceFragment {
            ufrag: "EsAw".into(),
            password: "P2uYro0UCOQ4zxjKXaWCBui1".into(),
            candidates: vec!["candidate:2 1 udp 5 192.0.2.1 9 typ host".into()],
            end_of_candidates: true,
        };
        let text = fragment.write(ANSWER);
        assert!(text.starts_with("a=ice-ufrag:EsAw\r\n"));
        assert!(text.contains("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=candidate:2 "));
        assert_eq!(IceFragment::parse(&text), Some(fragment));
    }

    #[test]
    fn a_restart_replaces_credentials_and_candidates_and_nothing_else() {
        let fragment = IceFragment {
            ufrag: "new".into(),
            password: "newnewnewnewnewnewnewnew".into(),
            candidates: vec!["candidate:7 1 udp 1 10.0.0.2 9 typ host".into()],
            end_of_candidates: false,
        };
        let answer = fragment.apply(ANSWER);
        assert_eq!(answer.matches("a=ice-ufrag:new\r\n").count(), 2);
        assert!(!answer.contains("old") && !answer.contains("10.0.0.1"));
        assert!(
            answer.contains("a=sendonly\r\na=candidate:7 1 udp 1 10.0.0.2 9 typ host\r\nm=audio")
        );
        assert_eq!(lines(&answer).count(), lines(ANSWER).count() - 1);
    }

    #[test]
    fn text_without_credentials_is_no_fragment() {
        assert_eq!(IceFragment::parse(""), None);
        assert_eq!(IceFragment::parse("a=ice-ufrag:x\r\n"), None);
        assert_eq!(IceFragment::parse("<html>"), None);
    }

    #[test]
    fn stereo_is_added_once_and_only_to_opus() {
        let offer = "m=audio 9 UDP/TLS/RTP/SAVPF 111 9\r\na=rtpmap:111 opus/48000/2\r\n\
            a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:9 G722/8000\r\na=fmtp:9 x=1\r\n";
        let stereo = with_stereo(offer);
        assert!(stereo.contains("a=fmtp:111 minptime=10;useinbandfec=1;stereo=1\r\n"));
        assert!(stereo.contains("a=fmtp:9 x=1\r\n"));
        assert_eq!(with_stereo(&stereo), stereo);
        assert_eq!(with_stereo("m=video 9 x 96\r\n"), "m=video 9 x 96\r\n");
    }
}
