//! What Weir costs and how long it takes, measured: `cargo xtask bench NAME`.
//!
//! | module | noun |
//! |---|---|
//! | [`dice`] | numbers that look random |
//! | [`process`] | a server in a process of its own: its CPU time and memory |
//! | [`fanout`] | `bench fanout`: thousands of viewers, beside the least that they can cost; `bench soak` |
//! | [`files`] | `bench files`: a file between two browsers, and between two terminals |
//! | [`rooms`] | `bench rooms`: relay time, memory, and what stays behind |

mod dice;
mod fanout;
mod files;
mod process;
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
    /// Cost, memory, lateness and correctness with up to thousands of viewers, beside this machine's limit.
    Fanout(fanout::Fanout),
    /// Whether anything grows while viewers come and go for minutes.
    Soak(fanout::soak::Soak),
    /// Relay time and memory with a thousand people in rooms, and whether anything stays behind.
    Rooms(rooms::Rooms),
    /// Throughput of a file between two peers of a room.
    Files(files::Files),
}

fn main() -> anyhow::Result<()> {
    str0m::crypto::from_feature_flags().install_process_default();
    match Arguments::parse().bench {
        Bench::Fanout(fanout) => fanout.run(),
        Bench::Soak(soak) => soak.run(),
        Bench::Rooms(rooms) => rooms.run(),
        Bench::Files(files) => files.run(),
    }
}
