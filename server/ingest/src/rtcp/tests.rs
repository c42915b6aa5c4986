//! What is written here, webrtc-rs reads; what it writes is read here.

use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use rtc_rtcp::goodbye::Goodbye;
use rtc_rtcp::packet::{Packet, unmarshal};
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::source_description::{SdesType, SourceDescription};
use rtc_rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;

use super::*;

fn packets(bytes: BytesMut) -> Vec<Box<dyn Packet>> {
    let mut bytes: Bytes = bytes.freeze();
    unmarshal(&mut bytes).expect("webrtc-rs reads it")
}

fn marshalled(packet: &dyn Packet) -> Vec<u8> {
    let mut bytes = vec![0; packet.marshal_size()];
    packet.marshal_to(&mut bytes).expect("it fits");
    bytes
}

prop_compose! {
    fn block()(
        ssrc: u32, fraction_lost: u8, lost in -0x80_0000..0x80_0000, highest: u32, jitter: u32, last_sender_report: u32, delay: u32,
    ) -> ReportBlock {
        ReportBlock { ssrc, fraction_lost, lost, highest, jitter, last_sender_report, delay }
    }
}

proptest! {
    #[test]
    fn receiver_reports_are_read_by_webrtc_rs(sender: u32, blocks in vec(block(), 0..70)) {
        let mut out = BytesMut::new();
        put_receiver_reports(&mut out, sender, &blocks);
        let mut read = Vec::new();
        for packet in packets(out) {
            let report = packet.as_any().downcast_ref::<ReceiverReport>().expect("a receiver report");
            prop_assert_eq!(report.ssrc, sender);
            read.extend(report.reports.iter().map(|read| ReportBlock {
                ssrc: read.ssrc,
                fraction_lost: read.fraction_lost,
                lost: ((read.total_lost << 8) as i32) >> 8,
                highest: read.last_sequence_number,
                jitter: read.jitter,
                last_sender_report: read.last_sender_report,
                delay: read.delay,
            }));
        }
        prop_assert_eq!(read, blocks);
    }

    #[test]
    fn a_cname_of_any_length_is_read_by_webrtc_rs(sender: u32, cname in "[a-z]{0,300}") {
        let mut out = BytesMut::new();
        put_receiver_reports(&mut out, sender, &[]);
        put_cname(&mut out, sender, &cname);
        let packets = packets(out);
        prop_assert_eq!(packets.len(), 2);
        let description = packets[1].as_any().downcast_ref::<SourceDescription>().expect("a source description");
        let [chunk] = &description.chunks[..] else { panic!("one chunk") };
        prop_assert_eq!(chunk.source, sender);
        prop_assert_eq!(chunk.items.len(), 1);
        prop_assert_eq!(chunk.items[0].sdes_type, SdesType::SdesCname);
        prop_assert_eq!(&chunk.items[0].text[..], &cname.as_bytes()[..cname.len().min(255)]);
    }

    #[test]
    fn negative_acknowledgements_are_read_by_webrtc_rs(first: u16, steps in vec(1u16..40, 0..200)) {
        let mut numbers = vec![first];
        for step in steps {
            numbers.push(numbers[numbers.len() - 1].wrapping_add(step));
        }
        let mut out = BytesMut::new();
        put_nack(&mut out, 1, 2, &numbers);
        let packets = packets(out);
        let nack = packets[0].as_any().downcast_ref::<TransportLayerNack>().expect("a NACK");
        prop_assert_eq!((nack.sender_ssrc, nack.media_ssrc), (1, 2));
        let read: Vec<u16> = nack.nacks.iter().flat_map(|pair| pair.packet_list()).collect();
        prop_assert_eq!(read.iter().collect::<BTreeSet<_>>(), numbers.iter().collect::<BTreeSet<_>>());
        prop_assert_eq!(read.len(), numbers.len());
    }

    #[test]
    fn sender_reports_of_webrtc_rs_are_read_among_others(ssrc: u32, ntp: u64, rtp: u32, packets: u32, octets: u32, cut in 0usize..28) {
        let report = SenderReport { ssrc, ntp_time: ntp, rtp_time: rtp, packet_count: packets, octet_count: octets, ..Default::default() };
        let bye = marshalled(&Goodbye { sources: vec![ssrc], ..Default::default() });
        let report = marshalled(&report);
        let compound = [&bye[..], &report[..], &bye[..], &report[..report.len() - cut]].concat();
        let info = SenderInfo { ssrc, ntp, rtp, packets, octets };
        let expected = if cut == 0 { vec![info; 2] } else { vec![info] };
        prop_assert_eq!(sender_reports(&compound).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn any_bytes_are_read_without_panic(head in 0x80u8..0xc0, kind in 200u8..203, bytes in vec(any::<u8>(), 0..200)) {
        let compound = [&[head, kind], &bytes[..]].concat();
        prop_assert!(sender_reports(&compound).count() <= compound.len() / SENDER_INFO);
    }
}

#[test]
fn a_picture_loss_indication_is_read_by_webrtc_rs() {
    let mut out = BytesMut::new();
    put_pli(&mut out, 3, 4);
    let packets = packets(out);
    let pli = packets[0].as_any().downcast_ref::<PictureLossIndication>();
    let pli = pli.expect("a PLI");
    assert_eq!((pli.sender_ssrc, pli.media_ssrc), (3, 4));
}
