//! Decoders for the tracks of a file, opened within bounds.

use ffmpeg_next as ffmpeg;

use super::error::MediaError;
use super::graph::TIME_BASE;

/// Pictures of more pixels, 8192x8192, are not decoded: damaged headers ask for any size.
const MAX_PIXELS: &str = "67108864";

/// `threads`: each more than one holds a picture back until the next packet comes. Packets' times are in
/// microseconds.
pub(super) fn pictures(
    parameters: &ffmpeg::codec::Parameters,
    threads: usize,
) -> Result<ffmpeg::decoder::Video, MediaError> {
    let failed = MediaError::ffmpeg("open the decoder for the pictures");
    let mut context =
        ffmpeg::codec::Context::from_parameters(parameters.clone()).map_err(&failed)?;
    context.set_threading(ffmpeg::threading::Config {
        kind: ffmpeg::threading::Type::Frame,
        count: threads,
        ..Default::default()
    });
    open(context)
        .and_then(ffmpeg::decoder::Opened::video)
        .map_err(&failed)
}

/// Packets' times are in microseconds.
pub(super) fn sound(
    parameters: &ffmpeg::codec::Parameters,
) -> Result<ffmpeg::decoder::Audio, MediaError> {
    let failed = MediaError::ffmpeg("open the decoder for the sound");
    let context = ffmpeg::codec::Context::from_parameters(parameters.clone()).map_err(&failed)?;
    open(context)
        .and_then(ffmpeg::decoder::Opened::audio)
        .map_err(&failed)
}

fn open(context: ffmpeg::codec::Context) -> Result<ffmpeg::decoder::Opened, ffmpeg::Error> {
    let codec = ffmpeg::decoder::find(context.id()).ok_or(ffmpeg::Error::DecoderNotFound)?;
    let mut decoder = context.decoder();
    decoder.set_packet_time_base(TIME_BASE);
    decoder.open_as_with(
        codec,
        ffmpeg::Dictionary::from_iter([("max_pixels", MAX_PIXELS)]),
    )
}
