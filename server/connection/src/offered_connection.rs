//! What an offer says of the connection, whatever is sent on it: m-lines, ICE credentials, certificates, BUNDLE. Pure.

use transport::dtls::{Fingerprint, FingerprintError};
use transport::ice::Credentials;

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
    /// `None`: rejected.
    pub(super) serves: Option<Medium>,
}

impl OfferedConnection {
    /// `serve`: for each m-line what it carries, at least one.
    pub(super) fn new(sdp: &Sdp<'_>, serve: &[Option<Medium>]) -> Result<Self, NegotiationError> {
        let transport = OfferedTransport::of(sdp, serve);
        let sections = sdp.media.iter().zip(serve);
        let sections: Vec<_> = sections
            .map(|(section, serves)| OfferedSection::new(section, *serves))
            .collect();
        let has_mid = |section: &OfferedSection| section.serves.is_none() || section.mid.is_some();
        if !sections.iter().all(has_mid) {
            return Err(NegotiationError::NoMid);
        }
        Ok(Self {
            sections,
            bundled: sdp.bundle().next().is_some(),
            credentials: transport.credentials()?,
            fingerprints: transport.fingerprints()?,
            peer_is_dtls_client: transport.attribute("setup") == Some("active"),
            lite: LiteOffer::of(sdp),
        })
    }

    /// The m-lines that are not rejected. The first carries the transport of all (RFC 9143 7.1.3).
    pub(super) fn served(&self) -> impl Iterator<Item = &OfferedSection> {
        let sections = self.sections.iter();
        sections.filter(|section| section.serves.is_some())
    }

    /// The mid and the kind of the m-line that carries the transport.
    pub(super) fn transport_line(&self) -> (String, String) {
        let section = self.served().next();
        section.map_or_else(Default::default, |section| {
            (
                section.mid.clone().unwrap_or_default(),
                section.kind.clone(),
            )
        })
    }
}

impl OfferedSection {
    fn new(section: &Section<'_>, serves: Option<Medium>) -> Self {
        Self {
            kind: section.kind().to_owned(),
            protocol: section.protocol().to_owned(),
            mid: section.mid().map(str::to_owned),
            first_format: section.formats().next().unwrap_or("0").to_owned(),
            reduced_size_rtcp: section.attribute("rtcp-rsize").is_some(),
            serves,
        }
    }
}

/// The attributes of the transport. A lean bundled section has none: they are in another one, or at session level.
struct OfferedTransport<'a> {
    sdp: &'a Sdp<'a>,
    served: Option<&'a Section<'a>>,
}

impl<'a> OfferedTransport<'a> {
    fn of(sdp: &'a Sdp<'a>, serve: &[Option<Medium>]) -> Self {
        let mut sections = sdp.media.iter().zip(serve);
        let served = sections.find(|(_, serves)| serves.is_some());
        Self {
            sdp,
            served: served.map(|(section, _)| section),
        }
    }

    fn attribute(&self, name: &str) -> Option<&'a str> {
        let served = self.served.and_then(|section| section.attribute(name));
        served.or_else(|| self.sdp.anywhere(name))
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
        let of_section = self.served.into_iter();
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
