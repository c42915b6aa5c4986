//! The timeline: the log of a running stream, and the playheads on it. Pure: no I/O, no locks, and `now` is passed in.
//!
//! | module | content |
//! |---|---|
//! | [`log`] | the tracks of one running stream on one clock |
//! | [`track`] | the GOPs of one codec; numbers its frames |
//! | `gop` | the frames from one keyframe up to the next |
//! | [`frame`] | a packetized access unit |
//! | [`playhead`] | a viewer's position in a log: the due frame, and the frames that a late viewer skips |
//! | `cursor`, `origin` | a playhead's position in one track; when its frames are due |

mod cursor;
pub mod frame;
mod gop;
pub mod log;
mod origin;
pub mod playhead;
pub mod track;

#[cfg(test)]
mod properties;
