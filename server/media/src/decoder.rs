//! Decoders for the tracks of a file, with bounded frame sizes.

use ffmpeg_next as ffmpeg;

use super::demuxer::init_ffmpeg;
use super::error::MediaError;
use super::filter_graph::TIME_BASE;
use super::raw;

/// Larger frames are not decoded: a damaged header can claim any size.
#[derive(Clone, Copy, Debug)]
pub(super) struct PictureLimit {
    pub(super) pixels: u64,
    /// Of the decoded picture; `None`: any number.
    pub(super) bytes: Option<u64>,
}

impl PictureLimit {
    /// 8192x8192, of any format.
    const FILE: Self = Self {
        pixels: 8192 * 8192,
        bytes: None,
    };

    /// The picture is not larger in memory.
    pub(super) fn permits(self, frame: &ffmpeg::frame::Video) -> bool {
        let bytes = || raw::picture_bytes(frame.format(), (frame.width(), frame.height()));
        self.bytes.is_none_or(|most| bytes() <= most)
    }
}

/// This build of FFmpeg decodes the codec, without special hardware.
pub(super) fn is_available(codec: ffmpeg::codec::Id) -> bool {
    init_ffmpeg();
    // FFmpeg's own decoder of AV1 only hands pictures to hardware; those of libraries come before it.
    ffmpeg::decoder::find(codec).is_some_and(|decoder| decoder.name() != "av1")
}

/// Packet times are in microseconds. `threads`: every thread beyond the first delays output by one frame. Theora uses
/// one thread: with more, FFmpeg's decoder cannot continue after the headers of a second recording.
pub(super) fn open_video(
    parameters: &ffmpeg::codec::Parameters,
    threads: usize,
) -> Result<ffmpeg::decoder::Video, MediaError> {
    open_video_within(parameters, threads, PictureLimit::FILE)
}

/// As [`open_video`]; larger frames are not decoded.
pub(super) fn open_video_within(
    parameters: &ffmpeg::codec::Parameters,
    threads: usize,
    limit: PictureLimit,
) -> Result<ffmpeg::decoder::Video, MediaError> {
    let failed = MediaError::ffmpeg("open the video decoder");
    let mut context =
        ffmpeg::codec::Context::from_parameters(parameters.clone()).map_err(&failed)?;
    let threads = match parameters.id() {
        ffmpeg::codec::Id::THEORA => 1,
        _ => threads,
    };
    context.set_threading(ffmpeg::threading::Config {
        kind: ffmpeg::threading::Type::Frame,
        count: threads,
        ..Default::default()
    });
    if let Some(bytes) = limit.bytes {
        raw::limit_pictures(&mut context, bytes);
    }
    open(context, limit.pixels)
        .and_then(ffmpeg::decoder::Opened::video)
        .map_err(&failed)
}

/// Packet times are in microseconds.
pub(super) fn open_audio(
    parameters: &ffmpeg::codec::Parameters,
) -> Result<ffmpeg::decoder::Audio, MediaError> {
    let failed = MediaError::ffmpeg("open the audio decoder");
    let context = ffmpeg::codec::Context::from_parameters(parameters.clone()).map_err(&failed)?;
    open(context, PictureLimit::FILE.pixels)
        .and_then(ffmpeg::decoder::Opened::audio)
        .map_err(&failed)
}

fn open(
    context: ffmpeg::codec::Context,
    max_pixels: u64,
) -> Result<ffmpeg::decoder::Opened, ffmpeg::Error> {
    let codec = ffmpeg::decoder::find(context.id()).ok_or(ffmpeg::Error::DecoderNotFound)?;
    let mut decoder = context.decoder();
    decoder.set_packet_time_base(TIME_BASE);
    decoder.open_as_with(
        codec,
        ffmpeg::Dictionary::from_iter([("max_pixels", max_pixels.to_string().as_str())]),
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// One picture of 320x192 in Annex B, by FFmpeg.
    fn picture(format: &str) -> Vec<u8> {
        let made = Command::new("ffmpeg")
            .args([
                "-nostdin",
                "-loglevel",
                "error",
                "-f",
                "lavfi",
                "-i",
                "testsrc2=size=320x192",
            ])
            .args([
                "-frames:v",
                "1",
                "-pix_fmt",
                format,
                "-c:v",
                "libx264",
                "-f",
                "h264",
                "-",
            ])
            .output()
            .expect("ffmpeg is installed");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        made.stdout
    }

    fn decodes(picture: &[u8], bytes: Option<u64>) -> bool {
        init_ffmpeg();
        let mut parameters = ffmpeg::codec::Parameters::new();
        parameters.set_medium(ffmpeg::media::Type::Video);
        parameters.set_id(ffmpeg::codec::Id::H264);
        let limit = PictureLimit {
            pixels: 320 * 192,
            bytes,
        };
        let mut decoder = open_video_within(&parameters, 1, limit).expect("it is built in");
        let mut frame = ffmpeg::frame::Video::empty();
        let sent = decoder.send_packet(&ffmpeg::Packet::copy(picture)).is_ok();
        let ended = decoder.send_eof().is_ok();
        let decoded = decoder.receive_frame(&mut frame).is_ok();
        assert!(ended && (sent || !decoded));
        decoded
    }

    #[test]
    fn a_decoder_refuses_pictures_of_more_bytes_than_its_limit() {
        let limit = 320 * 192 * 3 / 2;
        for (format, bytes) in [
            ("yuv420p", limit),
            ("yuv444p", 2 * limit),
            ("yuv420p10le", 2 * limit),
            ("yuv444p10le", 4 * limit),
        ] {
            let picture = picture(format);
            assert!(decodes(&picture, Some(bytes)), "{format}");
            assert!(!decodes(&picture, Some(bytes - 1)), "{format}");
            assert!(decodes(&picture, None), "{format}");
        }
    }

    #[test]
    fn codecs_of_publishers_have_decoders_that_need_no_hardware() {
        for codec in [
            ffmpeg::codec::Id::H264,
            ffmpeg::codec::Id::VP8,
            ffmpeg::codec::Id::VP9,
        ] {
            assert!(is_available(codec), "{codec:?}");
        }
        assert!(!is_available(ffmpeg::codec::Id::None));
    }
}
