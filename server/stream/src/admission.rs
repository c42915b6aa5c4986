//! Who may watch: so many, and so many bits a second to all of them together.

use std::sync::{Arc, Mutex, MutexGuard};

use super::bitrate::RenditionBitrate;
use super::{StreamError, lock};

/// Bounds on all viewers together.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub viewers: u32,
    /// Bits a second; `None`: no bound.
    pub egress: Option<u64>,
}

/// Counts who is in. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct AdmissionControl {
    limits: Limits,
    inside: Arc<Mutex<Inside>>,
}

#[derive(Debug, Default)]
struct Inside {
    viewers: u32,
    /// The renditions that are sent, and to how many.
    renditions: Vec<(Arc<RenditionBitrate>, u32)>,
}

/// A place among the viewers. Dropping it gives the place back.
#[derive(Debug)]
pub struct ViewerPermit {
    gate: AdmissionControl,
    taken: Vec<Arc<RenditionBitrate>>,
}

impl AdmissionControl {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            inside: Arc::default(),
        }
    }

    /// `None`: as many watch as may.
    pub(super) fn admit(&self) -> Option<ViewerPermit> {
        let mut inside = self.inside();
        if inside.viewers >= self.limits.viewers {
            return None;
        }
        inside.viewers += 1;
        Some(ViewerPermit {
            gate: self.clone(),
            taken: Vec::new(),
        })
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn viewers(&self) -> u32 {
        self.inside().viewers
    }

    /// What goes to all viewers together as far as is known, in bits a second.
    pub(super) fn egress(&self) -> u64 {
        self.inside().egress()
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        lock(&self.inside)
    }
}

impl Inside {
    fn egress(&self) -> u64 {
        let each = self.renditions.iter();
        let each = each.map(|(meter, viewers)| meter.rate().saturating_mul((*viewers).into()));
        each.fold(0, u64::saturating_add)
    }
}

impl ViewerPermit {
    /// Takes up what these renditions need, for as long as the place is held. Looked at when a viewer comes only:
    /// streams that grow later do not turn out who is in.
    ///
    /// # Errors
    /// With it, more would be sent than may; nothing is taken up then.
    pub fn reserve(&mut self, renditions: Vec<Arc<RenditionBitrate>>) -> Result<(), StreamError> {
        // Under one lock, so that of a crowd at the door only those get in who fit.
        let mut inside = self.gate.inside();
        let sum = renditions
            .iter()
            .map(|meter| meter.rate())
            .fold(inside.egress(), u64::saturating_add);
        if self.gate.limits.egress.is_some_and(|most| sum > most) {
            return Err(StreamError::Full);
        }
        for meter in &renditions {
            match inside
                .renditions
                .iter_mut()
                .find(|(known, _)| Arc::ptr_eq(known, meter))
            {
                Some((_, viewers)) => *viewers += 1,
                None => inside.renditions.push((Arc::clone(meter), 1)),
            }
        }
        drop(inside);
        self.taken.extend(renditions);
        Ok(())
    }
}

impl Drop for ViewerPermit {
    fn drop(&mut self) {
        let mut inside = self.gate.inside();
        inside.viewers -= 1;
        for (meter, viewers) in &mut inside.renditions {
            *viewers -= self
                .taken
                .iter()
                .filter(|taken| Arc::ptr_eq(taken, meter))
                .count() as u32;
        }
        inside.renditions.retain(|(_, viewers)| *viewers > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(viewers: u32, egress: Option<u64>) -> AdmissionControl {
        AdmissionControl::new(Limits { viewers, egress })
    }

    fn rendition(rate: u64) -> Arc<RenditionBitrate> {
        let meter = Arc::new(RenditionBitrate::default());
        meter.guess(rate);
        meter
    }

    #[test]
    fn a_place_is_given_back_when_its_viewer_leaves() {
        let gate = gate(1, None);
        let place = gate.admit();
        assert!(place.is_some() && gate.admit().is_none());
        drop(place);
        assert!(gate.admit().is_some());
    }

    #[test]
    fn only_as_many_get_in_as_the_line_carries() {
        let gate = gate(10, Some(5_000_000));
        let (picture, sound) = (rendition(2_000_000), rendition(100_000));
        let watch = || {
            let mut place = gate.admit().expect("a place");
            place
                .reserve(vec![picture.clone(), sound.clone()])
                .map(|()| place)
        };
        let first = watch().expect("fits");
        let second = watch().expect("fits");
        assert!(matches!(watch(), Err(StreamError::Full)));
        assert_eq!((gate.viewers(), gate.egress()), (2, 4_200_000));
        let mut listener = gate.admit().expect("a place");
        assert!(
            listener.reserve(vec![sound.clone()]).is_ok(),
            "sound alone fits"
        );
        drop(first);
        assert_eq!(gate.egress(), 2_200_000);
        drop((second, listener));
        assert_eq!((gate.viewers(), gate.egress()), (0, 0));
    }

    #[test]
    fn without_a_limit_everybody_gets_in() {
        let gate = gate(10, None);
        let mut place = gate.admit().expect("a place");
        assert!(
            place
                .reserve(vec![rendition(u64::MAX), rendition(1)])
                .is_ok()
        );
        assert_eq!(gate.egress(), u64::MAX);
    }
}
