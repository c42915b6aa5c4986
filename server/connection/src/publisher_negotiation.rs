//! From an offer that sends to what is received of it. Pure.

use ingest::connection_receiver::{ConnectionParams, LineParams};

use super::codecs::{Format, TRANSPORT_URI};
use super::negotiation_error::NegotiationError;
use super::offered_connection::OfferedConnection;
use super::offering::Medium;
use super::publisher_formats::{self, parameter_sets};
use super::sdp::{Direction, Sdp, Section};

/// The header extension with the mid of the m-line (RFC 9143 15.2).
pub(super) const MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// Tracks of a kind that an offer may send. One is received, since a stream has one picture and one sound; the answer rejects the other.
const MAX_OF_KIND: usize = 2;

/// What is received of an offer.
#[derive(Clone, Debug)]
pub(crate) struct PublisherNegotiation {
    pub(crate) connection: OfferedConnection,
    /// Of the m-lines that are served, in their order.
    pub(super) lines: Vec<OfferedLine>,
}

/// An m-line that is received.
#[derive(Clone, Debug)]
pub(super) struct OfferedLine {
    mid: String,
    pub(super) medium: Medium,
    /// In the order of the offer; at least one.
    pub(super) formats: Vec<Format>,
    pub(super) mid_extension: Option<Extension>,
    pub(super) twcc_extension: Option<Extension>,
    /// Of `a=ssrc` and `a=ssrc-group:FID`, if there are any (RFC 5576 4).
    ssrc: Option<u32>,
    rtx_ssrc: Option<u32>,
}

/// A header extension of the offer (RFC 8285 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extension {
    pub(super) id: u8,
    /// The offer says `sendonly`.
    pub(super) one_way: bool,
}

impl PublisherNegotiation {
    pub(crate) fn new(offer: &str) -> Result<Self, NegotiationError> {
        let sdp = Sdp::parse(offer)?;
        let accepted = accept(&sdp)?;
        let media = sdp.media.iter().zip(&accepted);
        let lines: Vec<_> = media
            .filter_map(|(section, accepted)| {
                let (medium, formats) = accepted.as_ref()?;
                Some(OfferedLine::new(section, *medium, formats.clone()))
            })
            .collect();
        let media = accepted.iter().map(|accepted| accepted.as_ref());
        let serve: Vec<_> = media
            .map(|accepted| accepted.map(|(medium, _)| *medium))
            .collect();
        let connection = OfferedConnection::new(&sdp, &serve)?;
        let mut this = Self { connection, lines };
        let mut mids: Vec<_> = this.lines.iter().map(|line| &line.mid).collect();
        mids.sort_unstable();
        if mids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(NegotiationError::RepeatedMid);
        }
        this.agree_on_extensions();
        Ok(this)
    }

    /// All m-lines of a bundle use one id for an extension (RFC 9143 14): where they differ, the first counts.
    fn agree_on_extensions(&mut self) {
        let (mid, twcc) = (self.mid_extension(), self.twcc_extension());
        for line in &mut self.lines {
            line.mid_extension
                .take_if(|extension| Some(extension.id) != mid);
            line.twcc_extension
                .take_if(|extension| Some(extension.id) != twcc);
            if line.twcc_extension.is_none() {
                for format in &mut line.formats {
                    publisher_formats::drop_transport_feedback(format);
                }
            }
        }
    }

    fn mid_extension(&self) -> Option<u8> {
        let mut extensions = self.lines.iter().filter_map(|line| line.mid_extension);
        extensions.next().map(|extension| extension.id)
    }

    fn twcc_extension(&self) -> Option<u8> {
        let mut extensions = self.lines.iter().filter_map(|line| line.twcc_extension);
        extensions.next().map(|extension| extension.id)
    }

    /// What receives the m-lines. `ssrc` and `cname`: ours.
    pub(crate) fn params(&self, ssrc: u32, cname: &str) -> ConnectionParams {
        ConnectionParams {
            ssrc,
            cname: cname.to_owned(),
            lines: self.lines.iter().map(OfferedLine::params).collect(),
            mid_extension: self.mid_extension(),
            twcc_extension: self.twcc_extension(),
        }
    }
}

impl OfferedLine {
    fn new(section: &Section<'_>, medium: Medium, formats: Vec<Format>) -> Self {
        let (ssrc, rtx_ssrc) = ssrcs(section);
        let has_feedback = formats
            .iter()
            .any(publisher_formats::has_transport_feedback);
        Self {
            mid: section.mid().unwrap_or_default().to_owned(),
            medium,
            mid_extension: extension(section, MID_URI),
            twcc_extension: extension(section, TRANSPORT_URI).filter(|_| has_feedback),
            formats,
            ssrc,
            rtx_ssrc,
        }
    }

    fn params(&self) -> LineParams {
        let takes = |feedback: &str| {
            let mut formats = self.formats.iter();
            formats.any(|format| format.feedback.iter().any(|other| other == feedback))
        };
        let formats = self.formats.iter().map(|format| ingest::receiver::Format {
            payload_type: format.payload_type,
            codec: format.codec,
            rtx: format.rtx,
            parameter_sets: parameter_sets(&format.fmtp),
        });
        LineParams {
            mid: self.mid.clone(),
            ssrc: self.ssrc,
            rtx_ssrc: self.rtx_ssrc,
            formats: formats.collect(),
            nack: takes("nack"),
            pli: takes("nack pli"),
        }
    }
}

type Accepted = Option<(Medium, Vec<Format>)>;

/// For each m-line what is received of it, at least of one.
fn accept(sdp: &Sdp<'_>) -> Result<Vec<Accepted>, NegotiationError> {
    let session = sdp.session_direction();
    let bundle: Vec<&str> = sdp.bundle().collect();
    let mut accepted: Vec<Accepted> = vec![None; sdp.media.len()];
    let mut sends = false;
    // Video first: without BUNDLE there is a single transport, and video gets it.
    for (medium, kind) in [(Medium::Video, "video"), (Medium::Audio, "audio")] {
        let mut sent = 0;
        let mut taken = false;
        for (index, section) in sdp.media.iter().enumerate() {
            let direction = section.direction().unwrap_or(session);
            if !section.is_kind(kind)
                || section.is_rejected()
                || !matches!(direction, Direction::SendOnly | Direction::SendRecv)
            {
                continue;
            }
            sends = true;
            sent += 1;
            if sent > MAX_OF_KIND {
                return Err(NegotiationError::TooManyTracks { kind });
            }
            let shares_transport = accepted.iter().all(Option::is_none)
                || section.mid().is_some_and(|mid| bundle.contains(&mid));
            let formats = publisher_formats::receivable(section, medium);
            if !taken && shares_transport && !formats.is_empty() {
                taken = true;
                accepted[index] = Some((medium, formats));
            }
        }
    }
    if accepted.iter().any(Option::is_some) {
        return Ok(accepted);
    }
    Err(match sends {
        false => NegotiationError::NothingSent,
        true => NegotiationError::NothingReceivable {
            can_receive: publisher_formats::names(),
        },
    })
}

/// The header extension with this URI, when the publisher sends it.
fn extension(section: &Section<'_>, wanted: &str) -> Option<Extension> {
    section.attributes("extmap").find_map(|value| {
        let mut fields = value.split_ascii_whitespace();
        let (mapped, uri) = (fields.next()?, fields.next()?);
        let (id, direction) = mapped.split_once('/').unwrap_or((mapped, "sendrecv"));
        // Ids of one-byte headers (RFC 8285 4.2); every publisher uses these for the two.
        let id = id.parse().ok().filter(|id| (1..=14).contains(id))?;
        let one_way = match direction {
            _ if direction.eq_ignore_ascii_case("sendrecv") => false,
            _ if direction.eq_ignore_ascii_case("sendonly") => true,
            _ => return None,
        };
        (uri.eq_ignore_ascii_case(wanted)).then_some(Extension { id, one_way })
    })
}

/// The SSRCs of the media and of its retransmissions. An m-line without any is as good: its packets are known by mid or payload type.
fn ssrcs(section: &Section<'_>) -> (Option<u32>, Option<u32>) {
    let group = section.attributes("ssrc-group").find_map(|value| {
        let mut fields = value.split_ascii_whitespace();
        fields
            .next()
            .filter(|semantics| semantics.eq_ignore_ascii_case("FID"))?;
        let media = fields.next()?.parse().ok()?;
        Some((media, fields.next()?.parse().ok()?))
    });
    if let Some((media, rtx)) = group {
        return (Some(media), Some(rtx));
    }
    let mut ssrcs = section.attributes("ssrc");
    let first = ssrcs
        .next()
        .and_then(|value| value.split_ascii_whitespace().next()?.parse().ok());
    (first, None)
}
