//! Mixes the channels of a track to stereo, by one table for every layout. Pure.
//!
//! A channel keeps its level, whichever it is: dialogue in the centre is as loud as mono, and as stereo. Channels that hold
//! the same add up, so the sum is turned down where it would be louder than the loudest of its channels was of late. A
//! table alone cannot do both: divided by the number of channels, a film whose sound is in front would be 8 dB too quiet.

/// 1/sqrt(2), 3 dB less: what is beside or behind the listener (ITU-R BS.775-4 table 2).
const SURROUND: f32 = std::f32::consts::FRAC_1_SQRT_2;
/// Decibels a second by which the level that is remembered falls, and a sum that was turned down comes back.
const RELEASE: f32 = 3.0;
/// Hz.
const RATE: f32 = 48_000.0;
/// Samples in which a sum is turned down: 1.3 ms, too short to be heard and long enough not to click.
const ATTACK: usize = 64;

/// FFmpeg's channel bits (libavutil/channel_layout.h) and what goes to the left and to the right ear.
const TABLE: [(u64, f32, f32); 33] = [
    (1, 1.0, 0.0),                 // front left
    (1 << 1, 0.0, 1.0),            // front right
    (1 << 2, 1.0, 1.0),            // front centre
    (1 << 3, 0.0, 0.0),            // low frequency: left out, as BS.775 does
    (1 << 4, SURROUND, 0.0),       // back left
    (1 << 5, 0.0, SURROUND),       // back right
    (1 << 6, 1.0, 0.0),            // front left of centre
    (1 << 7, 0.0, 1.0),            // front right of centre
    (1 << 8, SURROUND, SURROUND),  // back centre
    (1 << 9, SURROUND, 0.0),       // side left
    (1 << 10, 0.0, SURROUND),      // side right
    (1 << 11, SURROUND, SURROUND), // top centre
    (1 << 12, SURROUND, 0.0),      // top front left
    (1 << 13, SURROUND, SURROUND), // top front centre
    (1 << 14, 0.0, SURROUND),      // top front right
    (1 << 15, SURROUND, 0.0),      // top back left
    (1 << 16, SURROUND, SURROUND), // top back centre
    (1 << 17, 0.0, SURROUND),      // top back right
    (1 << 29, 1.0, 0.0),           // left of a stereo mix
    (1 << 30, 0.0, 1.0),           // right of a stereo mix
    (1 << 31, 1.0, 0.0),           // wide left
    (1 << 32, 0.0, 1.0),           // wide right
    (1 << 33, SURROUND, 0.0),      // surround direct left
    (1 << 34, 0.0, SURROUND),      // surround direct right
    (1 << 35, 0.0, 0.0),           // second low frequency
    (1 << 36, SURROUND, 0.0),      // top side left
    (1 << 37, 0.0, SURROUND),      // top side right
    (1 << 38, SURROUND, SURROUND), // bottom front centre
    (1 << 39, SURROUND, 0.0),      // bottom front left
    (1 << 40, 0.0, SURROUND),      // bottom front right
    (1 << 41, SURROUND, 0.0),      // side surround left
    (1 << 42, 0.0, SURROUND),      // side surround right
    (1 << 43, SURROUND, SURROUND), // top surround
];

/// 5.1 and 7.1, the layouts that six and eight channels have where the file does not say.
const GUESS_5_1: u64 = 0x3f;
const GUESS_7_1: u64 = 0x63f;

/// What the channels of a track are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channels {
    /// Bits of FFmpeg's native layouts, in ascending order; 0 when the file does not say which channel is which.
    Layout(u64),
    /// Components in the order of ACN, normalised by SN3D; two more are a stereo pair (RFC 8486 3.1).
    Ambisonic,
}

/// Mixes one track.
#[derive(Clone, Debug)]
pub(super) struct StereoMix {
    /// Of each channel: what goes to the left and to the right.
    weights: Vec<(f32, f32)>,
    /// The loudest sample of one channel, falling by [`RELEASE`].
    peak: f32,
    /// What the sum is multiplied by, at most 1.
    gain: f32,
}

impl StereoMix {
    pub(super) fn new(count: u16, channels: Channels) -> Self {
        Self {
            weights: weights(usize::from(count), channels),
            peak: 0.0,
            gain: 1.0,
        }
    }

    /// Mixes interleaved samples of all channels at 48 kHz.
    pub(super) fn mix(&mut self, samples: impl Iterator<Item = f32>) -> Vec<(f32, f32)> {
        let (mut mixed, mut channel) = (Vec::new(), 0);
        let (mut peak, mut loudest): (f32, f32) = (0.0, 0.0);
        let mut sum = (0.0, 0.0);
        for sample in samples {
            // A damaged file of floats may hold anything.
            let sample = if sample.is_finite() { sample } else { 0.0 };
            let (left, right) = self.weights[channel];
            sum = (sum.0 + left * sample, sum.1 + right * sample);
            if left != 0.0 || right != 0.0 {
                peak = peak.max(sample.abs());
            }
            channel += 1;
            if channel == self.weights.len() {
                loudest = loudest.max(sum.0.abs()).max(sum.1.abs());
                mixed.push(std::mem::take(&mut sum));
                channel = 0;
            }
        }
        self.level(&mut mixed, peak, loudest);
        mixed
    }

    /// Turns down what is louder than its loudest channel.
    fn level(&mut self, mixed: &mut [(f32, f32)], peak: f32, loudest: f32) {
        let release = 10.0_f32.powf(RELEASE / 20.0 * mixed.len() as f32 / RATE);
        self.peak = peak.max(self.peak / release);
        let from = self.gain;
        let highest = if loudest > self.peak {
            self.peak / loudest
        } else {
            1.0
        };
        self.gain = highest.min(from * release);
        if from == 1.0 && self.gain == 1.0 {
            return;
        }
        let change = if self.gain < from {
            ATTACK.min(mixed.len())
        } else {
            mixed.len()
        };
        for (n, (left, right)) in mixed.iter_mut().enumerate() {
            let gain = from + (self.gain - from) * ((n + 1) as f32 / change as f32).min(1.0);
            *left = (*left * gain).clamp(-self.peak, self.peak);
            *right = (*right * gain).clamp(-self.peak, self.peak);
        }
    }
}

fn weights(count: usize, channels: Channels) -> Vec<(f32, f32)> {
    let both = (1.0, 1.0);
    let layout = match (channels, count) {
        // One channel is heard on both sides, whichever it is.
        (_, 0 | 1) => return vec![both],
        (Channels::Ambisonic, _) => return ambisonic(count),
        (Channels::Layout(bits), _) if bits.count_ones() as usize == count => bits,
        (_, 2) => 0b11,
        (_, 6) => GUESS_5_1,
        (_, 8) => GUESS_7_1,
        _ => return vec![both; count],
    };
    (0..u64::BITS)
        .map(|bit| 1_u64 << bit)
        .filter(|bit| layout & bit != 0)
        .map(|bit| {
            let entry = TABLE.iter().find(|(known, ..)| *known == bit);
            entry.map_or(both, |(_, left, right)| (*left, *right))
        })
        .collect()
}

/// Two virtual microphones that look to the left and to the right: the pressure (W), plus and minus its gradient to the
/// left (Y).
fn ambisonic(count: usize) -> Vec<(f32, f32)> {
    let components = count.isqrt().pow(2);
    let mut weights = vec![(0.0, 0.0); count];
    weights[0] = (1.0, 1.0);
    if components > 1 {
        weights[1] = (1.0, -1.0);
    }
    if count == components + 2 {
        weights[components] = (1.0, 0.0);
        weights[components + 1] = (0.0, 1.0);
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The loudest sample of a tone of 0.4 that is in the channels `active`; blocks of 1024 samples, as AAC has them.
    fn peak(count: usize, channels: Channels, active: impl Fn(usize) -> bool) -> f32 {
        let mut mix = StereoMix::new(count as u16, channels);
        (0..100).fold(0.0, |peak: f32, block| {
            let samples = (0..1024).flat_map(|n| {
                let time = (block * 1024 + n) as f32 / RATE;
                // A beep at each half second.
                let beep = if time % 0.5 < 0.1 { 0.4 } else { 0.0 };
                let sample = beep * (time * 880.0 * std::f32::consts::TAU).sin();
                let active: Vec<_> = (0..count)
                    .map(|channel| if active(channel) { sample } else { 0.0 })
                    .collect();
                active
            });
            mix.mix(samples).iter().fold(peak, |peak, (left, right)| {
                peak.max(left.abs()).max(right.abs())
            })
        })
    }

    fn decibels(peak: f32) -> f32 {
        20.0 * (peak / 0.4).log10()
    }

    const LAYOUTS: [(usize, u64); 12] = [
        (1, 0x4),
        (2, 0x3),
        (3, 0x7),
        (4, 0x107),
        (4, 0x33),
        (4, 0),
        (5, 0x37),
        (6, 0x3f),
        (6, 0x60f),
        (7, 0x70f),
        (8, 0x63f),
        (8, 0),
    ];

    #[test]
    fn the_same_in_all_channels_is_as_loud_as_in_one() {
        for (count, layout) in LAYOUTS {
            let level = decibels(peak(count, Channels::Layout(layout), |_| true));
            assert!(
                level.abs() < 0.1,
                "{count} channels, {layout:x}: {level} dB"
            );
        }
        for count in [4, 6, 9, 16] {
            let level = decibels(peak(count, Channels::Ambisonic, |_| true));
            assert!(level.abs() < 0.1, "{count} components: {level} dB");
        }
    }

    #[test]
    fn one_channel_keeps_its_level_and_what_is_behind_loses_three_decibels() {
        for (count, layout) in LAYOUTS {
            for channel in 0..count {
                let level = decibels(peak(count, Channels::Layout(layout), |at| at == channel));
                let low = count > 3 && level == f32::NEG_INFINITY && channel == 3;
                assert!(
                    level.abs() < 0.1 || (level + 3.0).abs() < 0.1 || low,
                    "{count} channels, {layout:x}: {level} dB of channel {channel}"
                );
                if channel < 2 || (channel == 2 && layout & 0x4 != 0) {
                    assert!(
                        level.abs() < 0.1,
                        "{count} channels, {layout:x}: {level} dB"
                    );
                }
            }
        }
    }

    #[test]
    fn a_quiet_scene_does_not_turn_down_the_next_word() {
        let mut mix = StereoMix::new(6, Channels::Layout(GUESS_5_1));
        let word = |sample: f32| [0.0, 0.0, sample, 0.0, 0.0, 0.0];
        mix.mix((0..4800).flat_map(|_| word(0.4)));
        // Half a second of rain in all channels.
        mix.mix((0..24_000).flat_map(|_| [0.02; 6]));
        let mixed = mix.mix((0..4800).flat_map(|_| word(0.4)));
        assert!(mixed.iter().all(|sample| *sample == (0.4, 0.4)));
    }

    #[test]
    fn a_damaged_sample_is_silent() {
        let mut mix = StereoMix::new(3, Channels::Layout(0x7));
        mix.mix([f32::NAN, f32::INFINITY, 0.1].into_iter());
        assert_eq!(mix.mix([0.1, 0.0, 0.0].into_iter()), [(0.1, 0.0)]);
    }

    #[test]
    fn the_left_of_an_ambisonic_field_is_on_the_left() {
        let mut mix = StereoMix::new(4, Channels::Ambisonic);
        let mixed = mix.mix((0..9600).flat_map(|_| [0.2, 0.2, 0.0, 0.0]));
        assert_eq!(mixed[9000].1, 0.0);
        assert!((mixed[9000].0 - 0.2).abs() < 0.001);
    }
}
