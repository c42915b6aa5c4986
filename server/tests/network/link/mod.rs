//! Chromium watches over a link that drops, queues and reorders packets, is cut, and changes addresses.
//!
//! Measurements are printed with `-- --nocapture`. The bundle in `dist/` has to be built.

mod breaks;
mod loss;
mod narrow;
mod network;
mod samples;
mod verdict;
mod video;
mod viewer;
