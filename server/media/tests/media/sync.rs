//! Recordings of flashes and beeps, and how far apart they are when they are played.

use std::path::PathBuf;

use crate::support::*;
use shared::api::Codec;

/// A file of `seconds`: in every two seconds, dark and silent for one, then bright and loud for one. No frame is like the one before, since
/// libtheora 1.2 writes no packet for such a frame, and FFmpeg then gives wrong times to the following ones.
pub(crate) fn flashes_and_beeps(name: &str, seconds: u32, arguments: &str) -> PathBuf {
    generate(
        name,
        &format!(
            "-f lavfi -i color=black:size=160x90:rate=25:duration={seconds} \
             -f lavfi -i aevalsrc='gte(mod(t\\,2),1)*0.3*sin(2*PI*1000*t)':s=48000:d={seconds} \
             -filter_complex [0]drawbox=color=white:t=fill:enable='gte(mod(t\\,2),1)',drawbox=0:64:16:16:gray:fill:enable='mod(n\\,2)'[v] -map [v] -map 1:a {arguments}"
        ),
    )
}

/// When each flash of this codec begins, in microseconds.
pub(crate) fn flashes(played: &RecordingSink, codec: Codec) -> Vec<i64> {
    brightness_of(&played.of(codec))
        .windows(2)
        .filter(|pair| pair[0].1 < 100.0 && pair[1].1 > 150.0)
        .map(|pair| pair[1].0.0)
        .collect()
}

/// When each beep begins, in microseconds: sound after 50 ms of silence.
pub(crate) fn beeps(played: &RecordingSink) -> Vec<i64> {
    let units = played.of(Codec::Opus);
    let loud: Vec<(i64, bool)> = decode_audio(&units)
        .chunks(960)
        .zip(&units)
        .flat_map(|(frame, unit)| {
            let parts = frame.chunks(48).enumerate();
            parts.map(|(ms, part)| (unit.time.0 + ms as i64 * 1000, loudness(part) > 0.03))
        })
        .collect();
    (50..loud.len())
        .filter(|n| loud[*n].1 && !loud[n - 50..*n].iter().any(|part| part.1))
        .map(|n| loud[n].0)
        .collect()
}

/// There are at least `count` flashes, each with its beep.
pub(crate) fn assert_in_sync(name: &str, flashes: &[i64], beeps: &[i64], count: usize) {
    assert!(
        flashes.len() >= count && flashes.len().abs_diff(beeps.len()) <= 1,
        "{name}: flashes at {flashes:?}, beeps at {beeps:?}"
    );
    for (flash, beep) in flashes.iter().zip(beeps) {
        assert!(
            (flash - beep).abs() <= 10_000,
            "{name}: flash at {flash}, beep at {beep}"
        );
    }
}
