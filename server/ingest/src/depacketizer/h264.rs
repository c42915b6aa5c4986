//! H.264 (RFC 6184 5.6 to 5.8): single NAL units, STAP-A and FU-A, which is what packetization mode 1 has.

use bitstream::h264::H264Normalizer;

use super::{Finished, Picture, PictureBuffer, Unusable};

const IDR: u8 = 5;
const SPS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Keeps the parameter sets, and puts them before each IDR picture.
#[derive(Debug, Default)]
pub(crate) struct H264Depacketizer {
    normalizer: H264Normalizer,
    /// Annex B.
    stream: PictureBuffer,
    /// Between the first and the last FU-A of a NAL unit.
    in_fragments: bool,
    has_slice: bool,
    has_idr: bool,
    has_sps: bool,
    /// The newest IDR picture had parameter sets of its own.
    sends_sps: bool,
}

/// False for packets that certainly continue a picture: later fragments, and slices that do not begin with the first macroblock.
pub(super) fn may_begin(payload: &[u8]) -> bool {
    match *payload {
        [indicator, header, first_slice_byte, ..] if indicator & 0x1f == FU_A => {
            header & 0x80 != 0 && may_begin_nal(header & 0x1f, first_slice_byte)
        }
        [indicator, _, _, nal, second, ..] if indicator & 0x1f == STAP_A => {
            may_begin_nal(nal & 0x1f, second)
        }
        [nal, second, ..] => may_begin_nal(nal & 0x1f, second),
        _ => false,
    }
}

/// `second`: the byte after the header, whose first bit is `first_mb_in_slice` 0 as `ue(v)` in slices.
fn may_begin_nal(kind: u8, second: u8) -> bool {
    !(1..=IDR).contains(&kind) || second & 0x80 != 0
}

impl H264Depacketizer {
    pub(super) fn configure(&mut self, parameter_sets: &[u8]) {
        self.normalizer.configure(parameter_sets);
    }

    pub(super) fn push(&mut self, payload: &[u8]) -> Result<(), Unusable> {
        let (&first, rest) = payload.split_first().ok_or(Unusable)?;
        let kind = first & 0x1f;
        if self.in_fragments && kind != FU_A {
            return Err(Unusable);
        }
        match kind {
            1..=23 => self.nal(payload),
            STAP_A => self.aggregate(rest),
            FU_A => self.fragment(first, rest),
            // Reserved: "MUST be ignored" (RFC 6184 5.2 table 1 and 5.4).
            0 | 30 | 31 => Ok(()),
            _ => Err(Unusable),
        }
    }

    fn aggregate(&mut self, mut rest: &[u8]) -> Result<(), Unusable> {
        while !rest.is_empty() {
            let (length, behind) = rest.split_first_chunk::<2>().ok_or(Unusable)?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (nal, behind) = behind.split_at_checked(length).ok_or(Unusable)?;
            match nal.first().map(|header| header & 0x1f) {
                None | Some(0 | 30 | 31) => {}
                Some(1..=23) => self.nal(nal)?,
                Some(_) => return Err(Unusable),
            }
            rest = behind;
        }
        Ok(())
    }

    fn fragment(&mut self, indicator: u8, rest: &[u8]) -> Result<(), Unusable> {
        let (&header, fragment) = rest.split_first().ok_or(Unusable)?;
        let (starts, ends, kind) = (header & 0x80 != 0, header & 0x40 != 0, header & 0x1f);
        if starts == self.in_fragments || !(1..=23).contains(&kind) {
            return Err(Unusable);
        }
        if starts {
            self.begin(kind)?;
            self.stream.push(&[indicator & 0xe0 | kind])?;
        }
        self.in_fragments = !ends;
        self.stream.push(fragment)
    }

    fn nal(&mut self, nal: &[u8]) -> Result<(), Unusable> {
        self.begin(nal[0] & 0x1f)?;
        self.stream.push(nal)
    }

    fn begin(&mut self, kind: u8) -> Result<(), Unusable> {
        self.has_slice |= (1..=IDR).contains(&kind);
        self.has_idr |= kind == IDR;
        self.has_sps |= kind == SPS;
        self.stream.push(&START_CODE)
    }

    pub(super) fn finish(&mut self, begin_known: bool) -> Finished {
        let stream = self.stream.take();
        let (has_slice, has_idr, has_sps) = (self.has_slice, self.has_idr, self.has_sps);
        let is_cut = self.in_fragments;
        self.reset();
        if is_cut {
            return Finished::Broken;
        }
        let unit = self.normalizer.normalize(&stream);
        if has_idr {
            // New parameter sets may have been lost in front of it.
            if !begin_known && self.sends_sps && !has_sps {
                return Finished::Broken;
            }
            self.sends_sps = has_sps;
        }
        match unit {
            Some(unit) => Finished::Picture(Picture {
                data: unit.data,
                keyframe: unit.keyframe,
                sps: self.normalizer.sps_info().filter(|_| unit.keyframe),
            }),
            None if has_slice => Finished::Broken,
            None => Finished::Nothing,
        }
    }

    pub(super) fn reset(&mut self) {
        self.stream.take();
        self.in_fragments = false;
        self.has_slice = false;
        self.has_idr = false;
        self.has_sps = false;
    }
}
