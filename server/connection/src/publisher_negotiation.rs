//! From an offer that sends to what is received of it. Pure.

use ingest::connection_receiver::{ConnectionParams, LineParams};

use super::codecs::Format;
use super::negotiation_error::NegotiationError;
use super::offered_connection::OfferedConnection;
use super::offering::Medium;
use super::publisher_extensions::Extensions;
use super::publisher_formats::{self, parameter_sets};
use super::sdp::{Direction, Sdp, Section};
use super::simulcast::{self, Layer};

/// Tracks of a kind that an offer may send. Of sound one is received, and the answer rejects the other. A second picture is the inset.
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
    pub(super) extensions: Extensions,
    /// Its simulcast layers; none: it has one picture.
    pub(super) layers: Vec<Layer>,
    /// Of `a=ssrc` and `a=ssrc-group:FID`, if there are any (RFC 5576 4).
    ssrc: Option<u32>,
    rtx_ssrc: Option<u32>,
}

impl PublisherNegotiation {
    pub(crate) fn new(offer: &str) -> Result<Self, NegotiationError> {
        let sdp = Sdp::parse(offer)?;
        let accepted = accept(&sdp)?;
        let media = sdp.media.iter().zip(&accepted);
        let lines = media.filter_map(|(section, accepted)| {
            let (medium, formats) = accepted.as_ref()?;
            Some(OfferedLine::new(section, *medium, formats.clone()))
        });
        let lines: Vec<_> = lines.collect::<Result<_, _>>()?;
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
        let agreed = self.extensions();
        for line in &mut self.lines {
            line.extensions.agree_with(&agreed);
            line.drop_useless();
        }
    }

    fn extensions(&self) -> Extensions {
        let lines = self.lines.iter();
        lines.fold(Extensions::default(), |found, line| {
            found.or(&line.extensions)
        })
    }

    /// What receives the m-lines. `ssrc` and `cname`: ours.
    pub(crate) fn params(&self, ssrc: u32, cname: &str) -> ConnectionParams {
        ConnectionParams {
            ssrc,
            cname: cname.to_owned(),
            lines: self.lines.iter().flat_map(OfferedLine::params).collect(),
            extensions: self.extensions().ids(),
        }
    }
}

impl OfferedLine {
    fn new(
        section: &Section<'_>,
        medium: Medium,
        formats: Vec<Format>,
    ) -> Result<Self, NegotiationError> {
        let (ssrc, rtx_ssrc) = ssrcs(section);
        let layers = match medium {
            Medium::Video | Medium::Inset => simulcast::layers(section, &formats)?,
            Medium::Audio if simulcast::sent(section).is_empty() => Vec::new(),
            Medium::Audio => return Err(NegotiationError::AudioLayers),
        };
        let mut this = Self {
            mid: section.mid().unwrap_or_default().to_owned(),
            medium,
            extensions: Extensions::of(section),
            layers,
            formats,
            ssrc,
            rtx_ssrc,
        };
        this.drop_useless();
        Ok(this)
    }

    /// Layers are told by their RID alone; retransmissions of layers by the repaired RID; transport-wide feedback needs both extension and attribute.
    fn drop_useless(&mut self) {
        if self.extensions.rid.is_none() {
            self.layers.clear();
        }
        if self.layers.is_empty() {
            (self.extensions.rid, self.extensions.repaired_rid) = (None, None);
        } else if self.extensions.repaired_rid.is_none() {
            // libwebrtc sends them on the SSRC of the layer then.
            for format in &mut self.formats {
                format.rtx = None;
            }
        }
        let mut formats = self.formats.iter();
        if !formats.any(publisher_formats::has_transport_feedback) {
            self.extensions.twcc = None;
        }
        if self.extensions.twcc.is_none() {
            for format in &mut self.formats {
                publisher_formats::drop_transport_feedback(format);
            }
        }
    }

    /// Of the m-line, or of each of its layers.
    fn params(&self) -> Vec<LineParams> {
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
        let line = LineParams {
            mid: self.mid.clone(),
            rid: None,
            ssrc: self.ssrc,
            rtx_ssrc: self.rtx_ssrc,
            formats: formats.collect(),
            nack: takes("nack"),
            pli: takes("nack pli"),
        };
        if self.layers.is_empty() {
            return vec![line];
        }
        let layers = self.layers.iter().map(|layer| LineParams {
            rid: Some(layer.rid.clone()),
            // Firefox names them, without saying which is whose.
            ssrc: None,
            rtx_ssrc: None,
            ..line.clone()
        });
        layers.collect()
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
    let media = [
        (&[Medium::Video, Medium::Inset][..], "video"),
        (&[Medium::Audio], "audio"),
    ];
    for (media, kind) in media {
        let mut sent = 0;
        let mut media = media.iter().copied().peekable();
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
            let Some(medium) = media.peek() else {
                continue;
            };
            let formats = publisher_formats::receivable(section, *medium);
            if shares_transport && !formats.is_empty() {
                accepted[index] = media.next().map(|medium| (medium, formats));
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
