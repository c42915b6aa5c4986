//! What of a stream runs without viewers, and for how long: a source that was opened for the next one, and what the last one has left.

use std::sync::Arc;
use std::time::Instant;

use media::live::is_encoded_live;
use media::track::{OfferedTrack, TrackId};
use timeline::index::Index;

use super::active_source::{ActiveSource, Start};
use super::stream::{Status, StreamOrigin};
use super::{Stream, lock};

impl Stream {
    /// Removes a viewer. Encoders and the source stop after a grace period without viewers.
    pub(super) fn leave(self: &Arc<Self>, tracks: &[OfferedTrack]) {
        let now = Instant::now();
        {
            let mut status = lock(&self.status);
            status.viewers = status.viewers.saturating_sub(1);
            if status.viewers == 0 {
                status.idle_since = Some(now);
            }
            let Status {
                source, renditions, ..
            } = &mut *status;
            for track in tracks {
                renditions.leave(track.id, now);
                // The grace period is for viewers that come back. Nobody has seen this one.
                if self.runs_encoder(track)
                    && let Some(source) = source
                    && source.log.newest(track.id).is_none()
                    && renditions.remove_idle(track.id)
                {
                    source.encoders.release_track(track.id);
                }
            }
        }
        self.stop_idle_later();
    }

    /// Opens the source for a viewer that connects meanwhile, so that its first frame comes sooner. Nothing is read on or encoded
    /// before somebody subscribes; a source to which nobody does is closed after the grace period.
    pub fn warm(self: &Arc<Self>) {
        let StreamOrigin::Played { source, .. } = &self.origin else {
            return;
        };
        {
            let mut status = lock(&self.status);
            let there = status
                .source
                .as_ref()
                .is_some_and(|source| !source.log.is_over());
            if status.removed || there {
                return;
            }
            // `subscribe` reports why a source does not start.
            status.source = ActiveSource::start(self, source, Start::Held).ok();
            status.idle_since = Some(Instant::now());
        }
        self.stop_idle_later();
    }

    pub(super) fn stop_idle_later(self: &Arc<Self>) {
        // Without a runtime the server is shutting down, and `close` has stopped the source.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let stream = Arc::clone(self);
            runtime.spawn(async move {
                tokio::time::sleep(stream.grace).await;
                stream.stop_idle(Instant::now()).await;
            });
        }
    }

    /// Stops the encoder of this track before its grace period is over. False: it has viewers, or does not run.
    pub(super) fn stop_idle_encoder(&self, track: TrackId) -> bool {
        let mut status = lock(&self.status);
        let removed = status.renditions.remove_idle(track);
        if removed && let Some(source) = &status.source {
            source.stop_encoder(track);
        }
        removed
    }

    /// Stops the encoders, and the source, that had no viewers for the grace period.
    async fn stop_idle(&self, now: Instant) {
        let expired = |since: Instant| now.saturating_duration_since(since) >= self.grace;
        let offering = self.known_offering();
        let encoded = |track| {
            let offered = offering.as_ref().and_then(|offering| offering.track(track));
            offered.is_some_and(|track| self.runs_encoder(track)) || is_encoded_live(track)
        };
        let source = {
            let mut status = lock(&self.status);
            let Status {
                source, renditions, ..
            } = &mut *status;
            for track in renditions.take_idle(now, self.grace) {
                match source {
                    Some(source) if encoded(track) => source.stop_encoder(track),
                    Some(source) => source.control.release_track(track),
                    None => {}
                }
            }
            if status.idle_since.is_some_and(expired) && self.input().is_some() {
                status.source.take()
            } else {
                None
            }
        };
        if let Some(source) = source {
            tracing::info!(stream = self.name, "no viewers: the source stops");
            source.stop().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use media::source::Input;
    use shared::api::{Codec, StreamState};
    use tokio::sync::Semaphore;
    use tokio::time::sleep;

    use super::*;

    fn stream(grace: Duration) -> Arc<Stream> {
        let clip = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../assets/big-buck-bunny-720p.mp4"
        );
        let probes = Arc::new(Semaphore::new(1));
        Stream::new("film".to_owned(), Input::File(clip.into()), grace, probes)
    }

    fn log_is_empty(stream: &Stream) -> bool {
        let status = lock(&stream.status);
        let log = status
            .source
            .as_ref()
            .map(|source| source.log.lock().bytes());
        log == Some(0)
    }

    #[tokio::test]
    async fn a_source_that_was_opened_for_a_viewer_waits_for_it() {
        let stream = stream(Duration::from_secs(10));
        let offering = stream.offering().await.unwrap();
        stream.warm();
        stream.warm();
        sleep(Duration::from_millis(300)).await;
        assert!(log_is_empty(&stream));
        assert_eq!(stream.info().state, StreamState::Idle);
        for codec in [Codec::H264, Codec::Vp8] {
            let track = offering.with_codec(codec).unwrap();
            let subscription = stream.subscribe(std::slice::from_ref(track)).unwrap();
            assert_eq!(stream.info().state, StreamState::Running);
            while subscription.log().newest(track.id).is_none() {
                sleep(Duration::from_millis(5)).await;
            }
        }
        stream.close().await;
    }

    #[tokio::test]
    async fn a_source_whose_viewer_never_connects_is_closed() {
        let stream = stream(Duration::from_millis(100));
        stream.offering().await.unwrap();
        stream.warm();
        assert!(log_is_empty(&stream));
        sleep(Duration::from_millis(500)).await;
        assert!(lock(&stream.status).source.is_none());
        stream.close().await;
        stream.warm();
        assert!(lock(&stream.status).source.is_none());
    }
}
