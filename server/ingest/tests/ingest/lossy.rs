//! Lines that lose, reorder and repeat packets.

use std::time::Duration;

use media::access_unit::AccessUnit;
use media::packetize::packetize;
use shared::api::Codec;

use crate::film::{GOP, decoded_frames, film};
use crate::line::Line;

/// 5 % of everything is lost, retransmissions included.
fn bad_line() -> Line {
    Line {
        loss: 5,
        reordering: 5,
        duplicates: 5,
        answer: Some(Duration::from_millis(40)),
        ..Line::default()
    }
}

fn assert_repaired(codec: Codec) {
    let sent = film(codec, 10);
    let outcome = bad_line().carry(&sent);
    let counters = outcome.receiver.counters();
    outcome.assert_units(&sent);
    assert!(counters.recovered > 0, "{counters:?}");
    assert_eq!((counters.lost, counters.dropped, counters.plis), (0, 0, 0));
    assert!(outcome.nacks as u64 >= counters.recovered);
}

#[test]
fn h264_is_whole_after_loss_that_is_repaired() {
    assert_repaired(Codec::H264);
}

#[test]
fn vp8_is_whole_after_loss_that_is_repaired() {
    assert_repaired(Codec::Vp8);
}

#[test]
fn vp9_is_whole_after_loss_that_is_repaired() {
    assert_repaired(Codec::Vp9);
}

#[test]
fn av1_is_whole_after_loss_that_is_repaired() {
    assert_repaired(Codec::Av1);
}

#[test]
fn opus_is_whole_after_loss_that_is_repaired() {
    assert_repaired(Codec::Opus);
}

/// The number of packets before a unit.
fn packets_before(sent: &[AccessUnit], unit: usize) -> usize {
    let counts = sent[..unit]
        .iter()
        .map(|unit| packetize(unit).unwrap().len());
    counts.sum()
}

fn assert_continues_at_keyframe(codec: Codec) {
    let sent = film(codec, 4);
    let (lost, key) = (30, 2 * GOP as usize);
    // The first packet of a picture, and a packet of a later one.
    let line = Line {
        lost: vec![packets_before(&sent, lost), packets_before(&sent, lost + 9)],
        ..Line::default()
    };
    let outcome = line.carry(&sent);
    let expected = [&sent[..lost], &sent[key..]].concat();
    outcome.assert_units(&expected);
    assert_eq!(outcome.plis.len(), 1, "{:?}", outcome.plis);
    // Asked for as soon as the packet is given up. The next packet, which tells that it is lost, may be that of the next picture.
    let missed = Duration::from_micros(sent[lost].dts.0 as u64);
    let waited = outcome.plis[0] - missed;
    assert!(waited <= Duration::from_millis(550), "{waited:?}");
    assert_eq!(decoded_frames(&outcome.units), expected.len());
    assert_eq!(outcome.receiver.counters().lost, 2);
}

#[test]
fn h264_continues_at_the_next_keyframe_after_loss_that_is_not_repaired() {
    assert_continues_at_keyframe(Codec::H264);
}

#[test]
fn vp8_continues_at_the_next_keyframe_after_loss_that_is_not_repaired() {
    assert_continues_at_keyframe(Codec::Vp8);
}

#[test]
fn vp9_continues_at_the_next_keyframe_after_loss_that_is_not_repaired() {
    assert_continues_at_keyframe(Codec::Vp9);
}

#[test]
fn av1_continues_at_the_next_keyframe_after_loss_that_is_not_repaired() {
    assert_continues_at_keyframe(Codec::Av1);
}

#[test]
fn a_lost_opus_packet_costs_no_other() {
    let sent = film(Codec::Opus, 4);
    let line = Line {
        lost: vec![20, 21, 60],
        ..Line::default()
    };
    let outcome = line.carry(&sent);
    let expected = [&sent[..20], &sent[22..60], &sent[61..]].concat();
    outcome.assert_units(&expected);
    assert!(outcome.plis.is_empty());
}

/// Keyframes come every second, and each has a hole.
#[test]
fn a_keyframe_is_asked_for_once_a_second_until_one_is_whole() {
    let sent = film(Codec::Vp8, 6);
    let keys = (0..5).map(|key| packets_before(&sent, key * GOP as usize) + 1);
    let line = Line {
        lost: keys.collect(),
        ..Line::default()
    };
    let outcome = line.carry(&sent);
    outcome.assert_units(&sent[5 * GOP as usize..]);
    let apart = outcome.plis.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(outcome.plis.len() >= 4, "{:?}", outcome.plis);
    assert!(
        apart
            .into_iter()
            .all(|apart| apart >= Duration::from_secs(1))
    );
}
