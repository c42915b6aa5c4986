//! Encoding to H.264 (constrained baseline) or VP8 for WebRTC: no reordering, a keyframe every GOP and on request, and
//! a bounded size of keyframes.

use bytes::Bytes;
use ffmpeg_next as ffmpeg;
use shared::api::Codec;

use super::access_unit::AccessUnit;
use super::color::Color;
use super::encoding::{Encoding, MAX_SLICE};
use super::error::MediaError;
use super::filter_graph::{FilterGraph, TIME_BASE};
use super::plan;
use super::time::MediaTime;
use bitstream::h264::H264Normalizer;

/// In pixels per second: 1280x720 at 30 fps. Above this rate encoders use a faster preset.
const FAST_PRESET_PIXEL_RATE: f64 = 1280.0 * 720.0 * 30.0;

/// An encoder for frames of one size.
pub(super) struct VideoEncoder {
    codec: Codec,
    encoder: ffmpeg::encoder::video::Encoder,
    /// Converts the encoder's output to the packetizer's form.
    h264: H264Normalizer,
    size: (u32, u32),
    color: Color,
    /// Converts frames to BT.601. VP8 cannot say which matrix it has, and browsers decode it with this one.
    to_bt601: Option<FilterGraph>,
    /// From keyframe to keyframe, in microseconds.
    gop: i64,
    last_keyframe: Option<MediaTime>,
    keyframe_requested: bool,
}

impl VideoEncoder {
    /// For frames of this size and these colours. `gop`: microseconds from keyframe to keyframe.
    pub(super) fn open(
        Encoding { codec, single_nal }: Encoding,
        (width, height): (u32, u32),
        color: Color,
        frame_rate: f64,
        gop: i64,
    ) -> Result<Self, MediaError> {
        let name = match codec {
            Codec::H264 => "libx264",
            Codec::Vp8 => "libvpx",
            _ => return Err(MediaError::NoEncoder(codec.rtpmap_name())),
        };
        let encoder_codec = ffmpeg::encoder::find_by_name(name)
            .ok_or(MediaError::NoEncoder(codec.rtpmap_name()))?;
        let failed = MediaError::ffmpeg("start a video encoder");
        let pixel_rate = f64::from(width) * f64::from(height) * frame_rate;
        let mut context = ffmpeg::codec::Context::new_with_codec(encoder_codec);
        context.set_threading(ffmpeg::threading::Config {
            count: threads(codec, pixel_rate),
            ..Default::default()
        });
        let mut video = context.encoder().video().map_err(&failed)?;
        let rate = plan::bit_rate(width, height, frame_rate);
        video.set_width(width);
        video.set_height(height);
        video.set_format(ffmpeg::format::Pixel::YUV420P);
        video.set_time_base(TIME_BASE);
        video.set_frame_rate(Some(((frame_rate * 1000.0).round() as i32, 1000)));
        video.set_aspect_ratio((1, 1));
        video.set_bit_rate(rate);
        video.set_max_b_frames(0);
        // `encode` places keyframes by time; this bounds a GOP when times do not advance.
        video.set_gop(600);
        let encoder = match codec {
            Codec::H264 => {
                color.tag_stream(&mut video);
                // The VBV buffer bounds a keyframe to 0.8 s of the bit rate.
                video.set_max_bit_rate(rate * 5 / 4);
                let mut options = ffmpeg::Dictionary::from_iter([
                    (
                        "preset",
                        if pixel_rate > FAST_PRESET_PIXEL_RATE {
                            "superfast"
                        } else {
                            "veryfast"
                        },
                    ),
                    ("tune", "zerolatency"),
                    ("profile", "baseline"),
                    ("forced-idr", "1"),
                    ("sc_threshold", "0"),
                    ("bufsize", (rate * 4 / 5).to_string().as_str()),
                ]);
                if single_nal {
                    options.set("slice-max-size", &MAX_SLICE.to_string());
                }
                video.open_with(options)
            }
            _ => {
                video.set_max_bit_rate(rate);
                let text = |bits: usize| bits.to_string();
                video.open_with(ffmpeg::Dictionary::from_iter([
                    ("deadline", "realtime"),
                    // Negative: a fixed speed, instead of one that adapts to half of the available time.
                    (
                        "cpu-used",
                        if pixel_rate > FAST_PRESET_PIXEL_RATE {
                            "-12"
                        } else {
                            "-8"
                        },
                    ),
                    ("lag-in-frames", "0"),
                    ("auto-alt-ref", "0"),
                    ("error-resilient", "default"),
                    // Equal minimum and maximum select constant bit rate.
                    ("minrate", text(rate).as_str()),
                    ("bufsize", text(rate * 4 / 5).as_str()),
                    // The largest keyframe, in per cent of the average frame.
                    ("max-intra-rate", "900"),
                    ("qmin", "4"),
                    ("qmax", "56"),
                ]))
            }
        }
        .map_err(&failed)?;
        Ok(Self {
            codec,
            encoder,
            h264: H264Normalizer::default(),
            size: (width, height),
            color,
            to_bt601: None,
            gop,
            last_keyframe: None,
            keyframe_requested: false,
        })
    }

    /// True when frames of this size and these colours can be encoded.
    pub(super) fn fits(&self, size: (u32, u32), color: Color) -> bool {
        self.size == size && self.color == color
    }

    /// The next frame begins a GOP.
    pub(super) fn request_keyframe(&mut self) {
        self.keyframe_requested = true;
    }

    /// Encodes `frame`, which must have the encoder's size and colours, and is shown at `time`.
    pub(super) fn encode(
        &mut self,
        frame: &mut ffmpeg::frame::Video,
        time: MediaTime,
    ) -> Result<Vec<AccessUnit>, MediaError> {
        frame.set_pts(Some(time.0));
        match self.color.to_bt601() {
            Some(filter) if self.codec == Codec::Vp8 => {
                let mut converted = self.convert(frame, &filter)?;
                self.encode_converted(&mut converted, time)
            }
            _ => self.encode_converted(frame, time),
        }
    }

    /// A copy of `frame` that went through this filter.
    fn convert(
        &mut self,
        frame: &ffmpeg::frame::Video,
        filter: &str,
    ) -> Result<ffmpeg::frame::Video, MediaError> {
        let failed = MediaError::ffmpeg("convert the colours of a video frame");
        let graph = match &mut self.to_bt601 {
            Some(graph) => graph,
            none => none.insert(FilterGraph::video(frame, filter).map_err(&failed)?),
        };
        // The original is needed by other encoders, and to be repeated.
        graph.push(&frame.clone()).map_err(&failed)?;
        let mut converted = ffmpeg::frame::Video::empty();
        if graph.pull(&mut converted) {
            Ok(converted)
        } else {
            Err(failed(ffmpeg::Error::InvalidData))
        }
    }

    fn encode_converted(
        &mut self,
        frame: &mut ffmpeg::frame::Video,
        time: MediaTime,
    ) -> Result<Vec<AccessUnit>, MediaError> {
        let failed = MediaError::ffmpeg("encode a video frame");
        let due = self
            .last_keyframe
            .is_none_or(|last| time.micros_since(last) >= self.gop);
        let keyframe = self.keyframe_requested || due;
        frame.set_kind(if keyframe {
            ffmpeg::picture::Type::I
        } else {
            ffmpeg::picture::Type::None
        });
        frame.set_pts(Some(time.0));
        self.encoder.send_frame(frame).map_err(&failed)?;
        let mut units = Vec::new();
        loop {
            let mut packet = ffmpeg::Packet::empty();
            if self.encoder.receive_packet(&mut packet).is_err() {
                break;
            }
            let time = MediaTime(packet.pts().unwrap_or(time.0));
            let data = packet.data().unwrap_or_default();
            let (data, keyframe) = match self.codec {
                Codec::H264 => match self.h264.normalize(data) {
                    Some(unit) => (unit.data, unit.keyframe),
                    None => continue,
                },
                _ if data.is_empty() => continue,
                _ => (Bytes::copy_from_slice(data), packet.is_key()),
            };
            if keyframe {
                self.last_keyframe = Some(time);
                self.keyframe_requested = false;
            }
            units.push(AccessUnit {
                codec: self.codec,
                dts: time,
                time,
                keyframe,
                data,
            });
        }
        Ok(units)
    }
}

/// Few threads, because other streams need cores too. libvpx gets one: its threads wait for each other by spinning,
/// which on a busy machine with two cores costs seven times the work (measured: 85 ms per frame of 1280x720 instead of
/// 11 ms).
fn threads(codec: Codec, pixel_rate: f64) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let max_threads = match codec {
        Codec::H264 if pixel_rate > FAST_PRESET_PIXEL_RATE => 4,
        Codec::H264 => 2,
        _ => 1,
    };
    cores.min(max_threads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packetize::{MAX_PAYLOAD, packetize_single_nal};
    use crate::test_source::{Generated, TestSource};

    #[test]
    fn each_packet_in_single_nal_unit_mode_is_one_nal_unit_that_fits() {
        let mut source = TestSource::new().unwrap();
        let (mut encoder, mut units) = (None, 0);
        while units < 45 {
            let Generated::Video(mut frame, time) = source.next().unwrap() else {
                continue;
            };
            let size = (frame.width(), frame.height());
            let encoder = encoder.get_or_insert_with(|| {
                let color = Color::of(&frame);
                VideoEncoder::open(Encoding::SINGLE_NAL, size, color, 30.0, 1_000_000).unwrap()
            });
            for unit in encoder.encode(&mut frame, time).unwrap() {
                units += 1;
                let payloads = packetize_single_nal(&unit).unwrap();
                // SPS, PPS, and slices as small as packets.
                assert!(!unit.keyframe || payloads.len() > 10);
                for payload in payloads.iter().map(|payload| payload.to_bytes()) {
                    // RFC 6184 5.4: other types are aggregates and fragments.
                    assert!((1..24).contains(&(payload[0] & 0x1f)));
                    assert!(payload.len() <= MAX_PAYLOAD);
                }
            }
        }
    }
}
