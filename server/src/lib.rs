//! Weir's server: puts video on a web page in under a second.

pub mod media;
pub mod timeline;
