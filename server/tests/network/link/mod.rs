//! Right under loss: Chromium watches over a line that loses, queues, reorders, breaks and moves, in network namespaces
//! that the tests make.
//!
//! They need root, the bundle in `dist/` and a browser; without root they are skipped. What each has
//! seen is printed with `-- --nocapture`.

mod breaks;
mod film;
mod findings;
mod loss;
mod narrow;
mod record;
mod viewer;
mod world;
