//! What a stream offers: read from its source once, and corrected while that runs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use media::error::MediaError;
use media::source::Input;
use media::track::{OfferedTrack, Offering, TrackId, TrackKind};
use tokio::sync::OnceCell;

use super::active_source::ActiveSource;
use super::shared_log::SharedLog;
use super::stream::StreamOrigin;
use super::stream::replacement;
use super::subscription::WantedTrack;
use super::{Stream, StreamError, file_reads, lock, publication};

/// Results of reading the source, each computed once; replaced when its file changes. Not kept: that it was not read in time, or not at all.
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
                let found = reading.offering.get_or_try_init(|| async {
                    let source = Arc::clone(source);
                    let read = self.run_blocking(move || source.read().map(Arc::new));
                    lasting(read.await)
                });
                found.await?.clone()?
            }
            StreamOrigin::Published(state) => match state.error() {
                Some(error) => return Err(error),
                None => Arc::default(),
            },
        };
        Ok(lock(&self.status).corrected.clone().unwrap_or(read))
    }

    /// A still of the stream, as JPEG.
    pub async fn poster(&self) -> Result<Bytes, StreamError> {
        let StreamOrigin::Played { source, .. } = &self.origin else {
            return Err(StreamError::NoPoster);
        };
        let offering = self.offering().await?;
        if !offering.has(TrackKind::Video) {
            return Err(StreamError::NoVideo);
        }
        let reading = lock(&self.reading).clone();
        let made = reading.poster.get_or_try_init(|| async {
            let source = Arc::clone(source);
            lasting(self.run_blocking(move || source.poster()).await)
        });
        made.await?.clone()
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
        if matches!(error, MediaError::NoAnswer(_)) {
            return StreamError::Slow;
        }
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
        if matches!(&now, Err(error) if error.is_temporary()) {
            return;
        }
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
    /// One of a kind that a publisher does not send, or not yet, waits for it.
    pub(super) fn offered_now(
        &self,
        wanted: &[WantedTrack],
    ) -> Result<Vec<OfferedTrack>, StreamError> {
        let read = lock(&self.reading).offering.get().cloned();
        let corrected = lock(&self.status).corrected.clone();
        let Some(offering) = corrected.map(Ok).or(read).transpose()? else {
            return Ok(wanted.iter().map(|wanted| wanted.track.clone()).collect());
        };
        let may_wait = self.input().is_none();
        let offered = wanted.iter().map(|WantedTrack { track, codecs }| {
            let offered = offering.track(track.id);
            let offered = offered.or_else(|| replacement(&offering, track, track.id, codecs));
            let waits = may_wait && (track.inset || !offering.has(track.kind()));
            offered.or(waits.then_some(track)).cloned()
        });
        offered.collect::<Option<_>>().ok_or(StreamError::NoTrack)
    }

    /// Replaces what the source of this log offers; returns the tracks that it does not offer any more.
    pub(super) fn set_offering(
        self: &Arc<Self>,
        offering: Offering,
        log: &Arc<SharedLog>,
    ) -> Vec<TrackId> {
        let before = self.known_offering();
        let before = before.iter().flat_map(|offering| &offering.tracks);
        let before: Vec<_> = before.map(|track| (track.id, track.kind())).collect();
        let gone: BTreeSet<_> = match self.input() {
            Some(_) => before.into_iter().map(|(id, _)| id).collect(),
            // Viewers may wait for tracks that no publisher has sent, and stay when one leaves out video or sound.
            None => {
                let may_wait = publication::tracks().chain(publication::insets());
                let may_wait = may_wait.map(|track| (track.id, track.kind()));
                let known = before.into_iter().chain(may_wait);
                known
                    .filter(|(_, kind)| offering.has(*kind))
                    .map(|(id, _)| id)
                    .collect()
            }
        };
        let gone = gone.into_iter();
        let gone = gone.filter(|id| offering.track(*id).is_none()).collect();
        let mut status = lock(&self.status);
        if let Some(state) = self.published_state() {
            let source = status.source.as_ref();
            if !source.is_some_and(|source| Arc::ptr_eq(&source.log, log)) {
                // It was unpublished meanwhile.
                return Vec::new();
            }
            if !offering.tracks.is_empty() {
                state.begin();
            }
        }
        // What was passed through may be encoded from now on.
        for track in &offering.tracks {
            let place = (self.runs_encoder(track) && status.renditions.has(track.id))
                .then(|| self.encoders.of(self, track.id));
            status.renditions.set_place(track.id, place);
        }
        status.corrected = Some(Arc::new(offering));
        self.offering_version.fetch_add(1, Ordering::Release);
        gone
    }
}

/// A result that is kept, or an error that may be another one at the next attempt.
fn lasting<T>(result: Result<T, StreamError>) -> Result<Result<T, StreamError>, StreamError> {
    match result {
        Err(error) if error.is_temporary() => Err(error),
        result => Ok(result),
    }
}
