//! Opus that is passed through.

use crate::support::*;
use media::access_unit::AccessUnit;
use media::source::probe;
use shared::api::Codec;

#[test]
fn opus_packets_that_are_passed_through_have_20_ms() {
    for (name, encoder) in [
        ("2.5.webm", "-frame_duration 2.5 -application lowdelay"),
        ("5.mka", "-frame_duration 5 -application lowdelay"),
        ("10.opus", "-frame_duration 10"),
        ("20.opus", "-frame_duration 20"),
        // Three frames of 20 ms in each packet.
        ("60.opus", "-frame_duration 60 -b:a 64k"),
    ] {
        let input = file(name, &format!("{} -c:a libopus {encoder}", test_tone(2.0)));
        assert!(probe(&input).unwrap().passes_through(Codec::Opus), "{name}");
        let played = play(&input, &[], 3.5);
        let units = played.of(Codec::Opus);
        let short =
            |pair: &&[&AccessUnit]| (pair[1].time.micros_since(pair[0].time) - 20_000).abs() > 1100;
        // Where the file ends, and where the encoder changes the bandwidth, packets may be shorter.
        let irregular = units.windows(2).filter(short).count();
        assert!(irregular <= 6, "{name}: {irregular} of {}", units.len());
        assert!((185..=205).contains(&units.len()), "{name} {}", units.len());
        let audio = decode_audio(&units);
        let heard = frequency(&audio[24_000..72_000]);
        assert!((heard - 440.0).abs() < 8.0, "{name} {heard}");
        assert!(loudness(&audio[24_000..72_000]) > 0.05, "{name}");
    }
}
