//! From a browser's offer to what is served of it: which m-lines, in which format, and how the viewer's connection is proved. Pure.

use super::codecs::Format;
use super::negotiation_error::NegotiationError;
use super::offered_connection::OfferedConnection;
use super::offering::{Medium, Offering, assign};
use super::sdp::Sdp;

/// What is served of an offer.
#[derive(Clone, Debug)]
pub(crate) struct Negotiation {
    pub(crate) connection: OfferedConnection,
    pub(crate) video: Option<Format>,
    pub(crate) audio: Option<Format>,
}

impl Negotiation {
    pub(crate) fn new(offer: &str, offering: &Offering) -> Result<Self, NegotiationError> {
        let sdp = Sdp::parse(offer)?;
        let (serve, video, audio) = assign(&sdp, offering)?;
        Ok(Self {
            connection: OfferedConnection::new(&sdp, &serve)?,
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
}
