//! Broadcasts with several programs.

use crate::support::*;
use media::source::probe;
use shared::api::Codec;

#[test]
fn picture_and_sound_are_of_one_program_of_a_broadcast() {
    // FFmpeg prefers the first picture, and of the sounds the one with the highest bit rate.
    let streams = format!(
        "{} {} -f lavfi -i testsrc2=size=160x90:rate=25:duration=3 \
         -f lavfi -i sine=frequency=1000:sample_rate=48000:duration=3 {BASELINE} -c:a aac",
        test_video(3.0),
        test_tone(3.0)
    );
    for (name, programs) in [
        ("programs.ts", "-program st=0:st=1 -program st=2:st=3"),
        ("order.ts", "-program st=1:st=0 -program st=3:st=2"),
    ] {
        let all = "-map 0 -map 1 -map 2 -map 3 -b:a:0 48k -b:a:1 192k";
        let input = file(name, &format!("{streams} {all} {programs}"));
        let played = play(&input, &[Codec::H264], 2.5);
        let size = decode_video(&played.of(Codec::H264)).1;
        assert_eq!(size, (320, 180), "{name}");
        let heard = frequency(&decode_audio(&played.of(Codec::Opus))[24_000..72_000]);
        assert!((heard - 440.0).abs() < 10.0, "{name} {heard}");
    }
    // The sound of another program is not played.
    let silent = "-map 0 -map 2 -map 3 -program st=0 -program st=1:st=2";
    let probe = probe(&file("silent-program.ts", &format!("{streams} {silent}"))).unwrap();
    assert_eq!(probe.video.as_ref().map(|video| video.width), Some(320));
    assert!(!probe.has_audio());
}
