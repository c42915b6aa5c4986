//! From a browser's offer to the answer: what is served, what is turned down.
//!
//! The webrtc crate answers everything that it is offered. So it is shown only what is served, with
//! the one payload type a medium that was chosen; m-lines that are turned down are put back into its
//! answer at their places (RFC 3264 6: as many m-lines as in the offer, in the same order).

use std::net::IpAddr;

use shared::api::Codec;

use super::codecs::{Format, choose};
use super::sdp::{Direction, Sdp, SdpError, Section, name_of};

/// Remote candidates are tried one by one; more than this many do not help anybody.
const MAX_CANDIDATES: usize = 24;

/// Why an offer cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NegotiationError {
    #[error(transparent)]
    Sdp(#[from] SdpError),
    #[error(
        "The offer has no ICE credentials (a=ice-ufrag and a=ice-pwd); send the SDP that createOffer gave."
    )]
    NoIce,
    #[error("The offer has no a=fingerprint; only encrypted media (DTLS-SRTP) is sent.")]
    NoFingerprint,
    #[error("An m-line of the offer has no a=mid; every m-line needs one.")]
    NoMid,
    #[error("The offer only sends; a viewer's transceivers are recvonly.")]
    SendOnly,
    #[error(
        "The offer asks for no {wanted}, and this stream has nothing else; add a recvonly {wanted} transceiver."
    )]
    NothingWanted { wanted: &'static str },
    #[error("No codec in common: the offer has none of {can_send} in a form that can be sent.")]
    NoCommonCodec { can_send: String },
}

/// What the stream can give.
#[derive(Clone, Debug, Default)]
pub(crate) struct Supply {
    /// Codecs of the picture, best first; empty without a picture.
    pub(crate) video: Vec<Codec>,
    /// The H.264 profile when H.264 is passed through, as FFmpeg names it.
    pub(crate) h264_profile: Option<String>,
    pub(crate) audio: bool,
}

/// An offer, read and decided.
#[derive(Clone, Debug)]
pub(crate) struct Negotiation {
    /// What the webrtc crate is shown.
    offer: String,
    sections: Vec<Verdict>,
    bundled: bool,
    pub(crate) video: Option<Format>,
    pub(crate) audio: Option<Format>,
}

#[derive(Clone, Debug)]
enum Verdict {
    Served,
    /// The m-line and the `a=mid` of the answer.
    Rejected(String),
}

impl Negotiation {
    pub(crate) fn new(offer: &str, supply: &Supply) -> Result<Self, NegotiationError> {
        let sdp = Sdp::parse(offer)?;
        let (serve, video, audio) = decide(&sdp, supply)?;
        if sdp.anywhere("ice-ufrag").is_none() || sdp.anywhere("ice-pwd").is_none() {
            return Err(NegotiationError::NoIce);
        }
        if sdp.anywhere("fingerprint").is_none() {
            return Err(NegotiationError::NoFingerprint);
        }
        let format_of = |index| match serve[index] {
            Some(Medium::Video) => video.as_ref(),
            Some(Medium::Audio) => audio.as_ref(),
            None => None,
        };
        let mut sections = Vec::with_capacity(sdp.media.len());
        let mut mids = Vec::new();
        let mut media = String::new();
        for (index, section) in sdp.media.iter().enumerate() {
            let Some(format) = format_of(index) else {
                sections.push(Verdict::Rejected(rejection(section)));
                continue;
            };
            mids.push(section.mid().ok_or(NegotiationError::NoMid)?);
            write_served(&mut media, section, format);
            sections.push(Verdict::Served);
        }
        let mut text = String::with_capacity(offer.len());
        for line in &sdp.session {
            if !matches!(
                name_of(line),
                Some("group" | "extmap-allow-mixed" | "msid-semantic")
            ) && direction_line(line).is_none()
            {
                push_line(&mut text, line);
            }
        }
        push_line(&mut text, &format!("a=group:BUNDLE {}", mids.join(" ")));
        text.push_str(&media);
        Ok(Self {
            offer: text,
            sections,
            bundled: sdp.bundle().next().is_some(),
            video,
            audio,
        })
    }

    /// The offer that the webrtc crate is shown.
    pub(crate) fn offer(&self) -> &str {
        &self.offer
    }

    /// The same offer with other ICE credentials and no candidates: what an ICE restart offers.
    pub(crate) fn restarted(&self, ufrag: &str, pwd: &str) -> Self {
        let mut offer = String::with_capacity(self.offer.len());
        for line in self.offer.lines() {
            match name_of(line) {
                Some("ice-ufrag") => push_line(&mut offer, &format!("a=ice-ufrag:{ufrag}")),
                Some("ice-pwd") => push_line(&mut offer, &format!("a=ice-pwd:{pwd}")),
                Some("candidate" | "end-of-candidates") => {}
                _ => push_line(&mut offer, line),
            }
        }
        Self {
            offer,
            ..self.clone()
        }
    }

    /// The crate's answer, completed: rejected m-lines at their places, our own candidates in the
    /// first served section.
    pub(crate) fn complete(&self, answer: &str, candidates: &[String]) -> Result<String, SdpError> {
        let answer = Sdp::parse(answer)?;
        let mut text = String::with_capacity(4096);
        for line in &answer.session {
            if self.bundled || name_of(line) != Some("group") {
                push_line(&mut text, line);
            }
        }
        let mut served = answer.media.iter();
        let mut first = true;
        for verdict in &self.sections {
            match verdict {
                Verdict::Rejected(lines) => text.push_str(lines),
                Verdict::Served => {
                    let Some(section) = served.next() else {
                        continue;
                    };
                    for line in &section.lines {
                        if !matches!(name_of(line), Some("candidate" | "end-of-candidates")) {
                            push_line(&mut text, line);
                        }
                    }
                    if std::mem::take(&mut first) {
                        for candidate in candidates {
                            push_line(&mut text, &format!("a={candidate}"));
                        }
                        push_line(&mut text, "a=end-of-candidates");
                    }
                }
            }
        }
        Ok(text)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Medium {
    Video,
    Audio,
}

type Decision = (Vec<Option<Medium>>, Option<Format>, Option<Format>);

/// Which sections are served, and how: the first usable one of each medium.
fn decide(sdp: &Sdp<'_>, supply: &Supply) -> Result<Decision, NegotiationError> {
    let session = sdp.session_direction();
    let bundle: Vec<&str> = sdp.bundle().collect();
    let (mut sends_only, mut wants, mut receives) = (false, false, false);
    let mut serve: Vec<Option<Medium>> = vec![None; sdp.media.len()];
    let (mut video, mut audio) = (None, None);
    // Pictures first: without BUNDLE there is one transport, and it carries the picture.
    for medium in [Medium::Video, Medium::Audio] {
        for (index, section) in sdp.media.iter().enumerate() {
            let kind = if medium == Medium::Video {
                "video"
            } else {
                "audio"
            };
            if section.kind() != kind || section.is_rejected() {
                continue;
            }
            match section.direction().unwrap_or(session) {
                Direction::SendOnly => sends_only = true,
                Direction::Inactive => {}
                Direction::RecvOnly | Direction::SendRecv => {
                    receives = true;
                    let (codecs, profile, taken) = match medium {
                        Medium::Video => (
                            supply.video.as_slice(),
                            supply.h264_profile.as_deref(),
                            &mut video,
                        ),
                        Medium::Audio if supply.audio => (&[Codec::Opus][..], None, &mut audio),
                        Medium::Audio => continue,
                    };
                    wants |= !codecs.is_empty();
                    let shares_transport = serve.iter().all(Option::is_none)
                        || section.mid().is_some_and(|mid| bundle.contains(&mid));
                    if taken.is_none()
                        && shares_transport
                        && let Some(format) = choose(section, codecs, profile)
                    {
                        *taken = Some(format);
                        serve[index] = Some(medium);
                    }
                }
            }
        }
    }
    if serve.iter().any(Option::is_some) {
        return Ok((serve, video, audio));
    }
    if sends_only && !receives {
        return Err(NegotiationError::SendOnly);
    }
    if !wants {
        let wanted = if supply.video.is_empty() {
            "audio"
        } else {
            "video"
        };
        return Err(NegotiationError::NothingWanted { wanted });
    }
    let mut names: Vec<&str> = supply
        .video
        .iter()
        .map(|codec| codec.rtpmap_name())
        .collect();
    if supply.audio {
        names.push(Codec::Opus.rtpmap_name());
    }
    Err(NegotiationError::NoCommonCodec {
        can_send: names.join(", "),
    })
}

/// The section as the crate is shown it: one format and its retransmission, received only, without
/// what we do not act on.
fn write_served(text: &mut String, section: &Section<'_>, format: &Format) {
    let mut formats = format.payload_type.to_string();
    if let Some(rtx) = format.rtx {
        formats.push_str(&format!(" {rtx}"));
    }
    push_line(
        text,
        &format!("m={} 9 {} {formats}", section.kind(), section.protocol()),
    );
    let mut candidates = 0;
    for line in &section.lines[1..] {
        let keep = match name_of(line) {
            None => !line.starts_with("b="),
            Some("rtpmap" | "fmtp" | "rtcp-fb") => {
                let number = line
                    .split_once(':')
                    .and_then(|(_, rest)| rest.split_once(' '))
                    .map_or("", |(number, _)| number);
                number == "*" || formats.split(' ').any(|kept| kept == number)
            }
            Some("candidate") => {
                candidates += 1;
                candidates <= MAX_CANDIDATES
                    && line.strip_prefix("a=").is_some_and(is_usable_candidate)
            }
            Some(
                "mid" | "ice-ufrag" | "ice-pwd" | "ice-options" | "fingerprint" | "setup"
                | "rtcp-mux" | "rtcp-rsize" | "rtcp",
            ) => true,
            Some(_) => false,
        };
        if keep {
            push_line(text, line);
        }
    }
    push_line(text, "a=recvonly");
}

/// True for a UDP candidate with an address. A name (`.local`, RFC 8828) is not looked up: such a peer
/// connects all the same, since its checks arrive here.
pub(crate) fn is_usable_candidate(candidate: &str) -> bool {
    let mut fields = candidate
        .strip_prefix("candidate:")
        .unwrap_or(candidate)
        .split_ascii_whitespace();
    let (Some(_foundation), Some("1"), Some(transport), Some(_priority), Some(address), Some(port)) = (
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
    ) else {
        return false;
    };
    transport.eq_ignore_ascii_case("udp")
        && address.parse::<IpAddr>().is_ok()
        && port.parse::<u16>().is_ok_and(|port| port != 0)
}

fn rejection(section: &Section<'_>) -> String {
    let mut text = String::new();
    let formats = section.formats().next().unwrap_or("0");
    push_line(
        &mut text,
        &format!("m={} 0 {} {formats}", section.kind(), section.protocol()),
    );
    // Firefox wants a c= line in every section, rejected or not.
    push_line(&mut text, "c=IN IP4 0.0.0.0");
    push_line(&mut text, "a=inactive");
    if let Some(mid) = section.mid() {
        push_line(&mut text, &format!("a=mid:{mid}"));
    }
    text
}

fn direction_line(line: &str) -> Option<()> {
    matches!(
        line,
        "a=sendrecv" | "a=sendonly" | "a=recvonly" | "a=inactive"
    )
    .then_some(())
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str =
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n";
    const TRANSPORT: &str = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 00:11\r\na=setup:actpass\r\na=rtcp-mux\r\n";

    fn audio(direction: &str) -> String {
        format!(
            "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na={direction}\r\n{TRANSPORT}a=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\n"
        )
    }

    fn video(direction: &str) -> String {
        format!(
            "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na={direction}\r\na=msid:- x\r\na=ssrc:7 cname:x\r\n{TRANSPORT}\
            a=candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host\r\na=candidate:2 1 udp 2122260223 8b0f.local 50001 typ host\r\n\
            a=candidate:3 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active\r\n\
            a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:98 VP9/90000\r\n"
        )
    }

    fn data() -> String {
        format!(
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\n{TRANSPORT}a=sctp-port:5000\r\n"
        )
    }

    fn supply() -> Supply {
        Supply {
            video: vec![Codec::H264, Codec::Vp8],
            h264_profile: None,
            audio: true,
        }
    }

    #[test]
    fn only_what_is_chosen_is_shown_to_the_crate() {
        let offer = format!("{HEAD}{}{}{}", audio("recvonly"), video("recvonly"), data());
        let negotiation = Negotiation::new(&offer, &supply()).unwrap();
        assert_eq!(negotiation.video.as_ref().unwrap().payload_type, 96);
        assert_eq!(negotiation.audio.as_ref().unwrap().payload_type, 111);
        let shown = negotiation.offer();
        assert!(shown.contains("a=group:BUNDLE 0 1\r\n"), "{shown}");
        assert!(
            shown.contains("m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n"),
            "{shown}"
        );
        assert!(shown.contains("192.0.2.7 50000"), "{shown}");
        for gone in [
            "VP9",
            "red",
            "application",
            ".local",
            "tcptype",
            "msid",
            "ssrc",
        ] {
            assert!(!shown.contains(gone), "{gone} in {shown}");
        }
    }

    #[test]
    fn the_answer_has_every_m_line_in_the_offers_order() {
        let offer = format!("{HEAD}{}{}{}", data(), video("sendrecv"), audio("recvonly"));
        let silent = Supply {
            audio: false,
            ..supply()
        };
        let negotiation = Negotiation::new(&offer, &silent).unwrap();
        let crate_answer = "v=0\r\ns=-\r\na=group:BUNDLE 1\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=candidate:9 1 udp 1 10.0.0.1 1 typ host\r\n";
        let candidates = ["candidate:1 1 udp 2 192.0.2.1 8189 typ host".to_owned()];
        let answer = negotiation.complete(crate_answer, &candidates).unwrap();
        let lines: Vec<&str> = answer.lines().collect();
        let m_lines: Vec<&&str> = lines.iter().filter(|line| line.starts_with("m=")).collect();
        assert_eq!(
            m_lines,
            [
                &"m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
                &"m=video 9 UDP/TLS/RTP/SAVPF 96",
                &"m=audio 0 UDP/TLS/RTP/SAVPF 111"
            ]
        );
        assert!(
            answer.contains(
                "a=candidate:1 1 udp 2 192.0.2.1 8189 typ host\r\na=end-of-candidates\r\n"
            )
        );
        assert!(
            !answer.contains("10.0.0.1"),
            "the crate's own candidates name a socket that does not exist"
        );
    }

    #[test]
    fn an_offer_of_one_medium_gets_that_one_only() {
        let pictures =
            Negotiation::new(&format!("{HEAD}{}", video("recvonly")), &supply()).unwrap();
        assert!(pictures.video.is_some() && pictures.audio.is_none());
        let sound = Negotiation::new(&format!("{HEAD}{}", audio("recvonly")), &supply()).unwrap();
        assert!(sound.video.is_none() && sound.audio.is_some());
    }

    #[test]
    fn without_bundle_only_the_picture_is_served() {
        let offer = format!("v=0\r\ns=-\r\n{}{}", audio("recvonly"), video("recvonly"));
        let negotiation = Negotiation::new(&offer, &supply()).unwrap();
        assert!(negotiation.video.is_some() && negotiation.audio.is_none());
        let answer = negotiation
            .complete(
                "v=0\r\na=group:BUNDLE 1\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
                &[],
            )
            .unwrap();
        assert!(!answer.contains("BUNDLE"), "{answer}");
    }

    #[test]
    fn offers_that_cannot_be_served_are_told_why() {
        let error = |offer: String, supply: &Supply| Negotiation::new(&offer, supply).unwrap_err();
        assert_eq!(
            error(format!("{HEAD}{}", video("sendonly")), &supply()),
            NegotiationError::SendOnly
        );
        assert_eq!(
            error(format!("{HEAD}{}", data()), &supply()),
            NegotiationError::NothingWanted { wanted: "video" }
        );
        let silent = Supply {
            audio: false,
            ..supply()
        };
        assert_eq!(
            error(format!("{HEAD}{}", audio("recvonly")), &silent),
            NegotiationError::NothingWanted { wanted: "video" }
        );
        let av1_only = Supply {
            video: vec![Codec::Av1],
            ..silent
        };
        assert_eq!(
            error(format!("{HEAD}{}", video("recvonly")), &av1_only),
            NegotiationError::NoCommonCodec {
                can_send: "AV1".into()
            }
        );
        assert_eq!(
            error(
                format!("{HEAD}{}", video("recvonly").replace("a=mid:1\r\n", "")),
                &supply()
            ),
            NegotiationError::NoMid
        );
        assert_eq!(
            error(
                format!("{HEAD}{}", video("recvonly").replace("a=ice-pwd", "a=x")),
                &supply()
            ),
            NegotiationError::NoIce
        );
        assert_eq!(
            error(
                format!(
                    "{HEAD}{}",
                    video("recvonly").replace("a=fingerprint", "a=x")
                ),
                &supply()
            ),
            NegotiationError::NoFingerprint
        );
    }

    #[test]
    fn a_restart_offers_new_credentials_and_no_candidates() {
        let negotiation =
            Negotiation::new(&format!("{HEAD}{}", video("recvonly")), &supply()).unwrap();
        let restarted = negotiation.restarted("NEW1", "newpasswordnewpassword00");
        assert!(restarted.offer().contains("a=ice-ufrag:NEW1\r\n"));
        assert!(!restarted.offer().contains("abcd\r\n"));
        assert!(!restarted.offer().contains("a=candidate"));
    }

    proptest! {
        #[test]
        fn no_offer_makes_it_panic(lines in proptest::collection::vec(
            prop_oneof![
                Just("m=video 9 UDP/TLS/RTP/SAVPF 96 97".to_owned()), Just("m=audio 0 x".to_owned()), Just("a=mid:1".to_owned()),
                Just("a=rtpmap:96 H264/90000".to_owned()), Just("a=fmtp:96 packetization-mode=1;profile-level-id=é".to_owned()),
                Just("a=ice-ufrag:x".to_owned()), Just("a=ice-pwd:x".to_owned()), Just("a=fingerprint:x".to_owned()),
                Just("a=recvonly".to_owned()), "[amstc]=\\PC{0,30}",
            ], 0..30)) {
            let offer = format!("v=0\r\n{}", lines.join("\r\n"));
            if let Ok(negotiation) = Negotiation::new(&offer, &supply()) {
                let _ = negotiation.restarted("a", "b");
                let answer = negotiation.complete(negotiation.offer(), &[]).unwrap();
                let offered = Sdp::parse(&offer).unwrap().media.len();
                prop_assert_eq!(Sdp::parse(&answer).unwrap().media.len(), offered);
            }
        }
    }
}
