//! Measures the cost and the speed of Weir: `cargo xtask bench NAME`.
//!
//! | module | noun |
//! |---|---|
//! | [`rng`] | a pseudo-random number generator |
//! | [`process`] | the measured server as a process |
//! | [`chromium`] | a Chromium that pages are measured in |
//! | [`figure`] | a figure beside its target |
//! | [`fanout`] | `bench fanout`: the cost of thousands of viewers, compared with this machine's limit; `bench soak` |
//! | [`files`] | `bench files`: a file between two browsers, and between two terminals |
//! | [`latency`] | `bench latency`: from a drawn clock to its picture in a browser |
//! | [`live`] | `bench live`: costs and speed of published streams |
//! | [`page`] | `bench page`: the first paint and the first picture of the page, and its size |
//! | [`rooms`] | `bench rooms`: relay time, memory, leaks |

mod chromium;
mod fanout;
mod figure;
mod files;
mod latency;
mod live;
mod page;
mod process;
mod rng;
mod rooms;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask bench",
    about = "Measures Weir on this machine, over loopback."
)]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Cost, memory, lateness and correctness with up to thousands of viewers, compared with this machine's limit.
    Fanout(fanout::Fanout),
    /// Whether memory, files or lateness grow while viewers join and leave for minutes.
    Soak(fanout::soak::Soak),
    /// From a clock that is drawn in Chromium to its picture, through the server and without one.
    Latency(latency::LatencyBench),
    /// What a published stream costs and how fast it is, each figure with its target.
    Live(live::Live),
    /// Relay time and memory with a thousand sockets in rooms, and leaks.
    Rooms(rooms::RoomsBench),
    /// Throughput of a file between two peers of a room.
    Files(files::FilesBench),
    /// The first paint and the first picture of the page in a slow browser, and what goes over the wire.
    Page(page::PageBench),
}

fn main() -> anyhow::Result<()> {
    str0m::crypto::from_feature_flags().install_process_default();
    match Arguments::parse().bench {
        Bench::Fanout(fanout) => fanout.run(),
        Bench::Soak(soak) => soak.run(),
        Bench::Rooms(rooms) => rooms.run(),
        Bench::Files(files) => files.run(),
        Bench::Latency(latency) => latency.run(),
        Bench::Live(live) => live.run(),
        Bench::Page(page) => page.run(),
    }
}
