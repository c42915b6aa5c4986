//! The plugin, whose entry point GStreamer looks for in this library.

pub use gstwebrtchttp::*;
