//! A stream that is published, and its viewers.

use std::time::Duration;

use media::track::Offering;
use shared::api::Codec;
use stream::admission::Limits;
use stream::publication::{self, Publication};
use stream::registry::Registry;
use stream::{StreamError, WantedTrack};
use timeline::retention::Retention;

use super::*;

pub(super) struct World {
    pub(super) harness: Harness,
    pub(super) publication: Publication,
}

impl World {
    /// Nobody publishes yet.
    pub(super) fn new() -> Self {
        let registry = Registry::open(Vec::new(), Limits::default(), Duration::ZERO);
        let published = registry.publish("live", Offering::default(), Retention::default());
        Self {
            harness: Harness::new(),
            publication: published.expect("the name is free"),
        }
    }

    /// A viewer that waits for H.264, and takes these codecs.
    pub(super) fn subscribe(&self, codecs: &[Codec]) -> Result<stream::Subscription, StreamError> {
        let wanted = [(Codec::H264, codecs), (Codec::Opus, &[])];
        let wanted = wanted.map(|(codec, codecs)| WantedTrack {
            track: publication::track(codec),
            codecs: codecs.to_vec(),
        });
        self.publication.stream.subscribe_to(&wanted, true)
    }

    pub(super) fn watch(&self, codecs: &[Codec]) -> (Polled, Peer) {
        let subscription = self.subscribe(codecs);
        viewer_of(&self.harness, |params| {
            params.subscription = subscription.expect("it may wait");
        })
    }
}
