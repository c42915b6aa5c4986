//! Video that is sent as coded in the file: converted to the packetizer's form, and checked for properties that the
//! probe did not see.

use bitstream::h264::H264Normalizer;
use bitstream::sps::SpsInfo;
use bitstream::{av1, vp9};
use bytes::Bytes;
use shared::api::Codec;

use super::access_unit::AccessUnit;
use super::demuxer::DemuxedPacket;
use super::facts::VideoFacts;
use super::packet_scan::{MAX_GOP, MAX_GOP_BYTES};
use super::plan;
use super::raw::{self, TrackHeader};
use super::time::MediaTime;

/// Two frames closer than this, in microseconds, would have nearly the same RTP timestamp (a tick is 11 us).
const MIN_GAP: i64 = 100;

/// The result for one packet.
#[derive(Default)]
pub(super) struct PassthroughOutput {
    /// To be sent if the track is still passed through. `None` when the packet has no frame, or when decoding cannot
    /// begin yet.
    pub unit: Option<AccessUnit>,
    /// New facts about the track, which may forbid to pass it through.
    pub facts: Option<Box<VideoFacts>>,
}

/// Passes one video track through.
pub(super) struct Passthrough {
    facts: VideoFacts,
    codec: Option<Codec>,
    h264: H264Normalizer,
    extradata: Vec<u8>,
    /// The matrix is that of BT.601, or unspecified.
    may_be_bt601: bool,
    keyframe: bool,
    /// Time of the newest unit on the stream's clock.
    newest: Option<MediaTime>,
    /// In this iteration.
    gop_start: Option<MediaTime>,
    gop_bytes: u64,
}

impl Passthrough {
    pub(super) fn new(facts: VideoFacts, header: &TrackHeader) -> Self {
        Self {
            codec: facts.native_codec(),
            facts,
            h264: H264Normalizer::tagging(&header.extradata, header.may_be_bt601),
            extradata: header.extradata.clone(),
            may_be_bt601: header.may_be_bt601,
            keyframe: false,
            newest: None,
            gop_start: None,
            gop_bytes: 0,
        }
    }

    /// An iteration of the file begins.
    pub(super) fn begin_iteration(&mut self, header: &TrackHeader) {
        if self.extradata != header.extradata {
            self.h264 = H264Normalizer::tagging(&header.extradata, header.may_be_bt601);
            self.extradata.clone_from(&header.extradata);
        }
        self.may_be_bt601 = header.may_be_bt601;
        self.gop_start = None;
        self.gop_bytes = 0;
    }

    /// True when decoding can begin at the packet that was processed last.
    pub(super) fn was_keyframe(&self) -> bool {
        self.keyframe
    }

    /// Converts one packet. `time`: its presentation time on the stream's clock.
    pub(super) fn process(
        &mut self,
        demuxed: &DemuxedPacket,
        time: MediaTime,
    ) -> PassthroughOutput {
        self.keyframe = demuxed.packet.is_key();
        let Some(codec) = self.codec else {
            return PassthroughOutput::default();
        };
        if !plan::video_reasons(&self.facts).is_empty() {
            return PassthroughOutput::default();
        }
        let mut facts = self.facts.clone();
        let Some(data) = self.data(codec, demuxed, &mut facts) else {
            self.keyframe = false;
            return PassthroughOutput::default();
        };
        if self.keyframe {
            self.gop_start = Some(time);
            self.gop_bytes = 0;
        }
        self.gop_bytes += data.len() as u64;
        let gop_length = self.gop_start.map_or(0, |start| time.micros_since(start));
        facts.packets.reordered |= self.newest.is_some_and(|newest| time < newest);
        facts.packets.bad_timestamps |= demuxed.discard || !demuxed.has_pts;
        // Only values that forbid passthrough: a merely longer GOP does not change the plan.
        if gop_length > MAX_GOP {
            facts.packets.longest_gop = gop_length;
        }
        if self.gop_bytes > MAX_GOP_BYTES {
            facts.packets.largest_gop = self.gop_bytes;
        }
        let new_facts = (facts != self.facts).then(|| Box::new(facts.clone()));
        self.facts = facts;
        if self.gop_start.is_none() {
            return PassthroughOutput {
                unit: None,
                facts: new_facts,
            };
        }
        // A hidden frame of VP8 may have the time of the frame after it.
        let time = self
            .newest
            .map_or(time, |newest| time.max(newest.plus_micros(MIN_GAP)));
        self.newest = Some(time);
        PassthroughOutput {
            unit: Some(AccessUnit {
                codec,
                // Frames are coded in the order of display: others are encoded again.
                dts: time,
                time,
                keyframe: self.keyframe,
                data,
            }),
            facts: new_facts,
        }
    }

    /// The packet in the packetizer's form; updates `facts` from new parameter sets. `None` when it has no frame.
    fn data(
        &mut self,
        codec: Codec,
        demuxed: &DemuxedPacket,
        facts: &mut VideoFacts,
    ) -> Option<Bytes> {
        let data = demuxed.packet.data().unwrap_or_default();
        if codec == Codec::H264 {
            if let Some(extradata) = raw::new_extradata(&demuxed.packet) {
                self.h264.configure(extradata);
            }
            let unit = self.h264.normalize(data)?;
            self.keyframe = unit.keyframe;
            if unit.new_parameter_sets
                && let Some(sps) = self.h264.sps_info()
            {
                apply_sps(&sps, facts);
            }
            return Some(unit.data);
        }
        let data = Bytes::copy_from_slice(data);
        match codec {
            Codec::Av1 if self.keyframe => Some(av1::with_sequence_header(data, &self.extradata)),
            Codec::Vp9 if self.keyframe && self.may_be_bt601 => Some(vp9::with_sd_matrix(data)),
            _ => Some(data),
        }
    }
}

/// Updates `facts` from a new sequence parameter set.
fn apply_sps(sps: &SpsInfo, facts: &mut VideoFacts) {
    (facts.width, facts.height) = (sps.width, sps.height);
    facts.common_profile &= sps.is_common();
    facts.interlaced |= !sps.frames_only;
    facts.bits = sps.bits;
    if (sps.chroma == 1) != facts.is_420 {
        facts.is_420 = sps.chroma == 1;
        let name = match sps.chroma {
            0 => "gray",
            1 => "yuv420p",
            2 => "yuv422p",
            _ => "yuv444p",
        };
        name.clone_into(&mut facts.pixel_format);
    }
}
