//! Pictures that have to be encoded again: decoded once, filtered once, encoded to each codec that
//! somebody watches. The work is cut into small steps, which the source takes while it waits for the
//! next packet: so a codec that starts late catches up without holding up the rest.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ffmpeg_next as ffmpeg;
use shared::api::Codec;

use super::demux::Turn;
use super::encode::PictureEncoder;
use super::error::MediaError;
use super::frame::{AccessUnit, MediaTime};
use super::graph::{Chain, TIME_BASE};
use super::plan::{self, MAX_GOP, MAX_GOP_BYTES};

/// A picture this late, in microseconds, is left out rather than encoded.
const LATE: i64 = 100_000;
/// But one a second of what is left out is encoded, so that there is always something to see.
const AT_LEAST_EVERY: Duration = Duration::from_secs(1);
/// When decoding lags this much, in microseconds, it jumps to a newer keyframe if there is one.
const HOPELESS: i64 = 2_000_000;
/// A picture is shown again when this long, in microseconds, none followed.
const REPEAT_STILL: i64 = 1_000_000;
/// The same where the usual rate is irregular: less than what browsers count as a freeze.
const REPEAT_IRREGULAR: i64 = 140_000;

/// What the work needs to know of the track.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub turn: Turn,
    pub pixel_aspect: (u32, u32),
    pub interlaced: bool,
    pub frame_rate: f64,
    /// From keyframe to keyframe of what is encoded, in microseconds.
    pub gop: i64,
    /// The rate varies so much that pictures are shown again in between.
    pub irregular: bool,
    /// Keyframes are so rare that decoding cannot begin later: it runs from the start.
    pub always_decode: bool,
}

impl Setup {
    pub(super) fn of(facts: &plan::VideoFacts) -> Self {
        let packets = &facts.packets;
        Self {
            turn: facts.turn,
            pixel_aspect: facts.pixel_aspect,
            interlaced: facts.interlaced,
            frame_rate: facts.frame_rate.unwrap_or(30.0).clamp(1.0, plan::MAX_RATE),
            gop: 2_000_000,
            irregular: packets.irregular,
            always_decode: packets.no_keyframe
                || packets.longest_gop > MAX_GOP
                || packets.biggest_gop > MAX_GOP_BYTES,
        }
    }
}

/// One thing to do.
#[derive(Clone)]
enum Step {
    /// A pass over the file begins with this decoder configuration.
    Begin(Arc<ffmpeg::codec::Parameters>),
    Packet(Arc<Packet>),
    /// The pass is over: what the decoder holds back comes out.
    End,
}

/// A coded picture of the file, its times moved onto the stream's clock.
struct Packet {
    packet: ffmpeg::Packet,
    time: MediaTime,
    keyframe: bool,
}

/// What came of the work.
#[derive(Default)]
pub(super) struct Outcome {
    pub units: Vec<AccessUnit>,
    pub dropped: u64,
}

pub(super) struct Pictures {
    setup: Setup,
    /// `None` until the first picture tells the size; taken out for good where it cannot be opened.
    encoders: BTreeMap<Codec, Option<PictureEncoder>>,
    broken: BTreeSet<Codec>,
    steps: VecDeque<Step>,
    step_bytes: usize,
    decoder: Option<ffmpeg::decoder::Video>,
    parameters: Option<Arc<ffmpeg::codec::Parameters>>,
    /// The packets since the newest keyframe: where a codec that starts late begins to decode.
    gop: Vec<Arc<Packet>>,
    gop_bytes: u64,
    chain: Option<(Chain, Form)>,
    /// The newest picture, filtered.
    shown: Option<ffmpeg::frame::Video>,
    /// Newest that was encoded, and when (or when the work began).
    newest: Option<MediaTime>,
    encoded_at: Option<Instant>,
    /// Encoders that began just now: what is late until they caught up is not counted as dropped.
    catching_up: bool,
    /// Pictures that could not be decoded.
    pub bad: u64,
}

/// What a chain of filters was made for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Form {
    size: (u32, u32),
    format: ffmpeg::format::Pixel,
    aspect: ffmpeg::Rational,
}

impl Pictures {
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            setup,
            encoders: BTreeMap::new(),
            broken: BTreeSet::new(),
            steps: VecDeque::new(),
            step_bytes: 0,
            decoder: None,
            parameters: None,
            gop: Vec::new(),
            gop_bytes: 0,
            chain: None,
            shown: None,
            newest: None,
            encoded_at: None,
            catching_up: false,
            bad: 0,
        }
    }

    /// New facts came up while running.
    pub(super) fn set_up(&mut self, setup: Setup) {
        self.setup = setup;
        self.chain = None;
    }

    /// These codecs are to be encoded from now on, and no others.
    pub(super) fn want(&mut self, codecs: &BTreeSet<Codec>) {
        self.encoders.retain(|codec, _| codecs.contains(codec));
        for codec in codecs {
            if !self.broken.contains(codec) && !self.encoders.contains_key(codec) {
                if !self.is_decoding() {
                    self.start_decoding();
                }
                self.catching_up |= self.shown.is_none();
                self.encoders.insert(*codec, None);
            }
        }
        if !self.is_decoding() {
            self.steps.clear();
            self.step_bytes = 0;
            self.decoder = None;
            self.chain = None;
            self.shown = None;
            self.newest = None;
            self.encoded_at = None;
        }
    }

    pub(super) fn want_keyframe(&mut self, codec: Codec) {
        if let Some(Some(encoder)) = self.encoders.get_mut(&codec) {
            encoder.want_keyframe();
        }
    }

    /// The track cannot be decoded: nothing of it is encoded any more.
    pub(super) fn give_up(&mut self) {
        self.broken.extend(self.encoders.keys());
        self.setup.always_decode = false;
        self.want(&BTreeSet::new());
    }

    pub(super) fn is_encoding(&self) -> bool {
        !self.encoders.is_empty()
    }

    fn is_decoding(&self) -> bool {
        !self.encoders.is_empty() || self.setup.always_decode
    }

    fn start_decoding(&mut self) {
        self.steps.clear();
        self.step_bytes = 0;
        self.decoder = None;
        if let Some(parameters) = &self.parameters {
            self.steps.push_back(Step::Begin(Arc::clone(parameters)));
        }
        for packet in &self.gop {
            self.step_bytes += packet.packet.size();
            self.steps.push_back(Step::Packet(Arc::clone(packet)));
        }
    }

    /// A pass over the file begins.
    pub(super) fn begin_pass(&mut self, parameters: ffmpeg::codec::Parameters) {
        let parameters = Arc::new(parameters);
        if self.is_decoding() {
            self.steps.push_back(Step::Begin(Arc::clone(&parameters)));
        }
        self.parameters = Some(parameters);
        self.gop.clear();
        self.gop_bytes = 0;
    }

    /// A packet of the file, its own times in microseconds of the stream's clock.
    pub(super) fn packet(&mut self, packet: ffmpeg::Packet, time: MediaTime, keyframe: bool) {
        let size = packet.size();
        if keyframe {
            self.gop.clear();
            self.gop_bytes = 0;
        }
        let packet = Arc::new(Packet {
            packet,
            time,
            keyframe,
        });
        // Without its beginning a GOP is of no use, so it is dropped whole when it gets too big.
        if (keyframe || !self.gop.is_empty())
            && self.gop_bytes + size as u64 <= MAX_GOP_BYTES + (8 << 20)
        {
            self.gop_bytes += size as u64;
            self.gop.push(Arc::clone(&packet));
        } else {
            self.gop.clear();
            self.gop_bytes = 0;
        }
        if self.is_decoding() {
            self.step_bytes += size;
            self.steps.push_back(Step::Packet(packet));
        }
    }

    /// The pass is over.
    pub(super) fn end_pass(&mut self) {
        if self.is_decoding() {
            self.steps.push_back(Step::End);
        }
    }

    /// True when there is something to do.
    pub(super) fn has_work(&self) -> bool {
        !self.steps.is_empty()
    }

    /// Does one step. `live`: the media time that is live now.
    pub(super) fn work(&mut self, live: MediaTime, now: Instant) -> Result<Outcome, MediaError> {
        let mut outcome = Outcome::default();
        self.encoded_at.get_or_insert(now);
        self.give_up_the_hopeless(live, &mut outcome);
        match self.steps.pop_front() {
            None => {}
            Some(Step::Begin(parameters)) => {
                self.decoder = Some(open_decoder(&parameters)?);
                self.parameters.get_or_insert(parameters);
            }
            Some(Step::End) => {
                if let Some(decoder) = &mut self.decoder {
                    let _ = decoder.send_eof();
                    self.receive(live, now, &mut outcome)?;
                }
                // Deinterlacing holds a picture back.
                if let Some((mut chain, _)) = self.chain.take() {
                    chain.finish();
                    self.pull(&mut chain, now, &mut outcome)?;
                }
                self.decoder = None;
            }
            Some(Step::Packet(packet)) => {
                self.step_bytes = self.step_bytes.saturating_sub(packet.packet.size());
                if let Some(decoder) = &mut self.decoder {
                    // While late, pictures that no other one needs are not even decoded.
                    let late = live.micros_since(packet.time) > LATE;
                    decoder.skip_frame(if late {
                        ffmpeg::Discard::NonReference
                    } else {
                        ffmpeg::Discard::Default
                    });
                    if decoder.send_packet(&packet.packet).is_err() {
                        self.bad += 1;
                    }
                    self.receive(live, now, &mut outcome)?;
                }
            }
        }
        Ok(outcome)
    }

    /// When the newest picture has to be shown again for want of a newer one; `None` when never.
    pub(super) fn repeat_due(&self) -> Option<MediaTime> {
        if self.encoders.is_empty() || self.has_work() {
            return None;
        }
        self.shown.as_ref()?;
        // An encoder that came while a still was shown begins at once.
        if self.encoders.values().any(Option::is_none) {
            return self.newest.map(|newest| newest.plus_micros(1000));
        }
        let after = if self.setup.irregular {
            REPEAT_IRREGULAR
        } else {
            REPEAT_STILL
        };
        self.newest.map(|newest| newest.plus_micros(after))
    }

    /// Shows the newest picture again at `time`.
    pub(super) fn repeat(&mut self, time: MediaTime, now: Instant) -> Result<Outcome, MediaError> {
        let mut outcome = Outcome::default();
        if let Some(mut picture) = self.shown.take() {
            self.encode(&mut picture, time, now, &mut outcome)?;
            self.shown = Some(picture);
        }
        Ok(outcome)
    }

    /// A picture from elsewhere than a decoder; its time is `time`.
    pub(super) fn show(
        &mut self,
        mut picture: ffmpeg::frame::Video,
        time: MediaTime,
        now: Instant,
    ) -> Result<Outcome, MediaError> {
        let mut outcome = Outcome::default();
        self.encode(&mut picture, time, now, &mut outcome)?;
        self.shown = Some(picture);
        Ok(outcome)
    }

    fn give_up_the_hopeless(&mut self, live: MediaTime, outcome: &mut Outcome) {
        let Some(Step::Packet(head)) = self.steps.front() else {
            return;
        };
        if live.micros_since(head.time) < HOPELESS && (self.step_bytes as u64) < 2 * MAX_GOP_BYTES {
            return;
        }
        let newer = self
            .steps
            .iter()
            .enumerate()
            .skip(1)
            .filter(|(_, step)| matches!(step, Step::Packet(packet) if packet.keyframe));
        let Some((at, _)) = newer.last() else { return };
        for step in self.steps.drain(..at) {
            match step {
                Step::Packet(packet) => {
                    self.step_bytes = self.step_bytes.saturating_sub(packet.packet.size());
                    outcome.dropped += u64::from(!self.catching_up);
                }
                Step::Begin(parameters) => self.parameters = Some(parameters),
                Step::End => {}
            }
        }
        // The decoder's memory is of the old place; the newest pass's configuration is in `parameters`.
        self.decoder = self
            .parameters
            .as_ref()
            .and_then(|parameters| open_decoder(parameters).ok());
    }

    fn receive(
        &mut self,
        live: MediaTime,
        now: Instant,
        outcome: &mut Outcome,
    ) -> Result<(), MediaError> {
        loop {
            let Some(decoder) = &mut self.decoder else {
                return Ok(());
            };
            let mut picture = ffmpeg::frame::Video::empty();
            if decoder.receive_frame(&mut picture).is_err() {
                return Ok(());
            }
            let Some(time) = picture.timestamp().map(MediaTime) else {
                continue;
            };
            if self.newest.is_some_and(|newest| {
                time.micros_since(newest) < (950_000.0 / plan::MAX_RATE) as i64
            }) {
                continue; // faster than what is encoded, or out of order
            }
            let late = live.micros_since(time) > LATE;
            let starved = self
                .encoded_at
                .is_some_and(|at| now.saturating_duration_since(at) >= AT_LEAST_EVERY);
            if late && !starved && self.has_work() {
                outcome.dropped += u64::from(!self.catching_up);
                continue;
            }
            self.catching_up = false;
            picture.set_pts(Some(time.0));
            self.filter(picture, now, outcome)?;
        }
    }

    /// Through the filters, if any are needed, and into the encoders.
    fn filter(
        &mut self,
        mut picture: ffmpeg::frame::Video,
        now: Instant,
        outcome: &mut Outcome,
    ) -> Result<(), MediaError> {
        let form = Form {
            size: (picture.width(), picture.height()),
            format: picture.format(),
            aspect: picture.aspect_ratio(),
        };
        let pixel_aspect = match (
            u32::try_from(form.aspect.numerator()),
            u32::try_from(form.aspect.denominator()),
        ) {
            (Ok(num), Ok(den)) if num > 0 && den > 0 => (num, den),
            _ => self.setup.pixel_aspect,
        };
        let size = plan::encoded_size(form.size.0, form.size.1, pixel_aspect, self.setup.turn);
        let as_is = size == form.size
            && form.format == ffmpeg::format::Pixel::YUV420P
            && self.setup.turn == Turn::default()
            && !self.setup.interlaced
            && picture.color_range() != ffmpeg::color::Range::JPEG;
        if as_is {
            let time = MediaTime(picture.pts().unwrap_or_default());
            self.encode(&mut picture, time, now, outcome)?;
            self.shown = Some(picture);
            return Ok(());
        }
        let mut chain = match self.chain.take() {
            Some((chain, made_for)) if made_for == form => chain,
            _ => Chain::pictures(
                &picture,
                &filters(size, self.setup.turn, self.setup.interlaced),
            )
            .map_err(MediaError::ffmpeg("convert pictures"))?,
        };
        if chain.push(&picture).is_err() {
            self.bad += 1;
            return Ok(());
        }
        self.pull(&mut chain, now, outcome)?;
        self.chain = Some((chain, form));
        Ok(())
    }

    fn pull(
        &mut self,
        chain: &mut Chain,
        now: Instant,
        outcome: &mut Outcome,
    ) -> Result<(), MediaError> {
        loop {
            let mut picture = ffmpeg::frame::Video::empty();
            if !chain.pull(&mut picture) {
                return Ok(());
            }
            let Some(time) = picture.pts().map(MediaTime) else {
                continue;
            };
            self.encode(&mut picture, time, now, outcome)?;
            self.shown = Some(picture);
        }
    }

    fn encode(
        &mut self,
        picture: &mut ffmpeg::frame::Video,
        time: MediaTime,
        now: Instant,
        outcome: &mut Outcome,
    ) -> Result<(), MediaError> {
        if self.newest.is_some_and(|newest| time <= newest) {
            return Ok(());
        }
        let size = (picture.width(), picture.height());
        for (codec, slot) in &mut self.encoders {
            if slot.as_ref().is_some_and(|encoder| encoder.size() != size) {
                *slot = None;
            }
            let encoder = match slot {
                Some(encoder) => encoder,
                None => {
                    match PictureEncoder::open(*codec, size, self.setup.frame_rate, self.setup.gop)
                    {
                        Ok(encoder) => slot.insert(encoder),
                        Err(error) => {
                            // The other codecs, and what is passed through, go on.
                            tracing::error!(?codec, ?size, %error, "cannot encode");
                            self.broken.insert(*codec);
                            continue;
                        }
                    }
                }
            };
            match encoder.encode(picture, time) {
                Ok(units) => outcome.units.extend(units),
                Err(error) => {
                    tracing::warn!(?codec, %error, "a picture is left out");
                    outcome.dropped += 1;
                }
            }
        }
        self.encoders
            .retain(|codec, _| !self.broken.contains(codec));
        self.newest = Some(time);
        self.encoded_at = Some(now);
        Ok(())
    }
}

fn open_decoder(
    parameters: &ffmpeg::codec::Parameters,
) -> Result<ffmpeg::decoder::Video, MediaError> {
    let failed = MediaError::ffmpeg("open the decoder for the pictures");
    let mut context =
        ffmpeg::codec::Context::from_parameters(parameters.clone()).map_err(&failed)?;
    // Each thread holds a picture back; two keep that well within the lead.
    let count = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(2);
    context.set_threading(ffmpeg::threading::Config {
        kind: ffmpeg::threading::Type::Frame,
        count,
        ..Default::default()
    });
    let mut decoder = context.decoder();
    decoder.set_packet_time_base(TIME_BASE);
    decoder.video().map_err(&failed)
}

fn filters((width, height): (u32, u32), turn: Turn, interlaced: bool) -> String {
    let turn = turn_filters(turn, interlaced);
    format!("{turn}scale={width}:{height}:flags=bicubic:out_range=tv,setsar=1,format=yuv420p")
}

/// What makes a picture progressive and upright, each filter with a comma behind it.
pub(super) fn turn_filters(turn: Turn, interlaced: bool) -> String {
    let mut filters = String::new();
    if interlaced {
        filters.push_str("bwdif=mode=send_frame:parity=auto:deint=interlaced,");
    }
    filters.push_str(match turn.degrees {
        90 => "transpose=clock,",
        180 => "hflip,vflip,",
        270 => "transpose=cclock,",
        _ => "",
    });
    if turn.mirrored {
        filters.push_str("hflip,");
    }
    filters
}
