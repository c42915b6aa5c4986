//! Converts H.264 as stored in files (ISO 14496-15 5.3, or Annex B) to the input of the packetizer: Annex B access units
//! with the parameter sets before every IDR (ITU-T H.264 Annex B).

use std::borrow::Cow;

use bytes::{BufMut, Bytes, BytesMut};

use super::bit_reader::{BitReader, rbsp};
use super::pps;
use super::sps::SpsInfo;
use super::vui;

const SLICE: u8 = 1;
const IDR: u8 = 5;
const SEI: u8 = 6;
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;
const END_OF_SEQUENCE: u8 = 10;
const END_OF_STREAM: u8 = 11;
const FILLER: u8 = 12;

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// The parameter sets that are kept, in bytes. Encoders need some hundred; what exceeds this is ignored.
pub const MAX_PARAMETER_SETS: usize = 64 << 10;

/// Converts the access units of one track, and keeps the parameter sets that they need.
#[derive(Clone, Debug, Default)]
pub struct H264Normalizer {
    /// Bytes of a NAL unit's length field (1 to 4) in the mp4 form; `None` for Annex B.
    length_size: Option<usize>,
    /// The newest parameter set of each id.
    sps: Vec<(u32, Bytes)>,
    pps: Vec<(u32, Bytes)>,
    /// SD without a matrix gets that of BT.601.
    tags_sd: bool,
    /// Tools of Baseline that Constrained Baseline has not were in use.
    has_baseline_tools: bool,
}

/// An access unit in Annex B.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnexBUnit {
    pub data: Bytes,
    /// The unit has an IDR; SPS and PPS then come before it.
    pub keyframe: bool,
    /// The unit changes what [`H264Normalizer::sps_info`] says: it carried another parameter set, or is the first whose slices are not in order.
    pub new_parameter_sets: bool,
}

impl H264Normalizer {
    /// `extradata`: the content of an `avcC` box, or Annex B parameter sets, or empty.
    pub fn new(extradata: &[u8]) -> Self {
        let mut this = Self::default();
        this.configure(extradata);
        this
    }

    /// As [`Self::new`]; with `tags_sd`, SD that names no matrix gets that of BT.601.
    pub fn tagging(extradata: &[u8], tags_sd: bool) -> Self {
        let mut this = Self {
            tags_sd,
            ..Self::default()
        };
        this.configure(extradata);
        this
    }

    /// Applies a new decoder configuration. Malformed parts are ignored.
    pub fn configure(&mut self, extradata: &[u8]) {
        if extradata.first() == Some(&1) && extradata.len() >= 7 {
            self.length_size = Some(usize::from(extradata[4] & 3) + 1);
            let mut rest = &extradata[5..];
            for mask in [0x1f, 0xff] {
                let Some((&count, tail)) = rest.split_first() else {
                    return;
                };
                rest = tail;
                for _ in 0..count & mask {
                    let Some((length, tail)) = rest.split_first_chunk::<2>() else {
                        return;
                    };
                    let Some((nal, tail)) =
                        tail.split_at_checked(usize::from(u16::from_be_bytes(*length)))
                    else {
                        return;
                    };
                    self.store_parameter_set(nal);
                    rest = tail;
                }
            }
        } else {
            for nal in annex_b(extradata) {
                self.store_parameter_set(nal);
            }
        }
    }

    /// One coded frame of a file, an encoder or a publisher in the form that RTP payloads are made of. Delimiters, filler data and SEI are
    /// removed: WebRTC decoders do not use them. `None` when the packet has no slice, or an IDR has no parameter sets.
    pub fn normalize(&mut self, packet: &[u8]) -> Option<AnnexBUnit> {
        let nals: Vec<&[u8]> = match self.length_size {
            // Some muxers write Annex B to mp4. A first NAL unit of one byte would be no slice, so these four bytes are a
            // start code.
            Some(size) if !packet.starts_with(&START_CODE) => {
                length_prefixed(packet, size).collect()
            }
            _ => annex_b(packet).collect(),
        };
        let mut new_parameter_sets = false;
        for nal in &nals {
            new_parameter_sets |= self.store_parameter_set(nal);
        }
        if !self.has_baseline_tools && !are_slices_in_order(&nals) {
            self.has_baseline_tools = true;
            new_parameter_sets = true;
        }
        let keyframe = nals.iter().any(|nal| nal_type(nal) == IDR);
        let mut out = BytesMut::with_capacity(packet.len() + 64);
        if keyframe {
            if self.sps.is_empty() || self.pps.is_empty() {
                return None;
            }
            for (_, nal) in self.sps.iter().chain(&self.pps) {
                out.put_slice(&START_CODE);
                out.put_slice(nal);
            }
        }
        let mut has_slice = false;
        for nal in nals {
            match nal_type(nal) {
                SEI | DELIMITER | END_OF_SEQUENCE | END_OF_STREAM | FILLER => continue,
                SPS | PPS if keyframe => continue,
                SPS => {
                    out.put_slice(&START_CODE);
                    out.put_slice(&self.tagged(nal));
                    continue;
                }
                1..=IDR => has_slice = true,
                _ => {}
            }
            out.put_slice(&START_CODE);
            out.put_slice(nal);
        }
        has_slice.then(|| AnnexBUnit {
            data: out.freeze(),
            keyframe,
            new_parameter_sets,
        })
    }

    /// The content of a stored sequence parameter set, the first that can be parsed.
    pub fn sps_info(&self) -> Option<SpsInfo> {
        let info = self.sps.iter().find_map(|(_, nal)| SpsInfo::parse(nal))?;
        Some(SpsInfo {
            has_baseline_tools: self.has_baseline_tools,
            ..info
        })
    }

    /// The sequence parameter set, with a matrix where it needs one.
    fn tagged<'a>(&self, sps: &'a [u8]) -> Cow<'a, [u8]> {
        match vui::with_sd_matrix(sps) {
            Some(tagged) if self.tags_sd => Cow::Owned(tagged),
            _ => Cow::Borrowed(sps),
        }
    }

    /// True when the parameter set is new or changed.
    fn store_parameter_set(&mut self, nal: &[u8]) -> bool {
        let tagged = match nal_type(nal) {
            SPS => self.tagged(nal),
            PPS => Cow::Borrowed(nal),
            _ => return false,
        };
        let nal = &*tagged;
        let kept = self.sps.iter().chain(&self.pps);
        let kept: usize = kept.map(|(_, set)| set.len()).sum();
        self.has_baseline_tools |= nal_type(nal) == PPS && pps::has_baseline_tools(nal);
        let (sets, id, max_sets) = match nal_type(nal) {
            SPS => (&mut self.sps, sps_id(nal), 32),
            _ => (&mut self.pps, pps_id(nal), 256),
        };
        let Some(id) = id else { return false };
        if kept + nal.len() > MAX_PARAMETER_SETS {
            return false;
        }
        match sets.iter_mut().find(|(known, _)| *known == id) {
            Some((_, known)) if known == nal => false,
            Some((_, known)) => {
                *known = Bytes::copy_from_slice(nal);
                true
            }
            None if id < max_sets => {
                sets.push((id, Bytes::copy_from_slice(nal)));
                true
            }
            None => false,
        }
    }
}

/// The slices of a frame in the order of their macroblocks. Others are arbitrary slice order or redundant slices, of Baseline; the fields of an interlaced
/// frame look the same, which Baseline has not.
fn are_slices_in_order(nals: &[&[u8]]) -> bool {
    let slices = nals
        .iter()
        .filter(|nal| matches!(nal_type(nal), SLICE | IDR));
    let firsts = slices.filter_map(|nal| {
        let header = rbsp(nal.get(1..nal.len().min(12))?);
        BitReader::new(&header).ue() // first_mb_in_slice
    });
    firsts.is_sorted_by(|one, next| one < next)
}

/// `nal_unit_type`; 0, which is unspecified, for an empty NAL unit.
fn nal_type(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |byte| byte & 0x1f)
}

fn sps_id(nal: &[u8]) -> Option<u32> {
    let payload = rbsp(nal.get(4..nal.len().min(16))?);
    BitReader::new(&payload).ue().filter(|id| *id < 32)
}

fn pps_id(nal: &[u8]) -> Option<u32> {
    let payload = rbsp(nal.get(1..nal.len().min(16))?);
    BitReader::new(&payload).ue().filter(|id| *id < 256)
}

/// The NAL units of an Annex B byte stream, without start codes and trailing zeros. Skips empty ones, and bytes before
/// the first start code.
pub fn annex_b(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(stream);
    std::iter::from_fn(move || {
        loop {
            let current = rest?;
            let (nal, next) = match find_start_code(current) {
                Some(at) => (&current[..at], Some(&current[at + 3..])),
                None => (current, None),
            };
            rest = next;
            let end = nal
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |at| at + 1);
            if end > 0 {
                return Some(&nal[..end]);
            }
        }
    })
}

/// The first slice of a picture in Annex B is a B slice (H.264 7.3.3, 7.4.3 table 7-6): it may refer to pictures that are shown later.
pub fn has_b_slices(picture: &[u8]) -> bool {
    let mut slices = annex_b(picture).filter(|nal| matches!(nal_type(nal), SLICE | IDR));
    let slice_type = slices.next().and_then(|slice| {
        let mut bits = BitReader::new(slice.get(1..)?);
        bits.ue()?; // first_mb_in_slice
        bits.ue()
    });
    slice_type.is_some_and(|kind| kind % 5 == 1)
}

fn after_start_code(stream: &[u8]) -> Option<&[u8]> {
    find_start_code(stream).map(|at| &stream[at + 3..])
}

/// The position of the next `00 00 01`.
fn find_start_code(stream: &[u8]) -> Option<usize> {
    // Ones are found by SIMD; in coded video one byte of 256 is one.
    let mut ones = memchr::memchr_iter(1, stream);
    ones.find_map(|one| {
        let start = one.checked_sub(2)?;
        (stream[start..one] == [0, 0]).then_some(start)
    })
}

/// The NAL units of the mp4 form. Stops at the first one whose length exceeds the packet.
fn length_prefixed(packet: &[u8], size: usize) -> impl Iterator<Item = &[u8]> {
    let mut rest = packet;
    std::iter::from_fn(move || {
        loop {
            let (length, tail) = rest.split_at_checked(size)?;
            let length = length
                .iter()
                .fold(0usize, |sum, byte| (sum << 8) | usize::from(*byte));
            let (nal, tail) = tail.split_at_checked(length)?;
            rest = tail;
            if !nal.is_empty() {
                return Some(nal);
            }
        }
    })
}

#[cfg(test)]
mod tests;
