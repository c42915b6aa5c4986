//! Detects from the received bytes that a session has stalled, or that a restarted one plays again.

use super::session::{Phase, SessionEvent};

/// After this many samples without a byte while playing, the session has stalled: the server is gone without a close.
const STALLED_SAMPLES: u32 = 4;

/// State of one session. Samples come once a second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StallDetector {
    /// Samples in a row without a byte.
    silent_samples: u32,
}

impl StallDetector {
    /// Takes the bytes that arrived since the last sample; `None` when the browser does not report them.
    pub fn on_sample(&mut self, phase: &Phase, arrived: Option<f64>) -> Option<SessionEvent> {
        if arrived == Some(0.0) {
            self.silent_samples += 1;
        } else {
            self.silent_samples = 0;
        }
        match phase {
            // After an ICE restart on the same path the connection state does not change, but bytes arrive.
            Phase::Restarting if arrived.is_some_and(|bytes| bytes > 0.0) => {
                Some(SessionEvent::Connected)
            }
            Phase::Playing if self.silent_samples >= STALLED_SAMPLES => Some(SessionEvent::Stalled),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(phase: &Phase, samples: &[Option<f64>]) -> Vec<(usize, SessionEvent)> {
        let mut detector = StallDetector::default();
        let events = samples.iter().enumerate().filter_map(|(second, arrived)| {
            let event = detector.on_sample(phase, *arrived)?;
            Some((second, event))
        });
        events.collect()
    }

    #[test]
    fn four_seconds_without_a_byte_are_a_stall() {
        assert_eq!(
            events(&Phase::Playing, &[Some(0.0); 4]),
            [(3, SessionEvent::Stalled)]
        );
    }

    #[test]
    fn a_single_byte_starts_the_count_again() {
        let mut samples = [Some(0.0); 7];
        samples[3] = Some(1.0);
        assert_eq!(events(&Phase::Playing, &samples), []);
    }

    #[test]
    fn a_browser_that_does_not_report_bytes_never_stalls() {
        assert_eq!(events(&Phase::Playing, &[None; 60]), []);
    }

    #[test]
    fn only_a_playing_session_stalls() {
        for phase in [Phase::Connecting, Phase::Unsteady, Phase::Restarting] {
            assert_eq!(events(&phase, &[Some(0.0); 60]), [], "{phase:?}");
        }
    }

    #[test]
    fn a_restarted_session_is_connected_when_bytes_arrive() {
        assert_eq!(
            events(&Phase::Restarting, &[None, Some(0.0), Some(1_200.0)]),
            [(2, SessionEvent::Connected)]
        );
    }
}
