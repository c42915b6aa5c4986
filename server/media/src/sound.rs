//! Sound that has to be encoded again: decoded, mixed to stereo at 48 kHz, laid on a grid of samples by
//! its timestamps, and cut into packets of 20 ms of Opus (RFC 6716; RFC 7587).

use bytes::Bytes;
use ffmpeg_next as ffmpeg;
use shared::api::Codec;

use super::access_unit::AccessUnit;
use super::decode;
use super::error::MediaError;
use super::graph::Chain;
use super::grid::{FRAME, Grid, RATE};
use super::time::MediaTime;

/// Samples a second that make sense: others, of damaged files, would become hours.
pub(super) const RATES: std::ops::RangeInclusive<u32> = 1000..=1_000_000;
pub(super) const BITS_PER_SECOND: usize = 128_000;
/// libopus puts its output this many samples later than its input. The input is laid earlier by as
/// much, so that what is heard is in time.
const LOOK_AHEAD: i64 = 312;
/// One track of sound, from packets of the file to packets of Opus.
pub(super) struct Sound {
    decoder: Option<ffmpeg::decoder::Audio>,
    chain: Option<(Chain, Form)>,
    encoder: ffmpeg::encoder::audio::Encoder,
    grid: Grid,
    /// Frames that could not be decoded.
    pub bad: u64,
}

/// What a chain of filters was made for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Form {
    rate: u32,
    format: ffmpeg::format::Sample,
    channels: u16,
    layout: u64,
}

impl Sound {
    pub(super) fn new() -> Result<Self, MediaError> {
        let failed = MediaError::ffmpeg("start the encoder for sound");
        let found = ffmpeg::encoder::find_by_name("libopus")
            .ok_or(MediaError::NoEncoder("sound (Opus)"))?;
        let context = ffmpeg::codec::Context::new_with_codec(found);
        let mut audio = context.encoder().audio().map_err(&failed)?;
        audio.set_rate(RATE as i32);
        audio.set_channel_layout(ffmpeg::ChannelLayout::STEREO);
        audio.set_format(SAMPLE);
        audio.set_bit_rate(BITS_PER_SECOND);
        audio.set_time_base((1, RATE as i32));
        // In-band FEC would change nothing: at this rate Opus runs its CELT layer, which has none.
        let options = ffmpeg::Dictionary::from_iter([
            ("application", "audio"),
            ("frame_duration", "20"),
            ("vbr", "on"),
        ]);
        let encoder = audio.open_with(options).map_err(&failed)?;
        Ok(Self {
            decoder: None,
            chain: None,
            encoder,
            grid: Grid::default(),
            bad: 0,
        })
    }

    /// A pass over the file begins.
    pub(super) fn begin_pass(
        &mut self,
        parameters: &ffmpeg::codec::Parameters,
    ) -> Result<(), MediaError> {
        self.decoder = Some(decode::sound(parameters)?);
        self.chain = None;
        self.grid.realign();
        Ok(())
    }

    /// A packet of the file, its times in microseconds of the stream's clock.
    pub(super) fn packet(
        &mut self,
        packet: &ffmpeg::Packet,
    ) -> Result<Vec<AccessUnit>, MediaError> {
        if let Some(decoder) = &mut self.decoder
            && decoder.send_packet(packet).is_err()
        {
            self.bad += 1;
        }
        self.receive()
    }

    /// The pass is over: what decoder and filters hold back comes out.
    pub(super) fn end_pass(&mut self) -> Result<Vec<AccessUnit>, MediaError> {
        let mut units = Vec::new();
        if let Some(mut decoder) = self.decoder.take() {
            let _ = decoder.send_eof();
            self.decoder = Some(decoder);
            units = self.receive()?;
            self.decoder = None;
        }
        if let Some((mut chain, _)) = self.chain.take() {
            chain.finish();
            self.pull(&mut chain);
            units.extend(self.encode()?);
        }
        Ok(units)
    }

    /// Sound out of a generator: stereo, 48 kHz.
    pub(super) fn frame(
        &mut self,
        frame: &ffmpeg::frame::Audio,
        time: MediaTime,
    ) -> Result<Vec<AccessUnit>, MediaError> {
        self.grid.put(position(time), frame.plane::<(f32, f32)>(0));
        self.encode()
    }

    /// Silence up to `time`, where no sound came.
    pub(super) fn fill(&mut self, time: MediaTime) -> Result<Vec<AccessUnit>, MediaError> {
        self.grid.fill(position(time));
        self.encode()
    }

    fn receive(&mut self) -> Result<Vec<AccessUnit>, MediaError> {
        loop {
            let mut frame = ffmpeg::frame::Audio::empty();
            if self
                .decoder
                .as_mut()
                .is_none_or(|decoder| decoder.receive_frame(&mut frame).is_err())
            {
                break;
            }
            if frame.samples() == 0 || !RATES.contains(&frame.rate()) {
                continue;
            }
            let time = frame.timestamp();
            frame.set_pts(time);
            let form = Form {
                rate: frame.rate(),
                format: frame.format(),
                channels: frame.channels(),
                layout: frame.channel_layout().bits(),
            };
            let mut chain = match self.chain.take() {
                Some((chain, made_for)) if made_for == form => chain,
                other => {
                    if let Some((mut old, _)) = other {
                        old.finish();
                        self.pull(&mut old);
                    }
                    let Ok(chain) = Chain::sound(&frame, FILTERS) else {
                        self.bad += 1;
                        continue;
                    };
                    chain
                }
            };
            if chain.push(&frame).is_err() {
                self.bad += 1;
            }
            self.pull(&mut chain);
            self.chain = Some((chain, form));
        }
        self.encode()
    }

    fn pull(&mut self, chain: &mut Chain) {
        loop {
            let mut frame = ffmpeg::frame::Audio::empty();
            if !chain.pull(&mut frame) {
                return;
            }
            if frame.samples() > 0 {
                let at = frame
                    .pts()
                    .map_or_else(|| self.grid.end(), |time| position(MediaTime(time)));
                self.grid.put(at, frame.plane::<(f32, f32)>(0));
            }
        }
    }

    fn encode(&mut self) -> Result<Vec<AccessUnit>, MediaError> {
        let failed = MediaError::ffmpeg("encode sound");
        let mut units = Vec::new();
        while let Some((at, samples)) = self.grid.take() {
            let mut frame = ffmpeg::frame::Audio::new(SAMPLE, FRAME, ffmpeg::ChannelLayout::STEREO);
            frame.set_rate(RATE as u32);
            frame.set_pts(Some(at));
            for (to, from) in frame.plane_mut::<(f32, f32)>(0).iter_mut().zip(samples) {
                *to = from;
            }
            self.encoder.send_frame(&frame).map_err(&failed)?;
            let mut packet = ffmpeg::Packet::empty();
            while self.encoder.receive_packet(&mut packet).is_ok() {
                // One packet comes for one frame; the encoder's own times are moved by its look-ahead.
                if let Some(data) = packet.data() {
                    units.push(AccessUnit {
                        codec: Codec::Opus,
                        time: time(at),
                        keyframe: true,
                        data: Bytes::copy_from_slice(data),
                    });
                }
            }
        }
        Ok(units)
    }
}

const SAMPLE: ffmpeg::format::Sample =
    ffmpeg::format::Sample::F32(ffmpeg::format::sample::Type::Packed);

/// To what libopus takes.
pub(super) const FILTERS: &str =
    "aresample=48000,aformat=sample_fmts=flt:sample_rates=48000:channel_layouts=stereo";

fn position(time: MediaTime) -> i64 {
    time.to_clock(RATE as u32) - LOOK_AHEAD
}

fn time(position: i64) -> MediaTime {
    MediaTime((i128::from(position) * 1_000_000 / i128::from(RATE)) as i64)
}
