//! A still of a source, for the list of streams.

use std::path::Path;

use ffmpeg_next as ffmpeg;

use super::decoder;
use super::demuxer::Demuxer;
use super::error::MediaError;
use super::filter_graph::{FilterGraph, TIME_BASE};
use super::frame_filters::{DisplayParams, FilterTarget, FrameFormat};
use super::plan;
use super::source::Input;
use super::test_source::{self, Generated, TestSource};
use super::track::TrackKind;

/// Pixels.
const MAX_WIDTH: u32 = 640;
/// Packets read at most to find a frame that is not uniform.
const MAX_PACKETS: u32 = 2000;
/// Keyframes decoded at most to find it.
const MAX_KEYFRAMES: u32 = 8;
/// A frame whose luma has a smaller standard deviation than this, of 255, is uniform.
const UNIFORM: f64 = 6.0;
/// libavcodec's factor from a quantizer to the encoder's quality.
const FF_QP2LAMBDA: usize = 118;

/// A JPEG at most 640 pixels wide, upright and with square pixels: the first keyframe that is not uniform, from 10 % of
/// the file's length on. Blocking.
///
/// # Errors
/// The source has no frame that can be decoded.
pub fn poster(input: &Input) -> Result<Vec<u8>, MediaError> {
    match input {
        Input::File(path) => of_file(path),
        Input::Test => {
            let display = test_source::render_params().display;
            let mut source = TestSource::new()?;
            loop {
                if let Generated::Video(frame, _) = source.next()? {
                    return jpeg(&scaled(display, frame)?);
                }
            }
        }
    }
}

fn of_file(path: &Path) -> Result<Vec<u8>, MediaError> {
    let mut demuxer = Demuxer::open(path, None)?;
    let Some(track) = &demuxer.video else {
        return Err(MediaError::NoVideo(path.to_owned()));
    };
    let header = &track.header;
    let display = DisplayParams {
        orientation: track.orientation,
        pixel_aspect: header.pixel_aspect,
        container_aspect: header.container_aspect,
        interlaced: header.interlaced,
    };
    let parameters = track.parameters.clone();
    let start = demuxer
        .duration()
        .map(|duration| demuxer.start().unwrap_or(0) + duration / 10);
    let seeks = start.is_some_and(|time| demuxer.seek(time));
    let mut found = find_frame(&mut demuxer, &parameters, display)?;
    if found.is_none() && seeks {
        // Nothing could be decoded after the seek; try from the beginning.
        demuxer = Demuxer::open(path, Some(demuxer.choice()))?;
        found = find_frame(&mut demuxer, &parameters, display)?;
    }
    jpeg(&found.ok_or_else(|| MediaError::NoVideo(path.to_owned()))?)
}

/// The first keyframe that is not uniform, scaled; the first keyframe if all are.
fn find_frame(
    demuxer: &mut Demuxer,
    parameters: &ffmpeg::codec::Parameters,
    display: DisplayParams,
) -> Result<Option<ffmpeg::frame::Video>, MediaError> {
    let mut decoder = decoder::open_video(parameters, 1)?;
    decoder.skip_frame(ffmpeg::Discard::NonKey);
    let mut first = None;
    let mut keyframes = 0;
    let mut packets = 0;
    loop {
        let packet = if packets < MAX_PACKETS {
            demuxer.next()
        } else {
            None
        };
        packets += 1;
        let ended = packet.is_none();
        match packet {
            Some(demuxed) if demuxed.kind == TrackKind::Video => {
                let _ = decoder.send_packet(&demuxed.packet);
            }
            Some(_) => continue,
            None => drop(decoder.send_eof()),
        }
        loop {
            let mut frame = ffmpeg::frame::Video::empty();
            if decoder.receive_frame(&mut frame).is_err() {
                break;
            }
            keyframes += 1;
            let small = scaled(display, frame)?;
            if !is_uniform(&small) {
                return Ok(Some(small));
            }
            first.get_or_insert(small);
        }
        if ended || keyframes >= MAX_KEYFRAMES {
            return Ok(first);
        }
    }
}

/// True for a frame of one brightness, such as black. `frame` is planar YUV.
fn is_uniform(frame: &ffmpeg::frame::Video) -> bool {
    let plane = frame.data(0);
    let step = (plane.len() / 4096).max(1);
    let samples = || plane.iter().step_by(step).map(|byte| f64::from(*byte));
    let count = samples().count().max(1) as f64;
    let mean = samples().sum::<f64>() / count;
    let deviation = (samples().map(|sample| (sample - mean).powi(2)).sum::<f64>() / count).sqrt();
    deviation < UNIFORM
}

/// The frame as displayed, at most [`MAX_WIDTH`] wide.
fn scaled(
    mut display: DisplayParams,
    mut frame: ffmpeg::frame::Video,
) -> Result<ffmpeg::frame::Video, MediaError> {
    let failed = MediaError::ffmpeg("make a poster");
    display.interlaced |= frame.is_interlaced();
    let input = FrameFormat::of(&frame);
    let (width, height) = display.size(&input, plan::MAX_ENCODED);
    let scale = (f64::from(MAX_WIDTH) / f64::from(width)).min(1.0);
    let even = |side: u32| (((f64::from(side) * scale) as u32) & !1).max(2);
    let spec = display.spec(&input, (even(width), even(height)), FilterTarget::Still);
    frame.set_pts(Some(0));
    let mut graph = FilterGraph::video(&frame, &spec).map_err(&failed)?;
    graph.push(&frame).map_err(&failed)?;
    graph.finish();
    let mut small = ffmpeg::frame::Video::empty();
    if graph.pull(&mut small) {
        Ok(small)
    } else {
        Err(failed(ffmpeg::Error::InvalidData))
    }
}

fn jpeg(frame: &ffmpeg::frame::Video) -> Result<Vec<u8>, MediaError> {
    let failed = MediaError::ffmpeg("make a poster");
    let encoder_codec =
        ffmpeg::encoder::find(ffmpeg::codec::Id::MJPEG).ok_or(MediaError::NoEncoder("JPEG"))?;
    let mut video = ffmpeg::codec::Context::new_with_codec(encoder_codec)
        .encoder()
        .video()
        .map_err(&failed)?;
    video.set_width(frame.width());
    video.set_height(frame.height());
    video.set_format(ffmpeg::format::Pixel::YUVJ420P);
    video.set_time_base(TIME_BASE);
    video.set_flags(ffmpeg::codec::Flags::QSCALE);
    video.set_quality(4 * FF_QP2LAMBDA);
    let mut encoder = video.open().map_err(&failed)?;
    encoder.send_frame(frame).map_err(&failed)?;
    encoder.send_eof().map_err(&failed)?;
    let mut packet = ffmpeg::Packet::empty();
    encoder.receive_packet(&mut packet).map_err(&failed)?;
    Ok(packet.data().unwrap_or_default().to_vec())
}
