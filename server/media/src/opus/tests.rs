use proptest::prelude::*;

use super::*;

/// CELT, fullband, stereo: frames of 2.5, 5, 10 and 20 ms.
const CELT: [u8; 4] = [28 << 3 | 4, 29 << 3 | 4, 30 << 3 | 4, 31 << 3 | 4];
/// SILK, wideband, mono: a frame of 60 ms.
const SILK_60: u8 = 11 << 3;

/// A packet of one frame of `size` bytes, all of the value `n`.
fn single(toc: u8, size: usize, n: u8) -> Bytes {
    [vec![toc], vec![n; size]].concat().into()
}

/// What the framer makes of packets that follow one another every `micros`.
fn framed(packets: &[Bytes], micros: i64) -> Vec<(i64, Bytes)> {
    let mut framer = OpusFramer::default();
    let mut out = Vec::new();
    for (n, packet) in packets.iter().enumerate() {
        out.extend(framer.push(packet, MediaTime(n as i64 * micros)));
    }
    out.extend(framer.flush());
    out.into_iter()
        .map(|unit| (unit.time.0, unit.data))
        .collect()
}

fn all_frames(packets: &[(i64, Bytes)]) -> Vec<Bytes> {
    let frames = packets.iter().map(|packet| frames(&packet.1).unwrap());
    frames.flatten().collect()
}

#[test]
fn short_packets_are_joined_to_20_ms() {
    for (toc, micros, each) in [(CELT[0], 2500, 8), (CELT[1], 5000, 4), (CELT[2], 10_000, 2)] {
        for sizes in [[40, 40], [40, 41], [0, 260]] {
            let packets: Vec<_> = (0..2 * each + 1)
                .map(|n| single(toc, sizes[n % 2], n as u8))
                .collect();
            let out = framed(&packets, micros);
            assert_eq!(
                out.iter().map(|packet| packet.0).collect::<Vec<_>>(),
                [0, 20_000, 40_000]
            );
            assert!(out.iter().all(|packet| packet.1[0] & TOC == toc));
            assert_eq!(frames(&out[0].1).unwrap().len(), each);
            assert_eq!(out[2].1, packets[2 * each], "the rest is sent at the end");
            let expected: Vec<_> = packets.iter().map(|packet| packet.slice(1..)).collect();
            assert_eq!(all_frames(&out), expected);
        }
    }
}

#[test]
fn packets_of_20_ms_and_long_frames_stay_as_they_are() {
    let two = join(
        CELT[2],
        &[Bytes::from_static(b"ab"), Bytes::from_static(b"c")],
    );
    for (packet, micros) in [
        (single(CELT[3], 80, 1), 20_000),
        (two, 20_000),
        (single(SILK_60, 80, 1), 60_000),
    ] {
        let out = framed(&[packet.clone(), packet.clone()], micros);
        assert_eq!(out, [(0, packet.clone()), (micros, packet)]);
    }
}

#[test]
fn a_packet_of_several_frames_is_split() {
    let frames: Vec<Bytes> = (0..6)
        .map(|n| vec![n; 300 + usize::from(n)].into())
        .collect();
    let long = join(CELT[3], &frames[..3]);
    let out = framed(&[long.clone(), long], 60_000);
    let times: Vec<_> = out.iter().map(|packet| packet.0).collect();
    assert_eq!(times, [0, 20_000, 40_000, 60_000, 80_000, 100_000]);
    assert_eq!(out[4].1, single(CELT[3], 301, 1));
    // 60 ms in frames of 10 ms.
    let out = framed(&[join(CELT[2], &frames)], 60_000);
    assert_eq!(out.len(), 3);
    assert_eq!(out[1], (20_000, join(CELT[2], &frames[2..4])));
}

#[test]
fn frames_of_another_configuration_or_after_a_gap_are_not_joined() {
    let mut framer = OpusFramer::default();
    let mut push = |packet: &Bytes, time| -> Vec<(i64, Bytes)> {
        let units = framer.push(packet, MediaTime(time)).into_iter();
        units.map(|unit| (unit.time.0, unit.data)).collect()
    };
    let (short, longer) = (single(CELT[0], 10, 1), single(CELT[1], 10, 2));
    assert_eq!(push(&short, 0), []);
    assert_eq!(push(&longer, 2500), [(0, short.clone())]);
    assert_eq!(push(&short, 7500), [(2500, longer)]);
    assert_eq!(push(&short, 500_000), [(7500, short)]);
}

#[test]
fn a_joined_packet_fits_a_datagram() {
    let packets: Vec<_> = (0..8).map(|n| single(CELT[1], 500, n)).collect();
    let out = framed(&packets, 5000);
    assert!(out.iter().all(|packet| packet.1.len() <= MAX_PAYLOAD));
    assert_eq!(out.len(), 4);
    assert_eq!(all_frames(&out).len(), 8);
}

#[test]
fn padding_is_removed_and_a_malformed_packet_stays() {
    let padded = Bytes::from(vec![CELT[2] | 3, 0x42, 3, 7, 7, 8, 8, 0, 0, 0]);
    assert_eq!(frames(&padded).unwrap(), [&[7, 7][..], &[8, 8]]);
    for damaged in [
        vec![CELT[0] | 1, 1, 2, 3],
        vec![CELT[0] | 2, 200, 1],
        vec![CELT[0] | 3],
        vec![CELT[0] | 3, 0],
        vec![CELT[3] | 3, 7, 1, 1, 1, 1, 1, 1, 1],
        vec![],
    ] {
        let damaged = Bytes::from(damaged);
        assert_eq!(framed(std::slice::from_ref(&damaged), 0), [(0, damaged)]);
    }
}

proptest! {
    #[test]
    fn frames_survive_joining(
        sizes in prop::collection::vec(0usize..1276, 1..9), toc in 0u8..64,
    ) {
        let toc = toc << 2;
        let all: Vec<Bytes> = sizes.iter().map(|size| vec![7; *size].into()).collect();
        prop_assume!(frame_duration(toc) * all.len() as i64 <= MAX_PACKET);
        prop_assert_eq!(frames(&join(toc, &all)), Some(all));
    }

    #[test]
    fn any_bytes_give_packets_in_order(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..60),
    ) {
        let packets: Vec<_> = packets.into_iter().map(Bytes::from).collect();
        let out = framed(&packets, 20_000);
        prop_assert!(out.len() >= packets.len() / 8);
    }
}
