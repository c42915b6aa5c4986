//! Access units cut into RTP payloads: H.264 (RFC 6184), VP8 (RFC 7741), VP9 (RFC 9628), AV1 (AV1 RTP
//! specification 1.0) and Opus (RFC 7587).
//!
//! The `rtc` crate has payloaders too. They are not used: its H.264 drops parameter sets that do not
//! fit one packet, its VP9 never sets the P bit, so that each picture reads as a keyframe, and its AV1
//! panics on a length beyond the end of a damaged file.

use bytes::{BufMut, Bytes, BytesMut};
use shared::api::Codec;

use super::access_unit::AccessUnit;
use super::av1;
use super::error::MediaError;
use super::h264;

/// Bytes of an RTP payload at most. With header, extensions and the tag of SRTP it fits a path of
/// 1280 bytes, the least that IPv6 promises.
pub const MAX_PAYLOAD: usize = 1188;

/// Cuts the access units of one rendition, in order.
#[derive(Clone, Debug)]
pub struct Packetizer {
    codec: Codec,
    /// 15 bits, counts pictures of VP8 and VP9.
    picture: u16,
}

impl Packetizer {
    pub fn new(codec: Codec) -> Self {
        Self { codec, picture: 0 }
    }

    /// The RTP payloads of one access unit, in order; never none. The sender sets the marker bit on the last
    /// one of a picture.
    ///
    /// # Errors
    /// The unit is malformed; the next one can be tried.
    pub fn packetize(&mut self, unit: &AccessUnit) -> Result<Vec<Bytes>, MediaError> {
        let picture = self.picture;
        self.picture = (picture + 1) & 0x7fff;
        let payloads = match self.codec {
            Codec::H264 => h264(&unit.data),
            Codec::Vp8 => vp8(&unit.data, picture),
            Codec::Vp9 => vp9(&unit.data, picture, unit.keyframe),
            Codec::Av1 => av1::payloads(&unit.data, unit.keyframe, MAX_PAYLOAD),
            Codec::Opus if unit.data.len() > MAX_PAYLOAD => {
                return Err(MediaError::TooLong {
                    bytes: unit.data.len(),
                });
            }
            Codec::Opus => vec![unit.data.clone()],
        };
        if payloads.is_empty() || unit.data.is_empty() {
            return Err(MediaError::Malformed {
                codec: self.codec.rtpmap_name(),
                bytes: unit.data.len(),
            });
        }
        Ok(payloads)
    }
}

/// RFC 6184 5.6 to 5.8: small NAL units that follow each other share a STAP-A, large ones are cut into FU-A.
fn h264(unit: &Bytes) -> Vec<Bytes> {
    let mut payloads = Vec::with_capacity(unit.len() / MAX_PAYLOAD + 2);
    let mut small: Vec<Bytes> = Vec::new();
    let mut small_size = 1;
    for nal in h264::annex_b(unit) {
        let nal = unit.slice_ref(nal);
        if small_size + 2 + nal.len() > MAX_PAYLOAD {
            payloads.extend(aggregate(&small));
            small.clear();
            small_size = 1;
        }
        if nal.len() > MAX_PAYLOAD {
            fragment(&nal, &mut payloads);
        } else {
            small_size += 2 + nal.len();
            small.push(nal);
        }
    }
    payloads.extend(aggregate(&small));
    payloads
}

/// STAP-A, or the NAL unit itself when it is alone.
fn aggregate(nals: &[Bytes]) -> Option<Bytes> {
    match nals {
        [] => None,
        [nal] => Some(nal.clone()),
        nals => {
            let forbidden = nals.iter().fold(0, |bits, nal| bits | nal[0] & 0x80);
            let importance = nals.iter().map(|nal| nal[0] & 0x60).max().unwrap_or(0);
            let mut out =
                BytesMut::with_capacity(1 + nals.iter().map(|nal| nal.len() + 2).sum::<usize>());
            out.put_u8(forbidden | importance | 24);
            for nal in nals {
                out.put_u16(nal.len() as u16); // at most MAX_PAYLOAD
                out.put_slice(nal);
            }
            Some(out.freeze())
        }
    }
}

/// FU-A.
fn fragment(nal: &[u8], payloads: &mut Vec<Bytes>) {
    let (indicator, kind) = (nal[0] & 0xe0 | 28, nal[0] & 0x1f);
    let pieces = even_pieces(&nal[1..], MAX_PAYLOAD - 2);
    let last = pieces.len() - 1;
    for (n, piece) in pieces.enumerate() {
        let start = if n == 0 { 0x80 } else { 0 };
        let end = if n == last { 0x40 } else { 0 };
        payloads.push(joined(&[indicator, start | end | kind], piece));
    }
}

/// RFC 7741 4.2 with a 15-bit picture id. Partitions are not told apart.
fn vp8(frame: &[u8], picture: u16) -> Vec<Bytes> {
    even_pieces(frame, MAX_PAYLOAD - 4)
        .enumerate()
        .map(|(n, piece)| {
            let start = if n == 0 { 0x10 } else { 0 };
            joined(
                &[
                    0x80 | start,
                    0x80,
                    0x80 | (picture >> 8) as u8,
                    picture as u8,
                ],
                piece,
            )
        })
        .collect()
}

/// RFC 9628 4.2, flexible mode with a 15-bit picture id. A picture that is not a keyframe is said to
/// depend on the one before it; which others it uses is in its own header.
fn vp9(frame: &[u8], picture: u16, keyframe: bool) -> Vec<Bytes> {
    let pieces = even_pieces(frame, MAX_PAYLOAD - 4);
    let last = pieces.len().saturating_sub(1);
    pieces
        .enumerate()
        .map(|(n, piece)| {
            let begin = if n == 0 { 0x08 } else { 0 };
            let end = if n == last { 0x04 } else { 0 };
            let id = [0x80 | (picture >> 8) as u8, picture as u8];
            if keyframe {
                joined(&[0x90 | begin | end, id[0], id[1]], piece)
            } else {
                joined(&[0xd0 | begin | end, id[0], id[1], 1 << 1], piece)
            }
        })
        .collect()
}

fn joined(header: &[u8], piece: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(header.len() + piece.len());
    out.put_slice(header);
    out.put_slice(piece);
    out.freeze()
}

/// As few pieces as `most` bytes allow, of nearly the same size: no tiny last packet.
fn even_pieces(data: &[u8], most: usize) -> std::slice::Chunks<'_, u8> {
    let count = data.len().div_ceil(most).max(1);
    data.chunks(data.len().div_ceil(count).max(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rtc::rtp::codec::{av1::Av1Depacketizer, h264::H264Packet, vp8::Vp8Packet, vp9::Vp9Packet};
    use rtc::rtp::packetizer::Depacketizer;

    use super::super::time::MediaTime;
    use super::*;

    fn unit(codec: Codec, keyframe: bool, data: Vec<u8>) -> AccessUnit {
        AccessUnit {
            codec,
            time: MediaTime::ZERO,
            keyframe,
            data: data.into(),
        }
    }

    fn nal(kind: u8, size: usize) -> Vec<u8> {
        (0..size)
            .map(|n| {
                if n == 0 {
                    0x60 | kind
                } else {
                    (n % 250 + 1) as u8
                }
            })
            .collect()
    }

    fn annex_b(nals: &[Vec<u8>]) -> Vec<u8> {
        nals.iter()
            .flat_map(|nal| [0, 0, 0, 1].into_iter().chain(nal.iter().copied()))
            .collect()
    }

    /// Cut by us, put together by the `rtc` crate.
    fn there_and_back(unit: &AccessUnit) -> Vec<u8> {
        let new = || -> Box<dyn Depacketizer> {
            match unit.codec {
                Codec::H264 => Box::<H264Packet>::default(),
                Codec::Vp8 => Box::<Vp8Packet>::default(),
                Codec::Vp9 => Box::<Vp9Packet>::default(),
                _ => Box::<Av1Depacketizer>::default(),
            }
        };
        let mut depacketizer = new();
        let mut out = Vec::new();
        for payload in Packetizer::new(unit.codec).packetize(unit).unwrap() {
            assert!(payload.len() <= MAX_PAYLOAD, "{}", payload.len());
            // Its VP9 piles up the references of all packets that it saw.
            if unit.codec == Codec::Vp9 {
                depacketizer = new();
            }
            out.extend(depacketizer.depacketize(&payload).unwrap());
        }
        out
    }

    #[test]
    fn parameter_sets_travel_with_the_first_slice_that_fits() {
        let unit = unit(
            Codec::H264,
            true,
            annex_b(&[nal(7, 20), nal(8, 5), nal(5, 300)]),
        );
        let payloads = Packetizer::new(Codec::H264).packetize(&unit).unwrap();
        assert_eq!(payloads.len(), 1);
        assert_eq!(payloads[0][0] & 0x1f, 24);
        assert_eq!(there_and_back(&unit), unit.data);
    }

    #[test]
    fn large_parameter_sets_are_not_lost() {
        let unit = unit(
            Codec::H264,
            true,
            annex_b(&[nal(7, 900), nal(8, 900), nal(8, 1500), nal(5, 5000)]),
        );
        assert_eq!(there_and_back(&unit), unit.data);
    }

    #[test]
    fn pieces_are_of_nearly_the_same_size() {
        let unit = unit(Codec::H264, true, annex_b(&[nal(5, MAX_PAYLOAD + 1)]));
        let payloads = Packetizer::new(Codec::H264).packetize(&unit).unwrap();
        assert_eq!(payloads.len(), 2);
        assert!(payloads[0].len().abs_diff(payloads[1].len()) <= 1);
        assert_eq!((payloads[0][1] & 0xc0, payloads[1][1] & 0xc0), (0x80, 0x40));
    }

    #[test]
    fn only_a_keyframe_of_vp9_says_that_it_needs_no_other() {
        let mut packetizer = Packetizer::new(Codec::Vp9);
        let key = packetizer
            .packetize(&unit(Codec::Vp9, true, vec![7; 3000]))
            .unwrap();
        let delta = packetizer
            .packetize(&unit(Codec::Vp9, false, vec![7; 3000]))
            .unwrap();
        let parsed = |payload: &Bytes| {
            let mut packet = Vp9Packet::default();
            packet.depacketize(payload).unwrap();
            packet
        };
        assert!(
            key.iter()
                .map(parsed)
                .all(|packet| !packet.p && packet.i && packet.f && packet.picture_id == 0)
        );
        assert!(
            delta
                .iter()
                .map(parsed)
                .all(|packet| packet.p && packet.pdiff == [1] && packet.picture_id == 1)
        );
        assert_eq!(
            key.iter()
                .map(parsed)
                .map(|packet| (packet.b, packet.e))
                .collect::<Vec<_>>(),
            [(true, false), (false, false), (false, true)]
        );
    }

    #[test]
    fn picture_ids_of_vp8_count_in_15_bits() {
        let mut packetizer = Packetizer::new(Codec::Vp8);
        let mut last = None;
        for n in 0..0x8001u32 {
            let payloads = packetizer
                .packetize(&unit(Codec::Vp8, n == 0, vec![0; 10]))
                .unwrap();
            last = Some(payloads[0].clone());
        }
        let mut packet = Vp8Packet::default();
        packet.depacketize(&last.unwrap()).unwrap();
        assert_eq!((packet.picture_id, packet.s), (0, 1));
    }

    fn obu(kind: u8, size: usize) -> Vec<u8> {
        let mut out = BytesMut::new();
        out.put_u8(kind << 3 | 2);
        av1::put_leb128(&mut out, size);
        out.extend((0..size).map(|n| (n % 251) as u8));
        out.to_vec()
    }

    #[test]
    fn av1_goes_without_delimiters_and_marks_a_new_sequence_once() {
        let body = [
            obu(1, 11),
            obu(6, 5000),
            obu(6, 40),
            obu(3, 1),
            obu(4, 1180),
            obu(4, 1181),
            obu(4, 2),
        ]
        .concat();
        let data = [obu(2, 0), body.clone(), obu(15, 9)].concat();
        let key = unit(Codec::Av1, true, data.clone());
        assert_eq!(there_and_back(&key), body);
        let payloads = Packetizer::new(Codec::Av1).packetize(&key).unwrap();
        assert!(
            payloads
                .iter()
                .enumerate()
                .all(|(n, payload)| (payload[0] & 0x08 != 0) == (n == 0))
        );
        let delta = Packetizer::new(Codec::Av1)
            .packetize(&unit(Codec::Av1, false, data))
            .unwrap();
        assert!(delta.iter().all(|payload| payload[0] & 0x08 == 0));
    }

    #[test]
    fn opus_is_one_packet_or_none() {
        let mut packetizer = Packetizer::new(Codec::Opus);
        assert_eq!(
            packetizer
                .packetize(&unit(Codec::Opus, true, vec![1; 300]))
                .unwrap()
                .len(),
            1
        );
        assert!(
            packetizer
                .packetize(&unit(Codec::Opus, true, vec![1; MAX_PAYLOAD + 1]))
                .is_err()
        );
        assert!(
            packetizer
                .packetize(&unit(Codec::Opus, true, vec![]))
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn h264_of_any_sizes_comes_back_whole(sizes in prop::collection::vec(3usize..4000, 1..8)) {
            let unit = unit(Codec::H264, false, annex_b(&sizes.iter().map(|size| nal(1, *size)).collect::<Vec<_>>()));
            prop_assert_eq!(there_and_back(&unit), unit.data);
        }

        #[test]
        fn av1_of_any_sizes_comes_back_whole(sizes in prop::collection::vec(1usize..4000, 1..12)) {
            let data: Vec<u8> = sizes.iter().flat_map(|size| obu(6, *size)).collect();
            let unit = unit(Codec::Av1, true, data);
            prop_assert_eq!(there_and_back(&unit), unit.data);
        }

        #[test]
        fn vp8_and_vp9_of_any_size_come_back_whole(size in 4usize..20_000, keyframe: bool) {
            for codec in [Codec::Vp8, Codec::Vp9] {
                let unit = unit(codec, keyframe, (0..size).map(|n| n as u8).collect());
                prop_assert_eq!(there_and_back(&unit), unit.data);
            }
        }

        #[test]
        fn any_bytes_are_packetized_within_the_limit_or_refused(data in prop::collection::vec(any::<u8>(), 0..3000), keyframe: bool) {
            for codec in [Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::Opus] {
                if let Ok(payloads) = Packetizer::new(codec).packetize(&unit(codec, keyframe, data.clone())) {
                    prop_assert!(!payloads.is_empty() && payloads.iter().all(|payload| payload.len() <= MAX_PAYLOAD));
                }
            }
        }
    }
}
