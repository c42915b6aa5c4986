//! Instructions of a shard's loop: 20 viewers, three seconds of 720p, 18,780 packets. `cargo xtask bench instructions`
//!
//! Counted in the profile `dev`, in which the packages of the media path are optimized, and overflow is checked: so it costs `ci` no second build. Of sealing
//! a packet, AES and GHASH are left out: what they take depends on the instructions that a machine has. The kernel is not counted either.

// `main!` has no other way to name the bench.
#![allow(missing_docs, unreachable_pub, missing_debug_implementations)]

use std::hint::black_box;

use egress::fan_out::FanOut;
use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};

const VIEWERS: usize = 20;
/// What was counted when this file was changed last. To renew them, copy what `cargo xtask bench instructions` prints: after a change that is worth its
/// instructions, and with another version of Rust.
const RECEIVER_REPORTS: u64 = 37_847_130;
const TRANSPORT_FEEDBACK: u64 = 58_364_992;
/// Percent over these figures that fail.
const ALLOWED: u64 = 5;

#[library_benchmark]
#[bench::receiver_reports(
    args = (FanOut::with_receiver_reports(VIEWERS)),
    config = bound(RECEIVER_REPORTS),
)]
#[bench::transport_feedback(
    args = (FanOut::with_transport_feedback(VIEWERS)),
    config = bound(TRANSPORT_FEEDBACK),
)]
fn three_seconds(mut fan_out: FanOut) -> FanOut {
    fan_out.run();
    black_box(fan_out)
}

fn bound(figure: u64) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::with_args(["--cache-sim=no"]);
    callgrind.hard_limits([(EventKind::Ir, figure + figure * ALLOWED / 100)]);
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(callgrind);
    config
}

library_benchmark_group!(name = shard, benchmarks = three_seconds);
main!(library_benchmark_groups = shard);
