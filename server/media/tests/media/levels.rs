//! How loud transcoded audio is.

use crate::support::*;
use media::source::probe;
use shared::api::{Codec, Delivery, Reason};

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

/// A tone in the channels of a layout, as the filter `pan` names them.
fn in_layout(name: &str, layout: &str, encoder: &str) -> (f32, f32) {
    level(name, &format!("-af pan={layout} {encoder}"))
}

/// Within a decibel.
fn is_as_loud_as_the_tone((loudness, peak): (f32, f32)) -> bool {
    (0.89..1.12).contains(&(loudness / SINE)) && (0.89..1.12).contains(&(peak / 0.125))
}

#[test]
fn the_same_in_all_channels_is_as_loud_as_in_one() {
    let all = |layout: &str, count: usize| -> String {
        (0..count).fold(layout.to_owned(), |pan, channel| {
            format!("{pan}|c{channel}=c0")
        })
    };
    let opus = "-c:a libopus -b:a 256k";
    let any = "-c:a libopus -b:a 256k -mapping_family 255";
    for (name, layout, count, encoder) in [
        ("all3.flac", "3.0", 3, "-c:a flac"),
        ("all4.mkv", "quad", 4, opus),
        ("all4.0.mkv", "4.0", 4, any),
        ("all3c.mkv", "3c", 3, any),
        ("all4c.mkv", "4c", 4, any),
        ("all5.flac", "5.1", 6, "-c:a flac"),
        ("all5.mkv", "5.1(side)", 6, "-c:a pcm_s24le"),
        ("all6.wav", "6.1", 7, "-c:a pcm_s16le"),
        ("all7.mkv", "7.1", 8, opus),
        ("all16.wav", "hexadecagonal", 16, "-c:a pcm_f32le"),
    ] {
        let level = in_layout(name, &all(layout, count), encoder);
        assert!(is_as_loud_as_the_tone(level), "{name}: {level:?}");
    }
}

#[test]
fn a_channel_in_front_is_as_loud_as_in_stereo() {
    for (name, pan, encoder) in [
        ("centre.flac", "5.1|FC=c0", "-c:a flac"),
        ("front.flac", "5.1|FL=c0|FR=c0", "-c:a flac"),
        ("front.wav", "7.1|FL=c0|FR=c0", "-c:a pcm_s16le"),
    ] {
        let level = in_layout(name, pan, encoder);
        assert!(is_as_loud_as_the_tone(level), "{name}: {level:?}");
    }
}

#[test]
fn the_front_of_an_ambisonic_recording_is_as_loud_as_in_stereo() {
    // Pressure and the gradient to the front (ACN 0 and 3).
    let pan = "4c|c0=c0|c3=c0";
    let family = "-c:a libopus -b:a 256k -mapping_family 2";
    let level = in_layout("sphere.ogg", pan, family);
    assert!(is_as_loud_as_the_tone(level), "{level:?}");
}

/// RFC 7845 5.1: the gain of the header is part of what is heard.
#[test]
fn the_output_gain_of_opus_is_heard() {
    for name in ["gain.opus", "gain.mkv", "gain.mp4"] {
        for (gain, factor) in [(-1536, 0.5), (1536, 2.0)] {
            let both = "-af pan=stereo|c0=c0|c1=c0 -c:a libopus";
            let encoder = format!("{both} -bsf:a opus_metadata=gain={gain}");
            let input = file(name, &format!("{} {encoder}", test_tone(2.0)));
            let Delivery::Reencode { reasons, .. } = probe(&input).unwrap().audio.unwrap().delivery
            else {
                panic!("{name}: it is passed through");
            };
            assert_eq!(reasons, [Reason::OutputGain], "{name}");
            let (loudness, peak) = level(name, &encoder);
            let level = (loudness / factor, peak / factor);
            assert!(is_as_loud_as_the_tone(level), "{name} {gain}: {level:?}");
        }
    }
}
