//! How the frames of a file are displayed: pixel aspect and interlacing.

use ffmpeg_next::frame::Video;

use crate::support::*;
use media::poster::poster;
use media::source::{Input, probe};
use shared::api::{Codec, Reason};

#[test]
fn the_pixel_aspect_of_the_container_counts_where_the_frames_say_square() {
    let square = generate(
        "square.mp4",
        &format!("-f lavfi -i testsrc2=size=720x576:rate=25:duration=1 -vf setsar=1 {BASELINE}"),
    );
    let wide = format!("-i {} -c copy -aspect 16:9", square.display());
    for name in ["wide.mkv", "wide.mp4"] {
        let input = file(name, &wide);
        let video = probe(&input).unwrap().video.unwrap();
        assert_eq!((video.width, video.height), (1024, 576), "{name}");
        let played = play(&input, &[Codec::H264], 0.3);
        assert_eq!(
            decode_video(&played.of(Codec::H264)).1,
            (1024, 576),
            "{name}"
        );
        let still = decode_jpeg(&poster(&input).unwrap());
        assert_eq!((still.width(), still.height()), (640, 360), "{name}");
    }
}

#[test]
fn the_pixel_aspect_of_the_frames_counts_where_the_container_has_none() {
    let input = file(
        "aspect.ts",
        "-f lavfi -i testsrc2=size=720x576:rate=25:duration=1 -vf setsar=64/45 -c:v mpeg2video",
    );
    let played = play(&input, &[Codec::H264], 0.3);
    assert_eq!(decode_video(&played.of(Codec::H264)).1, (1024, 576));
}

/// Arguments for one second of vertical bars that move by 20 pixels per field.
const MOVING_BARS: &str = "-f lavfi -i nullsrc=size=720x576:rate=50:duration=1 -vf geq=lum='if(lt(mod(X+N*20,200),100),235,16)':cb=128:cr=128,tinterlace=interleave_bottom,format=yuv420p";

/// The mean difference between neighbouring lines, of 255. The bars are vertical, so it is near zero unless both fields
/// are in one frame, where it is above 20.
fn combing(frame: &Video) -> f32 {
    let (width, stride) = (frame.width() as usize, frame.stride(0));
    let lines: Vec<&[u8]> = frame
        .data(0)
        .chunks(stride)
        .take(frame.height() as usize)
        .collect();
    let difference = |pair: &[&[u8]]| -> f32 {
        let pixels = pair[0][..width].iter().zip(&pair[1][..width]);
        pixels.map(|(a, b)| f32::from(a.abs_diff(*b))).sum()
    };
    // Without the edges, where a deinterlacer has no neighbours.
    let middle = &lines[8..lines.len() - 8];
    middle.windows(2).map(difference).sum::<f32>() / (width * (middle.len() - 1)) as f32
}

#[test]
fn interlaced_video_and_its_poster_are_not_combed_wherever_the_file_says_so() {
    for (name, encoder) in [
        // The frames say it.
        ("dv.avi", "-c:v dvvideo"),
        ("frames.nut", "-c:v ffv1 -level 3"),
        // The container or the codec's header says it.
        (
            "header.mkv",
            "-c:v libx264 -preset ultrafast -bf 0 -flags +ildct+ilme",
        ),
        ("header.ts", "-c:v mpeg2video -q:v 2 -flags +ildct+ilme"),
    ] {
        let input = file(name, &format!("{MOVING_BARS} {encoder}"));
        assert!(
            reasons(&input).unwrap().contains(&Reason::Interlaced),
            "{name}"
        );
        let played = play(&input, &[Codec::H264], 0.5);
        let video = combing(&decode_last_frame(&played.of(Codec::H264)));
        assert!(video < 8.0, "{name}: {video}");
        let still = combing(&decode_jpeg(&poster(&input).unwrap()));
        assert!(still < 8.0, "the poster of {name}: {still}");
    }
}

#[test]
fn a_file_that_becomes_interlaced_in_the_middle_is_deinterlaced_from_there() {
    let progressive = generate(
        "progressive.ts",
        "-f lavfi -i testsrc2=size=720x576:rate=25:duration=1 -c:v mpeg2video -q:v 2",
    );
    let interlaced = generate(
        "interlaced.ts",
        &format!("{MOVING_BARS} -c:v mpeg2video -q:v 2 -flags +ildct+ilme -output_ts_offset 1"),
    );
    let joined = [progressive, interlaced]
        .map(|path| std::fs::read(path).unwrap())
        .concat();
    let input = Input::File(write_file("becomes.ts", &joined));
    let played = play(&input, &[Codec::H264], 1.8);
    let units = played.of(Codec::H264);
    let last = combing(&decode_last_frame(&units));
    assert!(last < 8.0, "{last}");
}
