//! Estimates from reports and REMB, and from arbitrary feedback.

use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;

use super::estimator::BandwidthEstimator;
use super::pacer::Pacer;
use super::twcc_history::PacketResult;

const SECOND: Duration = Duration::from_secs(1);

/// A second of sending 2.4 Mbit/s.
fn send(estimate: &mut BandwidthEstimator, now: &mut Instant) {
    for _ in 0..250 {
        *now += SECOND / 250;
        estimate.on_packets_sent(*now, 1200);
    }
}

#[test]
fn a_viewer_takes_little_memory() {
    let trendline = 20 * 4 * size_of::<f64>();
    assert!(size_of::<BandwidthEstimator>() + trendline < 2048);
    assert!(size_of::<Pacer>() < 128);
}

#[test]
fn without_congestion_feedback_there_is_no_estimate() {
    let mut now = Instant::now();
    let mut estimate = BandwidthEstimator::new(now);
    send(&mut estimate, &mut now);
    estimate.on_report(now, 0, Some(Duration::from_millis(40)));
    assert_eq!(estimate.bitrate_bps(now), None);
    assert_eq!(estimate.rtt(), Some(Duration::from_millis(40)));
}

#[test]
fn remb_is_a_ceiling_while_it_is_fresh() {
    let now = Instant::now();
    let mut estimate = BandwidthEstimator::new(now);
    estimate.on_remb(now, 700_000);
    assert_eq!(estimate.bitrate_bps(now + 4 * SECOND), Some(700_000));
    assert_eq!(estimate.bitrate_bps(now + 6 * SECOND), None);
    estimate.on_remb(now, u64::MAX);
    assert_eq!(estimate.bitrate_bps(now), Some(100_000_000));
}

#[test]
fn loss_that_falls_with_the_rate_keeps_it_low_until_it_recovers() {
    let mut now = Instant::now();
    let mut estimate = BandwidthEstimator::new(now);
    send(&mut estimate, &mut now);
    estimate.on_report(now, 128, None);
    let low = estimate.bitrate_bps(now).expect("half was lost");
    assert!((900_000..1_200_000).contains(&low), "{low}");
    // This report still covers the time before.
    estimate.on_report(now, 128, None);
    assert_eq!(estimate.bitrate_bps(now), Some(low));
    for _ in 0..8 {
        send(&mut estimate, &mut now);
        estimate.on_report(now, 0, None);
    }
    assert!(estimate.bitrate_bps(now) > Some(2_400_000));
}

#[test]
fn loss_that_stays_when_the_rate_falls_is_tolerated() {
    let mut now = Instant::now();
    let mut estimate = BandwidthEstimator::new(now);
    let mut low = 0;
    for _ in 0..60 {
        send(&mut estimate, &mut now);
        estimate.on_report(now, 40, None);
        low += u32::from(
            estimate
                .bitrate_bps(now)
                .is_some_and(|bits| bits < 2_400_000),
        );
    }
    assert!(low < 5, "{low}");
}

#[test]
fn in_silence_the_minimum_rate_is_sent_until_feedback_is_back() {
    let mut now = Instant::now();
    let mut estimate = BandwidthEstimator::new(now);
    estimate.on_feedback(now, [].into_iter());
    // Nothing is sent, so there is no feedback.
    now += 60 * SECOND;
    assert_eq!(estimate.bitrate_bps(now), None);
    for _ in 0..3 {
        send(&mut estimate, &mut now);
    }
    assert_eq!(estimate.bitrate_bps(now), Some(100_000));
    estimate.on_feedback(now, [].into_iter());
    assert_eq!(estimate.bitrate_bps(now), None);
}

proptest! {
    /// Send times are ours; everything else comes from the viewer.
    #[test]
    fn arbitrary_feedback_gives_an_estimate_within_bounds(
        rounds in vec((vec((0u64..100_000, any::<u16>(), any::<Option<i64>>()), 0..50), any::<u8>(), any::<u64>()), 1..50),
    ) {
        let mut now = Instant::now();
        let mut estimate = BandwidthEstimator::new(now);
        for (packets, lost, bits) in rounds {
            let mut results = Vec::new();
            for (after, bytes, arrived) in packets {
                now += Duration::from_micros(after);
                estimate.on_packets_sent(now, bytes.into());
                results.push(PacketResult { sent_at: now, bytes: bytes.into(), arrived_us: arrived });
            }
            estimate.on_feedback(now, results.into_iter());
            estimate.on_report(now, lost, Some(Duration::from_micros(bits)));
            let bounds = 100_000..=100_000_000;
            prop_assert!(estimate.bitrate_bps(now).is_none_or(|bits| bounds.contains(&bits)));
            estimate.on_remb(now, bits);
            prop_assert!(estimate.bitrate_bps(now).is_some_and(|bits| bounds.contains(&bits)));
        }
    }
}
