use proptest::prelude::*;

use super::*;
use crate::reorder::{MAX_BYTES, MAX_PACKETS};

const VP8: u8 = 96;
const OPUS: u8 = 111;
const SSRC: u32 = 7;
const RTX_SSRC: u32 = 8;

fn receiver(pli: bool) -> Receiver {
    let formats = [
        (VP8, Codec::Vp8),
        (98, Codec::Vp9),
        (102, Codec::H264),
        (45, Codec::Av1),
    ];
    let params = ReceiverParams {
        ssrc: SSRC,
        rtx_ssrc: Some(RTX_SSRC),
        formats: formats
            .map(|(payload_type, codec)| Format {
                payload_type,
                codec,
                rtx: Some(payload_type + 1),
                parameter_sets: Bytes::new(),
            })
            .to_vec(),
        nack: true,
        pli,
    };
    Receiver::new(params).unwrap()
}

fn datagram(ssrc: u32, kind: u8, number: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, kind];
    packet.extend(number.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

fn push(receiver: &mut Receiver, now: Instant, datagram: &[u8]) -> bool {
    receiver.push(now, &RtpPacket::parse(datagram).unwrap())
}

/// A frame in one packet.
fn frame(number: u16, key: bool) -> Vec<u8> {
    let payload = [0x10, u8::from(!key), 1];
    datagram(SSRC, VP8 | 0x80, number, 3000 * u32::from(number), &payload)
}

fn polled(receiver: &mut Receiver, now: Instant) -> Vec<i64> {
    let units = std::iter::from_fn(|| receiver.poll(now));
    units.map(|unit| unit.rtp_time / 3000).collect()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn a_missing_packet_is_asked_for_and_its_retransmission_is_used() {
    let (mut receiver, start) = (receiver(true), Instant::now());
    push(&mut receiver, start, &frame(1, true));
    push(&mut receiver, start, &frame(3, false));
    assert_eq!(polled(&mut receiver, start), [1]);
    assert_eq!(receiver.feedback(start), Feedback::default());
    assert_eq!(receiver.next_timeout(), Some(start + ms(10)));
    assert_eq!(receiver.feedback(start + ms(10)).nack, [2]);
    let original = frame(2, false);
    let payload = [&[0, 2], &original[12..]].concat();
    let resent = datagram(RTX_SSRC, (VP8 + 1) | 0x80, 900, 6000, &payload);
    assert!(push(&mut receiver, start + ms(50), &resent));
    assert_eq!(polled(&mut receiver, start + ms(50)), [2, 3]);
    let counters = receiver.counters();
    assert_eq!(
        (counters.packets, counters.recovered, counters.lost),
        (3, 1, 0)
    );
    // Loss is what the path loses.
    let report = receiver.feedback(start + ms(1000)).report.unwrap();
    assert_eq!((report.ssrc, report.lost, report.highest), (SSRC, 1, 3));
}

#[test]
fn probes_by_retransmission_are_not_used() {
    let (mut receiver, start) = (receiver(true), Instant::now());
    push(&mut receiver, start, &frame(1, true));
    for payload in [
        &[][..],
        &[0],
        &[0, 1],
        &[0, 1, 0x10, 0],
        &[0x80, 0, 0x10, 0],
    ] {
        assert!(push(
            &mut receiver,
            start,
            &datagram(RTX_SSRC, VP8 + 1, 900, 6000, payload)
        ));
    }
    assert_eq!(polled(&mut receiver, start), [1]);
    assert!(!push(
        &mut receiver,
        start,
        &datagram(99, VP8, 2, 6000, &[0x10, 0])
    ));
    assert!(receiver.nack.is_empty());
}

#[test]
fn a_keyframe_is_asked_for_when_the_hole_is_given_up_and_only_if_the_sender_takes_it() {
    for pli in [true, false] {
        let (mut receiver, start) = (receiver(pli), Instant::now());
        push(&mut receiver, start, &frame(1, true));
        push(&mut receiver, start, &frame(3, false));
        assert_eq!(polled(&mut receiver, start + ms(499)), [1]);
        assert!(!receiver.feedback(start + ms(499)).pli);
        assert!(polled(&mut receiver, start + ms(500)).is_empty());
        assert!(receiver.nack.is_empty());
        assert_eq!(receiver.feedback(start + ms(500)).pli, pli);
        assert!(!receiver.feedback(start + ms(1499)).pli);
        assert_eq!(receiver.feedback(start + ms(1500)).pli, pli);
        push(&mut receiver, start + ms(1600), &frame(4, true));
        assert_eq!(polled(&mut receiver, start + ms(1600)), [4]);
        assert!(!receiver.feedback(start + ms(9000)).pli);
    }
}

#[test]
fn a_keyframe_that_a_viewer_needs_is_asked_for_until_it_comes() {
    let (mut receiver, start) = (receiver(true), Instant::now());
    push(&mut receiver, start, &frame(1, true));
    assert_eq!(polled(&mut receiver, start), [1]);
    assert!(!receiver.feedback(start).pli);
    receiver.request_keyframe(start);
    receiver.request_keyframe(start);
    assert!(receiver.feedback(start).pli);
    push(&mut receiver, start, &frame(2, false));
    assert_eq!(polled(&mut receiver, start), [2]);
    assert!(receiver.feedback(start + ms(1000)).pli);
    push(&mut receiver, start, &frame(3, true));
    assert_eq!(polled(&mut receiver, start), [3]);
    assert!(!receiver.feedback(start + ms(5000)).pli);
}

#[test]
fn the_sender_may_change_its_codec_at_a_keyframe() {
    let (mut receiver, start) = (receiver(true), Instant::now());
    push(&mut receiver, start, &frame(1, true));
    push(
        &mut receiver,
        start,
        &datagram(SSRC, 98 | 0x80, 2, 6000, &[0x0c, 0x82]),
    );
    push(
        &mut receiver,
        start,
        &datagram(SSRC, 98 | 0x80, 3, 9000, &[0x4c, 0x86]),
    );
    let units = std::iter::from_fn(|| receiver.poll(start));
    let codecs: Vec<_> = units.map(|unit| (unit.codec, unit.keyframe)).collect();
    assert_eq!(
        codecs,
        [(Codec::Vp8, true), (Codec::Vp9, true), (Codec::Vp9, false)]
    );
    // An unknown payload type.
    push(&mut receiver, start, &datagram(SSRC, OPUS, 4, 9000, &[1]));
    assert_eq!(receiver.counters().unused, 1);
}

#[test]
fn a_sender_that_restarts_continues_at_its_keyframe() {
    let (mut receiver, start) = (receiver(true), Instant::now());
    push(&mut receiver, start, &frame(1, true));
    assert_eq!(polled(&mut receiver, start), [1]);
    push(&mut receiver, start, &frame(20_000, false));
    push(&mut receiver, start, &frame(20_001, true));
    push(&mut receiver, start, &frame(20_002, false));
    assert_eq!(polled(&mut receiver, start), [20_001, 20_002]);
    let report = receiver.feedback(start + ms(1000)).report.unwrap();
    assert_eq!(report.lost, 0);
}

#[test]
fn without_formats_there_is_no_receiver() {
    let params = ReceiverParams {
        formats: Vec::new(),
        ..receiver(true).params
    };
    assert!(Receiver::new(params).is_none());
}

proptest! {
    #[test]
    fn any_packets_leave_the_state_bounded(
        packets in prop::collection::vec((0u16..2000, 0u8..5, any::<bool>(), any::<u32>(), 0u64..80, prop::collection::vec(any::<u8>(), 0..30)), 1..400),
        spread in 1u16..2000,
    ) {
        let (mut receiver, mut now) = (receiver(true), Instant::now());
        let mut base = 65_000u16;
        for (number, format, resent, random, wait, mut payload) in packets {
            now += ms(wait);
            base = base.wrapping_add(1);
            let number = base.wrapping_add(number % spread);
            let payload_type = [96, 98, 102, 45, 3][usize::from(format)] + u8::from(resent);
            let kind = payload_type | (random as u8 & 0x80);
            if random % 3 == 0 {
                // Something that begins a picture.
                payload.splice(0..0, [0x18, 0x82]);
            }
            if resent {
                payload.splice(0..0, number.to_be_bytes());
            }
            let ssrc = if resent { RTX_SSRC } else { SSRC };
            push(&mut receiver, now, &datagram(ssrc, kind, number, random % 4 * 3000, &payload));
            if random % 7 != 0 {
                while receiver.poll(now).is_some() {}
                receiver.feedback(now);
                prop_assert!(receiver.next_timeout().is_none_or(|at| at > now));
            }
            prop_assert!(receiver.reorder.len() <= MAX_PACKETS && receiver.reorder.bytes() <= MAX_BYTES);
            prop_assert!(receiver.nack.len() <= crate::nack::MAX_MISSING);
        }
    }
}
