//! A viewer's subscription to a stream.

use std::sync::Arc;
use std::time::Instant;

use shared::api::Codec;

use super::Stream;
use super::shared_log::SharedLog;

/// Keeps a stream's source running for one viewer. Dropping it leaves the stream.
#[derive(Debug)]
pub struct Subscription {
    pub(super) stream: Arc<Stream>,
    pub(super) log: Arc<SharedLog>,
    pub(super) video: Option<Codec>,
    pub(super) audio: Option<Codec>,
}

impl Subscription {
    /// A subscription to a log that no source fills: for tests of egress.
    #[doc(hidden)]
    pub fn to_log(
        stream: Arc<Stream>,
        log: Arc<SharedLog>,
        video: Option<Codec>,
        audio: Option<Codec>,
    ) -> Self {
        Self {
            stream,
            log,
            video,
            audio,
        }
    }

    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    pub fn log(&self) -> &Arc<SharedLog> {
        &self.log
    }

    pub fn video(&self) -> Option<Codec> {
        self.video
    }

    pub fn audio(&self) -> Option<Codec> {
        self.audio
    }

    /// Requests a video keyframe from the encoder. False: the video is passed through and has no encoder.
    pub fn request_keyframe(&self, now: Instant) -> bool {
        self.video
            .is_some_and(|codec| self.stream.request_keyframe(codec, now))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.stream.leave(self.video);
    }
}
