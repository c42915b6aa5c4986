//! Decoders for the tracks of a file, with bounded frame sizes.

use ffmpeg_next as ffmpeg;

use super::error::MediaError;
use super::filter_graph::TIME_BASE;

/// 8192x8192. Larger frames are not decoded: a damaged header can claim any size.
const MAX_PIXELS: u64 = 8192 * 8192;

/// Packet times are in microseconds. `threads`: every thread beyond the first delays output by one frame. Theora uses
/// one thread: with more, FFmpeg's decoder cannot continue after the headers of a second recording.
pub(super) fn open_video(
    parameters: &ffmpeg::codec::Parameters,
    threads: usize,
) -> Result<ffmpeg::decoder::Video, MediaError> {
    open_video_within(parameters, threads, MAX_PIXELS)
}

/// As [`open_video`]; frames of more pixels are not decoded.
pub(super) fn open_video_within(
    parameters: &ffmpeg::codec::Parameters,
    threads: usize,
    max_pixels: u64,
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
    open(context, max_pixels)
        .and_then(ffmpeg::decoder::Opened::video)
        .map_err(&failed)
}

/// Packet times are in microseconds.
pub(super) fn open_audio(
    parameters: &ffmpeg::codec::Parameters,
) -> Result<ffmpeg::decoder::Audio, MediaError> {
    let failed = MediaError::ffmpeg("open the audio decoder");
    let context = ffmpeg::codec::Context::from_parameters(parameters.clone()).map_err(&failed)?;
    open(context, MAX_PIXELS)
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
