mod layers;

use bytes::Bytes;
use proptest::prelude::*;
use rtc_rtcp::packet::{Packet, unmarshal};
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::source_description::SourceDescription;
use rtc_rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc_rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use shared::api::Codec;

use super::*;
use crate::receiver::Format;

const OPUS: u8 = 111;
const VP8: u8 = 96;
const RTX: u8 = 97;
const MID: u8 = 1;
const TWCC: u8 = 2;

fn line(mid: &str, codec: Codec, payload_type: u8, rtx: Option<u8>) -> LineParams {
    LineParams {
        mid: mid.to_owned(),
        rid: None,
        ssrc: None,
        rtx_ssrc: None,
        formats: vec![Format {
            payload_type,
            codec,
            rtx,
            parameter_sets: Bytes::new(),
        }],
        nack: true,
        pli: codec.is_video(),
    }
}

/// A microphone, a camera and a screen, without SSRCs. Camera and screen have the same payload types.
fn connection(now: Instant) -> ConnectionReceiver {
    let params = ConnectionParams {
        ssrc: 1,
        cname: "server".to_owned(),
        lines: vec![
            line("0", Codec::Opus, OPUS, None),
            line("1", Codec::Vp8, VP8, Some(RTX)),
            line("2", Codec::Vp8, VP8, Some(RTX)),
        ],
        extensions: HeaderExtensions {
            mid: Some(MID),
            twcc: Some(TWCC),
            ..HeaderExtensions::default()
        },
    };
    ConnectionReceiver::new(params, now)
}

/// A packet; with a MID where `mid` is not empty.
fn packet(ssrc: u32, payload_type: u8, number: u16, mid: &str, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x90, payload_type | 0x80];
    packet.extend(number.to_be_bytes());
    packet.extend((3000 * u32::from(number)).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    let number = number.to_be_bytes();
    let mid = mid.bytes().next().unwrap_or(b'-');
    let id = if mid == b'-' { 5 } else { MID };
    packet.extend([0xbe, 0xde, 0, 2]);
    packet.extend([id << 4, mid, TWCC << 4 | 1, number[0], number[1], 0, 0, 0]);
    packet.extend(payload);
    packet
}

const KEY: &[u8] = &[0x10, 0x10, 1];
const INTER: &[u8] = &[0x10, 0x11, 1];

/// The m-lines and SSRCs of the units.
fn polled(connection: &mut ConnectionReceiver, now: Instant) -> Vec<(usize, u32)> {
    let units = std::iter::from_fn(|| connection.poll(now));
    units.map(|unit| (unit.line, unit.ssrc)).collect()
}

fn read(packet: BytesMut) -> Vec<Box<dyn Packet>> {
    unmarshal(&mut packet.freeze()).expect("webrtc-rs reads it")
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn streams_without_ssrc_are_told_by_mid_or_by_their_payload_type() {
    let now = Instant::now();
    let mut connection = connection(now);
    connection.push_rtp(now, &packet(10, OPUS, 1, "", &[1]));
    connection.push_rtp(now, &packet(20, VP8, 1, "1", KEY));
    connection.push_rtp(now, &packet(30, VP8, 1, "2", KEY));
    // Later packets do not need the MID.
    connection.push_rtp(now, &packet(20, VP8, 2, "", INTER));
    assert_eq!(
        polled(&mut connection, now),
        [(0, 10), (1, 20), (1, 20), (2, 30)]
    );
    assert_eq!(connection.unknown(), 0);
    // Neither a MID nor a payload type of one m-line alone; a MID and a payload type of none; no RTP.
    connection.push_rtp(now, &packet(40, VP8, 1, "", KEY));
    connection.push_rtp(now, &packet(40, VP8, 1, "7", KEY));
    connection.push_rtp(now, &packet(40, 50, 1, "", KEY));
    connection.push_rtp(now, &[0x80; 5]);
    assert_eq!(polled(&mut connection, now), []);
    assert_eq!(connection.unknown(), 4);
}

#[test]
fn the_ssrc_of_retransmissions_is_learned_from_their_payload_type() {
    let start = Instant::now();
    let mut connection = connection(start);
    connection.push_rtp(start, &packet(20, VP8, 1, "1", KEY));
    connection.push_rtp(start, &packet(20, VP8, 3, "1", INTER));
    assert_eq!(polled(&mut connection, start), [(1, 20)]);
    let at = start + ms(10);
    let feedback = connection.feedback(at);
    let [nack] = &feedback[..] else {
        panic!("{feedback:?}")
    };
    let nack = read(nack.clone());
    let nack = nack[0]
        .as_any()
        .downcast_ref::<TransportLayerNack>()
        .expect("a NACK");
    assert_eq!((nack.sender_ssrc, nack.media_ssrc), (1, 20));
    assert_eq!(nack.nacks[0].packet_list(), [2]);
    let resent = [&[0, 2], INTER].concat();
    connection.push_rtp(at, &packet(21, RTX, 700, "1", &resent));
    assert_eq!(polled(&mut connection, at), [(1, 20), (1, 20)]);
}

#[test]
fn another_ssrc_takes_the_place_of_a_silent_one_only() {
    let start = Instant::now();
    let mut connection = connection(start);
    connection.push_rtp(start, &packet(20, VP8, 1, "1", KEY));
    connection.push_rtp(start + ms(999), &packet(22, VP8, 500, "1", KEY));
    assert_eq!(polled(&mut connection, start + ms(999)), [(1, 20)]);
    assert_eq!(connection.unknown(), 1);
    connection.push_rtp(start + ms(1000), &packet(22, VP8, 501, "1", KEY));
    assert_eq!(polled(&mut connection, start + ms(1000)), [(1, 22)]);
    assert_eq!(connection.receiver(1).unwrap().params().ssrc, 22);
}

#[test]
fn ssrcs_of_the_session_description_need_nothing_else() {
    let now = Instant::now();
    let lines = [(20, 21), (30, 31)].map(|(ssrc, rtx_ssrc)| LineParams {
        ssrc: Some(ssrc),
        rtx_ssrc: Some(rtx_ssrc),
        ..line("", Codec::Vp8, VP8, Some(RTX))
    });
    let params = ConnectionParams {
        ssrc: 1,
        cname: String::new(),
        lines: lines.to_vec(),
        extensions: HeaderExtensions::default(),
    };
    let mut connection = ConnectionReceiver::new(params, now);
    connection.push_rtp(now, &packet(30, VP8, 1, "", KEY));
    connection.push_rtp(now, &packet(31, RTX, 1, "", &[]));
    connection.push_rtp(now, &packet(20, VP8, 1, "", KEY));
    assert_eq!(polled(&mut connection, now), [(0, 20), (1, 30)]);
    assert_eq!(connection.unknown(), 0);
    connection.request_keyframe(now, 1);
    connection.request_keyframe(now, 9);
    let feedback = connection.feedback(now);
    let [pli] = &feedback[..] else {
        panic!("{feedback:?}")
    };
    let pli = read(pli.clone());
    let pli = pli[0]
        .as_any()
        .downcast_ref::<PictureLossIndication>()
        .expect("a PLI");
    assert_eq!((pli.sender_ssrc, pli.media_ssrc), (1, 30));
}

#[test]
fn reports_are_sent_with_a_cname_and_arrivals_by_transport_wide_numbers() {
    let start = Instant::now();
    let mut connection = connection(start);
    assert_eq!(connection.next_timeout(), None);
    connection.push_rtp(start, &packet(10, OPUS, 1, "", &[1]));
    connection.push_rtp(start, &packet(20, VP8, 2, "1", KEY));
    polled(&mut connection, start);
    assert_eq!(connection.next_timeout(), Some(start + ms(50)));
    let feedback = connection.feedback(start + ms(50));
    let [arrivals] = &feedback[..] else {
        panic!("{feedback:?}")
    };
    let arrivals = read(arrivals.clone());
    let arrivals = arrivals[0].as_any().downcast_ref::<TransportLayerCc>();
    let arrivals = arrivals.expect("transport-wide feedback");
    assert_eq!(
        (arrivals.base_sequence_number, arrivals.packet_status_count),
        (1, 2)
    );
    assert_eq!(connection.next_timeout(), Some(start + ms(1000)));
    // A sender report of the camera: version 2, SSRC 20.
    let mut report = vec![0x80, 200, 0, 6, 0, 0, 0, 20];
    report.extend([7; 20]);
    connection.push_rtcp(start + ms(500), &report);
    let feedback = connection.feedback(start + ms(1000));
    let [reports] = &feedback[..] else {
        panic!("{feedback:?}")
    };
    let packets = read(reports.clone());
    let reports = packets[0]
        .as_any()
        .downcast_ref::<ReceiverReport>()
        .expect("reports");
    let delays: Vec<_> = reports
        .reports
        .iter()
        .map(|block| (block.ssrc, block.delay))
        .collect();
    assert_eq!(delays, [(10, 0), (20, 32_768)]);
    assert!(packets[1].as_any().is::<SourceDescription>());
}

proptest! {
    #[test]
    fn any_datagrams_are_taken(datagrams in prop::collection::vec((any::<bool>(), 0u32..6, 0usize..4, any::<u16>(), prop::collection::vec(any::<u8>(), 0..60)), 0..200)) {
        let mut now = Instant::now();
        let mut connection = connection(now);
        for (is_rtp, ssrc, kind, number, bytes) in datagrams {
            now += ms(u64::from(number % 300));
            if !is_rtp {
                connection.push_rtcp(now, &[&[0x80, 200], &bytes[..]].concat());
                connection.push_rtp(now, &bytes);
                continue;
            }
            let mid = ["", "0", "1", "2"][bytes.len() % 4];
            connection.push_rtp(now, &packet(ssrc, [OPUS, VP8, RTX, 3][kind], number % 50, mid, &bytes));
            polled(&mut connection, now);
            for packet in connection.feedback(now) {
                prop_assert!(packet.len() <= 1200 && packet.len() % 4 == 0);
            }
            prop_assert!(connection.next_timeout().is_none_or(|at| at > now));
        }
    }
}
