//! A still of a source, for a gallery.

use std::path::Path;

use ffmpeg_next as ffmpeg;

use super::decode;
use super::demux::{Demuxer, Kind};
use super::error::MediaError;
use super::graph::{Chain, TIME_BASE};
use super::plan;
use super::render::turn_filters;
use super::source::Input;
use super::test_source::{Generated, TestSource};
use super::turn::Turn;

/// Pixels.
const MAX_WIDTH: u32 = 640;
/// Packets that are read for a picture that is not black.
const MAX_PACKETS: u32 = 2000;
/// And keyframes that are looked at.
const MAX_TRIES: u32 = 8;
/// A picture whose brightness stays within this of its mean everywhere, of 255, is a flat one.
const FLAT: f64 = 6.0;
/// libavcodec's `FF_QP2LAMBDA`: its quality scale to the encoder's.
const QUALITY_UNIT: usize = 118;

/// A JPEG, at most 640 pixels wide, turned and stretched as it is shown: the first keyframe that is not a flat
/// colour, from a tenth into the file on. Blocking.
///
/// # Errors
/// The source has no picture that can be decoded.
pub fn poster(input: &Input) -> Result<Vec<u8>, MediaError> {
    match input {
        Input::File(path) => of_file(path),
        Input::Test => {
            let shape = Shape {
                pixel_aspect: (1, 1),
                turn: Turn::default(),
                interlaced: false,
            };
            let mut source = TestSource::new()?;
            loop {
                if let Generated::Picture(picture, _) = source.next()? {
                    return jpeg(&shape.small(picture)?);
                }
            }
        }
    }
}

fn of_file(path: &Path) -> Result<Vec<u8>, MediaError> {
    let mut demuxer = Demuxer::open(path)?;
    let Some(track) = &demuxer.video else {
        return Err(MediaError::NoPictures(path.to_owned()));
    };
    let header = &track.header;
    let shape = Shape {
        pixel_aspect: header.pixel_aspect,
        turn: track.turn,
        interlaced: header.interlaced,
    };
    let parameters = track.parameters.clone();
    let tenth = demuxer
        .duration()
        .map(|duration| demuxer.start().unwrap_or(0) + duration / 10);
    let seeks = tenth.is_some_and(|time| demuxer.seek(time));
    let mut found = keyframe(&mut demuxer, &parameters, shape)?;
    if found.is_none() && seeks {
        // Nothing came after the place that was sought: from the beginning, then.
        demuxer = Demuxer::open(path)?;
        found = keyframe(&mut demuxer, &parameters, shape)?;
    }
    jpeg(&found.ok_or_else(|| MediaError::NoPictures(path.to_owned()))?)
}

/// The first keyframe that is not flat, small; the first one if all are.
fn keyframe(
    demuxer: &mut Demuxer,
    parameters: &ffmpeg::codec::Parameters,
    shape: Shape,
) -> Result<Option<ffmpeg::frame::Video>, MediaError> {
    let mut decoder = decode::pictures(parameters, 1)?;
    decoder.skip_frame(ffmpeg::Discard::NonKey);
    let mut first = None;
    let mut tries = 0;
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
            Some(coded) if coded.kind == Kind::Video => drop(decoder.send_packet(&coded.packet)),
            Some(_) => continue,
            None => drop(decoder.send_eof()),
        }
        loop {
            let mut picture = ffmpeg::frame::Video::empty();
            if decoder.receive_frame(&mut picture).is_err() {
                break;
            }
            tries += 1;
            let small = shape.small(picture)?;
            if !is_flat(&small) {
                return Ok(Some(small));
            }
            first.get_or_insert(small);
        }
        if ended || tries >= MAX_TRIES {
            return Ok(first);
        }
    }
}

/// One brightness all over, as of a black or white screen. `picture` is planar YUV out of a filter.
fn is_flat(picture: &ffmpeg::frame::Video) -> bool {
    let plane = picture.data(0);
    let step = (plane.len() / 4096).max(1);
    let samples = || plane.iter().step_by(step).map(|byte| f64::from(*byte));
    let count = samples().count().max(1) as f64;
    let mean = samples().sum::<f64>() / count;
    let deviation = (samples().map(|sample| (sample - mean).powi(2)).sum::<f64>() / count).sqrt();
    deviation < FLAT
}

/// How the pictures of a track are to be shown.
#[derive(Clone, Copy)]
struct Shape {
    pixel_aspect: (u32, u32),
    turn: Turn,
    interlaced: bool,
}

impl Shape {
    /// The picture as it is shown, at most [`MAX_WIDTH`] wide.
    fn small(self, mut picture: ffmpeg::frame::Video) -> Result<ffmpeg::frame::Video, MediaError> {
        let failed = MediaError::ffmpeg("make a poster picture");
        let (width, height) = plan::encoded_size(
            picture.width(),
            picture.height(),
            self.pixel_aspect,
            self.turn,
        );
        let scale = (f64::from(MAX_WIDTH) / f64::from(width)).min(1.0);
        let even = |side: u32| (((f64::from(side) * scale) as u32) & !1).max(2);
        let filters = format!(
            "{}scale={}:{}:in_color_matrix={}:out_color_matrix=bt601:out_range=pc,setsar=1,format=yuvj420p",
            turn_filters(self.turn, self.interlaced),
            even(width),
            even(height),
            // What players assume where a file does not say.
            match (picture.color_space(), picture.height()) {
                (ffmpeg::color::Space::Unspecified, 720..) => "bt709",
                _ => "auto",
            },
        );
        picture.set_pts(Some(0));
        let mut chain = Chain::pictures(&picture, &filters).map_err(&failed)?;
        chain.push(&picture).map_err(&failed)?;
        chain.finish();
        let mut small = ffmpeg::frame::Video::empty();
        if chain.pull(&mut small) {
            Ok(small)
        } else {
            Err(failed(ffmpeg::Error::InvalidData))
        }
    }
}

fn jpeg(picture: &ffmpeg::frame::Video) -> Result<Vec<u8>, MediaError> {
    let failed = MediaError::ffmpeg("make a poster picture");
    let found =
        ffmpeg::encoder::find(ffmpeg::codec::Id::MJPEG).ok_or(MediaError::NoEncoder("JPEG"))?;
    let mut video = ffmpeg::codec::Context::new_with_codec(found)
        .encoder()
        .video()
        .map_err(&failed)?;
    video.set_width(picture.width());
    video.set_height(picture.height());
    video.set_format(ffmpeg::format::Pixel::YUVJ420P);
    video.set_time_base(TIME_BASE);
    video.set_flags(ffmpeg::codec::Flags::QSCALE);
    video.set_quality(4 * QUALITY_UNIT);
    let mut encoder = video.open().map_err(&failed)?;
    encoder.send_frame(picture).map_err(&failed)?;
    encoder.send_eof().map_err(&failed)?;
    let mut packet = ffmpeg::Packet::empty();
    encoder.receive_packet(&mut packet).map_err(&failed)?;
    Ok(packet.data().unwrap_or_default().to_vec())
}
