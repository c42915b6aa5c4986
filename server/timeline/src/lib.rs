//! The log: coded pictures and sound, and cursors on it. Pure: no I/O, no locks, no clock of its own;
//! whoever calls says what time it is.
//!
//! | module | noun |
//! |---|---|
//! | `gop` | a run of packetized frames that begins where decoding can begin |
//! | [`track`] | the GOPs of one codec, each frame numbered for ever |
//! | [`log`] | the tracks of one running stream, on one clock, with one horizon |
//! | [`playhead`] | a viewer's place in a log: what is due now, and what to do when it falls behind |

pub mod frame;
mod gop;
pub mod log;
pub mod playhead;
pub mod track;

#[cfg(test)]
mod properties;
