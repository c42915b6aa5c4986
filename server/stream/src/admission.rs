//! Limits on the number of viewers and on the bit rate that is sent to all of them.

use std::sync::{Arc, Mutex, MutexGuard};

use super::bitrate::RenditionBitrate;
use super::{StreamError, lock};

/// Limits on all viewers together.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub viewers: u32,
    /// Bits per second; `None`: unlimited.
    pub egress: Option<u64>,
}

/// Counts viewers and the bit rate they use. Clones share the counts.
#[derive(Clone, Debug)]
pub(super) struct AdmissionControl {
    limits: Limits,
    usage: Arc<Mutex<Usage>>,
}

#[derive(Debug, Default)]
struct Usage {
    viewers: u32,
    /// The renditions that are sent, and the number of their viewers.
    renditions: Vec<(Arc<RenditionBitrate>, u32)>,
}

/// One admitted viewer and the bit rate reserved for it. Dropping the permit releases both.
#[derive(Debug)]
pub struct ViewerPermit {
    control: AdmissionControl,
    reserved: Vec<Arc<RenditionBitrate>>,
}

impl AdmissionControl {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            usage: Arc::default(),
        }
    }

    /// `None` when the maximum number of viewers is reached.
    pub(super) fn admit(&self) -> Option<ViewerPermit> {
        let mut usage = self.usage();
        if usage.viewers >= self.limits.viewers {
            return None;
        }
        usage.viewers += 1;
        Some(ViewerPermit {
            control: self.clone(),
            reserved: Vec::new(),
        })
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn viewers(&self) -> u32 {
        self.usage().viewers
    }

    /// The sum of the known bit rates of all viewers, in bits per second.
    pub(super) fn egress(&self) -> u64 {
        self.usage().egress()
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        lock(&self.usage)
    }
}

impl Usage {
    fn egress(&self) -> u64 {
        let each = self.renditions.iter();
        let each = each.map(|(bitrate, viewers)| bitrate.rate().saturating_mul((*viewers).into()));
        each.fold(0, u64::saturating_add)
    }
}

impl ViewerPermit {
    /// Reserves the bit rate of these renditions until the permit is dropped. The limit is checked only here: a stream whose
    /// bit rate grows later does not disconnect its viewers.
    ///
    /// # Errors
    /// The limit would be exceeded; nothing is reserved then.
    pub fn reserve(&mut self, renditions: Vec<Arc<RenditionBitrate>>) -> Result<(), StreamError> {
        // Check and reservation under one lock, so that simultaneous requests cannot exceed the limit.
        let mut usage = self.control.usage();
        let sum = renditions
            .iter()
            .map(|bitrate| bitrate.rate())
            .fold(usage.egress(), u64::saturating_add);
        if self.control.limits.egress.is_some_and(|limit| sum > limit) {
            return Err(StreamError::Full);
        }
        for bitrate in &renditions {
            match usage
                .renditions
                .iter_mut()
                .find(|(known, _)| Arc::ptr_eq(known, bitrate))
            {
                Some((_, viewers)) => *viewers += 1,
                None => usage.renditions.push((Arc::clone(bitrate), 1)),
            }
        }
        drop(usage);
        self.reserved.extend(renditions);
        Ok(())
    }
}

impl Drop for ViewerPermit {
    fn drop(&mut self) {
        let mut usage = self.control.usage();
        usage.viewers -= 1;
        for (bitrate, viewers) in &mut usage.renditions {
            *viewers -= self
                .reserved
                .iter()
                .filter(|reserved| Arc::ptr_eq(reserved, bitrate))
                .count() as u32;
        }
        usage.renditions.retain(|(_, viewers)| *viewers > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(viewers: u32, egress: Option<u64>) -> AdmissionControl {
        AdmissionControl::new(Limits { viewers, egress })
    }

    fn rendition(rate: u64) -> Arc<RenditionBitrate> {
        let bitrate = Arc::new(RenditionBitrate::default());
        bitrate.set_estimate(rate);
        bitrate
    }

    #[test]
    fn a_permit_is_released_when_its_viewer_leaves() {
        let control = control(1, None);
        let permit = control.admit();
        assert!(permit.is_some() && control.admit().is_none());
        drop(permit);
        assert!(control.admit().is_some());
    }

    #[test]
    fn viewers_are_admitted_up_to_the_bit_rate_limit() {
        let control = control(10, Some(5_000_000));
        let (video, audio) = (rendition(2_000_000), rendition(100_000));
        let watch = || {
            let mut permit = control.admit().expect("a permit");
            permit
                .reserve(vec![video.clone(), audio.clone()])
                .map(|()| permit)
        };
        let first = watch().expect("fits");
        let second = watch().expect("fits");
        assert!(matches!(watch(), Err(StreamError::Full)));
        assert_eq!((control.viewers(), control.egress()), (2, 4_200_000));
        let mut listener = control.admit().expect("a permit");
        assert!(
            listener.reserve(vec![audio.clone()]).is_ok(),
            "audio alone fits"
        );
        drop(first);
        assert_eq!(control.egress(), 2_200_000);
        drop((second, listener));
        assert_eq!((control.viewers(), control.egress()), (0, 0));
    }

    #[test]
    fn without_a_bit_rate_limit_every_viewer_is_admitted() {
        let control = control(10, None);
        let mut permit = control.admit().expect("a permit");
        assert!(
            permit
                .reserve(vec![rendition(u64::MAX), rendition(1)])
                .is_ok()
        );
        assert_eq!(control.egress(), u64::MAX);
    }
}
