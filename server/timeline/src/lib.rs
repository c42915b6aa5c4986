//! The timeline: the log of a stream, and the playheads on it. Pure: no I/O, and `now` is passed in.
//!
//! A source appends *units* (coded pictures, packets of sound) to *tracks*. Decoding begins at a keyframe: a keyframe and what follows it up to the
//! next one is a *GOP*. What is held in memory, loaded, evicted and waited for is a *chunk*: at most a second of one track. A film may be one GOP, and a
//! live GOP may never end; a chunk is always small. Places are decode times within a *run*, never counts. An [`index`] finds chunks; a *playhead* is one
//! viewer's position.
//!
//! What always holds, for any source, any timing, any loads (`properties` checks it):
//! - decode times of a track strictly rise within a run, and runs rise;
//! - what a viewer is sent can be decoded: after a keyframe, each unit follows the one before it without a gap, or is a keyframe;
//! - no unit is sent before it is due; the times on the viewer's clock never go back, and are never ahead of the viewer's clock;
//! - one origin maps all tracks of a viewer, so that they stay in sync whatever is skipped;
//! - a track keeps what viewers who join need, and at most its limit and one chunk;
//! - nothing waits for ever: a step sends, or names the time, the load or the chunk that it waits for.
//!
//! | module | content |
//! |---|---|
//! | [`log`] | the tracks and runs of one stream in memory |
//! | [`index`] | looking up chunks; what a playhead asks of a log, or of a film on disk |
//! | [`place`] | runs, places, keys of chunks |
//! | [`chunk`], [`unit`](mod@unit) | some consecutive units; one of them |
//! | [`retention`] | how much stays in memory |
//! | `track` | the chunks of one track |
//! | [`playhead`] | a viewer's position: the due unit, and the units that a late viewer skips |
//! | [`reader`] | reads one track: for what decodes it |
//! | `cursor`, `origin` | a playhead's position in one track; when its units are due |

pub mod chunk;
mod cursor;
pub mod index;
pub mod log;
mod origin;
pub mod place;
pub mod playhead;
pub mod reader;
pub mod retention;
mod track;
pub mod unit;

#[cfg(test)]
mod properties;
