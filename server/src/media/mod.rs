//! FFmpeg behind a few nouns. The only place that imports it, and no tokio here: a source runs on a
//! plain thread of its own.
//!
//! | module | noun |
//! |---|---|
//! | [`frame`] | the access unit and the clock it stands on |
//! | [`control`] | what a running source is asked for |

pub mod control;
pub mod frame;
