use std::collections::BTreeMap;

use proptest::prelude::*;
use rtc_rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, SymbolTypeTcc, TransportLayerCc,
};
use rtc_shared::marshal::Unmarshal;

use super::*;

fn after(start: Instant, micros: u64) -> Instant {
    start + Duration::from_micros(micros)
}

/// What a report says, as webrtc-rs reads it: for each number the arrival in microseconds.
fn read(report: &BytesMut) -> Vec<(u16, Option<i64>)> {
    let mut bytes = report.clone().freeze();
    let feedback = TransportLayerCc::unmarshal(&mut bytes).expect("webrtc-rs reads it");
    let mut statuses = Vec::new();
    for chunk in &feedback.packet_chunks {
        match chunk {
            PacketStatusChunk::RunLengthChunk(run) => statuses.extend(std::iter::repeat_n(
                run.packet_status_symbol,
                run.run_length.into(),
            )),
            PacketStatusChunk::StatusVectorChunk(vector) => {
                statuses.extend(vector.symbol_list.iter().copied());
            }
        }
    }
    statuses.truncate(feedback.packet_status_count.into());
    assert_eq!(statuses.len(), usize::from(feedback.packet_status_count));
    let mut deltas = feedback.recv_deltas.iter();
    let mut time = i64::from(feedback.reference_time) * 64_000;
    let packets = statuses.iter().zip(0..).map(|(status, index)| {
        let number = feedback.base_sequence_number.wrapping_add(index);
        if *status == SymbolTypeTcc::PacketNotReceived {
            return (number, None);
        }
        time += deltas.next().expect("a delta for each arrival").delta;
        (number, Some(time))
    });
    let packets = packets.collect();
    assert!(deltas.next().is_none());
    packets
}

#[test]
fn arrivals_are_reported_after_fifty_milliseconds() {
    let start = Instant::now();
    let mut recorder = TwccRecorder::new(start);
    assert_eq!(recorder.next_timeout(), None);
    for (number, micros) in [(65_534, 70_000), (65_535, 70_300), (1, 71_000)] {
        recorder.record(after(start, micros), number);
    }
    assert_eq!(recorder.next_timeout(), Some(after(start, 120_000)));
    assert!(recorder.poll(after(start, 119_999), 1, 2).is_empty());
    let reports = recorder.poll(after(start, 120_000), 1, 2);
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0][..2], [0x8f, 205]);
    assert_eq!(
        read(&reports[0]),
        [
            (65_534, Some(70_000)),
            (65_535, Some(70_250)),
            (0, None),
            (1, Some(71_000))
        ]
    );
    // The loss behind a report begins the next one, and one that comes late is reported, too.
    assert_eq!(recorder.next_timeout(), None);
    recorder.record(after(start, 130_000), 3);
    recorder.record(after(start, 130_000), 0);
    let reports = recorder.poll(after(start, 200_000), 1, 2);
    assert_eq!(
        read(&reports[0]),
        [
            (0, Some(130_000)),
            (1, Some(71_000)),
            (2, None),
            (3, Some(130_000))
        ]
    );
    assert_eq!(reports[0][19], 1, "the count of reports");
}

#[test]
fn a_pause_of_ten_seconds_is_no_overflow() {
    let start = Instant::now();
    let mut recorder = TwccRecorder::new(start);
    recorder.record(start, 1);
    recorder.record(after(start, 10_000_000), 2);
    let reports = recorder.poll(after(start, 10_000_000), 1, 2);
    let read: Vec<_> = reports.iter().flat_map(read).collect();
    assert_eq!(read, [(1, Some(0)), (2, Some(10_000_000))]);
}

#[test]
fn a_restart_of_the_numbers_is_followed() {
    let start = Instant::now();
    let mut recorder = TwccRecorder::new(start);
    for number in [1, 2, 30_000, 30_001, 30_002] {
        recorder.record(start, number);
    }
    let reports = recorder.poll(after(start, 50_000), 1, 2);
    assert_eq!(read(&reports[0]), [(30_001, Some(0)), (30_002, Some(0))]);
}

proptest! {
    /// Every arrival is reported, once it is due, with its time; reports fit a datagram.
    #[test]
    fn every_arrival_is_reported(first: u16, steps in prop::collection::vec((1u16..30, 0u64..40_000, any::<bool>()), 1..700), slow: bool) {
        let start = Instant::now();
        let mut recorder = TwccRecorder::new(start);
        let (mut number, mut micros) = (first, 0);
        let (mut sent, mut reported) = (BTreeMap::new(), BTreeMap::new());
        let mut collect = |recorder: &mut TwccRecorder, micros| {
            for report in recorder.poll(after(start, micros), 1, 2) {
                assert!(report.len() <= 1200 && report.len() % 4 == 0, "{}", report.len());
                assert_eq!(report.len(), 4 * (usize::from(u16::from_be_bytes([report[2], report[3]])) + 1));
                reported.extend(read(&report).into_iter().filter_map(|(number, time)| Some((number, time?))));
            }
        };
        for (step, wait, back) in steps {
            number = number.wrapping_add(if step > 20 { step } else { 1 });
            micros += if slow { wait } else { wait / 40 };
            // The one before overtakes it.
            let this = if back { number.wrapping_sub(1) } else { number };
            if sent.contains_key(&this) {
                continue;
            }
            sent.insert(this, micros as i64 / 250 * 250);
            recorder.record(after(start, micros), this);
            collect(&mut recorder, micros);
            prop_assert!(recorder.arrivals.len() <= MAX_KEPT);
        }
        collect(&mut recorder, micros + 50_000);
        prop_assert_eq!(reported, sent);
    }

    #[test]
    fn any_numbers_are_recorded_within_bounds(numbers in prop::collection::vec((any::<u16>(), 0u64..100_000), 1..300)) {
        let start = Instant::now();
        let mut recorder = TwccRecorder::new(start);
        let mut micros = 0;
        for (number, wait) in numbers {
            micros += wait;
            recorder.record(after(start, micros), number);
            let reports = recorder.poll(after(start, micros), 1, 2);
            prop_assert!(reports.len() <= 4);
        }
    }
}
