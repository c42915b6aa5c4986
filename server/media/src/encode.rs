//! Pictures into H.264 (constrained baseline) or VP8, as WebRTC wants them: no picture that waits for a
//! later one, a keyframe every GOP and on request, and no bursts.

use bytes::Bytes;
use ffmpeg_next as ffmpeg;
use shared::api::Codec;

use super::access_unit::AccessUnit;
use super::error::MediaError;
use super::graph::TIME_BASE;
use super::h264::H264;
use super::plan;
use super::time::MediaTime;

/// Pixels a second of 1280x720 at 30; above it, encoders hurry.
const LARGE: f64 = 1280.0 * 720.0 * 30.0;

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
    /// For pictures like `picture`. `gop`: microseconds from keyframe to keyframe.
    pub(super) fn open(
        codec: Codec,
        picture: &ffmpeg::frame::Video,
        frame_rate: f64,
        gop: i64,
    ) -> Result<Self, MediaError> {
        let (width, height) = (picture.width(), picture.height());
        let name = match codec {
            Codec::H264 => "libx264",
            Codec::Vp8 => "libvpx",
            _ => return Err(MediaError::NoEncoder(codec.rtpmap_name())),
        };
        let found = ffmpeg::encoder::find_by_name(name)
            .ok_or(MediaError::NoEncoder(codec.rtpmap_name()))?;
        let failed = MediaError::ffmpeg("start an encoder for pictures");
        let pixel_rate = f64::from(width) * f64::from(height) * frame_rate;
        let mut context = ffmpeg::codec::Context::new_with_codec(found);
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
        // Keyframes are placed by time, below; this only bounds them should times stand still.
        video.set_gop(600);
        let encoder = match codec {
            Codec::H264 => {
                tell_colours(&mut video, picture);
                // A keyframe may take what 0.8 s of the rate give (VBV), no more.
                video.set_max_bit_rate(rate * 5 / 4);
                video.open_with(ffmpeg::Dictionary::from_iter([
                    (
                        "preset",
                        if pixel_rate > LARGE {
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
                    // Negative: this speed always, instead of as fast as half of the time allows.
                    ("cpu-used", if pixel_rate > LARGE { "-12" } else { "-8" }),
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
                ]))
            }
        }
        .map_err(&failed)?;
        Ok(Self {
            codec,
            encoder,
            h264: H264::default(),
            size: (width, height),
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

/// Writes into the stream what the numbers of a picture mean, where that is known. (RGB is known, too, but no
/// longer true once it is YUV.)
fn tell_colours(video: &mut ffmpeg::encoder::video::Video, picture: &ffmpeg::frame::Video) {
    use ffmpeg::color::{Range, Space};
    if matches!(
        picture.color_space(),
        Space::BT709 | Space::BT470BG | Space::SMPTE170M | Space::BT2020NCL
    ) {
        video.set_colorspace(picture.color_space());
        video.set_color_primaries(picture.color_primaries());
        video.set_color_transfer_characteristic(picture.color_transfer_characteristic());
        video.set_color_range(Range::MPEG);
    }
}

/// Small pictures on one thread, large ones on a few: other streams want cores too. libvpx gets one: its threads wait
/// for each other by spinning, which on a busy machine of two cores costs seven times the work (measured: 85 ms a
/// picture of 1280x720 instead of 11).
fn threads(codec: Codec, pixel_rate: f64) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let most = match codec {
        Codec::H264 if pixel_rate > LARGE => 4,
        Codec::H264 => 2,
        _ => 1,
    };
    cores.min(most)
}
