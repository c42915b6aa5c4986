//! Pictures whose coded bytes are sent as they are in the file: put into the packetizer's form, and
//! watched for what their beginning did not show.

use bytes::Bytes;
use shared::api::Codec;

use super::access_unit::AccessUnit;
use super::av1;
use super::demux::Coded;
use super::h264::H264;
use super::plan::{self, VideoFacts};
use super::raw::{self, Header};
use super::scan::{MAX_GOP, MAX_GOP_BYTES};
use super::sps::Sequence;
use super::time::MediaTime;

/// Two pictures closer than this, in microseconds, would share an RTP timestamp (11 us) or nearly.
const MIN_GAP: i64 = 100;

/// What came of one packet.
#[derive(Default)]
pub(super) struct Passed {
    /// To be sent, if the track is still passed through. `None` when nothing of use was in the packet, or decoding
    /// cannot begin yet.
    pub unit: Option<AccessUnit>,
    /// The track is other than was thought. These facts may forbid to pass it through.
    pub facts: Option<Box<VideoFacts>>,
}

pub(super) struct Passthrough {
    facts: VideoFacts,
    codec: Option<Codec>,
    h264: H264,
    extradata: Vec<u8>,
    keyframe: bool,
    /// Shown last, on the stream's clock; in this pass.
    newest: Option<MediaTime>,
    gop_start: Option<MediaTime>,
    gop_bytes: u64,
}

impl Passthrough {
    pub(super) fn new(facts: VideoFacts, header: &Header) -> Self {
        Self {
            codec: facts.native_codec(),
            facts,
            h264: H264::new(&header.extradata),
            extradata: header.extradata.clone(),
            keyframe: false,
            newest: None,
            gop_start: None,
            gop_bytes: 0,
        }
    }

    /// The file is read from its beginning again.
    pub(super) fn begin_pass(&mut self, header: &Header) {
        if self.extradata != header.extradata {
            self.h264 = H264::new(&header.extradata);
            self.extradata.clone_from(&header.extradata);
        }
        self.gop_start = None;
        self.gop_bytes = 0;
    }

    /// The last packet was one where decoding can begin.
    pub(super) fn was_keyframe(&self) -> bool {
        self.keyframe
    }

    pub(super) fn picture(&mut self, coded: &Coded, time: MediaTime) -> Passed {
        self.keyframe = coded.packet.is_key();
        let Some(codec) = self.codec else {
            return Passed::default();
        };
        if !plan::video_reasons(&self.facts).is_empty() {
            return Passed::default();
        }
        let mut facts = self.facts.clone();
        let Some(data) = self.data(codec, coded, &mut facts) else {
            self.keyframe = false;
            return Passed::default();
        };
        if self.keyframe {
            self.gop_start = Some(time);
            self.gop_bytes = 0;
        }
        self.gop_bytes += data.len() as u64;
        let gop_length = self.gop_start.map_or(0, |start| time.micros_since(start));
        facts.packets.reordered |= self.newest.is_some_and(|newest| time < newest);
        facts.packets.bad_times |= coded.hidden || !coded.timed;
        // Only what forbids: lengths that are merely new are no news.
        if gop_length > MAX_GOP {
            facts.packets.longest_gop = gop_length;
        }
        if self.gop_bytes > MAX_GOP_BYTES {
            facts.packets.biggest_gop = self.gop_bytes;
        }
        let news = (facts != self.facts).then(|| Box::new(facts.clone()));
        self.facts = facts;
        if self.gop_start.is_none() {
            return Passed {
                unit: None,
                facts: news,
            };
        }
        // Hidden pictures of VP8 may have the time of the one after them.
        let time = self
            .newest
            .map_or(time, |newest| time.max(newest.plus_micros(MIN_GAP)));
        self.newest = Some(time);
        Passed {
            unit: Some(AccessUnit {
                codec,
                time,
                keyframe: self.keyframe,
                data,
            }),
            facts: news,
        }
    }

    /// The packet in the packetizer's form; and what its parameter sets tell. `None` when nothing is in it.
    fn data(&mut self, codec: Codec, coded: &Coded, facts: &mut VideoFacts) -> Option<Bytes> {
        let data = coded.packet.data().unwrap_or_default();
        if codec == Codec::H264 {
            if let Some(extradata) = raw::new_extradata(&coded.packet) {
                self.h264.configure(extradata);
            }
            let unit = self.h264.unit(data)?;
            self.keyframe = unit.keyframe;
            if unit.new_parameters
                && let Some(sequence) = self.h264.sequence()
            {
                apply(&sequence, facts);
            }
            return Some(unit.data);
        }
        let data = Bytes::copy_from_slice(data);
        match codec {
            Codec::Av1 if self.keyframe => Some(av1::with_sequence_header(data, &self.extradata)),
            _ => Some(data),
        }
    }
}

/// The facts by a new sequence parameter set.
fn apply(sequence: &Sequence, facts: &mut VideoFacts) {
    (facts.width, facts.height) = (sequence.width, sequence.height);
    facts.interlaced |= !sequence.frames_only;
    facts.bits = sequence.bits;
    if (sequence.chroma == 1) != facts.is_420 {
        facts.is_420 = sequence.chroma == 1;
        let name = match sequence.chroma {
            0 => "gray",
            1 => "yuv420p",
            2 => "yuv422p",
            _ => "yuv444p",
        };
        name.clone_into(&mut facts.pixel_format);
    }
}
