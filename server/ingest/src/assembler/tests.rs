use bytes::Bytes;

use super::*;

const KEY: &[u8] = &[0x10, 0x10, 1];
const INTER: &[u8] = &[0x10, 0x11, 1];
const REST: &[u8] = &[0x00, 2];

fn packet(timestamp: u32, marker: bool, payload: &[u8]) -> BufferedPacket {
    BufferedPacket {
        number: 0,
        arrived: Instant::now(),
        marker,
        payload_type: 96,
        timestamp,
        payload: Bytes::copy_from_slice(payload),
    }
}

/// The units that come out: timestamps, and whether they are keyframes.
fn push(assembler: &mut Assembler, packets: &[(u32, bool, &[u8])]) -> Vec<(i64, bool)> {
    let mut units = Vec::new();
    for (timestamp, marker, payload) in packets {
        let mut next = Some(packet(*timestamp, *marker, payload));
        while let Some(packet) = next {
            let assembled = assembler.push(packet);
            units.extend(assembled.unit.map(|unit| (unit.rtp_time, unit.keyframe)));
            next = assembled.again;
        }
    }
    units
}

#[test]
fn a_picture_ends_with_the_marker_or_with_the_next_timestamp() {
    let mut vp8 = Assembler::new(Codec::Vp8);
    let packets = [
        (10, false, KEY),
        (10, true, REST),
        (20, false, INTER),
        (30, true, INTER),
        // A hidden frame and the one after it may have the same timestamp.
        (40, true, INTER),
        (40, true, INTER),
    ];
    assert_eq!(
        push(&mut vp8, &packets),
        [
            (10, true),
            (20, false),
            (30, false),
            (40, false),
            (40, false)
        ]
    );
    assert_eq!(vp8.dropped(), 0);
}

#[test]
fn probes_change_nothing() {
    let mut vp8 = Assembler::new(Codec::Vp8);
    let packets = [
        (10, false, KEY),
        (10, true, REST),
        (10, false, &[]),
        (77, true, &[]),
        (20, true, INTER),
    ];
    assert_eq!(push(&mut vp8, &packets), [(10, true), (20, false)]);
}

#[test]
fn nothing_is_delivered_before_a_whole_keyframe() {
    let mut vp8 = Assembler::new(Codec::Vp8);
    let packets = [
        (10, true, REST),
        (20, true, INTER),
        (30, true, KEY),
        (40, true, INTER),
    ];
    assert_eq!(push(&mut vp8, &packets), [(30, true), (40, false)]);
    assert_eq!(vp8.dropped(), 2);
    // A picture that lacks its end, and those after it.
    push(&mut vp8, &[(50, false, INTER)]);
    vp8.gap();
    assert!(vp8.waits_for_keyframe());
    let packets = [(50, true, REST), (60, true, INTER), (70, false, KEY)];
    assert_eq!(push(&mut vp8, &packets), []);
    // One without its beginning, which a timestamp ends.
    vp8.gap();
    let packets = [(80, false, REST), (90, true, KEY)];
    assert_eq!(push(&mut vp8, &packets), [(90, true)]);
    assert!(!vp8.waits_for_keyframe());
}

#[test]
fn a_malformed_picture_is_dropped_whole() {
    let mut vp8 = Assembler::new(Codec::Vp8);
    let packets = [
        (10, true, KEY),
        (20, false, INTER),
        (20, false, &[0x90]),
        (20, true, REST),
        (30, true, INTER),
        (40, true, KEY),
    ];
    assert_eq!(push(&mut vp8, &packets), [(10, true), (40, true)]);
}

#[test]
fn a_picture_has_at_most_8192_packets() {
    let mut vp8 = Assembler::new(Codec::Vp8);
    push(&mut vp8, &[(10, false, KEY)]);
    for _ in 1..MAX_PICTURE_PACKETS {
        push(&mut vp8, &[(10, false, REST)]);
    }
    assert_eq!(vp8.dropped(), 0);
    assert_eq!(push(&mut vp8, &[(10, false, REST), (10, true, REST)]), []);
    assert_eq!(vp8.dropped(), 1);
    assert_eq!(push(&mut vp8, &[(20, true, KEY)]), [(20, true)]);
}

#[test]
fn an_h264_sender_that_marks_every_slice_is_followed_by_timestamps() {
    const SPS: &[u8] = &[
        0x67, 0x4d, 0x40, 0x1f, 0xe8, 0x80, 0x28, 0x02, 0xdd, 0x80, 0xb5, 0x01, 0x01, 0x01, 0x40,
    ];
    const PPS: &[u8] = &[0x68, 0xea, 0x8f, 0x20];
    const FIRST: &[u8] = &[0x65, 0x88, 1];
    const SECOND: &[u8] = &[0x65, 0x10, 1];
    let mut h264 = Assembler::new(Codec::H264);
    let key = |timestamp| [SPS, PPS, FIRST, SECOND].map(|nal| (timestamp, true, nal));
    let packets = [key(10), key(20), key(30), key(40)].concat();
    // The first picture tells that markers are no ends; its parameter sets are a picture of nothing.
    let units = push(&mut h264, &packets);
    assert_eq!(units, [(20, true), (30, true)]);
    assert!(!h264.waits_for_keyframe());
}

#[test]
fn each_opus_packet_is_a_unit_and_a_gap_costs_no_other() {
    let mut opus = Assembler::new(Codec::Opus);
    assert_eq!(
        push(&mut opus, &[(960, true, &[1]), (1920, false, &[2])]).len(),
        2
    );
    opus.gap();
    assert_eq!(push(&mut opus, &[(3840, false, &[3])]), [(3840, true)]);
    assert!(!opus.waits_for_keyframe());
}

#[test]
fn another_codec_begins_with_a_keyframe() {
    let mut video = Assembler::new(Codec::Vp8);
    push(&mut video, &[(10, true, KEY), (20, false, INTER)]);
    video.change_codec(Codec::Vp9);
    assert!(video.waits_for_keyframe());
    let packets = [(30, true, &[0x0c, 0x86][..]), (40, true, &[0x0c, 0x82])];
    assert_eq!(push(&mut video, &packets), [(40, true)]);
}
