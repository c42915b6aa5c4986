//! Weir's server: puts video on a web page in under a second.

pub mod egress;
pub mod media;
pub mod stream;
pub mod timeline;
