//! Films that FFmpeg encodes, as access units; and FFmpeg as the judge of what came out.

use std::path::Path;
use std::process::Command;

use ingest::unit::ReceivedUnit;
use media::access_unit::AccessUnit;
use media::first_iteration::first_iteration;
use media::source::{Input, probe};
use media::time::MediaTime;
use shared::api::Codec;

/// Frames per second, and from one keyframe to the next.
pub(crate) const RATE: u32 = 25;
pub(crate) const GOP: u32 = 25;

/// Arguments of FFmpeg for a video of so many seconds in one codec.
pub(crate) fn video(codec: Codec, seconds: u32) -> String {
    let encoder = match codec {
        Codec::H264 => "libx264 -preset ultrafast -bf 0 -sc_threshold 0",
        Codec::Vp8 => "libvpx -deadline realtime -cpu-used 8",
        Codec::Vp9 => "libvpx-vp9 -deadline realtime -cpu-used 8 -lag-in-frames 0",
        Codec::Av1 => "libsvtav1 -preset 12 -svtav1-params pred-struct=1",
        Codec::Opus => panic!("Opus is no video"),
    };
    format!(
        "-f lavfi -i testsrc2=size=320x180:rate={RATE}:duration={seconds} -vf noise=alls=12:allf=t -pix_fmt yuv420p -c:v {encoder} -g {GOP} \
         -keyint_min {GOP} -b:v 800k"
    )
}

pub(crate) fn audio(seconds: u32) -> String {
    format!("-f lavfi -i sine=sample_rate=48000:duration={seconds} -c:a libopus -b:a 64k")
}

/// Runs FFmpeg. Panics when it fails.
pub(crate) fn ffmpeg(arguments: &str, file: &Path) {
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y"])
        .args(arguments.split_whitespace())
        .arg(file)
        .status();
    assert!(
        status.expect("ffmpeg is installed").success(),
        "{arguments}"
    );
}

/// The access units of a film, in decode order.
pub(crate) fn film(codec: Codec, seconds: u32) -> Vec<AccessUnit> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("film.mkv");
    match codec {
        Codec::Opus => ffmpeg(&audio(seconds), &file),
        video_codec => ffmpeg(&video(video_codec, seconds), &file),
    }
    let input = Input::File(file);
    let probe = probe(&input).expect("the film can be played");
    assert!(probe.passes_through(codec), "{probe:?}");
    let end = MediaTime(i64::from(seconds) * 1_000_000);
    first_iteration(&input, &probe, codec, end).expect("the film is read")
}

/// How many frames FFmpeg decodes. Panics at the first error.
pub(crate) fn decoded_frames(units: &[ReceivedUnit]) -> usize {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("units");
    std::fs::write(&file, stream(units)).expect("the units are written");
    let format = match units[0].codec {
        Codec::H264 => "h264",
        _ => "ivf",
    };
    let output = Command::new("ffmpeg")
        .args([
            "-nostdin",
            "-loglevel",
            "error",
            "-xerror",
            "-err_detect",
            "explode",
        ])
        .args(["-f", format, "-i"])
        .arg(&file)
        .args(["-f", "framecrc", "-"])
        .output()
        .expect("ffmpeg is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    lines.lines().filter(|line| !line.starts_with('#')).count()
}

/// An H.264 byte stream, or an IVF file.
fn stream(units: &[ReceivedUnit]) -> Vec<u8> {
    let mut out = Vec::new();
    let name = match units[0].codec {
        Codec::H264 => {
            units.iter().for_each(|unit| out.extend(&unit.data));
            return out;
        }
        Codec::Vp8 => b"VP80",
        Codec::Vp9 => b"VP90",
        Codec::Av1 => b"AV01",
        Codec::Opus => panic!("Opus is not decoded here"),
    };
    out.extend(b"DKIF\0\0\x20\0");
    out.extend(name);
    out.extend([64, 1, 180, 0]); // 320x180
    out.extend(90_000u32.to_le_bytes());
    out.extend(1u32.to_le_bytes());
    out.extend([0; 8]);
    for unit in units {
        out.extend((unit.data.len() as u32).to_le_bytes());
        out.extend((unit.rtp_time - units[0].rtp_time).to_le_bytes());
        out.extend(&unit.data);
    }
    out
}
