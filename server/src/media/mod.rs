//! FFmpeg behind a few nouns. The only place that imports it, and no tokio here: a source runs on a
//! plain thread of its own.
//!
//! A file goes through `demux`; each packet either passes (`passthrough`) or is decoded, filtered and encoded
//! again (`picture`, `sound`); `source` paces all of it and loops. What happens to a track is decided by `plan`.
//!
//! | module | noun |
//! |---|---|
//! | [`frame`] | the access unit and the clock it stands on |
//! | [`control`] | what a running source is asked for |
//! | [`source`] | a running source: `Input`, `Sink`, `run` |
//! | [`probe`] | what a source has and how it is delivered |
//! | [`plan`] | facts in, delivery out; pure |
//! | [`packetize`] | access units cut into RTP payloads |
//! | [`poster`] | a still, as JPEG |
//! | [`clock`] | the loop's clock and the pace |
//! | [`h264`], `av1`, `bits` | bitstreams |
//! | [`error`] | what can go wrong, in sentences |
//! | `demux` | a file, packet by packet |
//! | `passthrough` | pictures that are sent as they are |
//! | `picture`, `encode`, `graph` | pictures that are encoded again |
//! | `sound` | sound that is encoded again |
//! | `test_source` | the generated picture and tone |
//! | `raw` | the only `unsafe`: fields without a safe name |

pub mod clock;
pub mod control;
pub mod error;
pub mod frame;
pub mod h264;
pub mod packetize;
pub mod plan;
pub mod poster;
pub mod probe;
pub mod source;

mod av1;
mod bits;
mod demux;
mod encode;
mod graph;
mod passthrough;
mod picture;
mod raw;
mod sound;
mod test_source;
