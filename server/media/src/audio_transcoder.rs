//! Transcoding of an audio track to Opus (RFC 6716, RFC 7587): decoded, mixed to stereo at 48 kHz, placed by timestamp,
//! and encoded in packets of 20 ms.

use bytes::Bytes;
use ffmpeg_next as ffmpeg;
use shared::api::Codec;

use super::access_unit::AccessUnit;
use super::decoder;
use super::error::MediaError;
use super::filter_graph::FilterGraph;
use super::raw;
use super::sample_timeline::{FRAME_SAMPLES, SAMPLE_RATE, SampleTimeline};
use super::stereo_mix::{Channels, StereoMix};
use super::time::MediaTime;

/// Plausible sample rates in Hz. Others come from damaged files, and would turn a frame into hours of audio.
pub(super) const SAMPLE_RATES: std::ops::RangeInclusive<u32> = 1000..=1_000_000;
/// Bits per second.
pub(super) const BITRATE: usize = 128_000;
/// The encoder delay of libopus in samples. Its input is placed earlier by as much, so that the output is in sync.
const ENCODER_DELAY: i64 = 312;

/// Turns the packets of an audio track into Opus packets.
pub(super) struct AudioTranscoder {
    decoder: Option<ffmpeg::decoder::Audio>,
    filters: Option<Conversion>,
    encoder: ffmpeg::encoder::audio::Encoder,
    timeline: SampleTimeline,
    /// Packets and frames that could not be decoded or filtered.
    pub decode_errors: u64,
}

/// The input format of a filter graph.
#[derive(Clone, Copy, Debug, PartialEq)]
struct AudioFormat {
    rate: u32,
    sample: ffmpeg::format::Sample,
    count: u16,
    channels: Channels,
}

/// Turns decoded frames of one format into stereo at 48 kHz.
struct Conversion {
    format: AudioFormat,
    graph: FilterGraph,
    mix: StereoMix,
}

impl AudioTranscoder {
    pub(super) fn new() -> Result<Self, MediaError> {
        let failed = MediaError::ffmpeg("start the audio encoder");
        let codec = ffmpeg::encoder::find_by_name("libopus")
            .ok_or(MediaError::NoEncoder("audio (Opus)"))?;
        let context = ffmpeg::codec::Context::new_with_codec(codec);
        let mut audio = context.encoder().audio().map_err(&failed)?;
        audio.set_rate(SAMPLE_RATE as i32);
        audio.set_channel_layout(ffmpeg::ChannelLayout::STEREO);
        audio.set_format(SAMPLE_FORMAT);
        audio.set_bit_rate(BITRATE);
        audio.set_time_base((1, SAMPLE_RATE as i32));
        // No in-band FEC: at this bit rate Opus uses its CELT layer, which does not support it.
        let options = ffmpeg::Dictionary::from_iter([
            ("application", "audio"),
            ("frame_duration", "20"),
            ("vbr", "on"),
        ]);
        let encoder = audio.open_with(options).map_err(&failed)?;
        Ok(Self {
            decoder: None,
            filters: None,
            encoder,
            timeline: SampleTimeline::default(),
            decode_errors: 0,
        })
    }

    /// An iteration of the file begins.
    pub(super) fn begin_iteration(
        &mut self,
        parameters: &ffmpeg::codec::Parameters,
    ) -> Result<(), MediaError> {
        self.decoder = Some(decoder::open_audio(parameters)?);
        self.filters = None;
        self.timeline.realign();
        Ok(())
    }

    /// Transcodes a packet of the file, its times in microseconds of the stream's clock.
    pub(super) fn push_packet(
        &mut self,
        packet: &ffmpeg::Packet,
    ) -> Result<Vec<AccessUnit>, MediaError> {
        if let Some(decoder) = &mut self.decoder
            && decoder.send_packet(packet).is_err()
        {
            self.decode_errors += 1;
        }
        self.receive()
    }

    /// Ends the iteration: returns the units of the samples that decoder and filters have held back.
    pub(super) fn end_iteration(&mut self) -> Result<Vec<AccessUnit>, MediaError> {
        let mut units = Vec::new();
        if let Some(mut decoder) = self.decoder.take() {
            let _ = decoder.send_eof();
            self.decoder = Some(decoder);
            units = self.receive()?;
            self.decoder = None;
        }
        if let Some(mut old) = self.filters.take() {
            old.graph.finish();
            self.pull(&mut old);
            units.extend(self.encode()?);
        }
        Ok(units)
    }

    /// Encodes generated audio: stereo, 48 kHz.
    pub(super) fn push_frame(
        &mut self,
        frame: &ffmpeg::frame::Audio,
        time: MediaTime,
    ) -> Result<Vec<AccessUnit>, MediaError> {
        self.timeline
            .insert(position(time), frame.plane::<(f32, f32)>(0));
        self.encode()
    }

    /// Encodes silence up to `time`, where the track has no audio.
    pub(super) fn fill_silence(&mut self, time: MediaTime) -> Result<Vec<AccessUnit>, MediaError> {
        self.timeline.fill_silence(position(time));
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
            if frame.samples() == 0 || !SAMPLE_RATES.contains(&frame.rate()) {
                continue;
            }
            let time = frame.timestamp();
            frame.set_pts(time);
            let format = AudioFormat {
                rate: frame.rate(),
                sample: frame.format(),
                count: frame.channels(),
                channels: if raw::is_ambisonic(&frame) {
                    Channels::Ambisonic
                } else {
                    Channels::Layout(frame.channel_layout().bits())
                },
            };
            let mut filters = match self.filters.take() {
                Some(filters) if filters.format == format => filters,
                other => {
                    if let Some(mut old) = other {
                        old.graph.finish();
                        self.pull(&mut old);
                    }
                    let Ok(graph) = FilterGraph::audio(&frame, CONVERT) else {
                        self.decode_errors += 1;
                        continue;
                    };
                    Conversion {
                        format,
                        graph,
                        mix: StereoMix::new(format.count, format.channels),
                    }
                }
            };
            if filters.graph.push(&frame).is_err() {
                self.decode_errors += 1;
            }
            self.pull(&mut filters);
            self.filters = Some(filters);
        }
        self.encode()
    }

    fn pull(&mut self, from: &mut Conversion) {
        loop {
            let mut frame = ffmpeg::frame::Audio::empty();
            if !from.graph.pull(&mut frame) {
                return;
            }
            if frame.samples() > 0 {
                let bytes = frame.samples() * usize::from(from.format.count) * size_of::<f32>();
                let samples = frame.data(0)[..bytes].as_chunks().0;
                let mixed = from
                    .mix
                    .mix(samples.iter().copied().map(f32::from_ne_bytes));
                let at = frame
                    .pts()
                    .map_or_else(|| self.timeline.end(), |time| position(MediaTime(time)));
                self.timeline.insert(at, &mixed);
            }
        }
    }

    fn encode(&mut self) -> Result<Vec<AccessUnit>, MediaError> {
        let failed = MediaError::ffmpeg("encode audio");
        let mut units = Vec::new();
        while let Some((at, samples)) = self.timeline.pop_frame() {
            let mut frame = ffmpeg::frame::Audio::new(
                SAMPLE_FORMAT,
                FRAME_SAMPLES,
                ffmpeg::ChannelLayout::STEREO,
            );
            frame.set_rate(SAMPLE_RATE as u32);
            frame.set_pts(Some(at));
            for (to, from) in frame.plane_mut::<(f32, f32)>(0).iter_mut().zip(samples) {
                *to = from;
            }
            self.encoder.send_frame(&frame).map_err(&failed)?;
            let mut packet = ffmpeg::Packet::empty();
            while self.encoder.receive_packet(&mut packet).is_ok() {
                // The encoder returns one packet per frame. Its own times are shifted by the encoder delay.
                if let Some(data) = packet.data() {
                    units.push(AccessUnit {
                        codec: Codec::Opus,
                        dts: time(at),
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

const SAMPLE_FORMAT: ffmpeg::format::Sample =
    ffmpeg::format::Sample::F32(ffmpeg::format::sample::Type::Packed);

/// Converts to the input format of libopus, but for the number of channels.
pub(super) const CONVERT: &str = "aresample=48000,aformat=sample_fmts=flt:sample_rates=48000";

/// Stream time to sample position.
fn position(time: MediaTime) -> i64 {
    time.to_clock(SAMPLE_RATE as u32) - ENCODER_DELAY
}

fn time(position: i64) -> MediaTime {
    MediaTime((i128::from(position) * 1_000_000 / i128::from(SAMPLE_RATE)) as i64)
}
