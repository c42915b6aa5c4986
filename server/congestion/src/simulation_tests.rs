//! Estimator and pacer together, on different links, with the highest bitrate that Weir sends by default.

use super::simulation::{SimulatedLink, Simulation};

const STREAM_BPS: f64 = 2.5e6;
/// The results must not depend on the random numbers.
const SEEDS: std::ops::Range<u64> = 1..5;

fn all_within(estimates: &[f64], low: f64, high: f64) -> bool {
    estimates
        .iter()
        .all(|estimate| (low..=high).contains(estimate))
}

/// The part of the time in which the estimate is below the bitrate of the stream.
fn low(estimates: &[f64]) -> f64 {
    let low = estimates.iter().filter(|bits| **bits < STREAM_BPS).count();
    low as f64 / estimates.len() as f64
}

/// The time until an estimate is `good`, in seconds.
fn after(estimates: &[f64], good: impl Fn(f64) -> bool) -> f64 {
    let first = estimates.iter().position(|estimate| good(*estimate));
    first.map_or(f64::MAX, |first| first as f64 / 10.0)
}

#[test]
fn a_bottleneck_is_found_and_not_exceeded() {
    for seed in SEEDS {
        let mut simulation = Simulation::new(SimulatedLink::of(1e6), STREAM_BPS, seed);
        let (estimates, _) = simulation.run(10.0);
        assert!(after(&estimates, |bits| (0.8e6..1.2e6).contains(&bits)) < 1.0);
        let (estimates, arrived) = simulation.run(50.0);
        assert!(all_within(&estimates, 0.8e6, 1.3e6), "{seed} {estimates:?}");
        let over = estimates.iter().filter(|bits| **bits > 1.2e6).count();
        assert!(over * 100 < estimates.len(), "{seed} {estimates:?}");
        assert!(arrived > 0.95e6, "{seed} {arrived}");
        let lost = simulation.lost as f64 / simulation.sent as f64;
        assert!(lost < 0.01, "{seed} {lost}");
    }
}

#[test]
fn a_drop_to_a_third_is_followed_and_recovered_from() {
    for seed in SEEDS {
        for delay in [5, 20, 75] {
            let fast = SimulatedLink {
                delay_ms: delay,
                ..SimulatedLink::of(3e6)
            };
            let mut simulation = Simulation::new(fast, STREAM_BPS, seed);
            simulation.run(15.0);
            simulation.link.rate_bps = 1e6;
            let (estimates, arrived) = simulation.run(20.0);
            let followed = after(&estimates, |bits| bits < 1.2e6);
            assert!(followed < 3.0, "{seed} {delay} {followed} {estimates:?}");
            assert!(
                all_within(&estimates[30..], 0.7e6, 1.3e6),
                "{seed} {delay} {estimates:?}"
            );
            assert!(arrived > 0.95e6, "{seed} {delay} {arrived}");
            simulation.link.rate_bps = 3e6;
            let (estimates, _) = simulation.run(10.0);
            let back = after(&estimates, |bits| bits > STREAM_BPS);
            assert!(back < 5.0, "{seed} {delay} {back}");
        }
    }
}

#[test]
fn two_percent_of_random_loss_changes_nothing() {
    for seed in SEEDS {
        let link = SimulatedLink {
            loss: 0.02,
            ..SimulatedLink::of(20e6)
        };
        let mut simulation = Simulation::new(link, STREAM_BPS, seed);
        simulation.run(1.0);
        let (estimates, _) = simulation.run(60.0);
        assert!(
            all_within(&estimates, STREAM_BPS, f64::MAX),
            "{seed} {estimates:?}"
        );
    }
}

#[test]
fn ten_percent_of_random_loss_is_no_collapse() {
    for seed in SEEDS {
        for rate in [5e6, 20e6] {
            let link = SimulatedLink {
                loss: 0.1,
                ..SimulatedLink::of(rate)
            };
            let mut simulation = Simulation::new(link, STREAM_BPS, seed);
            simulation.run(1.0);
            let (estimates, arrived) = simulation.run(60.0);
            assert!(
                all_within(&estimates, 0.5 * STREAM_BPS, f64::MAX),
                "{seed} {rate} {estimates:?}"
            );
            assert!(low(&estimates) < 0.1, "{seed} {rate} {estimates:?}");
            assert!(arrived > 0.87 * STREAM_BPS, "{seed} {rate} {arrived}");
        }
    }
}

#[test]
fn after_a_cut_the_rate_is_back_within_two_seconds() {
    for seed in SEEDS {
        for seconds in [1.0, 3.0, 8.0] {
            let mut simulation = Simulation::new(SimulatedLink::of(4e6), STREAM_BPS, seed);
            simulation.run(15.0);
            simulation.link.rate_bps = 0.0;
            simulation.run(seconds);
            let into_the_void = 8.0 * simulation.sent as f64 / STREAM_BPS;
            assert!(into_the_void < 3.0, "{seed} {seconds} {into_the_void}");
            simulation.link.rate_bps = 4e6;
            let (estimates, _) = simulation.run(10.0);
            let back = after(&estimates, |bits| bits > 0.8 * STREAM_BPS);
            assert!(back < 2.0, "{seed} {seconds} {back}");
        }
    }
}

#[test]
fn a_link_faster_than_the_stream_does_not_slow_it() {
    for seed in SEEDS {
        for rate in [4e6, 8e6, 50e6] {
            for (jitter, stall) in [(0.0, 0), (10.0, 0), (0.0, 60)] {
                let link = SimulatedLink {
                    jitter_ms: jitter,
                    stall_ms: stall,
                    ..SimulatedLink::of(rate)
                };
                let mut simulation = Simulation::new(link, STREAM_BPS, seed);
                simulation.run(1.0);
                let (estimates, arrived) = simulation.run(30.0);
                assert!(low(&estimates) < 0.2, "{seed} {link:?} {estimates:?}");
                assert!(arrived > 0.95 * STREAM_BPS, "{seed} {link:?} {arrived}");
                let longest = simulation.longest_wait.as_millis();
                assert!(longest < 500, "{seed} {link:?}: {longest} ms");
            }
        }
    }
}

#[test]
fn a_long_queue_does_not_stay_full() {
    for seed in SEEDS {
        let link = SimulatedLink {
            queue_ms: 1000.0,
            ..SimulatedLink::of(1e6)
        };
        let mut simulation = Simulation::new(link, STREAM_BPS, seed);
        simulation.run(15.0);
        let (_, arrived) = simulation.run(45.0);
        assert!(arrived > 0.9e6, "{seed} {arrived}");
        let queue = simulation.longest_queue.as_millis();
        assert!(queue < 100, "{seed} {queue} ms");
    }
}

#[test]
fn a_link_that_drops_rather_than_queues_is_found_by_its_losses() {
    for seed in SEEDS {
        let link = SimulatedLink {
            queue_ms: 10.0,
            ..SimulatedLink::of(1e6)
        };
        let mut simulation = Simulation::new(link, STREAM_BPS, seed);
        simulation.run(5.0);
        let (estimates, arrived) = simulation.run(60.0);
        assert!(all_within(&estimates, 0.7e6, 2e6), "{seed} {estimates:?}");
        assert!(arrived > 0.9e6, "{seed} {arrived}");
        let lost = simulation.lost as f64 / simulation.sent as f64;
        assert!(lost < 0.25, "{seed} {lost}");
    }
}
