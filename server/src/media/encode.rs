//! Pictures into H.264 (constrained baseline) or VP8, as WebRTC wants them: no picture that waits for a
//! later one, a keyframe every GOP and on request, and no bursts.

use bytes::Bytes;
use ffmpeg_next as ffmpeg;
use shared::api::Codec;

use super::error::MediaError;
use super::frame::{AccessUnit, MediaTime};
use super::graph::TIME_BASE;
use super::h264::H264;
use super::plan;

/// One encoder of pictures of one size.
pub(super) struct PictureEncoder {
    codec: Codec,
    encoder: ffmpeg::encoder::video::Encoder,
    /// Puts the encoder's H.264 into the packetizer's form.
    h264: H264,
    size: (u32, u32),
    /// From keyframe to keyframe, in microseconds.
    gop: i64,
    last_keyframe: Option<MediaTime>,
    keyframe_wanted: bool,
}

impl PictureEncoder {
    /// `gop`: microseconds from keyframe to keyframe.
    pub(super) fn open(
        codec: Codec,
        size: (u32, u32),
        frame_rate: f64,
        gop: i64,
    ) -> Result<Self, MediaError> {
        let (width, height) = size;
        let name = match codec {
            Codec::H264 => "libx264",
            Codec::Vp8 => "libvpx",
            _ => return Err(MediaError::NoEncoder(codec.rtpmap_name())),
        };
        let found = ffmpeg::encoder::find_by_name(name)
            .ok_or(MediaError::NoEncoder(codec.rtpmap_name()))?;
        let failed = MediaError::ffmpeg("start an encoder for pictures");
        let mut context = ffmpeg::codec::Context::new_with_codec(found);
        context.set_threading(ffmpeg::threading::Config {
            count: threads(size),
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
        // Keyframes are placed by time, below; this only bounds them should times stand still.
        video.set_gop(600);
        let encoder = match codec {
            Codec::H264 => {
                // A keyframe may take what 0.8 s of the rate give (VBV), no more.
                video.set_max_bit_rate(rate * 5 / 4);
                video.open_with(ffmpeg::Dictionary::from_iter([
                    (
                        "preset",
                        if u64::from(width) * u64::from(height) > 1280 * 720 {
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
                ]))
            }
            _ => {
                video.set_max_bit_rate(rate);
                let text = |bits: usize| bits.to_string();
                video.open_with(ffmpeg::Dictionary::from_iter([
                    ("deadline", "realtime"),
                    ("cpu-used", "8"),
                    ("lag-in-frames", "0"),
                    ("auto-alt-ref", "0"),
                    ("error-resilient", "default"),
                    // Equal rates make libvpx keep a constant one.
                    ("minrate", text(rate).as_str()),
                    ("bufsize", text(rate * 4 / 5).as_str()),
                    // A keyframe at most this many times the usual picture, in per cent.
                    ("max-intra-rate", "900"),
                    ("qmin", "4"),
                    ("qmax", "56"),
                    ("slices", "2"),
                ]))
            }
        }
        .map_err(&failed)?;
        Ok(Self {
            codec,
            encoder,
            h264: H264::default(),
            size,
            gop,
            last_keyframe: None,
            keyframe_wanted: false,
        })
    }

    pub(super) fn size(&self) -> (u32, u32) {
        self.size
    }

    /// The next picture begins a GOP.
    pub(super) fn want_keyframe(&mut self) {
        self.keyframe_wanted = true;
    }

    /// Encodes `picture`, which must be of the encoder's size and is shown at `time`.
    pub(super) fn encode(
        &mut self,
        picture: &mut ffmpeg::frame::Video,
        time: MediaTime,
    ) -> Result<Vec<AccessUnit>, MediaError> {
        let failed = MediaError::ffmpeg("encode a picture");
        let due = self
            .last_keyframe
            .is_none_or(|last| time.micros_since(last) >= self.gop);
        let keyframe = self.keyframe_wanted || due;
        picture.set_kind(if keyframe {
            ffmpeg::picture::Type::I
        } else {
            ffmpeg::picture::Type::None
        });
        picture.set_pts(Some(time.0));
        self.encoder.send_frame(picture).map_err(&failed)?;
        let mut units = Vec::new();
        loop {
            let mut packet = ffmpeg::Packet::empty();
            if self.encoder.receive_packet(&mut packet).is_err() {
                break;
            }
            let time = MediaTime(packet.pts().unwrap_or(time.0));
            let data = packet.data().unwrap_or_default();
            let (data, keyframe) = match self.codec {
                Codec::H264 => match self.h264.unit(data) {
                    Some(unit) => (unit.data, unit.keyframe),
                    None => continue,
                },
                _ if data.is_empty() => continue,
                _ => (Bytes::copy_from_slice(data), packet.is_key()),
            };
            if keyframe {
                self.last_keyframe = Some(time);
                self.keyframe_wanted = false;
            }
            units.push(AccessUnit {
                codec: self.codec,
                time,
                keyframe,
                data,
            });
        }
        Ok(units)
    }
}

/// Small pictures on one thread, large ones on a few: other streams want cores too.
fn threads((width, height): (u32, u32)) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let pixels = u64::from(width) * u64::from(height);
    let most = if pixels <= 640 * 360 {
        1
    } else if pixels <= 1280 * 720 {
        2
    } else {
        4
    };
    cores.min(most)
}
