//! From a browser's offer to the answer: which m-lines are served, which are rejected. Pure.
//!
//! webrtc-rs accepts everything that an offer contains. So it gets a reduced offer: the served m-lines, each with the chosen
//! payload type only. Rejected m-lines are added to its answer afterwards, because an answer has the m-lines of the offer in the
//! same order (RFC 3264 6).

use std::net::IpAddr;

use super::codecs::{Format, TRANSPORT_URI};
use super::offering::{Medium, Offering, assign};
use super::sdp::{Sdp, SdpError, Section, name_of};

/// Remote candidates that are used. Each is checked, and further ones have not been of use.
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

/// A parsed offer, and what is served of it.
#[derive(Clone, Debug)]
pub(crate) struct Negotiation {
    /// The reduced offer, for webrtc-rs.
    offer: String,
    sections: Vec<SectionAnswer>,
    bundled: bool,
    /// The viewer offers `a=setup:active` (RFC 8842 5.3). In all other cases the server is the DTLS client, so that the viewer is
    /// ready for media before any is sent.
    pub(crate) peer_is_dtls_client: bool,
    pub(crate) video: Option<Format>,
    pub(crate) audio: Option<Format>,
}

#[derive(Clone, Debug)]
enum SectionAnswer {
    Served,
    /// The lines of the rejected section in the answer.
    Rejected(String),
}

impl Negotiation {
    pub(crate) fn new(offer: &str, offering: &Offering) -> Result<Self, NegotiationError> {
        let sdp = Sdp::parse(offer)?;
        let (serve, video, audio) = assign(&sdp, offering)?;
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
                sections.push(SectionAnswer::Rejected(rejected_section(section)));
                continue;
            };
            mids.push(section.mid().ok_or(NegotiationError::NoMid)?);
            write_served(&mut media, section, format);
            sections.push(SectionAnswer::Served);
        }
        let mut text = String::with_capacity(offer.len());
        for line in &sdp.session {
            if !matches!(
                name_of(line),
                Some("group" | "extmap-allow-mixed" | "msid-semantic")
            ) && !is_direction(line)
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
            peer_is_dtls_client: sdp.anywhere("setup") == Some("active"),
            video,
            audio,
        })
    }

    /// The reduced offer, for webrtc-rs.
    pub(crate) fn offer(&self) -> &str {
        &self.offer
    }

    /// The same offer with other ICE credentials and no candidates, for an ICE restart.
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

    /// Completes the answer of webrtc-rs: rejected m-lines at their places, and `candidates` of the server in the first served
    /// section.
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
        for section in &self.sections {
            match section {
                SectionAnswer::Rejected(lines) => text.push_str(lines),
                SectionAnswer::Served => {
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

/// Writes a section of the reduced offer: one format and its RTX, recvonly, without attributes that have no effect here.
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
    // A single one-byte id needs no `extmap-allow-mixed` (RFC 8285 6).
    if let Some(id) = format.transport {
        push_line(text, &format!("a=extmap:{id} {TRANSPORT_URI}"));
    }
    push_line(text, "a=recvonly");
}

/// True for a UDP candidate with an IP address. Names (`.local`, RFC 8828) are not resolved: such a viewer connects all the same,
/// because its own checks arrive here.
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

fn rejected_section(section: &Section<'_>) -> String {
    let mut text = String::new();
    let formats = section.formats().next().unwrap_or("0");
    push_line(
        &mut text,
        &format!("m={} 0 {} {formats}", section.kind(), section.protocol()),
    );
    // Firefox requires a c= line in every section, also in a rejected one.
    push_line(&mut text, "c=IN IP4 0.0.0.0");
    push_line(&mut text, "a=inactive");
    if let Some(mid) = section.mid() {
        push_line(&mut text, &format!("a=mid:{mid}"));
    }
    text
}

fn is_direction(line: &str) -> bool {
    matches!(
        line,
        "a=sendrecv" | "a=sendonly" | "a=recvonly" | "a=inactive"
    )
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push_str("\r\n");
}
