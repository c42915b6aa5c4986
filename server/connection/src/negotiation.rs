//! From a browser's offer to what is served of it: which m-lines, in which format, and how the viewer's connection is proved. Pure.

use transport::dtls::{Fingerprint, FingerprintError};
use transport::ice::Credentials;

use super::codecs::Format;
use super::credentials;
use super::lite::LiteOffer;
use super::offering::{Medium, Offering, assign};
use super::sdp::{Sdp, SdpError, Section};

/// Fingerprints of an offer that are looked at; a browser sends one.
const MAX_FINGERPRINTS: usize = 8;

/// Why an offer cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NegotiationError {
    #[error(transparent)]
    Sdp(#[from] SdpError),
    #[error(
        "The offer has no ICE credentials (a=ice-ufrag and a=ice-pwd); send the SDP that createOffer gave."
    )]
    NoIce,
    #[error(
        "The ICE credentials are malformed: an ufrag has 4 to 256 characters, a password 22 to 256, letters, digits, + and /."
    )]
    BadIce,
    #[error(
        "The offer says a=ice-lite, and so does not check paths; nothing is sent to an address that has not asked for it. Use a client with full ICE, or have the owner of this server start it with --ice full."
    )]
    IceLite,
    #[error(
        "The offer says a=ice-lite and names no candidate that this server checks: a UDP address of one host with a port, a private one only when the request comes from a private address too."
    )]
    NoLiteCandidate,
    #[error("The offer has no a=fingerprint; only encrypted media (DTLS-SRTP) is sent.")]
    NoFingerprint,
    #[error(
        "The offer's a=fingerprint cannot be checked: it is malformed, or of a hash other than SHA-256, SHA-384 and SHA-512; send the SDP that createOffer gave."
    )]
    BadFingerprint,
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

/// What is served of an offer.
#[derive(Clone, Debug)]
pub(crate) struct Negotiation {
    /// In the order of the offer.
    pub(super) sections: Vec<OfferedSection>,
    pub(super) bundled: bool,
    /// Of the viewer.
    pub(super) credentials: Credentials,
    /// The viewer's certificate has one of these.
    pub(super) fingerprints: Vec<Fingerprint>,
    /// The viewer offers `a=setup:active` (RFC 8842 5.3). In all other cases the server is the DTLS client, so that the viewer is
    /// ready for media before any is sent.
    pub(crate) peer_is_dtls_client: bool,
    /// The viewer sends no checks: see [`LiteAgents`](super::lite::LiteAgents).
    pub(super) lite: Option<LiteOffer>,
    pub(crate) video: Option<Format>,
    pub(crate) audio: Option<Format>,
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
    /// The viewer may send RTCP packets alone (RFC 5506).
    pub(super) reduced_size_rtcp: bool,
    /// `None`: rejected.
    pub(super) serves: Option<Medium>,
}

impl Negotiation {
    pub(crate) fn new(offer: &str, offering: &Offering) -> Result<Self, NegotiationError> {
        let sdp = Sdp::parse(offer)?;
        let (serve, video, audio) = assign(&sdp, offering)?;
        let transport = Transport::of(&sdp, &serve);
        let sections = sdp.media.iter().zip(&serve);
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
            lite: LiteOffer::of(&sdp),
            video,
            audio,
        })
    }

    /// The formats of video and audio, in this order.
    pub(super) fn formats(&self) -> impl Iterator<Item = &Format> {
        self.video.iter().chain(&self.audio)
    }

    pub(super) fn format(&self, medium: Medium) -> Option<&Format> {
        match medium {
            Medium::Video => self.video.as_ref(),
            Medium::Audio => self.audio.as_ref(),
        }
    }

    /// The section that carries the transport of all (RFC 9143 7.1.3).
    pub(super) fn first_served(&self) -> Option<&OfferedSection> {
        self.sections
            .iter()
            .find(|section| section.serves.is_some())
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
struct Transport<'a> {
    sdp: &'a Sdp<'a>,
    served: Option<&'a Section<'a>>,
}

impl<'a> Transport<'a> {
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
