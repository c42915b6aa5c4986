//! Streams that are appended to from outside: by a publisher, or by a test.

use std::sync::Arc;

use media::control::Control;
use media::track::{OfferedTrack, Offering, TrackId};
use shared::api::Codec;
use timeline::index::Pace;
use timeline::log::Log;
use timeline::retention::Retention;

use super::appender::Appender;
use super::lock;
use super::registry::Registry;
use super::shared_log::SharedLog;
use super::stream::Stream;

/// The publisher's end of a stream.
#[derive(Debug)]
pub struct Publication {
    pub stream: Arc<Stream>,
    pub appender: Appender,
    /// What viewers ask for: tracks, keyframes; and the end.
    pub requests: Arc<Control>,
}

/// What a publisher can send, best first: the tracks of its stream, one for each codec. They are the same for each publisher of a stream, so that viewers go
/// on with the next one.
pub fn tracks() -> impl Iterator<Item = OfferedTrack> {
    let codecs = [Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::Opus];
    codecs.into_iter().map(track)
}

/// The track of a codec.
pub fn track(codec: Codec) -> OfferedTrack {
    let id = match codec {
        Codec::H264 => 0,
        Codec::Vp8 => 1,
        Codec::Vp9 => 2,
        Codec::Av1 => 3,
        Codec::Opus => 4,
    };
    OfferedTrack {
        id: TrackId(id),
        codec,
        size: None,
        frame_rate: None,
        bit_rate: if codec.is_video() {
            VIDEO_BIT_RATE
        } else {
            AUDIO_BIT_RATE
        },
        encoded: false,
        single_nal: false,
    }
}

/// In bits per second, until they are measured.
const VIDEO_BIT_RATE: u64 = 2_500_000;
const AUDIO_BIT_RATE: u64 = 64_000;

/// The name belongs to another stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("There is a stream of this name already. Choose another name.")]
pub struct NameTaken;

impl Stream {
    /// The end for another publisher of a published stream, once the one before is gone: what it appends follows in the same log, and viewers go on with it.
    /// `None`: the stream is played, or has been closed.
    pub fn republish(self: &Arc<Self>) -> Option<Publication> {
        if self.input().is_some() {
            return None;
        }
        let status = lock(&self.status);
        let source = status.source.as_ref()?;
        Some(Publication {
            stream: Arc::clone(self),
            appender: Appender::new(Arc::clone(&source.log), Arc::downgrade(self)),
            requests: Arc::clone(&source.control),
        })
    }

    /// The tracks that publishers may replace those of the offering by. None: what is played stays.
    pub fn replacements(&self) -> Vec<OfferedTrack> {
        match self.input() {
            Some(_) => Vec::new(),
            None => tracks().collect(),
        }
    }

    /// Something of a publisher has come that can be watched.
    pub fn has_been_live(&self) -> bool {
        let offering = self.known_offering();
        offering.is_some_and(|offering| !offering.tracks.is_empty())
    }
}

impl Registry {
    /// Adds a live stream, which exists until [`Registry::unpublish`].
    ///
    /// # Errors
    /// There is a stream of this name.
    pub fn publish(
        &self,
        name: &str,
        offering: Offering,
        retention: Retention,
    ) -> Result<Publication, NameTaken> {
        let log = Arc::new(SharedLog::new(Log::new(Pace::Edge, retention)));
        let requests = Arc::<Control>::default();
        let stream = Stream::published(
            name.to_owned(),
            offering,
            Arc::clone(&log),
            Arc::clone(&requests),
        );
        self.insert(Arc::clone(&stream))?;
        tracing::info!(stream = name, "published");
        Ok(Publication {
            appender: Appender::new(log, Arc::downgrade(&stream)),
            stream,
            requests,
        })
    }

    /// Ends a published stream, for its viewers as well. False: there is none of this name.
    pub async fn unpublish(&self, name: &str) -> bool {
        let Some(stream) = self.take_published(name) else {
            return false;
        };
        tracing::info!(stream = name, "unpublished");
        stream.close().await;
        true
    }
}
