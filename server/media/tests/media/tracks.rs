//! Files with several tracks of a kind, and empty ones: what a track holds decides, not its place or what the container says of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use media::source::{Input, probe};
use shared::api::Codec;

use crate::support::*;

/// The film is 320x180, the other track 640x360.
const FILM: (u32, u32) = (320, 180);
const DEFAULT_FIRST: &str = "-disposition:v:0 default -disposition:v:1 0";
/// Leaves no packet of a track.
const EMPTY: &str = "noise=drop=1";

fn shown_size(input: &Input) -> Option<(u32, u32)> {
    let video = probe(input).unwrap().video;
    video.map(|video| (video.width, video.height))
}

/// Thumbnails, of which there are fewer than pictures, beside a film and a tone.
fn with_thumbnails(rate: u32, name: &str) -> Input {
    let thumbnails = generate(
        "thumbnails.mov",
        &format!("-f lavfi -i testsrc2=size=640x360:rate={rate}:duration=2 -c:v mjpeg -q:v 1"),
    );
    file(
        name,
        &format!(
            "-i {} {} {} -map 0 -map 1 -map 2 {BASELINE} -c:v:0 copy -c:a aac {DEFAULT_FIRST}",
            thumbnails.display(),
            test_video(2.0),
            test_tone(2.0)
        ),
    )
}

#[test]
fn timed_thumbnails_lose_to_the_film() {
    for rate in [1, 5] {
        for name in ["thumbnails.mp4", "thumbnails.mov", "thumbnails.mkv"] {
            let input = with_thumbnails(rate, name);
            assert_eq!(shown_size(&input), Some(FILM), "{rate} a second, {name}");
        }
    }
}

/// QuickTime's pictures of chapters: a track that another one refers to (`tref`, `chap`).
#[test]
fn pictures_of_chapters_lose_to_the_film() {
    let Input::File(path) = with_thumbnails(1, "chapters.mp4") else {
        unreachable!("a file");
    };
    let mut bytes = std::fs::read(path).unwrap();
    let find = |bytes: &[u8], name: &[u8]| {
        let found = bytes.windows(4).enumerate().filter(|(_, at)| *at == name);
        found.map(|(at, _)| at - 4).collect::<Vec<_>>()
    };
    // ISO 14496-12 8.3.3: a box of the film's track, the second, with the id of the first.
    let reference: &[u8] = b"\0\0\0\x14tref\0\0\0\x0cchap\0\0\0\x01";
    let grow = |bytes: &mut Vec<u8>, at: usize| {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        let size = size + reference.len() as u32;
        bytes[at..at + 4].copy_from_slice(&size.to_be_bytes());
    };
    let (movie, film) = (find(&bytes, b"moov")[0], find(&bytes, b"trak")[1]);
    grow(&mut bytes, movie);
    grow(&mut bytes, film);
    // Behind its header. The media lie before it all.
    let header = find(&bytes, b"tkhd")[1];
    let end = header + u32::from_be_bytes(bytes[header..header + 4].try_into().unwrap()) as usize;
    assert!(find(&bytes, b"mdat")[0] < movie);
    bytes.splice(end..end, reference.iter().copied());
    let input = Input::File(write_file("chapters.mp4", &bytes));
    assert_eq!(shown_size(&input), Some(FILM));
    assert!(probe(&input).unwrap().has_audio());
}

#[test]
fn a_broadcast_plays_the_stream_that_has_pictures() {
    let one = generate(
        "one.mp4",
        "-f lavfi -i color=red:size=640x360:duration=0.04 -frames:v 1 -c:v libx264 -pix_fmt yuv420p",
    );
    for (name, filter) in [
        ("one.ts", String::new()),
        ("none.ts", format!("-bsf:v:0 {EMPTY}")),
    ] {
        let input = file(
            name,
            &format!(
                "-i {} {} {} -map 0 -map 1 -map 2 {BASELINE} -c:v:0 copy {filter} -c:a aac",
                one.display(),
                test_video(2.0),
                test_tone(2.0)
            ),
        );
        assert_eq!(shown_size(&input), Some(FILM), "{name}");
        assert_plays(&input, Codec::H264, FILM, 60..=75);
    }
}

const FRAGMENTED: &str = "-movflags frag_keyframe+empty_moov";

#[test]
fn an_empty_audio_track_loses_to_one_with_sound() {
    let tone = generate("tone.m4a", &format!("{} -c:a aac", test_tone(2.0)));
    for (name, flags) in [
        ("second.mkv", ""),
        ("second.ts", ""),
        ("second.mp4", FRAGMENTED),
    ] {
        let input = file(
            name,
            &format!(
                "{} -i {} {} -map 0 -map 1 -map 2 {BASELINE} -c:a:0 copy -bsf:a:0 {EMPTY} -c:a:1 aac {flags}",
                test_video(2.0),
                tone.display(),
                test_tone(2.0)
            ),
        );
        let played = play(&input, &[], 1.5);
        let audio = decode_audio(&played.of(Codec::Opus));
        let middle = &audio[24_000..48_000];
        assert!((frequency(middle) - 440.0).abs() < 10.0, "{name}");
        assert!(loudness(middle) > 0.02, "{name}");
    }
}

#[test]
fn an_empty_audio_track_beside_a_film_is_none() {
    for (name, codec, flags) in [
        ("empty.mkv", "aac", ""),
        ("opus.mkv", "libopus", ""),
        ("empty.mp4", "aac", FRAGMENTED),
    ] {
        let tone = generate("tone.mka", &format!("{} -c:a {codec}", test_tone(2.0)));
        let input = file(
            name,
            &format!(
                "{} -i {} -map 0 -map 1 {BASELINE} -c:a copy -bsf:a {EMPTY} {flags}",
                test_video(2.0),
                tone.display()
            ),
        );
        assert!(!probe(&input).unwrap().has_audio(), "{name}");
        assert_plays(&input, Codec::H264, FILM, 60..=75);
    }
}

/// A cover in the comments of Ogg is a picture block of FLAC (RFC 9639 8.8), in base64.
#[test]
fn the_cover_of_an_ogg_file_is_not_its_video() {
    let cover = generate(
        "cover.png",
        "-f lavfi -i color=red:size=32x32:duration=0.04 -frames:v 1",
    );
    let cover = std::fs::read(cover).unwrap();
    let text = |text: &str| [&(text.len() as u32).to_be_bytes(), text.as_bytes()].concat();
    let numbers = |numbers: &[u32]| -> Vec<u8> {
        numbers
            .iter()
            .flat_map(|number| number.to_be_bytes())
            .collect()
    };
    let block = [
        numbers(&[3]),
        text("image/png"),
        text(""),
        numbers(&[32, 32, 24, 0, cover.len() as u32]),
        cover,
    ];
    let block = STANDARD.encode(block.concat());
    let comment = format!("-metadata:s:a:0 METADATA_BLOCK_PICTURE={block}");
    for (name, codec) in [
        ("cover.ogg", "libvorbis"),
        ("cover.opus", "libopus"),
        ("cover.oga", "flac"),
    ] {
        let input = file(name, &format!("{} -c:a {codec} {comment}", test_tone(1.0)));
        let probe = probe(&input).unwrap();
        assert!(probe.video.is_none() && probe.has_audio(), "{name}");
        assert!(play(&input, &[], 2.0).of(Codec::Opus).len() > 90, "{name}");
    }
}
