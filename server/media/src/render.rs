//! Decoded pictures, made upright, progressive and small enough, into each codec that somebody watches.

use std::collections::{BTreeMap, BTreeSet};

use ffmpeg_next as ffmpeg;
use shared::api::Codec;

use super::access_unit::AccessUnit;
use super::encode::PictureEncoder;
use super::graph::Chain;
use super::plan;
use super::time::MediaTime;
use super::turn::Turn;

/// A picture is shown again when this long, in microseconds, none followed.
const REPEAT: i64 = 1_000_000;
/// The same where the usual rate is irregular: less than what browsers count as a freeze.
const REPEAT_IRREGULAR: i64 = 140_000;
/// The same for a codec that nothing was encoded to yet.
const REPEAT_NEW: i64 = 200_000;

/// What is to be done to the pictures of a track.
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
    /// The next packet may be long in coming: the decoder must not hold a picture back for it.
    pub prompt: bool,
    /// Keyframes are so rare that decoding cannot begin later: it runs from the start.
    pub always_decode: bool,
}

impl Setup {
    pub(super) fn of(facts: &plan::VideoFacts) -> Self {
        Self {
            turn: facts.turn,
            pixel_aspect: facts.pixel_aspect,
            interlaced: facts.interlaced,
            frame_rate: facts.frame_rate.unwrap_or(30.0).clamp(1.0, plan::MAX_RATE),
            gop: 2_000_000,
            irregular: facts.packets.irregular,
            prompt: facts.packets.irregular || facts.packets.still,
            always_decode: facts.packets.has_sparse_keyframes(),
        }
    }
}

/// What came of the work.
#[derive(Default)]
pub(super) struct Outcome {
    pub units: Vec<AccessUnit>,
    pub dropped: u64,
}

/// Filters and encoders of one track.
pub(super) struct Renderer {
    pub setup: Setup,
    /// `None` until the first picture tells the size.
    encoders: BTreeMap<Codec, Option<PictureEncoder>>,
    /// Those that cannot be opened: not tried again.
    broken: BTreeSet<Codec>,
    chain: Option<(Chain, Form)>,
    /// The newest picture, filtered, and when it was shown last.
    shown: Option<(ffmpeg::frame::Video, MediaTime)>,
    /// Newest unit of each codec, kept when its encoder goes: times never run backwards.
    newest: BTreeMap<Codec, MediaTime>,
    /// Pictures that the filters would not take.
    pub bad: u64,
}

/// What a chain of filters was made for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Form {
    size: (u32, u32),
    format: ffmpeg::format::Pixel,
    aspect: ffmpeg::Rational,
}

impl Renderer {
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            setup,
            encoders: BTreeMap::new(),
            broken: BTreeSet::new(),
            chain: None,
            shown: None,
            newest: BTreeMap::new(),
            bad: 0,
        }
    }

    pub(super) fn set_up(&mut self, setup: Setup) {
        self.setup = setup;
        self.chain = None;
    }

    /// These codecs are to be encoded from now on, and no others. True when one of them is new.
    pub(super) fn want(&mut self, codecs: &BTreeSet<Codec>) -> bool {
        self.encoders.retain(|codec, _| codecs.contains(codec));
        let mut new = false;
        for codec in codecs.difference(&self.broken) {
            new |= !self.encoders.contains_key(codec);
            self.encoders.entry(*codec).or_default();
        }
        if self.encoders.is_empty() && !self.setup.always_decode {
            self.chain = None;
            self.shown = None;
        }
        new
    }

    pub(super) fn want_keyframe(&mut self, codec: Codec) {
        if let Some(Some(encoder)) = self.encoders.get_mut(&codec) {
            encoder.want_keyframe();
        }
    }

    /// Nothing is encoded any more.
    pub(super) fn give_up(&mut self) {
        self.broken.extend(self.encoders.keys());
        self.encoders.clear();
    }

    pub(super) fn is_encoding(&self) -> bool {
        !self.encoders.is_empty()
    }

    /// Something else than an encoder made units of this codec up to `time`.
    pub(super) fn passed(&mut self, codec: Codec, time: MediaTime) {
        self.newest.insert(codec, time);
    }

    /// When the picture before was shown.
    pub(super) fn newest(&self) -> Option<MediaTime> {
        self.shown.as_ref().map(|(_, time)| *time)
    }

    /// A picture out of the decoder: through the filters, if any are needed, and into the encoders.
    pub(super) fn picture(
        &mut self,
        picture: ffmpeg::frame::Video,
        time: MediaTime,
        outcome: &mut Outcome,
    ) {
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
            self.show(picture, time, outcome);
            return;
        }
        let mut chain = match self.chain.take() {
            Some((chain, made_for)) if made_for == form => chain,
            _ => {
                let filters = filters(size, self.setup.turn, self.setup.interlaced);
                let Ok(chain) = Chain::pictures(&picture, &filters) else {
                    self.bad += 1;
                    return;
                };
                chain
            }
        };
        if chain.push(&picture).is_ok() {
            self.pull(&mut chain, outcome);
        } else {
            self.bad += 1;
        }
        self.chain = Some((chain, form));
    }

    /// A pass is over: deinterlacing holds a picture back.
    pub(super) fn drain(&mut self, outcome: &mut Outcome) {
        if let Some((mut chain, _)) = self.chain.take() {
            chain.finish();
            self.pull(&mut chain, outcome);
        }
    }

    fn pull(&mut self, chain: &mut Chain, outcome: &mut Outcome) {
        loop {
            let mut picture = ffmpeg::frame::Video::empty();
            if !chain.pull(&mut picture) {
                return;
            }
            if let Some(time) = picture.pts().map(MediaTime) {
                self.show(picture, time, outcome);
            }
        }
    }

    /// A picture that is as it is to be encoded.
    pub(super) fn show(
        &mut self,
        mut picture: ffmpeg::frame::Video,
        time: MediaTime,
        outcome: &mut Outcome,
    ) {
        self.encode(&mut picture, time, outcome);
        self.shown = Some((picture, time));
    }

    /// When the newest picture has to be shown again for want of a newer one; `None` when never.
    pub(super) fn repeat_due(&self) -> Option<MediaTime> {
        let (_, shown) = self.shown.as_ref().filter(|_| self.is_encoding())?;
        let after = if self.encoders.values().any(Option::is_none) {
            REPEAT_NEW
        } else if self.setup.irregular {
            REPEAT_IRREGULAR
        } else {
            REPEAT
        };
        Some(shown.plus_micros(after))
    }

    /// Shows the newest picture again at `time`.
    pub(super) fn repeat(&mut self, time: MediaTime, outcome: &mut Outcome) {
        if let Some((picture, _)) = self.shown.take() {
            self.show(picture, time, outcome);
        }
    }

    fn encode(
        &mut self,
        picture: &mut ffmpeg::frame::Video,
        time: MediaTime,
        outcome: &mut Outcome,
    ) {
        let size = (picture.width(), picture.height());
        for (codec, slot) in &mut self.encoders {
            if self.newest.get(codec).is_some_and(|newest| time <= *newest) {
                continue;
            }
            let encoder = match slot.take().filter(|encoder| encoder.size() == size) {
                Some(encoder) => Ok(encoder),
                None => {
                    PictureEncoder::open(*codec, picture, self.setup.frame_rate, self.setup.gop)
                }
            };
            let encoder = match encoder {
                Ok(encoder) => slot.insert(encoder),
                Err(error) => {
                    // The other codecs, and what is passed through, go on.
                    tracing::error!(?codec, ?size, %error, "cannot encode");
                    self.broken.insert(*codec);
                    continue;
                }
            };
            match encoder.encode(picture, time) {
                Ok(units) => outcome.units.extend(units),
                Err(error) => {
                    tracing::warn!(?codec, %error, "a picture is left out");
                    outcome.dropped += 1;
                }
            }
            self.newest.insert(*codec, time);
        }
        self.encoders
            .retain(|codec, _| !self.broken.contains(codec));
    }
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
