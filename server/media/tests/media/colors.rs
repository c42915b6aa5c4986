//! Colours: red, green and blue patches of a file arrive as red, green and blue.

use ffmpeg_next::color::{Primaries, Range, Space, TransferCharacteristic};
use ffmpeg_next::frame::Video;

use crate::support::*;
use media::poster::poster;
use media::source::Input;
use shared::api::Codec;

/// From left to right, each a third of the width.
const PATCHES: [[f32; 3]; 3] = [
    [192.0, 32.0, 32.0],
    [32.0, 192.0, 32.0],
    [32.0, 32.0, 192.0],
];
/// The largest error of a channel, of 255: 8 bits, 4:2:0, and an encoder in between.
const TOLERANCE: f32 = 7.0;

/// Arguments for one second of the patches in RGB, which ends inside a filter graph.
fn patches(height: u32) -> String {
    let patch = |[r, g, b]: [f32; 3]| {
        format!(
            "-f lavfi -i color=red:size={}x{height}:rate=25:duration=1,format=gbrp,geq=r={r}:g={g}:b={b}",
            height * 2 / 3
        )
    };
    format!(
        "{} -filter_complex [0][1][2]hstack=3",
        PATCHES.map(patch).join(" ")
    )
}

/// The filter to YUV by this matrix, which the file does not name. FFmpeg 7 marks frames with the matrix of a conversion.
fn untagged(matrix: &str) -> String {
    format!("scale=out_color_matrix={matrix},format=yuv420p,setparams=colorspace=unknown")
}

/// The colours of the patches, from the matrix that the frame is tagged with.
fn shown(frame: &Video) -> [[f32; 3]; 3] {
    let full = frame.color_range() == Range::JPEG
        || frame.format() == ffmpeg_next::format::Pixel::YUVJ420P;
    let (kr, kb) = match frame.color_space() {
        Space::BT709 => (0.2126, 0.0722),
        Space::SMPTE170M | Space::BT470BG => (0.299, 0.114),
        other => panic!("the frame has no known matrix: {other:?}"),
    };
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    [1, 3, 5].map(|sixth| {
        let (x, y) = (width * sixth / 6, height / 2);
        let sample = |plane: usize, x: usize, y: usize| {
            f32::from(frame.data(plane)[y * frame.stride(plane) + x])
        };
        let (luma, cb, cr) = (
            sample(0, x, y),
            sample(1, x / 2, y / 2),
            sample(2, x / 2, y / 2),
        );
        let (luma, scale) = if full {
            (luma, 1.0)
        } else {
            ((luma - 16.0) * 255.0 / 219.0, 255.0 / 224.0)
        };
        let (cb, cr) = ((cb - 128.0) * scale, (cr - 128.0) * scale);
        let (r, b) = (luma + 2.0 * (1.0 - kr) * cr, luma + 2.0 * (1.0 - kb) * cb);
        [r, (luma - kr * r - kb * b) / (1.0 - kr - kb), b]
    })
}

fn assert_patches(frame: &Video, tolerance: f32, name: &str) {
    let shown = shown(frame);
    for (shown, patch) in shown.as_flattened().iter().zip(PATCHES.as_flattened()) {
        assert!(
            (shown - patch).abs() <= tolerance,
            "{name}: {shown:?} instead of {patch:?}"
        );
    }
}

/// The last frame of two seconds: the encoder has reached its quality by then, for a still image as well.
fn encoded(input: &Input, codec: Codec) -> Video {
    let played = play(input, &[codec], 2.0);
    decode_last_frame(&played.of(codec))
}

#[test]
fn untagged_sd_is_re_encoded_as_bt601_and_says_so() {
    for (name, encoder) in [
        ("xvid.avi", "-c:v mpeg4 -vtag xvid -q:v 2"),
        ("sd.wmv", "-c:v wmv2 -q:v 2"),
        ("dvd.mpg", "-c:v mpeg2video -q:v 2"),
        ("b.mkv", "-c:v libx264 -preset ultrafast -bf 2"),
    ] {
        let input = file(
            name,
            &format!("{},{} {encoder}", patches(180), untagged("bt601")),
        );
        let frame = encoded(&input, Codec::H264);
        assert_eq!(frame.color_space(), Space::SMPTE170M, "{name}");
        assert_patches(&frame, TOLERANCE, name);
        assert_patches(&encoded(&input, Codec::Vp8), TOLERANCE, name);
    }
}

#[test]
fn untagged_hd_is_re_encoded_as_bt709_and_says_so() {
    let input = file(
        "hd.mkv",
        &format!(
            "{},{} -c:v libx264 -preset ultrafast -bf 2",
            patches(720),
            untagged("bt709")
        ),
    );
    let frame = encoded(&input, Codec::H264);
    assert_eq!(
        (
            frame.color_space(),
            frame.color_primaries(),
            frame.color_transfer_characteristic()
        ),
        (
            Space::BT709,
            Primaries::BT709,
            TransferCharacteristic::BT709
        )
    );
    assert_patches(&frame, TOLERANCE, "hd");
    // VP8 has one matrix.
    let frame = encoded(&input, Codec::Vp8);
    assert_ne!(frame.color_space(), Space::BT709);
    assert_patches(&frame, TOLERANCE, "hd as VP8");
}

#[test]
fn a_wide_film_in_hd_is_not_taken_for_sd() {
    let input = file(
        "wide.mkv",
        &format!(
            "{},scale=1280:536,{} -c:v libx264 -preset ultrafast -bf 2",
            patches(180),
            untagged("bt709")
        ),
    );
    let frame = encoded(&input, Codec::H264);
    assert_eq!(frame.color_space(), Space::BT709);
    assert_patches(&frame, TOLERANCE, "a wide film");
}

#[test]
fn rgb_is_converted_with_the_matrix_that_the_stream_names() {
    for (name, height, encoder) in [
        (
            "rgb.gif",
            180,
            ",split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=none -c:v gif",
        ),
        ("rgb.png", 180, " -frames:v 1"),
        ("large.png", 720, " -frames:v 1"),
        ("rgb.avi", 180, " -c:v rawvideo -pix_fmt bgr24"),
        ("rgb.mkv", 180, " -c:v ffv1 -pix_fmt gbrp"),
    ] {
        let input = file(name, &format!("{}{encoder}", patches(height)));
        assert_patches(&encoded(&input, Codec::H264), TOLERANCE, name);
        assert_patches(&encoded(&input, Codec::Vp8), TOLERANCE, name);
    }
}

#[test]
fn untagged_sd_that_is_passed_through_gets_the_matrix_of_bt601() {
    for (name, encoder, codec) in [
        ("sd.mp4", BASELINE, Codec::H264),
        ("sd.ts", BASELINE, Codec::H264),
        // A VUI without a colour description.
        (
            "sd.mkv",
            "-c:v libx264 -preset ultrafast -bf 0 -x264-params sar=1/1:fullrange=off:videoformat=pal -pix_fmt yuv420p",
            Codec::H264,
        ),
        (
            "sd.webm",
            "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 1M",
            Codec::Vp9,
        ),
    ] {
        let input = file(
            name,
            &format!("{},{} {encoder}", patches(180), untagged("bt601")),
        );
        assert_eq!(reasons(&input), None, "{name}");
        let frame = encoded(&input, codec);
        assert_eq!(frame.color_space(), Space::SMPTE170M, "{name}");
        assert_patches(&frame, TOLERANCE, name);
    }
}

#[test]
fn a_matrix_that_the_file_names_is_passed_through() {
    let input = file(
        "tagged.mp4",
        &format!(
            "{},scale=out_color_matrix=bt709,format=yuv420p {BASELINE} -colorspace bt709",
            patches(180)
        ),
    );
    let frame = encoded(&input, Codec::H264);
    assert_eq!(frame.color_space(), Space::BT709);
    assert_patches(&frame, TOLERANCE, "tagged");
}

#[test]
fn full_range_is_re_encoded_as_limited_range() {
    let input = file(
        "full-range.mov",
        &format!("{} -c:v mjpeg -q:v 2 -pix_fmt yuvj420p", patches(180)),
    );
    let frame = encoded(&input, Codec::H264);
    assert_eq!(frame.color_range(), Range::MPEG);
    assert_patches(&frame, TOLERANCE, "full range");
}

#[test]
fn a_change_of_the_matrix_in_the_middle_is_written_into_the_stream() {
    let part = |name: &str, matrix: &str, tag: &str, offset: u32| {
        std::fs::read(generate(
            name,
            &format!(
                "{},scale=out_color_matrix={matrix},format=yuv420p -c:v mpeg2video -q:v 2 -colorspace {tag} -color_primaries bt709 -color_trc bt709 -output_ts_offset {offset}",
                patches(180)
            ),
        ))
        .unwrap()
    };
    let joined = [
        part("601.ts", "bt601", "smpte170m", 0),
        part("709.ts", "bt709", "bt709", 1),
    ]
    .concat();
    let input = Input::File(write_file("matrix.ts", &joined));
    let played = play(&input, &[Codec::H264], 1.3);
    let units = played.of(Codec::H264);
    let frame = decode_last_frame(&units);
    assert_eq!(frame.color_space(), Space::BT709);
    assert_patches(&frame, TOLERANCE, "after the change");
}

/// Arguments for one second of the patches in HDR, with SDR white at the reference white of HDR.
fn hdr(transfer: &str) -> String {
    let tag = if transfer == "smpte2084" {
        "smpte2084"
    } else {
        "arib-std-b67"
    };
    format!(
        "{},zscale=rin=full:tin=iec61966-2-1:pin=bt709:min=gbr:t={transfer}:p=2020:m=2020_ncl:r=limited:npl=203,format=yuv420p10le -color_trc {tag} -color_primaries bt2020 -colorspace bt2020nc -c:v libx265 -preset ultrafast -x265-params log-level=error",
        patches(180)
    )
}

#[test]
fn hdr_is_tone_mapped_to_the_colours_of_sdr() {
    for transfer in ["smpte2084", "arib-std-b67"] {
        let input = file(&format!("{transfer}.mkv"), &hdr(transfer));
        let frame = encoded(&input, Codec::H264);
        assert_eq!(
            (
                frame.color_space(),
                frame.color_primaries(),
                frame.color_transfer_characteristic()
            ),
            (
                Space::BT709,
                Primaries::BT709,
                TransferCharacteristic::BT709
            ),
            "{transfer}"
        );
        assert_patches(&frame, 16.0, transfer);
        let Input::File(_) = &input else {
            unreachable!()
        };
        let mut still = decode_jpeg(&poster(&input).unwrap());
        still.set_color_space(Space::SMPTE170M);
        assert_patches(&still, 16.0, &format!("the poster of {transfer}"));
    }
}

#[test]
fn the_brightest_light_of_hdr_is_white_and_paper_is_not_grey() {
    // Luma codes of PQ, 10 bits in the limited range: 1,000, 203 and 0 cd/m2.
    for (code, expected) in [(723, 250.0..=255.0), (572, 215.0..=240.0), (64, 0.0..=3.0)] {
        let input = file(
            "grey.mkv",
            &format!(
                "-f lavfi -i nullsrc=size=320x180:rate=25:duration=1,format=yuv420p10le,geq=lum={code}:cb=512:cr=512,setparams=color_trc=smpte2084:color_primaries=bt2020:colorspace=bt2020nc -color_trc smpte2084 -color_primaries bt2020 -colorspace bt2020nc -c:v libx265 -preset ultrafast -x265-params log-level=error"
            ),
        );
        let frame = encoded(&input, Codec::H264);
        for channel in shown(&frame)[1] {
            assert!(
                expected.contains(&channel.clamp(0.0, 255.0)),
                "{code}: {channel}"
            );
        }
    }
}

#[test]
fn posters_have_the_colours_of_the_video() {
    for (name, height, matrix) in [("sd.avi", 180, "bt601"), ("hd.avi", 720, "bt709")] {
        let input = file(
            name,
            &format!("{},{} -c:v mpeg4 -q:v 2", patches(height), untagged(matrix)),
        );
        let mut still = decode_jpeg(&poster(&input).unwrap());
        // JPEG has one matrix.
        still.set_color_space(Space::SMPTE170M);
        assert_patches(&still, 8.0, name);
    }
}
