//! From a browser's offer to what is served of it: which m-lines, in which format, and how the viewer's connection is proved. Pure.

use super::formats::Formats;
use super::negotiation_error::NegotiationError;
use super::offered_connection::OfferedConnection;
use super::offering::{Medium, Offering, assign};
use super::sdp::Sdp;

/// What is served of an offer.
#[derive(Clone, Debug)]
pub(crate) struct Negotiation {
    pub(crate) connection: OfferedConnection,
    pub(crate) video: Formats,
    pub(crate) audio: Formats,
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

    /// The formats of video and audio, in this order, as far as they are served.
    pub(super) fn served(&self) -> impl Iterator<Item = &Formats> {
        let media = [&self.video, &self.audio];
        media.into_iter().filter(|formats| !formats.is_empty())
    }

    pub(super) fn formats(&self, medium: Medium) -> &Formats {
        match medium {
            Medium::Video => &self.video,
            Medium::Audio => &self.audio,
        }
    }
}
