//! Real files through FFmpeg: passthrough, transcoding, timing, and damaged files.

mod bad_input;
mod changing_files;
mod clip;
mod clock;
mod colors;
mod display;
mod files;
mod joined_files;
mod levels;
mod live;
mod opus;
mod programs;
mod rotation;
mod support;
mod sync;
mod timing;
mod tracks;
mod transcode;
