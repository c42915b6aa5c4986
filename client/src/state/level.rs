//! How loud a stream is, from the energy that the browser counts (W3C "Identifiers for WebRTC's Statistics API", `totalAudioEnergy`).

/// Totals since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AudioEnergy {
    /// The integral of the squared samples, full scale being 1.
    pub energy: f64,
    /// Seconds.
    pub duration: f64,
}

/// The level between two counts in percent: the square root of the amplitude, so that speech at -30 dB is at 18 and not at 3. `None` when nothing was
/// played between them.
pub fn level_percent(before: AudioEnergy, after: AudioEnergy) -> Option<u32> {
    let duration = after.duration - before.duration;
    if duration <= 0.0 {
        return None;
    }
    let amplitude = ((after.energy - before.energy) / duration).sqrt();
    // A cast of a float saturates, and NaN is 0.
    Some((amplitude.sqrt() * 100.0).clamp(0.0, 100.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(power: f64) -> Option<u32> {
        let before = AudioEnergy {
            energy: 3.0,
            duration: 10.0,
        };
        let after = AudioEnergy {
            energy: 3.0 + power * 0.5,
            duration: 10.5,
        };
        level_percent(before, after)
    }

    #[test]
    fn the_level_is_the_square_root_of_the_amplitude() {
        for (decibels, expected) in [(0, 100), (-20, 31), (-40, 10), (-80, 1)] {
            let power = 10.0_f64.powf(f64::from(decibels) / 10.0);
            let shown = level(power).expect("there are samples");
            assert!(shown.abs_diff(expected) <= 1, "{decibels} dB: {shown}");
        }
        assert_eq!(level(4.0), Some(100));
        assert_eq!(level(0.0), Some(0));
        assert_eq!(level(-1.0), Some(0));
    }

    #[test]
    fn without_samples_there_is_no_level() {
        let same = AudioEnergy::default();
        assert_eq!(level_percent(same, same), None);
    }
}
