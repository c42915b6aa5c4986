//! What coded video and sound say of themselves, as far as Weir asks: without FFmpeg, and for input from anywhere.
//!
//! | module | content |
//! |---|---|
//! | [`h264`] | H.264 access units and their parameter sets |
//! | [`sps`] | the content of H.264 sequence parameter sets |
//! | `pps` | which tools of Baseline a picture parameter set uses |
//! | `vui`, `sd` | the matrix of video that names none |
//! | [`vp8`] | VP8 frame headers |
//! | [`vp9`] | VP9 frame headers |
//! | [`av1`] | AV1 OBUs |
//! | [`picture_format`] | size and samples of decoded pictures |
//! | [`opus`] | Opus packets of silence |
//! | `bit_reader` | bits |

pub mod av1;
pub mod h264;
pub mod opus;
pub mod picture_format;
pub mod sps;
pub mod vp8;
pub mod vp9;

mod bit_reader;
mod pps;
mod sd;
mod vui;

pub use sd::is_sd;
