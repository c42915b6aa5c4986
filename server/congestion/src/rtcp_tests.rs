//! RTCP that webrtc-rs writes is read back; arbitrary bytes do no harm.

use proptest::collection::vec;
use proptest::prelude::*;
use rtc_rtcp::packet::Packet;
use rtc_rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest};
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::source_description::{
    SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
};
use rtc_rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, RunLengthChunk, StatusChunkTypeTcc, StatusVectorChunk,
    SymbolSizeTypeTcc, SymbolTypeTcc, TransportLayerCc,
};
use rtc_rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};

use super::rtcp::{Item, ReportBlock, TransportFeedback, read};

/// [`Item`] without what it borrows.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owned {
    Nack(u32, Vec<u16>),
    Pli(u32),
    Fir(u32, u8),
    Remb(u64),
    Report(ReportBlock),
    Transport(u32, Vec<(u16, Option<i64>)>),
}

fn items(compound: &[u8]) -> Vec<Owned> {
    let mut items = Vec::new();
    read(compound, |item| {
        items.push(match item {
            Item::Nack { media, lost } => Owned::Nack(media, lost.collect()),
            Item::Pli { media } => Owned::Pli(media),
            Item::Fir { media, number } => Owned::Fir(media, number),
            Item::Remb { bitrate_bps } => Owned::Remb(bitrate_bps),
            Item::Report(block) => Owned::Report(block),
            Item::Twcc(feedback) => {
                Owned::Transport(feedback.reference_time, feedback.packets().collect())
            }
        });
    });
    items
}

fn bytes(packet: &dyn Packet) -> Vec<u8> {
    let mut bytes = vec![0; packet.marshal_size()];
    let length = packet.marshal_to(&mut bytes).expect("it fits");
    bytes.truncate(length);
    bytes
}

prop_compose! {
    fn reception()(
        ssrc: u32, fraction_lost: u8, total_lost in 0u32..0x80_0000,
        last_sequence_number: u32, jitter: u32, last_sender_report: u32, delay: u32,
    ) -> ReceptionReport {
        ReceptionReport { ssrc, fraction_lost, total_lost, last_sequence_number, jitter, last_sender_report, delay }
    }
}

fn read_back(block: &ReceptionReport) -> Owned {
    Owned::Report(ReportBlock {
        source: block.ssrc,
        fraction_lost: block.fraction_lost,
        lost: block.total_lost as i32,
        highest: block.last_sequence_number,
        jitter: block.jitter,
        last_report: block.last_sender_report,
        delay: block.delay,
    })
}

/// An RTCP packet, and the items in it.
fn written() -> impl Strategy<Value = (Vec<u8>, Vec<Owned>)> {
    prop_oneof![
        (any::<u32>(), vec(reception(), 0..32)).prop_map(|(ssrc, reports)| {
            let items = reports.iter().map(read_back).collect();
            let report = ReceiverReport {
                ssrc,
                reports,
                ..Default::default()
            };
            (bytes(&report), items)
        }),
        (any::<u32>(), vec(reception(), 0..32)).prop_map(|(ssrc, reports)| {
            let items = reports.iter().map(read_back).collect();
            let report = SenderReport {
                ssrc,
                reports,
                ..Default::default()
            };
            (bytes(&report), items)
        }),
        (any::<u32>(), "[a-z]{1,40}").prop_map(|(source, text)| {
            let name = SourceDescriptionItem {
                sdes_type: SdesType::SdesCname,
                text: text.into(),
            };
            let chunk = SourceDescriptionChunk {
                source,
                items: vec![name],
            };
            let description = SourceDescription {
                chunks: vec![chunk],
            };
            (bytes(&description), vec![])
        }),
        (any::<u32>(), any::<u32>()).prop_map(|(sender_ssrc, media_ssrc)| {
            let pli = PictureLossIndication {
                sender_ssrc,
                media_ssrc,
            };
            (bytes(&pli), vec![Owned::Pli(media_ssrc)])
        }),
        vec((any::<u32>(), any::<u8>()), 1..20).prop_map(|entries| {
            let fir = entries.iter().map(|(ssrc, sequence_number)| FirEntry {
                ssrc: *ssrc,
                sequence_number: *sequence_number,
            });
            let fir = FullIntraRequest {
                fir: fir.collect(),
                ..Default::default()
            };
            let items = entries
                .into_iter()
                .map(|(ssrc, number)| Owned::Fir(ssrc, number));
            (bytes(&fir), items.collect())
        }),
        (0u64..1 << 18, 0u32..40, vec(any::<u32>(), 0..3)).prop_map(
            |(mantissa, exponent, ssrcs)| {
                let bitrate = mantissa << exponent;
                let remb = ReceiverEstimatedMaximumBitrate {
                    bitrate: bitrate as f32,
                    ssrcs,
                    ..Default::default()
                };
                (bytes(&remb), vec![Owned::Remb(bitrate)])
            }
        ),
        (any::<u32>(), any::<u16>(), vec(1u16..40, 1..60)).prop_map(
            |(media_ssrc, first, steps)| {
                let mut lost = vec![first];
                for step in steps {
                    lost.push(lost[lost.len() - 1].wrapping_add(step));
                }
                let nack = TransportLayerNack {
                    media_ssrc,
                    nacks: nack_pairs_from_sequence_numbers(&lost),
                    ..Default::default()
                };
                (bytes(&nack), vec![Owned::Nack(media_ssrc, lost)])
            }
        ),
        transport(),
    ]
}

/// A run of one symbol, or a vector of symbols of one or two bits.
fn chunk() -> impl Strategy<Value = (PacketStatusChunk, Vec<u16>)> {
    let symbol = |symbol: &u16| SymbolTypeTcc::from(*symbol);
    prop_oneof![
        (0u16..3, 1u16..300).prop_map(move |(kind, run_length)| {
            let run = RunLengthChunk {
                type_tcc: StatusChunkTypeTcc::RunLengthChunk,
                packet_status_symbol: symbol(&kind),
                run_length,
            };
            let symbols = vec![kind; usize::from(run_length)];
            (PacketStatusChunk::RunLengthChunk(run), symbols)
        }),
        (vec(0u16..2, 14), vec(0u16..3, 7), any::<bool>()).prop_map(move |(short, long, one)| {
            let (symbols, symbol_size) = match one {
                true => (short, SymbolSizeTypeTcc::OneBit),
                false => (long, SymbolSizeTypeTcc::TwoBit),
            };
            let vector = StatusVectorChunk {
                type_tcc: StatusChunkTypeTcc::StatusVectorChunk,
                symbol_size,
                symbol_list: symbols.iter().map(symbol).collect(),
            };
            (PacketStatusChunk::StatusVectorChunk(vector), symbols)
        }),
    ]
}

fn transport() -> impl Strategy<Value = (Vec<u8>, Vec<Owned>)> {
    let deltas = vec(any::<i16>(), 64);
    (vec(chunk(), 1..4), deltas, any::<u16>(), 0u32..1 << 24).prop_map(
        |(chunks, deltas, base, reference_time)| {
            let (packet_chunks, symbols): (Vec<_>, Vec<_>) = chunks.into_iter().unzip();
            let symbols = symbols.concat();
            let (mut recv_deltas, mut packets, mut arrived) = (Vec::new(), Vec::new(), 0);
            for (index, symbol) in symbols.iter().enumerate() {
                let delta = match *symbol {
                    0 => None,
                    1 => Some(i64::from(deltas[index % 64] as u8)),
                    _ => Some(i64::from(deltas[index % 64])),
                };
                recv_deltas.extend(delta.map(|delta| RecvDelta {
                    type_tcc_packet: SymbolTypeTcc::from(*symbol),
                    delta: 250 * delta,
                }));
                arrived += 250 * delta.unwrap_or(0);
                packets.push((
                    base.wrapping_add(index as u16),
                    delta.is_some().then_some(arrived),
                ));
            }
            let feedback = TransportLayerCc {
                base_sequence_number: base,
                packet_status_count: symbols.len() as u16,
                reference_time,
                packet_chunks,
                recv_deltas,
                ..Default::default()
            };
            let item = Owned::Transport(reference_time, packets);
            (bytes(&feedback), vec![item])
        },
    )
}

proptest! {
    #[test]
    fn packets_of_webrtc_rs_are_read_back(packets in vec(written(), 1..6)) {
        let compound = packets.iter().flat_map(|(bytes, _)| bytes.clone()).collect::<Vec<_>>();
        let expected = packets.into_iter().flat_map(|(_, items)| items).collect::<Vec<_>>();
        prop_assert_eq!(items(&compound), expected);
    }

    #[test]
    fn a_truncated_packet_does_not_hide_those_before_it(packets in vec(written(), 2..4), cut in 1usize..40) {
        let whole = packets[..packets.len() - 1].iter();
        let expected = whole.flat_map(|(_, items)| items.clone()).collect::<Vec<_>>();
        let mut compound = packets.iter().flat_map(|(bytes, _)| bytes.clone()).collect::<Vec<_>>();
        let last = packets[packets.len() - 1].0.len();
        compound.truncate(compound.len() - cut.min(last));
        prop_assert_eq!(items(&compound), expected);
    }

    #[test]
    fn arbitrary_bytes_yield_a_bounded_number_of_items(head in 0x80u8..0xc0, kind in 200u8..208, rest in vec(any::<u8>(), 2..1500)) {
        let mut compound = vec![head, kind];
        compound.extend(rest);
        // The first packet spans the whole datagram, so that its inside is parsed too.
        compound.truncate(compound.len() & !3);
        let words = (compound.len() / 4 - 1) as u16;
        compound[2..4].copy_from_slice(&words.to_be_bytes());
        let most = 17 * compound.len() + usize::from(TransportFeedback::MAX_LOSSES);
        let counts = items(&compound).into_iter().map(|item| match item {
            Owned::Nack(_, lost) => lost.len(),
            Owned::Transport(_, packets) => packets.len(),
            _ => 1,
        });
        prop_assert!(counts.sum::<usize>() <= most);
    }
}

#[test]
fn a_long_run_of_losses_is_reported_as_far_as_senders_remember() {
    // 8191 packets lost, then one that arrived 1 ms after the reference.
    let feedback = [
        0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0, 0x20, 0, 0, 0, 7, 0, 0x1f, 0xff, 0x20, 1,
        4, 0,
    ];
    let mut feedback = feedback.to_vec();
    feedback.resize(28, 0);
    feedback[3] = 6;
    let items = items(&feedback);
    let [Owned::Transport(7, packets)] = &items[..] else {
        panic!("{items:?}");
    };
    let last = 0xff00u16.wrapping_add(8191);
    assert_eq!(packets.last(), Some(&(last, Some(1000))));
    assert_eq!(packets.len(), usize::from(TransportFeedback::MAX_LOSSES));
}

#[test]
fn padding_is_not_read() {
    // Two entries, of which the second is padding.
    let nack = [
        0xa1, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 9, 0, 1, 0, 0, 0, 4,
    ];
    assert_eq!(items(&nack), [Owned::Nack(2, vec![9, 10])]);
}
