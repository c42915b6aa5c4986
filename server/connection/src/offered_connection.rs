//! What an offer says of the connection, whatever is sent on it: m-lines, ICE credentials, certificates, BUNDLE. Pure.

use std::collections::HashSet;

use transport::dtls::{Fingerprint, FingerprintError};
use transport::ice::Credentials;

use super::codecs;
use super::credentials;
use super::lite::LiteOffer;
use super::negotiation_error::NegotiationError;
use super::offering::Medium;
use super::sdp::{Sdp, Section};

/// Fingerprints of an offer that are looked at; a browser sends one.
const MAX_FINGERPRINTS: usize = 8;

/// The connection of an offer, as the answer needs it.
#[derive(Clone, Debug)]
pub(crate) struct OfferedConnection {
    /// In the order of the offer.
    pub(super) sections: Vec<OfferedSection>,
    pub(super) bundled: bool,
    /// Of the peer.
    pub(super) credentials: Credentials,
    /// The peer's certificate has one of these.
    pub(super) fingerprints: Vec<Fingerprint>,
    /// The peer offers `a=setup:active` (RFC 8842 5.3). In all other cases the server is the DTLS client, so that the peer is
    /// ready for media before any is sent.
    pub(crate) peer_is_dtls_client: bool,
    /// The peer sends no checks: see [`LiteAgents`](super::lite::LiteAgents).
    pub(super) lite: Option<LiteOffer>,
}

/// An m-line of the offer, as far as the answer repeats it.
#[derive(Clone, Debug)]
pub(super) struct OfferedSection {
    /// `video`, `audio`, `application`.
    pub(super) kind: String,
    pub(super) protocol: String,
    pub(super) mid: Option<String>,
    /// The first format, which a rejected section repeats.
    pub(super) first_format: String,
    /// The peer may send RTCP packets alone (RFC 5506).
    pub(super) reduced_size_rtcp: bool,
    pub(super) reply: SectionReply,
}

/// What the answer says to an m-line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SectionReply {
    Served(Medium),
    /// Nothing is sent or received, but it stays in the bundle. The lines are `rtpmap` and `fmtp` of the first format.
    ///
    /// Chromium has one transport, that of the first m-line, when it asks for `max-bundle`, and loses it with that line: see RFC 9143 7.3.1.
    Inactive(Vec<String>),
    Rejected,
}

impl OfferedConnection {
    /// `serve`: for each m-line what it carries, at least one.
    pub(super) fn new(sdp: &Sdp<'_>, serve: &[Option<Medium>]) -> Result<Self, NegotiationError> {
        let replies = replies(sdp, serve);
        let transport = OfferedTransport::of(sdp, &replies);
        let sections = sdp.media.iter().zip(replies);
        let sections: Vec<_> = sections
            .map(|(section, reply)| OfferedSection::new(section, reply))
            .collect();
        if sections
            .iter()
            .any(|section| section.reply != SectionReply::Rejected && section.mid.is_none())
        {
            return Err(NegotiationError::NoMid);
        }
        Ok(Self {
            sections,
            bundled: sdp.bundle().next().is_some(),
            credentials: transport.credentials()?,
            fingerprints: transport.fingerprints()?,
            peer_is_dtls_client: transport
                .attribute("setup")
                .is_some_and(|setup| setup.eq_ignore_ascii_case("active")),
            lite: LiteOffer::of(sdp),
        })
    }

    /// The m-lines that are not rejected. The first carries the transport of all (RFC 9143 7.1.3).
    pub(super) fn accepted(&self) -> impl Iterator<Item = &OfferedSection> {
        let sections = self.sections.iter();
        sections.filter(|section| section.reply != SectionReply::Rejected)
    }

    /// The mid and the kind of the m-line that carries the transport.
    pub(super) fn transport_line(&self) -> (String, String) {
        let section = self.accepted().next();
        section.map_or_else(Default::default, |section| {
            (
                section.mid.clone().unwrap_or_default(),
                section.kind.clone(),
            )
        })
    }
}

impl OfferedSection {
    fn new(section: &Section<'_>, reply: SectionReply) -> Self {
        Self {
            kind: section.kind().to_owned(),
            protocol: section.protocol().to_owned(),
            mid: section.mid().map(str::to_owned),
            first_format: section.formats().next().unwrap_or("0").to_owned(),
            reduced_size_rtcp: section.attribute("rtcp-rsize").is_some(),
            reply,
        }
    }
}

/// An m-line of audio or video that nothing is sent for stays in the bundle, if what is served is in it too.
fn replies(sdp: &Sdp<'_>, serve: &[Option<Medium>]) -> Vec<SectionReply> {
    let bundle: HashSet<&str> = sdp.bundle().collect();
    let is_bundled = |section: &Section<'_>| section.mid().is_some_and(|mid| bundle.contains(mid));
    let served = sdp.media.iter().zip(serve);
    let mut served = served.filter(|(_, serves)| serves.is_some());
    let shares_transport = served.all(|(section, _)| is_bundled(section));
    let (mut mids, mut repeated) = (HashSet::new(), HashSet::new());
    for mid in sdp.media.iter().filter_map(Section::mid) {
        if !mids.insert(mid) {
            repeated.insert(mid);
        }
    }
    let is_unique = |mid: Option<&str>| mid.is_some_and(|mid| !repeated.contains(mid));
    let sections = sdp.media.iter().zip(serve);
    let reply = |(section, serves): (&Section<'_>, &Option<Medium>)| match serves {
        Some(medium) => SectionReply::Served(*medium),
        None if shares_transport && is_bundled(section) && is_unique(section.mid()) => {
            inactive(section)
        }
        None => SectionReply::Rejected,
    };
    sections.map(reply).collect()
}

/// [`SectionReply::Inactive`], when the m-line is one of RTP whose first format can be repeated.
fn inactive(section: &Section<'_>) -> SectionReply {
    let payload_type = section
        .formats()
        .next()
        .and_then(|format| format.parse::<u8>().ok());
    let is_rtp = section.is_kind("video") || section.is_kind("audio");
    let Some(payload_type) = payload_type.filter(|number| *number <= codecs::MAX_PAYLOAD_TYPE)
    else {
        return SectionReply::Rejected;
    };
    if !is_rtp || section.is_rejected() {
        return SectionReply::Rejected;
    }
    let lines = ["rtpmap", "fmtp"].into_iter().filter_map(|name| {
        let value = codecs::of_payload_type(section, name, payload_type)?;
        Some(format!("{name}:{payload_type} {value}"))
    });
    SectionReply::Inactive(lines.collect())
}

/// The attributes of the transport. A lean bundled section has none: they are in another one, or at session level.
struct OfferedTransport<'a> {
    sdp: &'a Sdp<'a>,
    /// The first that is not rejected.
    section: Option<&'a Section<'a>>,
}

impl<'a> OfferedTransport<'a> {
    fn of(sdp: &'a Sdp<'a>, replies: &[SectionReply]) -> Self {
        let mut sections = sdp.media.iter().zip(replies);
        let first = sections.find(|(_, reply)| **reply != SectionReply::Rejected);
        Self {
            sdp,
            section: first.map(|(section, _)| section),
        }
    }

    fn attribute(&self, name: &str) -> Option<&'a str> {
        let own = self.section.and_then(|section| section.attribute(name));
        own.or_else(|| self.sdp.anywhere(name))
    }

    fn credentials(&self) -> Result<Credentials, NegotiationError> {
        let (Some(ufrag), Some(pwd)) = (self.attribute("ice-ufrag"), self.attribute("ice-pwd"))
        else {
            return Err(NegotiationError::NoIce);
        };
        credentials::parse(ufrag, pwd).ok_or(NegotiationError::BadIce)
    }

    /// Those that can be checked: of the section, else of the session (RFC 8122 5: several may be given).
    fn fingerprints(&self) -> Result<Vec<Fingerprint>, NegotiationError> {
        let of_section = self.section.into_iter();
        let of_section = of_section.flat_map(|section| section.attributes("fingerprint"));
        let mut given: Vec<_> = of_section.take(MAX_FINGERPRINTS).collect();
        if given.is_empty() {
            let of_session = self.sdp.session_attributes("fingerprint");
            given.extend(of_session.take(MAX_FINGERPRINTS));
        }
        if given.is_empty() {
            given.extend(self.sdp.anywhere("fingerprint"));
        }
        if given.is_empty() {
            return Err(NegotiationError::NoFingerprint);
        }
        let parsed = given.into_iter().map(Fingerprint::parse);
        let known: Vec<_> = parsed
            .filter_map(|parsed: Result<_, FingerprintError>| parsed.ok())
            .collect();
        match known.is_empty() {
            true => Err(NegotiationError::BadFingerprint),
            false => Ok(known),
        }
    }
}
