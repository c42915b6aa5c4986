//! H.264 as it lies in files, made into what the packetizer takes: Annex B access units with the
//! parameter sets before every IDR picture (ITU-T H.264 Annex B; ISO 14496-15 5.3 for `avcC`).

use bytes::{BufMut, Bytes, BytesMut};

use super::bits::{BitReader, unescape};
use super::sps::Sequence;

const IDR: u8 = 5;
const SEI: u8 = 6;
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;
const END_OF_SEQUENCE: u8 = 10;
const END_OF_STREAM: u8 = 11;
const FILLER: u8 = 12;

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Rewrites the access units of one track, and remembers the parameter sets that they need.
#[derive(Clone, Debug, Default)]
pub struct H264 {
    /// Bytes of a NAL unit's length (1 to 4) in mp4's form; none for Annex B.
    length_size: Option<usize>,
    /// By id, newest of each.
    sps: Vec<(u32, Bytes)>,
    pps: Vec<(u32, Bytes)>,
}

/// An access unit in Annex B.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    pub data: Bytes,
    /// It has an IDR picture; SPS and PPS are then in front of it.
    pub keyframe: bool,
    /// It carried parameter sets unlike the ones known before.
    pub new_parameters: bool,
}

impl H264 {
    /// `extradata`: an `avcC` box's content, or Annex B parameter sets, or nothing.
    pub fn new(extradata: &[u8]) -> Self {
        let mut this = Self::default();
        this.configure(extradata);
        this
    }

    /// Takes a new decoder configuration. Unusable ones change nothing.
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
                    self.learn(nal);
                    rest = tail;
                }
            }
        } else {
            for nal in annex_b(extradata) {
                self.learn(nal);
            }
        }
    }

    /// One coded picture of the file, or of an encoder, in the form that [`Packetizer`] takes.
    /// Delimiters, fillers and SEI messages are left out: no decoder of WebRTC uses them. `None` when nothing of
    /// use is in it.
    ///
    /// [`Packetizer`]: super::packetize::Packetizer
    pub fn unit(&mut self, packet: &[u8]) -> Option<Unit> {
        let nals: Vec<&[u8]> = match self.length_size {
            // Some muxers put Annex B in mp4. A length of 1 is no NAL unit with a picture, so the
            // start code tells.
            Some(size) if !packet.starts_with(&START_CODE) => {
                length_prefixed(packet, size).collect()
            }
            _ => annex_b(packet).collect(),
        };
        let mut new_parameters = false;
        for nal in &nals {
            new_parameters |= self.learn(nal);
        }
        let keyframe = nals.iter().any(|nal| kind(nal) == IDR);
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
        let mut picture = false;
        for nal in nals {
            match kind(nal) {
                SEI | DELIMITER | END_OF_SEQUENCE | END_OF_STREAM | FILLER => continue,
                SPS | PPS if keyframe => continue,
                1..=IDR => picture = true,
                _ => {}
            }
            out.put_slice(&START_CODE);
            out.put_slice(nal);
        }
        picture.then(|| Unit {
            data: out.freeze(),
            keyframe,
            new_parameters,
        })
    }

    /// What the newest sequence parameter set says.
    pub fn sequence(&self) -> Option<Sequence> {
        self.sps.iter().find_map(|(_, nal)| Sequence::parse(nal))
    }

    /// True when the parameter set is news.
    fn learn(&mut self, nal: &[u8]) -> bool {
        let (sets, id, most) = match kind(nal) {
            SPS => (&mut self.sps, sps_id(nal), 32),
            PPS => (&mut self.pps, pps_id(nal), 256),
            _ => return false,
        };
        let Some(id) = id else { return false };
        match sets.iter_mut().find(|(known, _)| *known == id) {
            Some((_, known)) if known == nal => false,
            Some((_, known)) => {
                *known = Bytes::copy_from_slice(nal);
                true
            }
            None if id < most => {
                sets.push((id, Bytes::copy_from_slice(nal)));
                true
            }
            None => false,
        }
    }
}

/// `nal_unit_type`; 0, which no stream uses, for an empty one.
pub(super) fn kind(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |byte| byte & 0x1f)
}

fn sps_id(nal: &[u8]) -> Option<u32> {
    let payload = unescape(nal.get(4..nal.len().min(16))?);
    BitReader::new(&payload).golomb().filter(|id| *id < 32)
}

fn pps_id(nal: &[u8]) -> Option<u32> {
    let payload = unescape(nal.get(1..nal.len().min(16))?);
    BitReader::new(&payload).golomb().filter(|id| *id < 256)
}

/// The NAL units of an Annex B byte stream, without start codes and trailing zeros; empty ones are
/// left out. Bytes before the first start code are left out too.
pub(super) fn annex_b(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
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

fn after_start_code(stream: &[u8]) -> Option<&[u8]> {
    find_start_code(stream).map(|at| &stream[at + 3..])
}

/// Where `00 00 01` begins.
fn find_start_code(stream: &[u8]) -> Option<usize> {
    let mut at = 2;
    while at < stream.len() {
        match stream[at] {
            1 if stream[at - 1] == 0 && stream[at - 2] == 0 => return Some(at - 2),
            0 => at += 1,
            1 => at += 1,
            // Neither 0 nor 1: no start code ends at this byte or at the two after it... but one may
            // end three further on.
            _ => at += 3,
        }
    }
    None
}

/// The NAL units of mp4's form. Ends at the first one whose length runs past the end.
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    // x264, 1280x720, Main, level 3.1 and 320x180 (cropped from 192 rows), baseline.
    const SPS_720: &[u8] = &[
        0x67, 0x4d, 0x40, 0x1f, 0xe8, 0x80, 0x28, 0x02, 0xdd, 0x80, 0xb5, 0x01, 0x01, 0x01, 0x40,
    ];
    const PPS: &[u8] = &[0x68, 0xeb, 0xef, 0x20];

    fn avcc(length_size: u8, sps: &[&[u8]], pps: &[&[u8]]) -> Vec<u8> {
        let mut out = vec![
            1,
            0x4d,
            0x40,
            0x1f,
            0xfc | (length_size - 1),
            0xe0 | sps.len() as u8,
        ];
        for nal in sps {
            out.extend((nal.len() as u16).to_be_bytes());
            out.extend(*nal);
        }
        out.push(pps.len() as u8);
        for nal in pps {
            out.extend((nal.len() as u16).to_be_bytes());
            out.extend(*nal);
        }
        out
    }

    fn prefixed(length_size: usize, nals: &[&[u8]]) -> Vec<u8> {
        nals.iter()
            .flat_map(|nal| {
                let length = (nal.len() as u32).to_be_bytes();
                length[4 - length_size..]
                    .iter()
                    .copied()
                    .chain(nal.iter().copied())
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    fn kinds(unit: &Unit) -> Vec<u8> {
        annex_b(&unit.data).map(kind).collect()
    }

    #[test]
    fn every_idr_has_its_parameter_sets_in_front() {
        for length_size in [1, 2, 4] {
            let mut h264 = H264::new(&avcc(length_size, &[SPS_720], &[PPS]));
            let size = usize::from(length_size);
            let unit = h264
                .unit(&prefixed(
                    size,
                    &[&[9, 0xf0], &[6, 1, 2, 0x80], &[0x65, 1, 2, 3]],
                ))
                .unwrap();
            assert!(unit.keyframe && !unit.new_parameters);
            assert_eq!(kinds(&unit), [SPS, super::PPS, IDR]);
            let unit = h264
                .unit(&prefixed(
                    size,
                    &[&[0x41, 1, 2, 3], &[12, 0xff, 0xff, 0x80]],
                ))
                .unwrap();
            assert!(!unit.keyframe);
            assert_eq!(kinds(&unit), [1]);
        }
    }

    #[test]
    fn parameter_sets_that_change_in_the_stream_replace_the_old_ones() {
        let mut changed = SPS_720.to_vec();
        changed[3] = 0x20;
        let mut h264 = H264::new(&avcc(4, &[SPS_720], &[PPS]));
        let unit = h264
            .unit(&prefixed(4, &[&changed, PPS, &[0x65, 1]]))
            .unwrap();
        assert!(unit.new_parameters);
        let unit = h264.unit(&prefixed(4, &[&[0x65, 1]])).unwrap();
        assert_eq!(annex_b(&unit.data).next().unwrap(), changed);
        assert!(!unit.new_parameters);
    }

    #[test]
    fn several_parameter_sets_are_all_sent() {
        // pps id 1: ue(1) = 010
        let second = [0x68, 0b0101_1000, 0x80];
        let mut h264 = H264::new(&avcc(4, &[SPS_720], &[PPS, &second]));
        let unit = h264.unit(&prefixed(4, &[&[0x65, 1]])).unwrap();
        assert_eq!(kinds(&unit), [SPS, super::PPS, super::PPS, IDR]);
    }

    #[test]
    fn annex_b_with_long_and_short_start_codes_is_taken_too() {
        let mut h264 = H264::new(&[]);
        let mut stream = vec![0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1];
        stream.extend(SPS_720);
        stream.extend([0, 0, 1]);
        stream.extend(PPS);
        stream.extend([0, 0, 1, 0x65, 7, 7, 7, 0, 0, 0]);
        let unit = h264.unit(&stream).unwrap();
        assert!(unit.keyframe);
        assert_eq!(annex_b(&unit.data).last().unwrap(), [0x65, 7, 7, 7]);
    }

    #[test]
    fn an_idr_without_parameter_sets_is_of_no_use() {
        assert_eq!(H264::new(&[]).unit(&[0, 0, 0, 1, 0x65, 1, 2]), None);
    }

    #[test]
    fn a_length_beyond_the_end_ends_the_unit() {
        let mut h264 = H264::new(&avcc(4, &[SPS_720], &[PPS]));
        let mut packet = prefixed(4, &[&[0x41, 5, 5]]);
        packet.extend([0xff, 0xff, 0xff, 0xff, 0x41]);
        assert_eq!(kinds(&h264.unit(&packet).unwrap()), [1]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_panic(extradata in prop::collection::vec(any::<u8>(), 0..80), packet in prop::collection::vec(any::<u8>(), 0..400), avc: bool) {
            let mut extradata = extradata;
            if avc && !extradata.is_empty() {
                extradata[0] = 1;
            }
            let mut h264 = H264::new(&extradata);
            let _ = h264.unit(&packet);
            let _ = h264.sequence();
            let _ = Sequence::parse(&[&[0x67], packet.as_slice()].concat());
        }

        #[test]
        fn what_goes_in_with_lengths_comes_out_with_start_codes(
            slices in prop::collection::vec(prop::collection::vec(1u8.., 1..50), 1..6),
        ) {
            let nals: Vec<Vec<u8>> = slices.iter().map(|slice| [&[0x41], slice.as_slice()].concat()).collect();
            let borrowed: Vec<&[u8]> = nals.iter().map(Vec::as_slice).collect();
            let mut h264 = H264::new(&avcc(4, &[SPS_720], &[PPS]));
            let unit = h264.unit(&prefixed(4, &borrowed)).unwrap();
            prop_assert_eq!(annex_b(&unit.data).collect::<Vec<_>>(), borrowed);
        }
    }
}
