//! The description of a stream for the API.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use shared::api::{NotEncoded, Rendition, StreamInfo, StreamState};

use super::active_source::ActiveSource;
use super::published_state::PublishedState;
use super::{Stream, lock};

impl Stream {
    /// The description of this stream for the API. Does not block.
    pub fn info(&self) -> StreamInfo {
        let found = lock(&self.reading).offering.get().cloned();
        let status = lock(&self.status);
        let (offering, unreadable) = match (found, &status.corrected) {
            (Some(Err(error)), _) => (None, Some(error)),
            (_, Some(corrected)) => (Some(Arc::clone(corrected)), None),
            (Some(Ok(offering)), None) => (Some(offering), None),
            (None, None) => (None, None),
        };
        let running = status.source.as_ref().is_some_and(ActiveSource::is_running);
        let published = self.published_state().map(PublishedState::get);
        let state = published.unwrap_or_else(|| {
            match (unreadable.or_else(|| status.failure.clone()), &offering) {
                (Some(error), _) => StreamState::Failed {
                    code: error.code(),
                    error: error.to_string(),
                },
                (None, None) => StreamState::Probing,
                (None, Some(_)) if running => StreamState::Running,
                (None, Some(_)) => StreamState::Idle,
            }
        });
        let renditions = status.renditions.viewers().filter_map(|(id, viewers)| {
            let track = offering.as_ref()?.track(id)?;
            if track.inset {
                return None;
            }
            Some(Rendition {
                codec: track.codec,
                encoded: track.encoded,
                viewers,
            })
        });
        let renditions = renditions.collect();
        let mut video = offering
            .as_ref()
            .and_then(|offering| offering.video.clone());
        let source = status.source.as_ref();
        if let Some(video) = &mut video
            && source.is_some_and(|source| source.log.is_encoder_failing())
        {
            // What is too large is not encoded for that.
            video.not_encoded.get_or_insert(NotEncoded::EncoderFails);
        }
        StreamInfo {
            poster: video
                .as_ref()
                .filter(|_| self.input().is_some())
                .map(|_| format!("/api/streams/{}/poster.jpg", path_segment(&self.name))),
            name: self.name.clone(),
            state,
            duration: offering
                .as_ref()
                .and_then(|offering| offering.duration)
                .map(|duration| duration.as_secs_f64()),
            video,
            audio: offering
                .as_ref()
                .and_then(|offering| offering.audio.clone()),
            inset: offering
                .as_ref()
                .and_then(|offering| offering.inset.clone()),
            renditions,
            dropped: source.map_or(0, |source| source.log.dropped()),
            viewers: status.viewers,
        }
    }
}

/// A stream's name as one segment of a path (RFC 3986 2.3, 3.3).
fn path_segment(name: &str) -> String {
    const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(name, SEGMENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_any_script_is_one_path_segment() {
        assert_eq!(
            path_segment("我的 影片/..%"),
            "%E6%88%91%E7%9A%84%20%E5%BD%B1%E7%89%87%2F..%25"
        );
    }
}
