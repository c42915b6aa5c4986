//! Real files through FFmpeg: what is passed through and re-encoded, timing, and files that are wrong.

mod bad_input;
mod clip;
mod files;
mod live;
mod reencode;
mod support;
mod surprises;
mod timing;
