//! FFmpeg as the judge of pictures.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::SystemTime;

use shared::api::Codec;

/// A picture as a viewer got it.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    pub(crate) codec: Codec,
    /// In units of 1/90,000 s.
    pub(crate) time: u64,
    /// By the sender reports; `None` before the first.
    pub(crate) shown: Option<SystemTime>,
    /// VP8 as one frame, H.264 in Annex B.
    pub(crate) data: Vec<u8>,
}

impl Picture {
    /// Decoding can begin with it.
    pub(crate) fn is_keyframe(&self) -> bool {
        match self.codec {
            // A parameter set comes first.
            Codec::H264 => self
                .data
                .iter()
                .position(|byte| *byte == 1)
                .is_some_and(|start| {
                    let kind = self.data.get(start + 1);
                    kind.is_some_and(|kind| matches!(kind & 0x1F, 7..=9))
                }),
            // RFC 7741 4.3: the lowest bit of a frame tag.
            _ => self.data.first().is_some_and(|first| first & 1 == 0),
        }
    }
}

/// How many pictures FFmpeg decodes. Panics at the first error.
pub(super) fn decode(pictures: &[Picture]) -> usize {
    checksums(pictures).len()
}

/// Most of the pictures differ from all others.
pub(super) fn moves(pictures: &[Picture]) -> bool {
    let different: BTreeSet<_> = checksums(pictures).into_iter().collect();
    different.len() > pictures.len() / 2
}

/// The mean of the luma of each picture, in the order in which they are shown.
pub(super) fn brightness(pictures: &[Picture]) -> Vec<u8> {
    let gray = ["-vf", "scale=1:1:flags=area,format=gray", "-f", "rawvideo"];
    let decoded = ffmpeg(pictures, &gray);
    assert_eq!(decoded.len(), pictures.len());
    decoded
}

/// Of the decoded pictures.
fn checksums(pictures: &[Picture]) -> Vec<String> {
    let output = ffmpeg(pictures, &["-f", "framecrc"]);
    let lines = String::from_utf8_lossy(&output).into_owned();
    let lines = lines.lines().filter(|line| !line.starts_with('#'));
    let checksums = lines.filter_map(|line| line.rsplit(',').next());
    checksums
        .map(|checksum| checksum.trim().to_owned())
        .collect()
}

/// What FFmpeg makes of the pictures in this form. Panics at the first error.
fn ffmpeg(pictures: &[Picture], form: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("pictures");
    let (format, bytes) = match pictures[0].codec {
        Codec::H264 => (
            "h264",
            pictures
                .iter()
                .flat_map(|picture| picture.data.clone())
                .collect(),
        ),
        Codec::Vp8 => ("ivf", ivf(pictures)),
        other => panic!("{other:?} is not decoded here"),
    };
    std::fs::write(&file, bytes).expect("the pictures are written");
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-xerror"])
        .args(["-err_detect", "explode", "-f", format, "-i"])
        .arg(&file)
        .args(["-vsync", "passthrough"])
        .args(form)
        .arg("-")
        .output()
        .expect("ffmpeg is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    output.stdout
}

fn ivf(pictures: &[Picture]) -> Vec<u8> {
    let mut out = b"DKIF\0\0\x20\0VP80".to_vec();
    out.extend([0x80, 2, 0x68, 1]); // 640x360; the pictures say their own size
    out.extend(90_000u32.to_le_bytes());
    out.extend(1u32.to_le_bytes());
    out.extend([0; 8]);
    for picture in pictures {
        out.extend((picture.data.len() as u32).to_le_bytes());
        out.extend((picture.time - pictures[0].time).to_le_bytes());
        out.extend(&picture.data);
    }
    out
}
