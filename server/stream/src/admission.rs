//! Limits on viewers, on those that still connect, on the bit rate that is sent to all, and on encoders.

use std::num::NonZero;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use limits::{CountedAddress, Counts, Exceeded, Quota};
use media::track::OfferedTrack;
use shared::api::ViewerLimit;

use super::bitrate::RenditionBitrate;
use super::egress_meter::EgressMeter;
use super::encoders::{EncoderPlace, EncoderPlaces};
use super::{Stream, StreamError, lock};

/// Limits on all viewers together, and on those of one address.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Viewers that have connected.
    pub viewers: Quota,
    /// Sessions that have not connected yet.
    pub connecting: Quota,
    /// Encoders of video. A rendition that is encoded for several viewers is counted once, for the address of the first.
    pub encoders: Quota,
    /// Bits per second; `None`: unlimited.
    pub egress: Option<u64>,
}

/// Why a viewer is not admitted: this limit is reached. The text is a sentence for users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct AdmissionError(pub ViewerLimit);

/// Counts viewers, and what they use. Clones share the counts.
#[derive(Clone, Debug)]
pub struct AdmissionControl {
    limits: Limits,
    usage: Arc<Mutex<Usage>>,
    encoders: EncoderPlaces,
}

#[derive(Debug, Default)]
struct Usage {
    connecting: Counts,
    viewers: Counts,
    /// The renditions that are sent, and the number of their viewers.
    renditions: Vec<(Arc<RenditionBitrate>, u32)>,
    meter: EgressMeter,
    /// How often each limit was reached, in the order of [`ViewerLimit::ALL`].
    refused: [u64; ViewerLimit::ALL.len()],
}

/// One admitted viewer, and what is reserved for it. It is counted as connecting until [`ViewerPermit::connected`]. Dropping the
/// permit releases everything.
#[derive(Debug)]
pub struct ViewerPermit {
    control: AdmissionControl,
    address: Option<CountedAddress>,
    connected: bool,
    bitrates: Vec<Arc<RenditionBitrate>>,
    encoders: Vec<Arc<EncoderPlace>>,
    /// What was reserved, until it is connected.
    reserved: Option<(Arc<Stream>, Vec<OfferedTrack>)>,
}

impl Limits {
    /// Encoders of video that this machine can run: two a core. One address gets half of them, and at least two.
    pub fn default_encoders() -> Quota {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self::encoders(u32::try_from(cores).unwrap_or(u32::MAX).saturating_mul(2))
    }

    /// So many encoders in total.
    pub fn encoders(total: u32) -> Quota {
        Quota {
            total,
            per_address: (total / 2).max(2),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            viewers: Quota {
                total: 1000,
                per_address: 100,
            },
            connecting: Quota {
                total: 256,
                per_address: 16,
            },
            encoders: Self::default_encoders(),
            egress: None,
        }
    }
}

impl AdmissionError {
    fn sentence(self) -> &'static str {
        match self.0 {
            ViewerLimit::ViewersOfAddress => {
                "Your network address has as many viewers as one address may have here. Close a viewer, or have the owner of this server raise --max-viewers-per-address."
            }
            ViewerLimit::ConnectingOfAddress => {
                "Too many viewers of your network address are connecting at once. Try again in a moment."
            }
            ViewerLimit::EncodersOfAddress => {
                "This server encodes as many videos for your network address as it may. Close one of them, or watch in a browser that plays the original video (mostly H.264)."
            }
            ViewerLimit::Viewers => "The server has reached its viewer limit. Try again later.",
            ViewerLimit::Connecting => {
                "Too many viewers are connecting to this server at once. Try again in a moment."
            }
            ViewerLimit::Encoders => {
                "This server encodes as many videos as it can. Try again later, or watch in a browser that plays the original video (mostly H.264)."
            }
            ViewerLimit::Egress => "The server has reached its bandwidth limit. Try again later.",
            ViewerLimit::Processor => "The server is fully busy with its viewers. Try again later.",
        }
    }
}

impl AdmissionControl {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            usage: Arc::default(),
            encoders: EncoderPlaces::new(limits.encoders),
        }
    }

    /// Admits a viewer that begins to connect. `address`: by which it is counted; `None`: in total only.
    pub(super) fn admit(
        &self,
        address: Option<CountedAddress>,
    ) -> Result<ViewerPermit, AdmissionError> {
        let mut usage = lock(&self.usage);
        let fits = usage.fits(&self.limits, address, &[]).and_then(|()| {
            let fits = usage.connecting.check(address, self.limits.connecting);
            fits.map_err(|exceeded| match exceeded {
                Exceeded::Address => AdmissionError(ViewerLimit::ConnectingOfAddress),
                Exceeded::Total => AdmissionError(ViewerLimit::Connecting),
            })
        });
        usage.count(fits)?;
        usage.connecting.add(address);
        Ok(ViewerPermit {
            control: self.clone(),
            address,
            connected: false,
            bitrates: Vec::new(),
            encoders: Vec::new(),
            reserved: None,
        })
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn encoder_places(&self) -> &EncoderPlaces {
        &self.encoders
    }

    /// Viewers that have connected.
    pub fn viewers(&self) -> u32 {
        lock(&self.usage).viewers.total()
    }

    /// Sessions that have not.
    pub fn connecting(&self) -> u32 {
        lock(&self.usage).connecting.total()
    }

    /// What is sent to all viewers, in bits per second: the sum of the known bit rates of their renditions, and what was sent beyond that of late.
    pub fn egress(&self) -> u64 {
        let usage = lock(&self.usage);
        usage.meter.scaled(usage.reserved())
    }

    /// To be called every second: what has been sent to all viewers since the start, in bits.
    pub fn note_sent(&self, now: Instant, bits: u64) {
        let mut usage = lock(&self.usage);
        let reserved = usage.reserved();
        usage.meter.sample(now, bits, reserved);
    }

    /// Encoders of video that run or are reserved.
    pub fn encoders(&self) -> u32 {
        self.encoders.in_use()
    }

    /// How often viewers were refused since the start, by limit.
    pub fn refused(&self) -> impl Iterator<Item = (ViewerLimit, u64)> {
        let refused = lock(&self.usage).refused;
        ViewerLimit::ALL.into_iter().zip(refused)
    }
}

impl Usage {
    /// The sum of the bit rates of all viewers' renditions.
    fn reserved(&self) -> u64 {
        let each = self.renditions.iter();
        let each = each.map(|(bitrate, viewers)| bitrate.rate().saturating_mul((*viewers).into()));
        each.fold(0, u64::saturating_add)
    }

    /// Whether one more connected viewer fits, with renditions of these bit rates.
    fn fits(
        &self,
        limits: &Limits,
        address: Option<CountedAddress>,
        bitrates: &[Arc<RenditionBitrate>],
    ) -> Result<(), AdmissionError> {
        let fits = self.viewers.check(address, limits.viewers);
        fits.map_err(|exceeded| match exceeded {
            Exceeded::Address => AdmissionError(ViewerLimit::ViewersOfAddress),
            Exceeded::Total => AdmissionError(ViewerLimit::Viewers),
        })?;
        let rates = bitrates.iter().map(|bitrate| bitrate.rate());
        let sum = rates.fold(self.reserved(), u64::saturating_add);
        let sum = self.meter.scaled(sum);
        match limits.egress {
            Some(limit) if sum > limit && !bitrates.is_empty() => {
                Err(AdmissionError(ViewerLimit::Egress))
            }
            _ => Ok(()),
        }
    }

    /// Counts a refusal.
    fn count<T>(&mut self, result: Result<T, AdmissionError>) -> Result<T, AdmissionError> {
        if let Err(AdmissionError(limit)) = &result
            && let Some(index) = ViewerLimit::ALL.iter().position(|each| each == limit)
            && let Some(refused) = self.refused.get_mut(index)
        {
            *refused += 1;
        }
        result
    }
}

impl ViewerPermit {
    /// Counts that this viewer is refused, for a limit that is known elsewhere.
    pub fn refuse(self, limit: ViewerLimit) -> AdmissionError {
        let error = AdmissionError(limit);
        let _ = lock(&self.control.usage).count::<()>(Err(error));
        error
    }

    /// Reserves what sending these tracks needs: a place for each encoder, until the permit is dropped; the bit rate is checked, and
    /// counted from [`ViewerPermit::connected`] on. A stream whose bit rate grows later does not disconnect its viewers.
    ///
    /// # Errors
    /// A limit would be exceeded; nothing is reserved then.
    pub fn reserve(
        &mut self,
        stream: &Arc<Stream>,
        tracks: &[OfferedTrack],
    ) -> Result<(), StreamError> {
        let bitrates = stream.bitrates(tracks);
        {
            let mut usage = lock(&self.control.usage);
            let fits = usage.fits(&self.control.limits, self.address, &bitrates);
            usage.count(fits)?;
        }
        self.encoders = self.take_encoders(stream, tracks)?;
        self.bitrates = bitrates;
        self.reserved = Some((Arc::clone(stream), tracks.to_vec()));
        Ok(())
    }

    /// Lets the encoders go, whose places others may take then: the viewer takes long to connect. [`ViewerPermit::connected`] takes
    /// them again.
    pub fn release_encoders(&mut self) {
        if !self.connected {
            self.encoders.clear();
        }
    }

    /// The viewer has subscribed: the renditions that it follows keep the places of their encoders, and it may change to others.
    pub fn subscribed(&mut self) {
        self.encoders.clear();
    }

    /// The viewer has connected: from now on it is counted as a viewer. Later calls have no effect.
    ///
    /// # Errors
    /// A limit has been reached since it was admitted. The session has to end; its permit is still counted as connecting.
    pub fn connected(&mut self) -> Result<(), StreamError> {
        if self.connected {
            return Ok(());
        }
        if self.encoders.is_empty()
            && let Some((stream, tracks)) = &self.reserved
        {
            self.encoders = self.take_encoders(stream, tracks)?;
        }
        // Check and count under one lock, so that simultaneous viewers cannot exceed a limit.
        let mut usage = lock(&self.control.usage);
        let fits = usage.fits(&self.control.limits, self.address, &self.bitrates);
        usage.count(fits)?;
        usage.connecting.remove(self.address);
        usage.viewers.add(self.address);
        for bitrate in &self.bitrates {
            let mut renditions = usage.renditions.iter_mut();
            match renditions.find(|(known, _)| Arc::ptr_eq(known, bitrate)) {
                Some((_, viewers)) => *viewers += 1,
                None => usage.renditions.push((Arc::clone(bitrate), 1)),
            }
        }
        drop(usage);
        self.connected = true;
        self.reserved = None;
        Ok(())
    }

    /// The address by which the viewer is counted.
    pub fn address(&self) -> Option<CountedAddress> {
        self.address
    }

    fn take_encoders(
        &self,
        stream: &Arc<Stream>,
        tracks: &[OfferedTrack],
    ) -> Result<Vec<Arc<EncoderPlace>>, AdmissionError> {
        let encoded = tracks.iter().filter(|track| stream.runs_encoder(track));
        let places = encoded.map(|track| {
            let place = self.control.encoders.take(stream, track.id, self.address);
            place.map_err(|exceeded| match exceeded {
                Exceeded::Address => AdmissionError(ViewerLimit::EncodersOfAddress),
                Exceeded::Total => AdmissionError(ViewerLimit::Encoders),
            })
        });
        let places = places.collect();
        lock(&self.control.usage).count(places)
    }
}

impl Drop for ViewerPermit {
    fn drop(&mut self) {
        let mut usage = lock(&self.control.usage);
        if !self.connected {
            usage.connecting.remove(self.address);
            return;
        }
        usage.viewers.remove(self.address);
        for (bitrate, viewers) in &mut usage.renditions {
            let of_this = self.bitrates.iter();
            *viewers -= of_this.filter(|one| Arc::ptr_eq(one, bitrate)).count() as u32;
        }
        usage.renditions.retain(|(_, viewers)| *viewers > 0);
    }
}

#[cfg(test)]
mod tests;
