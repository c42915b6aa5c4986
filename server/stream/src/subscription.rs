//! A viewer's hold on a stream.

use std::sync::Arc;
use std::time::Instant;

use shared::api::Codec;

use super::Stream;
use super::shared_log::SharedLog;

/// A viewer's hold on a stream. Dropping it leaves.
#[derive(Debug)]
pub struct Subscription {
    pub(super) stream: Arc<Stream>,
    pub(super) shared_log: Arc<SharedLog>,
    pub(super) video: Option<Codec>,
    pub(super) audio: Option<Codec>,
}

impl Subscription {
    /// A subscription to a log that no source fills: for tests of sending.
    #[doc(hidden)]
    pub fn to_log(
        stream: Arc<Stream>,
        shared_log: Arc<SharedLog>,
        video: Option<Codec>,
        audio: Option<Codec>,
    ) -> Self {
        Self {
            stream,
            shared_log,
            video,
            audio,
        }
    }

    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    pub fn log(&self) -> &Arc<SharedLog> {
        &self.shared_log
    }

    pub fn video(&self) -> Option<Codec> {
        self.video
    }

    pub fn audio(&self) -> Option<Codec> {
        self.audio
    }

    /// Asks the encoder for a keyframe of the pictures. False: they are passed through, and come as they are.
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
