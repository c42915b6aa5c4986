//! Pictures whose coded bytes are sent as they are in the file: put into the packetizer's form, and
//! watched for what their beginning did not show.

use bytes::Bytes;
use shared::api::Codec;

use super::av1;
use super::demux::Coded;
use super::frame::{AccessUnit, MediaTime};
use super::h264::{H264, Sequence};
use super::plan::{self, MAX_GOP, MAX_GOP_BYTES, VideoFacts};
use super::raw::{self, Header};

/// Two pictures closer than this, in microseconds, would share an RTP timestamp (11 us) or nearly.
const MIN_GAP: i64 = 100;

/// What came of one packet.
pub(super) enum Passed {
    Unit(AccessUnit),
    /// Nothing of use was in it, or decoding cannot begin yet.
    Nothing,
    /// The track is other than was thought. The new facts may forbid to pass it through.
    Otherwise(Box<VideoFacts>),
}

pub(super) struct Passthrough {
    facts: VideoFacts,
    codec: Option<Codec>,
    h264: H264,
    extradata: Vec<u8>,
    keyframe: bool,
    started: bool,
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
            started: false,
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
        self.started = false;
    }

    /// The last packet was one where decoding can begin.
    pub(super) fn was_keyframe(&self) -> bool {
        self.keyframe
    }

    pub(super) fn picture(&mut self, coded: &Coded, time: MediaTime) -> Passed {
        self.keyframe = coded.packet.is_key();
        if self.codec.is_none() || !plan::video_reasons(&self.facts).is_empty() {
            return Passed::Nothing;
        }
        let Some(codec) = self.codec else {
            return Passed::Nothing;
        };
        if let Some(extradata) = raw::new_extradata(&coded.packet) {
            self.h264.configure(extradata);
        }
        let data = coded.packet.data().unwrap_or_default();
        let data = match codec {
            Codec::H264 => {
                let Some(unit) = self.h264.unit(data) else {
                    self.keyframe = false;
                    return Passed::Nothing;
                };
                self.keyframe = unit.keyframe;
                if unit.new_parameters
                    && let Some(changed) = self
                        .h264
                        .sequence()
                        .and_then(|sequence| self.changed(&sequence))
                {
                    return self.otherwise(changed);
                }
                unit.data
            }
            Codec::Av1 if self.keyframe => {
                av1::with_sequence_header(Bytes::copy_from_slice(data), &self.extradata)
            }
            _ => Bytes::copy_from_slice(data),
        };
        let mut facts = self.facts.clone();
        if self.keyframe {
            self.gop_start = Some(time);
            self.gop_bytes = 0;
            self.started = true;
        }
        self.gop_bytes += data.len() as u64;
        let reordered = self.newest.is_some_and(|newest| time < newest);
        let gop_length = self.gop_start.map_or(0, |start| time.micros_since(start));
        facts.packets.reordered |= reordered;
        facts.packets.bad_times |= coded.hidden || !coded.timed;
        facts.packets.longest_gop = facts.packets.longest_gop.max(gop_length);
        facts.packets.biggest_gop = facts.packets.biggest_gop.max(self.gop_bytes);
        if reordered
            || facts.packets.bad_times
            || gop_length > MAX_GOP
            || self.gop_bytes > MAX_GOP_BYTES
        {
            return self.otherwise(facts);
        }
        if !self.started {
            return Passed::Nothing;
        }
        // Hidden pictures of VP8 may have the time of the one after them.
        let time = match self.newest {
            Some(newest) => time.max(newest.plus_micros(MIN_GAP)),
            None => time,
        };
        self.newest = Some(time);
        Passed::Unit(AccessUnit {
            codec,
            time,
            keyframe: self.keyframe,
            data,
        })
    }

    fn otherwise(&mut self, facts: VideoFacts) -> Passed {
        self.facts = facts.clone();
        Passed::Otherwise(Box::new(facts))
    }

    /// The facts by a new sequence parameter set, where they differ.
    fn changed(&self, sequence: &Sequence) -> Option<VideoFacts> {
        let mut facts = self.facts.clone();
        facts.width = sequence.width;
        facts.height = sequence.height;
        facts.interlaced = !sequence.frames_only;
        if sequence.bits != facts.bits {
            facts.bits = sequence.bits;
        }
        if (sequence.chroma == 1) != facts.is_420 {
            facts.is_420 = sequence.chroma == 1;
            facts.pixel_format = ["gray", "yuv420p", "yuv422p", "yuv444p"]
                .get(sequence.chroma as usize)
                .map_or_else(String::new, ToString::to_string);
        }
        (facts != self.facts).then_some(facts)
    }
}
