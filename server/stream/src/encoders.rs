//! Places for encoders of video: each costs most of a core, so only so many run at once.

use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use limits::{CountedAddress, Counts, Exceeded, Quota};
use media::track::TrackId;

use super::{Stream, lock};

/// The places of all streams. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct EncoderPlaces(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    quota: Quota,
    counts: Mutex<Counts>,
    taken: Mutex<Vec<Weak<EncoderPlace>>>,
}

/// The place of one encoded rendition, which its viewers share. The address of the first one is charged. It is held by viewers that
/// connect, and by the rendition while its encoder runs, and is free when the last of these drops it.
pub(super) struct EncoderPlace {
    places: EncoderPlaces,
    address: Option<CountedAddress>,
    stream: Weak<Stream>,
    track: TrackId,
}

impl EncoderPlaces {
    pub(super) fn new(quota: Quota) -> Self {
        Self(Arc::new(Inner {
            quota,
            counts: Mutex::default(),
            taken: Mutex::default(),
        }))
    }

    /// The place of this rendition: the one that it has, or another one. Encoders that run on without viewers, in case some come
    /// back, are stopped for it.
    ///
    /// # Errors
    /// No place is free, and none can be freed.
    pub(super) fn take(
        &self,
        stream: &Arc<Stream>,
        track: TrackId,
        address: Option<CountedAddress>,
    ) -> Result<Arc<EncoderPlace>, Exceeded> {
        loop {
            let mut taken = lock(&self.0.taken);
            if let Some(place) = find(&taken, stream, track) {
                return Ok(place);
            }
            let fits = lock(&self.0.counts).check(address, self.0.quota);
            let Err(exceeded) = fits else {
                return Ok(self.add(&mut taken, stream, track, address));
            };
            // One that only its rendition holds: nobody is about to join it.
            let mut idle: Vec<_> = taken.iter().filter_map(Weak::upgrade).collect();
            idle.retain(|place| Arc::strong_count(place) == 2);
            drop(taken);
            if exceeded == Exceeded::Address {
                idle.retain(|place| place.address == address);
            }
            // The place is free once `idle` is dropped.
            if !idle.iter().any(|place| place.stop_idle_encoder()) {
                return Err(exceeded);
            }
        }
    }

    /// The place of this rendition. One that has none gets one regardless of the limit: its encoder runs in any case.
    pub(super) fn of(&self, stream: &Arc<Stream>, track: TrackId) -> Arc<EncoderPlace> {
        let mut taken = lock(&self.0.taken);
        find(&taken, stream, track).unwrap_or_else(|| self.add(&mut taken, stream, track, None))
    }

    fn add(
        &self,
        taken: &mut Vec<Weak<EncoderPlace>>,
        stream: &Arc<Stream>,
        track: TrackId,
        address: Option<CountedAddress>,
    ) -> Arc<EncoderPlace> {
        lock(&self.0.counts).add(address);
        let place = Arc::new(EncoderPlace {
            places: self.clone(),
            address,
            stream: Arc::downgrade(stream),
            track,
        });
        taken.retain(|place| place.strong_count() > 0);
        taken.push(Arc::downgrade(&place));
        place
    }

    pub(super) fn in_use(&self) -> u32 {
        lock(&self.0.counts).total()
    }
}

fn find(
    taken: &[Weak<EncoderPlace>],
    stream: &Arc<Stream>,
    track: TrackId,
) -> Option<Arc<EncoderPlace>> {
    let mut taken = taken.iter().filter_map(Weak::upgrade);
    taken.find(|place| place.track == track && place.stream.as_ptr() == Arc::as_ptr(stream))
}

impl EncoderPlace {
    /// False: it has viewers, or has stopped already.
    fn stop_idle_encoder(&self) -> bool {
        let stream = self.stream.upgrade();
        stream.is_some_and(|stream| stream.stop_idle_encoder(self.track))
    }
}

impl Drop for EncoderPlace {
    fn drop(&mut self) {
        lock(&self.places.0.counts).remove(self.address);
    }
}

impl fmt::Debug for EncoderPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EncoderPlace")
            .field("address", &self.address)
            .field("track", &self.track)
            .finish_non_exhaustive()
    }
}
