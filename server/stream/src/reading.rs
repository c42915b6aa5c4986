//! What a stream offers: read from its source once, and corrected while that runs.

use std::sync::Arc;

use bytes::Bytes;
use media::error::MediaError;
use media::source::Input;
use media::track::{OfferedTrack, Offering, TrackId, TrackKind};
use tokio::sync::OnceCell;

use super::active_source::ActiveSource;
use super::stream::StreamOrigin;
use super::{Stream, StreamError, file_reads, lock};

/// Results of reading the source, each computed once; replaced when its file changes.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) offering: OnceCell<Result<Arc<Offering>, StreamError>>,
    poster: OnceCell<Result<Bytes, StreamError>>,
}

impl Stream {
    /// What the stream offers. Reads the source on the first call.
    pub async fn offering(&self) -> Result<Arc<Offering>, StreamError> {
        let read = match &self.origin {
            StreamOrigin::Played { source, .. } => {
                let reading = lock(&self.reading).clone();
                let found = reading.offering.get_or_init(|| async {
                    let source = Arc::clone(source);
                    self.run_blocking(move || source.read().map(Arc::new)).await
                });
                found.await.clone()?
            }
            StreamOrigin::Published => Arc::default(),
        };
        Ok(lock(&self.status).corrected.clone().unwrap_or(read))
    }

    /// A still of the stream, as JPEG.
    pub async fn poster(&self) -> Result<Bytes, StreamError> {
        let offering = self.offering().await?;
        let StreamOrigin::Played { source, .. } = &self.origin else {
            return Err(StreamError::NoPoster);
        };
        if !offering.has(TrackKind::Video) {
            return Err(StreamError::NoVideo);
        }
        let reading = lock(&self.reading).clone();
        let made = reading.poster.get_or_init(|| async {
            let source = Arc::clone(source);
            self.run_blocking(move || source.poster()).await
        });
        made.await.clone()
    }

    /// Runs blocking FFmpeg calls, a limited number at a time.
    async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, MediaError> + Send + 'static,
    ) -> Result<T, StreamError> {
        match file_reads::run(&self.probe_permits, work).await {
            Ok(result) => result.map_err(|error| {
                let cause = error.cause();
                tracing::warn!(stream = self.name, cause, "it cannot be read: {error}");
                self.unreadable(&error)
            }),
            Err(error) => {
                tracing::error!(stream = self.name, "it cannot be read: {error}");
                Err(StreamError::NotStarted)
            }
        }
    }

    /// An error for users: with the name of the file, without its directory.
    pub(super) fn unreadable(&self, error: &MediaError) -> StreamError {
        let mut text = error.to_string();
        if let Some(Input::File(path)) = self.input()
            && let Some(name) = path.file_name()
        {
            text = text.replace(&path.display().to_string(), &name.to_string_lossy());
        }
        StreamError::Unreadable {
            code: error.code(),
            sentence: text + ".",
        }
    }

    /// Clears everything known about the file, because it has changed.
    pub(super) fn invalidate(&self) {
        let before = self.known_offering();
        *lock(&self.reading) = Arc::default();
        lock(&self.bitrates).clear();
        let mut status = lock(&self.status);
        status.corrected = None;
        status.failure = None;
        let running = |source: &ActiveSource| !source.log.is_over();
        if status.source.as_ref().is_some_and(running) {
            status.superseded = status.superseded.take().or(before);
        }
    }

    /// Ends the running source when its file was removed, or replaced by one with other tracks: the sessions of its viewers end, and they learn
    /// about the new file. A file with the same tracks follows without a break, when the one that is played has ended.
    pub(super) async fn end_if_replaced(&self) {
        if lock(&self.status).superseded.is_none() {
            return;
        }
        let now = self.offering().await;
        let tracks = |offering: &Offering| -> Vec<_> {
            let tracks = offering.tracks.iter();
            tracks
                .map(|track| (track.id, track.codec, track.encoded))
                .collect()
        };
        let source = {
            let mut status = lock(&self.status);
            let Some(before) = status.superseded.take() else {
                return;
            };
            match now {
                Ok(now) if tracks(&now) == tracks(&before) => None,
                _ => status.source.take(),
            }
        };
        if let Some(source) = source {
            tracing::info!(
                stream = self.name,
                "the file was replaced by another kind, or removed: its viewers are disconnected"
            );
            source.stop().await;
        }
    }

    /// What it offers, as far as that has been read.
    pub(super) fn known_offering(&self) -> Option<Arc<Offering>> {
        let read = lock(&self.reading).offering.get().cloned();
        let corrected = lock(&self.status).corrected.clone();
        corrected.or(read.and_then(Result::ok))
    }

    /// These tracks as they are offered now. While a file that has changed is read again, they count as offered: the source compares when it runs.
    pub(super) fn offered_now(
        &self,
        tracks: &[OfferedTrack],
    ) -> Result<Vec<OfferedTrack>, StreamError> {
        let read = lock(&self.reading).offering.get().cloned();
        let corrected = lock(&self.status).corrected.clone();
        let Some(offering) = corrected.map(Ok).or(read).transpose()? else {
            return Ok(tracks.to_vec());
        };
        let tracks = tracks.iter();
        let offered = tracks.map(|track| offering.track(track.id).cloned());
        offered.collect::<Option<_>>().ok_or(StreamError::NoTrack)
    }

    /// Replaces what the source offers; returns the tracks that it does not offer any more.
    pub(super) fn set_offering(self: &Arc<Self>, offering: Offering) -> Vec<TrackId> {
        let before = self.known_offering();
        let before = before.iter().flat_map(|offering| &offering.tracks);
        let gone = before.filter(|track| offering.track(track.id).is_none());
        let gone = gone.map(|track| track.id).collect();
        let mut status = lock(&self.status);
        // What was passed through may be encoded from now on.
        for track in &offering.tracks {
            let place = self
                .runs_encoder(track)
                .then(|| self.encoders.of(self, track.id));
            status.renditions.set_place(track.id, place);
        }
        status.corrected = Some(Arc::new(offering));
        gone
    }
}
