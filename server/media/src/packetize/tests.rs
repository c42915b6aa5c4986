use proptest::prelude::*;
use rtc_rtp::codec::{av1::Av1Depacketizer, h264::H264Packet, vp8::Vp8Packet, vp9::Vp9Packet};
use rtc_rtp::packetizer::Depacketizer;

use bytes::BytesMut;

use super::*;
use crate::time::MediaTime;

fn unit(codec: Codec, keyframe: bool, data: Vec<u8>) -> AccessUnit {
    AccessUnit {
        codec,
        dts: MediaTime::ZERO,
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

fn payloads(unit: &AccessUnit) -> Vec<Bytes> {
    let packetized = packetize(unit).unwrap();
    packetized
        .iter()
        .map(|payload| payload.to_bytes())
        .collect()
}

/// Packetized here, depacketized by webrtc-rs.
fn round_trip(unit: &AccessUnit) -> Vec<u8> {
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
    for payload in payloads(unit) {
        assert!(payload.len() <= MAX_PAYLOAD, "{}", payload.len());
        // The VP9 depacketizer accumulates the references of all packets.
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
    let payloads = payloads(&unit);
    assert_eq!(payloads.len(), 1);
    assert_eq!(payloads[0][0] & 0x1f, 24);
    assert_eq!(round_trip(&unit), unit.data);
}

#[test]
fn large_parameter_sets_are_not_lost() {
    let unit = unit(
        Codec::H264,
        true,
        annex_b(&[nal(7, 900), nal(8, 900), nal(8, 1500), nal(5, 5000)]),
    );
    assert_eq!(round_trip(&unit), unit.data);
}

#[test]
fn fragments_are_of_nearly_the_same_size() {
    let unit = unit(Codec::H264, true, annex_b(&[nal(5, MAX_PAYLOAD + 1)]));
    let payloads = payloads(&unit);
    assert_eq!(payloads.len(), 2);
    assert!(payloads[0].len().abs_diff(payloads[1].len()) <= 1);
    assert_eq!((payloads[0][1] & 0xc0, payloads[1][1] & 0xc0), (0x80, 0x40));
}

#[test]
fn vp9_has_no_picture_id_and_only_a_keyframe_has_no_reference() {
    let parsed = |keyframe| {
        let payloads = payloads(&unit(Codec::Vp9, keyframe, vec![7; 3000]));
        let packets = payloads.iter().map(|payload| {
            let mut packet = Vp9Packet::default();
            packet.depacketize(payload).unwrap();
            assert!(!packet.i && !packet.f && !packet.l && !packet.v);
            packet
        });
        packets.collect::<Vec<_>>()
    };
    let key = parsed(true);
    assert!(key.iter().all(|packet| !packet.p));
    assert!(parsed(false).iter().all(|packet| packet.p));
    let edges: Vec<_> = key.iter().map(|packet| (packet.b, packet.e)).collect();
    assert_eq!(edges, [(true, false), (false, false), (false, true)]);
}

#[test]
fn vp8_has_no_picture_id() {
    let payloads = payloads(&unit(Codec::Vp8, false, vec![7; 3000]));
    let descriptors: Vec<_> = payloads.iter().map(|payload| payload[0]).collect();
    assert_eq!(descriptors, [0x10, 0, 0]);
}

fn obu(kind: u8, size: usize) -> Vec<u8> {
    let mut out = BytesMut::new();
    out.put_u8(kind << 3 | 2);
    bitstream::av1::put_leb128(&mut out, size);
    out.extend((0..size).map(|n| (n % 251) as u8));
    out.to_vec()
}

#[test]
fn av1_is_sent_without_delimiters_and_marks_a_new_sequence_once() {
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
    assert_eq!(round_trip(&key), body);
    assert!(
        payloads(&key)
            .iter()
            .enumerate()
            .all(|(n, payload)| (payload[0] & 0x08 != 0) == (n == 0))
    );
    let delta = payloads(&unit(Codec::Av1, false, data));
    assert!(delta.iter().all(|payload| payload[0] & 0x08 == 0));
}

#[test]
fn opus_is_one_packet_or_an_error() {
    let opus = |bytes| packetize(&unit(Codec::Opus, true, vec![1; bytes]));
    assert_eq!(opus(300).unwrap().len(), 1);
    assert!(opus(MAX_PAYLOAD + 1).is_err());
    assert!(opus(0).is_err());
}

#[test]
fn payloads_share_the_memory_of_their_unit() {
    let unit = unit(Codec::H264, false, annex_b(&[nal(1, 5000)]));
    let payloads = packetize(&unit).unwrap();
    let memory = unit.data.as_ptr_range();
    for payload in payloads.iter() {
        assert_eq!(payload.prefix.len(), 2);
        assert!(memory.contains(&payload.body.as_ptr()));
    }
    assert_eq!(payloads.unit().as_ptr(), unit.data.as_ptr());
}

proptest! {
    #[test]
    fn h264_of_any_sizes_survives_a_round_trip(sizes in prop::collection::vec(3usize..4000, 1..8)) {
        let unit = unit(Codec::H264, false, annex_b(&sizes.iter().map(|size| nal(1, *size)).collect::<Vec<_>>()));
        prop_assert_eq!(round_trip(&unit), unit.data);
    }

    #[test]
    fn av1_of_any_sizes_survives_a_round_trip(sizes in prop::collection::vec(1usize..4000, 1..12)) {
        let data: Vec<u8> = sizes.iter().flat_map(|size| obu(6, *size)).collect();
        let unit = unit(Codec::Av1, true, data);
        prop_assert_eq!(round_trip(&unit), unit.data);
    }

    #[test]
    fn vp8_and_vp9_of_any_size_survive_a_round_trip(size in 4usize..20_000, keyframe: bool) {
        for codec in [Codec::Vp8, Codec::Vp9] {
            let unit = unit(codec, keyframe, (0..size).map(|n| n as u8).collect());
            prop_assert_eq!(round_trip(&unit), unit.data);
        }
    }

    #[test]
    fn any_bytes_are_packetized_within_the_limit_or_refused(data in prop::collection::vec(any::<u8>(), 0..3000), keyframe: bool) {
        for codec in [Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::Opus] {
            if let Ok(payloads) = packetize(&unit(codec, keyframe, data.clone())) {
                prop_assert!(!payloads.is_empty() && payloads.iter().all(|payload| payload.len() <= MAX_PAYLOAD));
            }
        }
    }
}
