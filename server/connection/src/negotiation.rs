//! From a browser's offer to what is served of it: which m-lines, in which format, and how the viewer's connection is proved. Pure.

use super::formats::Formats;
use super::negotiation_error::NegotiationError;
use super::offered_connection::OfferedConnection;
use super::offering::{Assigned, Medium, Offering, assign};
use super::sdp::Sdp;

/// What is served of an offer.
#[derive(Clone, Debug)]
pub(crate) struct Negotiation {
    pub(crate) connection: OfferedConnection,
    pub(crate) formats: Assigned,
}

impl Negotiation {
    pub(crate) fn new(offer: &str, offering: &Offering) -> Result<Self, NegotiationError> {
        let sdp = Sdp::parse(offer)?;
        let (serve, formats) = assign(&sdp, offering)?;
        Ok(Self {
            connection: OfferedConnection::new(&sdp, &serve)?,
            formats,
        })
    }

    /// The formats of video, audio and inset, in this order, as far as they are served.
    pub(super) fn served(&self) -> impl Iterator<Item = (Medium, &Formats)> {
        let media = [
            (Medium::Video, &self.formats.video),
            (Medium::Audio, &self.formats.audio),
            (Medium::Inset, &self.formats.inset),
        ];
        media.into_iter().filter(|(_, formats)| !formats.is_empty())
    }
}
