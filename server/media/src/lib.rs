//! FFmpeg behind a few nouns. The only place that imports it, and no tokio here: a source runs on a
//! plain thread of its own.
//!
//! A file goes through `demux`; each packet either passes (`passthrough`) or is decoded, filtered and encoded
//! again (`picture`, `sound`); `player` paces all of it and loops. What happens to a track is decided by `plan`.
//!
//! | module | noun |
//! |---|---|
//! | [`access_unit`] | one coded video frame or one Opus packet |
//! | [`time`] | the clock of a stream |
//! | [`control`] | what a running source is asked for |
//! | [`source`] | where a source comes from and what it delivers to: `Input`, `Sink`, `run` |
//! | [`probe`] | what a source has and how it is delivered |
//! | [`plan`] | facts in, delivery out; pure |
//! | [`packetize`] | access units cut into RTP payloads |
//! | [`poster`] | a still, as JPEG |
//! | [`clock`] | the loop's clock and the pace |
//! | [`scan`], [`turn`] | what packets tell; how a picture is turned |
//! | [`h264`], [`sps`], `av1`, `bits` | bitstreams |
//! | [`error`] | what can go wrong, in sentences |
//! | `player` | a source that runs |
//! | `pass` | one reading of a file |
//! | `demux`, `jumps` | a file, packet by packet; its clock's jumps |
//! | `passthrough` | pictures that are sent as they are |
//! | `picture`, `render`, `encode` | pictures that are encoded again: queue, filters, encoders |
//! | `decode`, `graph` | FFmpeg's decoders and filters, opened |
//! | `sound`, `grid` | sound that is encoded again, and its place in time |
//! | `test_source` | the generated picture and tone |
//! | `raw` | the only `unsafe`: fields without a safe name |

pub mod access_unit;
pub mod clock;
pub mod control;
pub mod error;
pub mod h264;
pub mod packetize;
pub mod plan;
pub mod poster;
pub mod probe;
pub mod scan;
pub mod source;
pub mod sps;
pub mod time;
pub mod turn;

mod av1;
mod bits;
mod decode;
mod demux;
mod encode;
mod graph;
mod grid;
mod jumps;
mod pass;
mod passthrough;
mod picture;
mod player;
mod raw;
mod render;
mod sound;
mod test_source;
