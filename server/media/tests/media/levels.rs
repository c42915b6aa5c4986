//! How loud transcoded audio is.

use crate::support::*;
use media::source::probe;
use shared::api::Codec;

/// Root mean square of `sine`, whose amplitude is 1/8.
const SINE: f32 = 0.0884;

/// The loudness of a file with a tone, and its largest sample.
fn level(name: &str, arguments: &str) -> (f32, f32) {
    let input = file(name, &format!("{} {arguments}", test_tone(2.0)));
    assert!(
        !probe(&input).unwrap().passes_through(Codec::Opus),
        "{name}"
    );
    let audio = decode_audio(&play(&input, &[], 2.0).of(Codec::Opus));
    let middle = &audio[24_000..72_000];
    let peak = middle
        .iter()
        .fold(0.0, |peak: f32, sample| peak.max(sample.abs()));
    (loudness(middle), peak)
}

#[test]
fn mono_is_as_loud_as_the_same_in_stereo() {
    for (name, codec) in [
        ("level.mp3", "libmp3lame"),
        ("level.m4a", "aac"),
        ("level.wav", "pcm_s16le"),
        ("level.flac", "flac"),
        ("level.ogg", "libvorbis"),
    ] {
        let (mono, mono_peak) = level(name, &format!("-ac 1 -c:a {codec}"));
        let both = "-af pan=stereo|c0=c0|c1=c0";
        let (stereo, stereo_peak) = level(name, &format!("{both} -c:a {codec}"));
        for (loudness, peak) in [(mono, mono_peak), (stereo, stereo_peak)] {
            // Half a decibel.
            assert!(
                (loudness / SINE - 1.0).abs() < 0.06,
                "{name}: {mono} and {stereo}"
            );
            assert!(
                (peak - 0.125).abs() < 0.02,
                "{name}: {mono_peak} and {stereo_peak}"
            );
        }
    }
}

#[test]
fn channels_without_a_layout_are_not_added_up() {
    let each = |count: usize| -> String {
        (0..count)
            .map(|channel| format!("|c{channel}=c0"))
            .collect()
    };
    for (name, count, encoder) in [
        ("four.mkv", 4, "-c:a libopus -mapping_family 255 -b:a 256k"),
        ("three.mkv", 3, "-c:a libopus -mapping_family 255 -b:a 192k"),
    ] {
        let (loudness, _) = level(name, &format!("-af pan={count}c{} {encoder}", each(count)));
        assert!((loudness / SINE - 1.0).abs() < 0.12, "{name}: {loudness}");
    }
}
