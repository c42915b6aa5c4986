//! An m-line with simulcast layers.

use super::*;

const RID: u8 = 3;
const REPAIRED_RID: u8 = 4;
const RIDS: [&str; 3] = ["q", "h", "f"];

/// A microphone, and a camera with three layers.
fn simulcast(now: Instant) -> ConnectionReceiver {
    let camera = RIDS.map(|rid| LineParams {
        rid: Some(rid.to_owned()),
        ..line("1", Codec::Vp8, VP8, Some(RTX))
    });
    let lines = [line("0", Codec::Opus, OPUS, None)];
    let params = ConnectionParams {
        ssrc: 1,
        cname: String::new(),
        lines: lines.into_iter().chain(camera).collect(),
        extensions: HeaderExtensions {
            mid: Some(MID),
            rid: Some(RID),
            repaired_rid: Some(REPAIRED_RID),
            twcc: None,
        },
    };
    ConnectionReceiver::new(params, now)
}

/// A packet with these header extensions.
fn with(
    ssrc: u32,
    payload_type: u8,
    number: u16,
    extensions: &[(u8, &str)],
    payload: &[u8],
) -> Vec<u8> {
    let mut elements = Vec::new();
    for (id, value) in extensions {
        elements.push(id << 4 | (value.len() - 1) as u8);
        elements.extend(value.bytes());
    }
    elements.resize(elements.len().next_multiple_of(4), 0);
    let mut packet = vec![0x90, payload_type | 0x80];
    packet.extend(number.to_be_bytes());
    packet.extend((3000 * u32::from(number)).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0xbe, 0xde, 0, (elements.len() / 4) as u8]);
    packet.extend(elements);
    packet.extend(payload);
    packet
}

fn nacks(feedback: Vec<BytesMut>) -> Vec<(u32, Vec<u16>)> {
    let packets = feedback.into_iter().flat_map(read);
    let nacks = packets.filter_map(|packet| {
        let nack = packet.as_any().downcast_ref::<TransportLayerNack>()?;
        let numbers = nack.nacks.iter().flat_map(|pair| pair.packet_list());
        Some((nack.media_ssrc, numbers.collect()))
    });
    nacks.collect()
}

#[test]
fn layers_are_told_by_rid_and_then_by_ssrc() {
    let now = Instant::now();
    let mut connection = simulcast(now);
    for (ssrc, rid) in [(30, "f"), (10, "q"), (20, "h")] {
        connection.push_rtp(now, &with(ssrc, VP8, 1, &[(MID, "1"), (RID, rid)], KEY));
        connection.push_rtp(now, &with(ssrc, VP8, 2, &[], INTER));
    }
    connection.push_rtp(now, &with(5, OPUS, 1, &[(MID, "0")], &[1]));
    let expected = [(0, 5), (1, 10), (1, 10), (2, 20), (2, 20), (3, 30), (3, 30)];
    assert_eq!(polled(&mut connection, now), expected);
    assert_eq!(connection.unknown(), 0);
    // The RID alone is enough where one m-line has the payload type.
    let mut connection = simulcast(now);
    connection.push_rtp(now, &with(20, VP8, 1, &[(RID, "h")], KEY));
    assert_eq!(polled(&mut connection, now), [(2, 20)]);
}

#[test]
fn packets_that_do_not_tell_their_layer_are_counted_and_dropped() {
    let now = Instant::now();
    let mut connection = simulcast(now);
    let unknown: [&[(u8, &str)]; 6] = [
        &[(MID, "1")],
        &[],
        &[(MID, "1"), (RID, "x")],
        &[(MID, "1"), (RID, "qq")],
        &[(MID, "7"), (RID, "q")],
        &[(MID, "1"), (REPAIRED_RID, "q")],
    ];
    for (number, extensions) in unknown.into_iter().enumerate() {
        connection.push_rtp(now, &with(90 + number as u32, VP8, 1, extensions, KEY));
    }
    assert_eq!(polled(&mut connection, now), []);
    assert_eq!(connection.unknown(), 6);
    assert_eq!(connection.receivers().count(), 0);
}

#[test]
fn ten_thousand_ssrcs_leave_the_layers_as_they_are() {
    let now = Instant::now();
    let mut connection = simulcast(now);
    for (ssrc, rid) in (1..).zip(RIDS) {
        connection.push_rtp(now, &with(ssrc, VP8, 1, &[(MID, "1"), (RID, rid)], KEY));
    }
    for ssrc in 100..10_100 {
        let rid = RIDS[ssrc as usize % 3];
        connection.push_rtp(now, &with(ssrc, VP8, 1, &[(MID, "1"), (RID, rid)], KEY));
        connection.push_rtp(now, &with(ssrc, RTX, 1, &[(REPAIRED_RID, "q")], &[0, 1, 1]));
    }
    assert_eq!(polled(&mut connection, now), [(1, 1), (2, 2), (3, 3)]);
    assert_eq!(connection.receivers().count(), 3);
    // One retransmission is taken for a stream of its own.
    assert_eq!(connection.unknown(), 19_999);
}

#[test]
fn a_lost_packet_is_asked_of_its_layer_and_its_retransmission_is_told_by_the_repaired_rid() {
    let start = Instant::now();
    let mut connection = simulcast(start);
    for (ssrc, rid) in [(10, "q"), (30, "f")] {
        for number in [1, 3] {
            let payload = if number == 1 { KEY } else { INTER };
            let extensions = [(MID, "1"), (RID, rid)];
            connection.push_rtp(start, &with(ssrc, VP8, number, &extensions, payload));
        }
    }
    connection.push_rtp(start, &with(30, VP8, 4, &[], INTER));
    assert_eq!(polled(&mut connection, start), [(1, 10), (3, 30)]);
    let at = start + ms(10);
    let asked = nacks(connection.feedback(at));
    assert_eq!(asked, [(10, vec![2]), (30, vec![2])]);
    let resent = [&[0, 2], INTER].concat();
    let of_f = [(MID, "1"), (REPAIRED_RID, "f")];
    connection.push_rtp(at, &with(31, RTX, 700, &of_f, &resent));
    assert_eq!(polled(&mut connection, at), [(3, 30), (3, 30), (3, 30)]);
    // Some senders name the layer as in media.
    connection.push_rtp(at, &with(11, RTX, 5, &[(MID, "1"), (RID, "q")], &resent));
    assert_eq!(polled(&mut connection, at), [(1, 10), (1, 10)]);
    assert_eq!(connection.unknown(), 0);
}

#[test]
fn a_keyframe_is_asked_of_the_layer_that_needs_it() {
    let now = Instant::now();
    let mut connection = simulcast(now);
    for (ssrc, rid) in (1..).zip(RIDS) {
        connection.push_rtp(now, &with(ssrc, VP8, 1, &[(MID, "1"), (RID, rid)], KEY));
    }
    assert_eq!(polled(&mut connection, now).len(), 3);
    connection.request_keyframe(now, 2);
    let packets = connection.feedback(now).into_iter().flat_map(read);
    let plis = packets.filter_map(|packet| {
        let pli = packet.as_any().downcast_ref::<PictureLossIndication>()?;
        Some(pli.media_ssrc)
    });
    assert_eq!(plis.collect::<Vec<_>>(), [2]);
}

proptest! {
    /// Whatever comes, a unit is of the layer that its SSRC was first seen with.
    #[test]
    fn no_packet_reaches_another_layer(packets in prop::collection::vec((1u32..8, 0usize..4, any::<bool>(), any::<bool>()), 0..100)) {
        let now = Instant::now();
        let mut connection = simulcast(now);
        let mut layers = std::collections::BTreeMap::new();
        for (number, (ssrc, rid, is_rtx, has_mid)) in packets.into_iter().enumerate() {
            let id = if is_rtx { REPAIRED_RID } else { RID };
            let mut extensions = vec![(id, ["q", "h", "f", "x"][rid])];
            extensions.extend(has_mid.then_some((MID, "1")));
            let kind = if is_rtx { RTX } else { VP8 };
            connection.push_rtp(now, &with(ssrc, kind, number as u16, &extensions, KEY));
            while let Some(unit) = connection.poll(now) {
                let line = *layers.entry(unit.ssrc).or_insert(unit.line);
                prop_assert_eq!(unit.line, line);
                prop_assert!((1..=3).contains(&line));
            }
            prop_assert!(connection.receivers().count() <= 3);
        }
    }
}
