//! What a publisher sends, on its way into the log of its stream.

use std::time::Instant;

use ingest::connection_receiver::{LineParams, LineUnit};
use media::live::encoded_codecs;
use media::time::MediaTime;
use shared::api::PublisherLayer;
use stream::publication::Publication;

use super::encoder_health::EncoderHealth;
use super::playable::Unplayable;
use super::published_tracks::PublishedTracks;

/// Appends what one publisher sends, in a run of its own. The stream offers what comes.
#[derive(Debug)]
pub(super) struct PublishedMedia {
    publication: Publication,
    tracks: PublishedTracks,
    is_closed: bool,
    health: EncoderHealth,
}

impl PublishedMedia {
    /// `lines`: those that are received.
    pub(super) fn new(
        publication: Publication,
        health: EncoderHealth,
        lines: &[LineParams],
    ) -> Self {
        Self {
            publication,
            tracks: PublishedTracks::new(lines, encoded_codecs()),
            health,
            is_closed: false,
        }
    }

    /// The next unit that was received.
    pub(super) fn append(&mut self, unit: LineUnit) {
        self.health.on_received(&unit);
        let appender = &mut self.publication.appender;
        let Some(published) = self.tracks.publish(unit) else {
            return;
        };
        if let Some(start) = published.begins_run {
            appender.begin_run(None);
            appender.anchor(MediaTime::ZERO, start);
        }
        if let Some(offering) = published.offering {
            appender.set_offering(offering);
        }
        if self.tracks.has_b_frames() {
            self.health.on_b_frames();
        }
        if published.is_main {
            self.health.on_unit(published.track, &published.unit);
        }
        appender.append(published.track, published.unit);
    }

    pub(super) fn health(&mut self) -> &mut EncoderHealth {
        &mut self.health
    }

    pub(super) fn layers(&self, now: Instant) -> Vec<PublisherLayer> {
        self.tracks.layers(now)
    }

    /// The lines of which a keyframe is wanted: by viewers, because a layer comes again, or to see whether the encoder answers.
    pub(super) fn take_keyframe_requests(&mut self) -> Vec<usize> {
        let requests = self.publication.requests.take_requests();
        self.is_closed |= requests.stop;
        let tracks = requests.keyframes.into_iter();
        let tracks = tracks.chain(self.health.take_keyframe_wanted());
        let mut lines: Vec<_> = tracks.filter_map(|track| self.tracks.line(track)).collect();
        lines.extend(self.tracks.take_lacking_keyframes());
        lines
    }

    /// Why nothing is passed on any more.
    pub(super) fn unplayable(&self) -> Option<Unplayable> {
        self.tracks.unplayable()
    }

    /// The stream was unpublished, as [`Self::take_keyframe_requests`] has noticed.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }
}
