//! What a publisher sends, on its way into the log of its stream.

use ingest::connection_receiver::LineUnit;
use media::time::MediaTime;
use stream::publication::Publication;

use super::encoder_health::EncoderHealth;
use super::published_tracks::{PublishedTracks, Unplayable};

/// Appends what one publisher sends, in a run of its own. The stream offers what comes.
#[derive(Debug)]
pub(super) struct PublishedMedia {
    publication: Publication,
    tracks: PublishedTracks,
    is_closed: bool,
    health: EncoderHealth,
}

impl PublishedMedia {
    pub(super) fn new(publication: Publication, health: EncoderHealth, lines: usize) -> Self {
        Self {
            publication,
            tracks: PublishedTracks::new(lines),
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
        self.health.on_unit(&published.unit);
        appender.append(published.track, published.unit);
    }

    pub(super) fn health(&mut self) -> &mut EncoderHealth {
        &mut self.health
    }

    /// The m-lines of which viewers want a keyframe.
    pub(super) fn take_keyframe_requests(&mut self) -> Vec<usize> {
        let requests = self.publication.requests.take_requests();
        self.is_closed |= requests.stop;
        let lines = requests.keyframes.into_iter();
        lines.filter_map(|track| self.tracks.line(track)).collect()
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
